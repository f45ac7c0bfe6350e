"""The paper's experiments in one run, stopped anywhere and begun again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from whyword import Explanation, InputError, __version__, explain, load, paper
from whyword.cli import cli
from whyword.corpora import Corpus
from whyword.evaluation.settings import Settings
from whyword.files import whole, write_text
from whyword.paper import STAGES, Figure2, Paper, run
from whyword.recipe import Recipe
from whyword.render.paper import paper_page
from whyword.text import Span
from whyword.training import TrainingConfig

OWN = {
    "sci.space": "rocket orbit moon shuttle launch nasa",
    "rec.bikes": "bike ride helmet engine road wheel",
    "misc.sale": "price offer sell box cash deal",
}
BOTH = "the a of and to is it was"
SMALL = Paper(
    recipe=Recipe(
        settings={"filters": {"2": 8}, "dropout": 0.0, "word_dropout": 0.0},
        skip_gram={"epochs": 10, "dimension": 10, "window": 5, "sample": 0.1},
        training=TrainingConfig(epochs=6, batch_size=8, learning_rate=0.05),
    ),
    deletion=Settings(steps=6, runs=3),
    minimum_words=10,
    figure2=Figure2(
        document="test/7", targets=("sci.space", "rec.bikes"), words=("ride", "orbit", "absent")
    ),
)


def small_corpus(split):
    rng = np.random.default_rng(split == "test")
    texts, labels = [], []
    for i in range(90):
        labels.append(i % 3)
        own = list(OWN.values())[i % 3].split()
        words = [rng.choice(own if rng.random() < 0.4 else BOTH.split()) for _ in range(15)]
        texts.append(" ".join(words))
    texts[7] = "I ride into orbit <b>& ride</b> a ROCKET, it was the first of the moon and it is"
    names = tuple(f"{split}/{i}" for i in range(90))
    return Corpus(tuple(texts), np.array(labels), tuple(OWN), names)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("paper")
    return run(SMALL, directory, corpus=small_corpus), directory


def test_everything_is_there(finished):
    found, directory = finished
    for files in STAGES.values():
        assert all((directory / file).stat().st_size > 100 for file in files)
    assert not list(directory.glob(".*"))  # no drafts are left
    assert found == json.loads((directory / "results.json").read_text())
    assert found["accuracy"] > 0.8
    assert found["documents"] == 90
    assert set(found["epi"]) == set(SMALL.weightings)
    assert all({"mean", "std", "k"} <= set(row) for row in found["epi"].values())
    assert found["settings"]["whyword"] == __version__


def test_figure_1_is_that_of_the_experiment(finished):
    found, _ = finished
    correct = found["figure1"]["correct"]
    assert set(correct) == set(SMALL.methods)
    assert len(correct["lrp"]["accuracy"]) == 7
    assert correct["lrp"]["accuracy"][0] == 1.0
    assert correct["lrp"]["mean"] < correct["random"]["mean"]
    assert "phase_seconds" not in found["figure1"]


def test_figure_2_explains_the_document_by_each_method(finished):
    found, directory = finished
    model, text = load(directory / "model"), small_corpus("test").texts[7]
    for method in ("lrp", "sa"):
        explained = explain(model, text, method=method, targets=["sci.space", "rec.bikes"])
        rides = [i for i, word in enumerate(explained.words) if word == "ride"]
        assert len(rides) == 2
        ride = found["figure2"][method]["rec.bikes"]["ride"]
        assert ride == pytest.approx(explained.relevance[1, rides].sum(), abs=1e-5)
    assert set(found["figure2"]["sa"]["sci.space"]) == {"ride", "orbit"}
    assert "<b>" not in (directory / "results.json").read_text()


def test_a_word_gets_the_relevance_of_all_its_occurrences():
    explained = Explanation(
        text="Ride on, ride!",
        spans=(Span(0, 4), Span(5, 7), Span(9, 13)),
        classes=("a", "b"),
        scores=np.zeros(2),
        targets=("a", "b"),
        target_scores=np.zeros(2),
        relevance=np.array([[1.0, 5.0, 2.0], [-1.0, 5.0, 0.5]]),
        remainder={"rest": np.array([-8.0, -4.5])},
        method="lrp",
    )
    found = paper.relevance_of(explained, ("ride", "absent"))
    assert found == {"a": {"ride": 3.0}, "b": {"ride": -0.5}}


def test_figure_3_is_coloured_by_top_level_categories(finished, monkeypatch):
    _, directory = finished
    drawn = []

    def draw(points, groups, path, *, apart):
        drawn.append((set(points), groups, apart))
        path.write_bytes(b"")

    for ending in ("svg", "png"):
        shutil.copy(directory / f"figure3.{ending}", directory / f"kept.{ending}")
        (directory / f"figure3.{ending}").unlink()
    monkeypatch.setattr("whyword.render.plots.draw_maps", draw)
    run(SMALL, directory, corpus=small_corpus)
    assert drawn == [(set(SMALL.weightings), ["sci", "rec", "misc"] * 30, ("misc",))] * 2
    for ending in ("svg", "png"):
        (directory / f"kept.{ending}").rename(directory / f"figure3.{ending}")


def test_the_report_shows_numbers_and_text_and_asks_for_nothing(finished, visit):
    found, directory = finished
    view = visit((directory / "report.html").read_text(encoding="utf-8"))
    shown = view.inner_text("main")
    assert view.locator(".ww-comparison th[scope=col]").all_inner_texts() == ["LRP", "SA"]
    assert f"{found['accuracy']:.2%}" in shown
    assert "I ride into orbit <b>& ride</b>" in shown
    assert f"{found['epi']['tfidf']['mean']:.4f}" in shown
    assert view.evaluate("document.querySelector('figure img').naturalWidth") > 500
    boxes = view.eval_on_selector_all(
        ".ww-comparison tr:nth-child(1) > td",
        "cells => cells.map(cell => cell.getBoundingClientRect()).map(b => [b.left, b.right])",
    )
    (_, first_right), (second_left, second_right) = boxes[-2:]
    assert first_right < second_left < second_right <= 1280


def test_run_again_it_does_nothing(finished):
    found, directory = finished
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}

    def refuse(*_):
        raise AssertionError("something was done")

    assert run(SMALL, directory, corpus=refuse, progress=refuse) == found
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_stopped_in_every_phase_it_ends_with_the_same_results(finished, tmp_path):
    _, directory = finished
    passed = set()

    def stop_in_a_new_phase(phase, done, total, latest):
        if phase not in passed:
            passed.add(phase)
            raise KeyboardInterrupt

    for _ in range(100):
        try:
            run(SMALL, tmp_path, corpus=small_corpus, progress=stop_in_a_new_phase)
            break
        except KeyboardInterrupt:
            pass
    assert {"word vectors", "Figure 1: shapley_lrp", "Figure 3: document vectors", "EPI"} <= passed
    same = (tmp_path / "results.json").read_bytes() == (directory / "results.json").read_bytes()
    assert same


@pytest.mark.parametrize("lost", [file for files in STAGES.values() for file in files])
def test_a_stage_whose_file_was_lost_makes_it_again(finished, lost):
    found, directory = finished
    before = (directory / lost).read_bytes()
    (directory / lost).unlink()
    assert run(SMALL, directory, corpus=small_corpus) == found
    if not lost.endswith(("report.html", "report.json", ".npz")):  # these hold seconds, or dates
        assert (directory / lost).read_bytes() == before


def test_other_settings_need_another_folder(finished):
    _, directory = finished
    with pytest.raises(InputError, match=r"another figure2 and another weightings; give"):
        run(
            replace(SMALL, weightings=("lrp", "sum"), figure2=Figure2()),
            directory,
            corpus=small_corpus,
        )


def test_a_given_model_is_taken_and_a_limit_holds(finished, tmp_path):
    trained, directory = finished
    given = replace(SMALL, model=str(directory / "model"), limit=60, weightings=("lrp", "sum"))
    found = run(given, tmp_path, corpus=small_corpus)
    assert found["documents"] == 60
    assert set(found["epi"]) == {"lrp", "sum"}
    assert found["figure2"] == trained["figure2"]
    assert not (tmp_path / "model").exists()
    assert "recipe" not in found["settings"]
    before = (tmp_path / "took.json").read_bytes()
    run(given, tmp_path, corpus=small_corpus)
    assert (tmp_path / "took.json").read_bytes() == before


def test_what_cannot_be_done_is_said(finished, tmp_path):
    _, directory = finished
    given = replace(SMALL, model=str(directory / "model"), figure2=Figure2(document="none"))
    with pytest.raises(InputError, match="No test document is called none"):
        run(given, tmp_path / "1", corpus=small_corpus)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write to"):
        run(given, tmp_path / "file", corpus=small_corpus)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "settings.json").write_text("{")
    with pytest.raises(InputError, match=r"Cannot read .*settings\.json"):
        run(given, broken, corpus=small_corpus)


def test_a_draft_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "numbers.json"
    write_text(path, "old")

    def stopped():
        with whole(path) as draft:
            assert draft.suffix == ".json"
            draft.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "old"
    write_text(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("numbers.json", "new")]


def test_the_command_prints_numbers_and_says_where_the_report_is(finished, tmp_path, monkeypatch):
    found, _ = finished
    asked = []

    def run_instead(what, output, **_):
        asked.append(what)
        return found

    monkeypatch.setattr(paper, "run", run_instead)
    options = ["paper", "-o", str(tmp_path), "--seed", "3", "--limit", "20"]
    result = CliRunner().invoke(cli, options)
    assert result.exit_code == 0, result.output
    assert asked[0].recipe.training.seed == 3
    assert asked[0].limit == 20
    assert f"test accuracy {found['accuracy']:.2%}" in result.stdout
    assert "Shapley LRP" in result.stdout
    assert "report.html" in result.stderr
    as_json = CliRunner().invoke(cli, [*options, "--json"])
    assert json.loads(as_json.stdout) == found


@pytest.mark.corpus
def test_the_paper_s_document_is_there(news20):
    assert sum(name.endswith(Figure2().document) for name in news20["test"].names) == 1


def test_the_page_tells_the_terms_of_a_model_given(finished):
    found, directory = finished
    figure2 = json.loads((directory / "figure2.json").read_text())
    page = paper_page(
        {**found, "settings": {**found["settings"], "model": "<mine>"}},
        explanations={m: Explanation.from_json(e) for m, e in figure2.items()},
        maps=(directory / "figure3.png").read_bytes(),
        took={"accuracy": {"seconds": 90.0, "peak_memory_bytes": 1_500_000_000}},
    )
    assert "by the model &lt;mine&gt;" in page
    assert "1.50 GB" in page
