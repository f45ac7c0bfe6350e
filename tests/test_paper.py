"""The paper's experiments in one run, stopped anywhere and begun again."""

import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from whyword import (
    Explanation,
    InputError,
    ModelError,
    WhywordError,
    __version__,
    explain,
    load,
    paper,
)
from whyword.cli import cli
from whyword.data.corpora import Corpus, Split
from whyword.data.files import whole, write_text
from whyword.data.run_folder import LOCK, locked
from whyword.evaluation.settings import Settings
from whyword.paper import STAGES, Figure2, Paper, Results, run
from whyword.paper.stages import relevance_of
from whyword.paper.work import Work
from whyword.progress import Progress
from whyword.render.paper import paper_page
from whyword.text import Span
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe

if TYPE_CHECKING:
    from playwright.sync_api import Page

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


Finished = tuple[Results, Path]
"""The results of a run, and its folder."""


def small_corpus(split: Split) -> Corpus:
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
def finished(
    tmp_path_factory: pytest.TempPathFactory,
) -> Finished:
    directory = tmp_path_factory.mktemp("paper")
    return run(SMALL, directory, corpus=small_corpus), directory


def test_everything_is_there(
    finished: Finished,
) -> None:
    found, directory = finished
    for files in STAGES.values():
        assert all((directory / file).stat().st_size > 100 for file in files)
    assert {path.name for path in directory.rglob(".*")} == {LOCK}  # no drafts are left
    assert found == json.loads((directory / "results.json").read_text())
    assert found["accuracy"] > 0.8
    assert found["documents"] == 90
    assert set(found["epi"]) == set(SMALL.weightings)
    assert all({"mean", "std", "k"} <= set(row) for row in found["epi"].values())
    assert found["settings"]["whyword"] == __version__


def test_figure_1_is_that_of_the_experiment(
    finished: Finished,
) -> None:
    found, _ = finished
    correct = found["figure1"]["correct"]
    assert set(correct) == set(SMALL.methods)
    assert len(correct["lrp"]["accuracy"]) == 7
    assert correct["lrp"]["accuracy"][0] == 1.0
    assert correct["lrp"]["mean"] < correct["random"]["mean"]
    assert "phase_seconds" not in found["figure1"]


def test_figure_2_explains_the_document_by_each_method(
    finished: Finished,
) -> None:
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


def test_a_word_gets_the_relevance_of_all_its_occurrences() -> None:
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
    found = relevance_of(explained, ("ride", "absent"))
    assert found == {"a": {"ride": 3.0}, "b": {"ride": -0.5}}


def test_figure_3_is_coloured_by_top_level_categories(
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, directory = finished
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    (copy / "figure3.svg").unlink()
    drawn = []

    def draw(
        points: Mapping[str, NDArray[np.float64]],
        groups: Sequence[str],
        path: Path,
        *,
        apart: tuple[str],
    ) -> None:
        drawn.append((set(points), groups, apart))
        path.write_bytes(b"")

    monkeypatch.setattr("whyword.render.scatter.draw_maps", draw)
    run(SMALL, copy, corpus=small_corpus)
    assert drawn == [(set(SMALL.weightings), ["sci", "rec", "misc"] * 30, ("misc",))] * 2


def test_the_report_shows_numbers_and_text_and_asks_for_nothing(
    finished: Finished, visit: Callable[..., "Page"]
) -> None:
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


def test_run_again_it_does_nothing(
    finished: Finished,
) -> None:
    found, directory = finished
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("something was done")

    assert run(SMALL, directory, corpus=small_corpus, progress=refuse) == found
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_stopped_in_every_phase_it_ends_with_the_same_results(
    finished: Finished, tmp_path: Path
) -> None:
    _, directory = finished
    passed = set()

    def stop_in_a_new_phase(at: Progress) -> None:
        if at.phase not in passed:
            passed.add(at.phase)
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


def test_killed_between_any_two_files_it_ends_with_the_same_results(
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt begins a file more than the last one, and dies before it has its name."""
    _, directory = finished
    given = replace(SMALL, model=str(directory / "model"))
    expected = run(given, tmp_path / "at once", corpus=small_corpus)
    written = []

    def replace_or_die(draft: Path, path: Path) -> None:
        if path.name not in written:
            written.append(path.name)
            raise KeyboardInterrupt
        os_replace(draft, path)

    os_replace = os.replace
    monkeypatch.setattr("whyword.data.files.os.replace", replace_or_die)
    for _ in range(60):
        try:
            found = run(given, tmp_path / "in pieces", corpus=small_corpus)
            break
        except KeyboardInterrupt:
            pass
    assert found == expected
    files = {file for stage, files in STAGES.items() for file in files if "model" not in file}
    assert set(written) == {*files, "settings.json", "took.json"}


@pytest.mark.parametrize("lost", [file for files in STAGES.values() for file in files])
def test_a_stage_whose_file_was_lost_makes_it_again(finished: Finished, lost: str) -> None:
    found, directory = finished
    before = (directory / lost).read_bytes()
    (directory / lost).unlink()
    assert run(SMALL, directory, corpus=small_corpus) == found
    after = (directory / lost).read_bytes()
    if lost.endswith(".npz"):  # an archive holds dates, the report and the model's hold seconds
        one, other = (dict(np.load(io.BytesIO(data))) for data in (before, after))
        np.testing.assert_equal(other, one)
    elif not lost.endswith(("report.html", "report.json")):
        assert after == before


def test_what_follows_a_stage_made_again_is_made_again(finished: Finished, tmp_path: Path) -> None:
    found, directory = finished
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    for file in ("accuracy.json", "epi.json", "figure1.json", "results.json"):
        (copy / file).write_text('{"accuracy": 0.0}')
    (copy / "confusion.svg").unlink()
    assert run(SMALL, copy, corpus=small_corpus) == found


def test_seconds_of_all_attempts_add_up(tmp_path: Path) -> None:
    work = Work(SMALL, tmp_path, small_corpus, lambda *_: None)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), work.clock("stage"):
            raise KeyboardInterrupt
    work.write("took.json", {"stage": {"seconds": 5.0, "peak_memory_bytes": 10**15}})
    with work.clock("stage"):
        pass
    took = work.took()["stage"]
    assert took["seconds"] == pytest.approx(5.0, abs=0.9)
    assert took["peak_memory_bytes"] == 10**15


def test_other_settings_need_another_folder(
    finished: Finished,
) -> None:
    _, directory = finished
    other = replace(SMALL, weightings=("lrp", "sum"), figure2=Figure2())
    with pytest.raises(InputError, match=r"differs in: figure2, weightings\. Give another"):
        run(other, directory, corpus=small_corpus)


@pytest.mark.parametrize("changed", ["train", "test"])
def test_another_corpus_of_equal_size_needs_another_folder(
    finished: Finished, changed: Split
) -> None:
    _, directory = finished

    def other(split: Split) -> Corpus:
        found = small_corpus(split)
        if split != changed:
            return found
        return replace(found, texts=(found.texts[0] + " rocket", *found.texts[1:]))

    with pytest.raises(InputError, match="differs in: corpus"):
        run(SMALL, directory, corpus=other)


def test_vectors_that_have_changed_need_another_folder(tmp_path: Path) -> None:
    words = " ".join([*OWN.values(), BOTH]).split()
    (tmp_path / "v.txt").write_text("\n".join(f"{word} {i} 1" for i, word in enumerate(words)))
    given = replace(SMALL, recipe=replace(SMALL.recipe, vectors=str(tmp_path / "v.txt")))
    before = given.identity()
    (tmp_path / "v.txt").rename(tmp_path / "elsewhere.txt")
    moved = replace(SMALL, recipe=replace(SMALL.recipe, vectors=str(tmp_path / "elsewhere.txt")))
    assert moved.identity() == before
    (tmp_path / "v.txt").write_text("rocket 1 2\n")
    assert given.identity() != before


def test_a_run_of_a_version_that_did_not_note_the_corpus_is_refused(
    finished: Finished, tmp_path: Path
) -> None:
    _, directory = finished
    settings = json.loads((directory / "settings.json").read_text())
    del settings["corpus"]
    (tmp_path / "settings.json").write_text(json.dumps({**settings, "format": 1}))
    with pytest.raises(InputError, match=r"settings\.json is of another version of whyword"):
        run(SMALL, tmp_path, corpus=small_corpus)


def test_a_folder_in_use_is_refused(finished: Finished) -> None:
    _, directory = finished
    with ThreadPoolExecutor(1) as other, locked(directory):
        waiting = other.submit(run, SMALL, directory, corpus=small_corpus)
        with pytest.raises(InputError, match=rf"{directory.name} is in use .*{os.getpid()}"):
            waiting.result()
    run(SMALL, directory, corpus=small_corpus)


def test_a_model_that_has_changed_needs_another_folder(finished: Finished, tmp_path: Path) -> None:
    _, directory = finished
    model = tmp_path / "model"
    shutil.copytree(directory / "model", model)
    given = replace(SMALL, model=str(model))
    run(given, tmp_path / "run", corpus=small_corpus)
    (model / "report.json").unlink()  # what training left says nothing about the model
    run(given, tmp_path / "run", corpus=small_corpus)
    with (model / "model.json").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match="differs in: digest"):
        run(given, tmp_path / "run", corpus=small_corpus)


def test_a_given_model_is_taken_and_a_limit_holds(finished: Finished, tmp_path: Path) -> None:
    trained, directory = finished
    given = replace(SMALL, model=str(directory / "model"), limit=60, weightings=("lrp", "sum"))
    found = run(given, tmp_path, corpus=small_corpus)
    assert found["documents"] == 60
    assert set(found["epi"]) == {"lrp", "sum"}
    assert found["figure2"] == trained["figure2"]
    assert not (tmp_path / "model").exists()
    assert found["settings"]["recipe"] is None
    before = (tmp_path / "took.json").read_bytes()
    run(given, tmp_path, corpus=small_corpus)
    assert (tmp_path / "took.json").read_bytes() == before


def test_what_cannot_be_done_is_said_before_anything_is_done(
    finished: Finished, tmp_path: Path
) -> None:
    _, directory = finished
    model = str(directory / "model")

    def refuse(
        settings: Paper,
        match: str,
        folder: Path = tmp_path / "fresh",
        kind: type[WhywordError] = InputError,
    ) -> None:
        with pytest.raises(kind, match=match):
            run(settings, folder, corpus=small_corpus)

    refuse(replace(SMALL, figure2=Figure2(document="none")), "No test document is called none")
    refuse(replace(SMALL, model="nonsense"), 'no model "nonsense"', kind=ModelError)
    refuse(replace(SMALL, model=model, weightings=("shap",)), 'no weighting "shap"')
    assert not (tmp_path / "fresh").exists()  # so the next, right command may have it
    (tmp_path / "file").write_text("")
    refuse(SMALL, "Cannot make the folder", tmp_path / "file")


@pytest.mark.parametrize("content", ["{", "[]", "null"])
def test_a_folder_whose_settings_are_damaged_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(InputError, match=r"settings\.json"):
        run(SMALL, tmp_path, corpus=small_corpus)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds something else \(results\.json\)"):
        run(SMALL, tmp_path, corpus=small_corpus)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_draft_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    write_text(path, "old")

    def stopped() -> None:
        with whole(path) as draft:
            assert draft.suffix == ".json"
            draft.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.json"]
    with pytest.raises(InputError, match=r"Cannot write .*numbers\.json: no room"), whole(path):
        raise OSError(28, "no room")
    write_text(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("numbers.json", "new")]


def test_the_command_prints_numbers_and_says_where_the_report_is(
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = finished
    asked = []

    def run_instead(what: Paper, output: Path, **_: object) -> Results:
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
    both = CliRunner().invoke(cli, [*options, "--model", "news20-cnn"])
    assert both.exit_code == 2
    assert "--seed is of the training" in both.stderr
    as_json = CliRunner().invoke(cli, [*options, "--json"])
    assert json.loads(as_json.stdout) == found


@pytest.mark.corpus
def test_the_paper_s_document_is_there(news20: Mapping[str, Corpus]) -> None:
    assert sum(name.endswith(Figure2().document) for name in news20["test"].names) == 1


def test_the_page_tells_the_terms_of_a_model_given(
    finished: Finished,
) -> None:
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
