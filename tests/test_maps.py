"""Maps: projections, categories, Parquet, pictures, and the command."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from whyword import InputError
from whyword.cli import cli
from whyword.render.labels import weighting_label
from whyword.render.scatter import colour_of, draw_maps
from whyword.survey.maps import DocumentMap, project, top_level, write_parquet

rng = np.random.default_rng(0)
VECTORS = rng.normal(size=(30, 5)) * [5, 1, 3, 0.1, 0.2]


def test_pca_keeps_the_directions_of_the_highest_variance() -> None:
    points = project(VECTORS)
    centred = VECTORS - VECTORS.mean(axis=0)
    values, directions = np.linalg.eigh(centred.T @ centred)
    expected = centred @ directions[:, :-3:-1]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-8)
    assert values[-1] > values[-2]
    np.testing.assert_array_equal(points, project(VECTORS))


def test_projections_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r"pip install \"whyword\[umap\]\""):
        project(VECTORS, projection="umap")
    with pytest.raises(InputError, match="expected one of: pca, umap"):
        project(VECTORS, projection="tsne")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least two of each"):
        project(VECTORS[:1])


def test_the_papers_categories() -> None:
    found = {top_level(name) for name in (
        "comp.graphics", "rec.autos", "sci.med", "talk.politics.misc", "talk.politics.guns",
        "talk.religion.misc", "alt.atheism", "soc.religion.christian", "misc.forsale",
    )}  # fmt: skip
    assert found == {"comp", "rec", "sci", "politics", "religion", "misc"}
    assert top_level("positive") == "positive"


def map_of(count: int = 3) -> DocumentMap:
    return DocumentMap(
        names=[f"d{i}" for i in range(count)],
        labels=["a"] * count,
        predicted=["b"] * count,
        vectors=np.arange(2 * count, dtype=np.float32).reshape(count, 2),
        points=np.ones((count, 2)),
        weighting="lrp",
    )


def test_parquet_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_parquet(map_of(), tmp_path / "m.parquet")
    table = parquet.read_table(tmp_path / "m.parquet")
    assert table.to_pylist()[2] == {
        "name": "d2", "label": "a", "predicted": "b", "x": 1.0, "y": 1.0, "vector": [4.0, 5.0]
    }  # fmt: skip
    assert table.schema.metadata[b"weighting"] == b"lrp"
    with pytest.raises(InputError, match="Cannot write"):
        write_parquet(map_of(), tmp_path / "no" / "m.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"whyword\[corpus\]"):
        write_parquet(map_of(), tmp_path / "m.parquet")


def test_as_many_of_each() -> None:
    with pytest.raises(InputError, match="as many of each"):
        DocumentMap(["a"], ["a", "b"], ["a"], VECTORS[:1].astype(np.float32), VECTORS[:1], "lrp")


def test_figure_3_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    panels = {"lrp": VECTORS[:, :2], "sum": VECTORS[:, 1:3] / 9}
    draw_maps(panels, ["a", "b", "misc"] * 10, tmp_path / "m.svg", apart=["misc"])
    assert (tmp_path / "m.svg").read_text().count("<image") == 2
    draw_maps({"lrp": np.zeros((30, 2))}, ["a"] * 30, tmp_path / "m.png")
    with pytest.raises(InputError, match="a point for each"):
        draw_maps(panels, ["a"], tmp_path / "m.svg")
    with pytest.raises(InputError, match="expected a name in"):
        draw_maps(panels, ["a"] * 30, tmp_path / "m.gif")
    assert list(colour_of(["b", "misc", "a"], apart=["misc"])) == ["a", "b", "misc"]
    assert len(set(colour_of([str(i) for i in range(20)]).values())) == 20
    assert weighting_label("sa-elementwise") == "SA e.w."


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["map", *map(str, arguments)])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    posts = ["the shuttle launch,sci.space", "my bike ride,rec.motorcycles", "doctor pain,sci.med"]
    path.write_text("text,label\n" + "\n".join(posts * 2) + "\n")
    return path


def test_the_command_writes_a_folder(corpus: Path, tmp_path: Path) -> None:
    for needed in ("sklearn", "matplotlib", "pyarrow"):
        pytest.importorskip(needed)
    result = run("--corpus", corpus, "-w", "lrp,tfidf", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"lrp.parquet", "tfidf.parquet", "map.html", "map.svg", "map.png"}
    assert "shuttle" not in (tmp_path / "out" / "map.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.gif"], "expected a folder, or a file in .parquet"),
        (["-o", "x.svg", "-w", "lpr"], 'Did you mean "lrp"?'),
        (["-o", "x.svg", "--projection", "tsne"], "expected one of: pca, umap"),
        (["-o", "x.parquet", "-w", "lrp,sum"], "a Parquet file holds one"),
    ],
)
def test_the_command_refuses_in_one_line(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Sequence[str],
    message: str,
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    result = run("--corpus", corpus, *arguments)
    assert result.exit_code == 2
    assert message in result.output.splitlines()[-1]
