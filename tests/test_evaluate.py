"""The deletion experiment from end to end: panels, numbers, pictures, the command."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from models import random_cnn, random_text
from whyword import InputError, PerText, explain
from whyword.cli import cli
from whyword.data.corpora import Corpus
from whyword.evaluation import experiment as module
from whyword.evaluation import tables
from whyword.evaluation.deletion import deletion_order
from whyword.evaluation.documents import Documents
from whyword.evaluation.experiment import Experiment, relevances, word_deletion
from whyword.evaluation.measurements import summarise as summarise_metrics
from whyword.evaluation.metrics import METRICS, measure
from whyword.evaluation.oracle import oracle_orders
from whyword.evaluation.results import panel_of, summarise
from whyword.evaluation.settings import Settings
from whyword.methods import METHODS
from whyword.models import store
from whyword.render.evaluation import evaluation_page

MODEL = random_cnn(5, filters={1: 6, 2: 20}, classes=("a", "b", "c"))


def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    texts = tuple(random_text(rng, n) for n in rng.integers(3, 14, size=30))
    names = tuple(f"document-{i}" for i in range(30))
    return Corpus(texts, rng.integers(0, 3, 30), ("a", "b", "c"), names)


def run(**options: Any) -> Experiment:
    settings = {"steps": 6, "runs": 3, **options.pop("settings", {})}
    return word_deletion(MODEL, corpus(), minimum_words=5, settings=Settings(**settings), **options)


def test_groups_and_orders_are_the_papers() -> None:
    found = run()
    assert [(panel.name, panel.decreasing) for panel in found.panels] == [
        ("correct", True),
        ("wrong", False),
    ]
    right, wrong = (panel.documents for panel in found.panels)
    assert (right.predicted == right.labels).all()
    assert (wrong.predicted != wrong.labels).all()
    long = [len(text.split()) >= 5 for text in corpus().texts]
    assert len(right) + len(wrong) == sum(long)
    for panel, first in zip(found.panels, (1, 0), strict=True):
        for curves in panel.curves.values():
            assert (curves.accuracy[:, 0] == first).all()


def test_orders_by_hand() -> None:
    def names(**options: Any) -> list[tuple[str, bool]]:
        return [(name, decreasing) for name, _, decreasing in Settings(**options).panels()]

    assert names() == [("correct", True), ("wrong", False)]
    assert names(target="predicted") == [("correct", True), ("wrong", True)]
    assert names(insertion=True) == [("correct", False), ("wrong", False)]
    assert names(order="decreasing") == [("correct", True), ("wrong", True)]
    assert len(names(order="both")) == 4


def test_a_table_of_the_oracles_order_gives_the_oracles_curve() -> None:
    """And one of constants gives document order."""
    plain = run(methods=["oracle"])
    orders: dict[str, Any] = {}
    for panel in plain.panels:
        part = panel.documents
        found = oracle_orders(
            MODEL, part.documents, part.labels, np.full(len(part), panel.decreasing), steps=6
        )
        orders |= {
            name: (order, panel.decreasing) for name, order in zip(part.names, found, strict=True)
        }

    def ranks(documents: Documents, _targets: Sequence[str]) -> list[NDArray[np.float64]]:
        relevance = []
        for name, document in zip(documents.names, documents.documents, strict=True):
            order, decreasing = orders[name]
            values = np.full(len(document), -1.0 if decreasing else 100.0)
            taken = order[order >= 0]
            values[taken] = np.arange(len(taken))[:: -1 if decreasing else 1]
            relevance.append(values)
        return relevance

    def constant(documents: Documents, _targets: Sequence[str]) -> list[NDArray[np.float64]]:
        return [np.ones(len(document)) for document in documents.documents]

    def places(documents: Documents, _targets: Sequence[str]) -> list[NDArray[np.float64]]:
        found = []
        for document, right in zip(
            documents.documents, documents.predicted == documents.labels, strict=True
        ):
            place = np.arange(float(len(document)))
            found.append(-place if right else place)
        return found

    made = {"ranks": ranks, "constant": constant, "places": places}
    for panel in run(methods=["oracle"], tables=made).panels:
        for one, other in (("ranks", "oracle"), ("constant", "places")):
            np.testing.assert_array_equal(
                panel.curves[one].predicted, panel.curves[other].predicted
            )
        assert (panel.curves["constant"].predicted != panel.curves["oracle"].predicted).any()


@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.closed])
def test_threads_find_what_one_finds(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit: each has documents of its own, in batches that do not depend on them."""
    rng = np.random.default_rng(1)
    documents = MODEL.documents([random_text(rng, n) for n in rng.integers(1, 30, size=150)])
    targets = [MODEL.classes[i] for i in rng.integers(0, 3, size=150)]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        together = relevances(MODEL, documents, method, targets)
        torch.set_num_threads(1)
        monkeypatch.setattr(module, "METHODS", {method: replace(METHODS[method], closed=False)})
        alone = relevances(MODEL, documents, method, targets)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_numbers_are_those_of_the_curves() -> None:
    found = run(methods=["lrp", "random", "oracle"])
    summary = summarise(found, resamples=200)
    for panel in found.panels:
        for method, curves in panel.curves.items():
            record = panel_of(summary, panel.name)[method]
            assert len(record["accuracy"]) == 7
            correct = curves.predicted == panel.documents.labels[:, None]
            np.testing.assert_allclose(record["accuracy"], correct.mean(axis=(0, 1)))
            assert record["mean"] == pytest.approx(np.mean(record["accuracy"]))
            assert record["interval"][0] <= record["mean"] <= record["interval"][1]
            a = record["accuracy"]
            assert record["area"] == pytest.approx((sum(a) - (a[0] + a[-1]) / 2) / 6)
        means = {method: panel_of(summary, panel.name)[method]["mean"] for method in panel.curves}
        share = (means["random"] - means["lrp"]) / (means["random"] - means["oracle"])
        assert panel_of(summary, panel.name)["lrp"]["coverage"] == pytest.approx(share)
        runs = panel.curves["random"].accuracy
        np.testing.assert_allclose(
            panel_of(summary, panel.name)["random"]["std"], np.std(runs, axis=0, ddof=1)
        )
        assert "std" not in panel_of(summary, panel.name)["lrp"]
    json.dumps(summary, allow_nan=False)
    assert len(summary["comparisons"]) == 6


def test_relevance_for_the_predicted_class_follows_its_probability() -> None:
    found = run(methods=["lrp"], settings={"target": "predicted"})
    for panel in found.panels:
        curves = panel.curves["lrp"]
        best = curves.target_probability[0, :, 0]
        assert (best >= 1 / 3).all()
        for i, document in enumerate(panel.documents.documents[:3]):
            name = MODEL.classes[panel.documents.predicted[i]]
            (relevance,) = explain(MODEL, document, targets=name).relevance
            assert deletion_order(relevance, steps=6).max() < len(document)


@pytest.mark.parametrize("operator", ["mean", "remove"])
def test_other_removals_and_insertion(operator: str) -> None:
    assert len(run(settings={"operator": operator}).panels) == 2
    found = run(methods=["lrp", "random"], settings={"insertion": True, "operator": operator})
    for panel in found.panels:
        start = panel.curves["lrp"].predicted[0, :, 0]
        assert (start == start[0]).all()  # nothing is left to tell documents apart


def test_what_cannot_be_done_is_refused() -> None:
    for options, message in (
        ({"methods": ["lpr"]}, 'Did you mean "lrp"'),
        ({"methods": []}, "no method"),
        ({"limit": 0}, "limit"),
        ({"settings": {"insertion": True}}, "oracle deletes"),
        ({"settings": {"steps": 0}}, "0 deletions"),
        ({"settings": {"target": "best"}}, "true, predicted"),
        ({"methods": ["lrp"], "tables": {"lrp": None}}, "another name"),
    ):
        with pytest.raises(InputError, match=message):
            run(**options)
    with pytest.raises(InputError, match="99 words"):
        word_deletion(MODEL, corpus(), minimum_words=99)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a corpus file, and a table of relevances."""
    path = tmp_path_factory.mktemp("evaluate")
    store.save(MODEL, path / "model")
    texts = corpus()
    lines = [
        json.dumps({"text": text, "label": texts.classes[label]})
        for text, label in zip(texts.texts, texts.labels, strict=True)
    ]
    (path / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    tables.write(path / "mine.parquet", explain(MODEL, list(texts.texts), method="sa"))
    return path


def command(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli,
        [
            "evaluate", "-m", str(folder / "model"), "--corpus", str(folder / "corpus.jsonl"),
            "--minimum-words", "5", "--deletions", "6", "--runs", "2", *arguments,
        ],
        catch_exceptions=False,
    )  # fmt: skip


def test_the_names_of_tables_are_no_markup(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = tmp_path / "[red]mine :smile:.parquet"
    table.write_bytes((folder / "mine.parquet").read_bytes())
    result = command(folder, "--methods", "random", "--relevance", str(table))
    assert result.exit_code == 0, result.stderr
    assert "[red]mine" in result.stdout
    assert ":smile:" in result.stdout


def test_the_command_writes_everything(folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    result = command(
        folder, "--methods", "sa,random,oracle", "--relevance", str(folder / "mine.parquet"),
        "-o", str(tmp_path / "out"), "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed == json.loads((tmp_path / "out" / "results.json").read_text())
    np.testing.assert_allclose(
        printed["correct"]["mine"]["accuracy"], printed["correct"]["sa"]["accuracy"]
    )
    assert printed["peak_memory_bytes"] > 0
    rows = parquet.read_table(tmp_path / "out" / "curves.parquet").to_pylist()
    assert len(rows) == 2 * 4 * 7
    for row in rows:
        record = printed[row["panel"]][row["method"]]
        assert row["accuracy"] == record["accuracy"][row["step"]]
    documents = parquet.read_table(tmp_path / "out" / "documents.parquet").to_pylist()
    assert len(documents) == 4 * sum(printed[p]["sa"]["documents"] for p in printed["panels"])
    for name, start in (("curves.svg", b"<?xml"), ("curves.png", b"\x89PNG")):
        assert (tmp_path / "out" / name).read_bytes().startswith(start)


def test_the_command_measures_metrics_on_the_same_documents(folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    result = command(
        folder, "--methods", "lrp,random,oracle", "--metrics", "all", "--removal", "mean",
        "--relevance", str(folder / "mine.parquet"), "--seed", "3",
        "--hybrid", "5", "-o", str(tmp_path / "out"), "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "Measuring" not in result.stderr  # on all of them
    printed = json.loads(result.stdout)
    assert printed == json.loads((tmp_path / "out" / "results.json").read_text())
    metrics = printed["metrics"]
    assert list(metrics) == [*METRICS, "pointing_game"]
    texts = [text for text in corpus().texts if len(text.split()) >= 5]
    names = [corpus().classes[c] for c in corpus().labels]
    names = [n for n, text in zip(names, corpus().texts, strict=True) if text in texts]
    expected = measure(
        store.load(str(folder / "model")), texts, ["lrp", "random"], ["srg", "random_logit"],
        targets=PerText(names), operator="mean", seed=3,
    )  # fmt: skip
    for metric, found in summarise_metrics(expected, seed=3).items():
        for method, record in found["methods"].items():
            assert metrics[metric]["methods"][method] == record
    assert list(metrics["srg"]["methods"]) == ["lrp", "random", "mine"]
    assert list(metrics["random_logit"]["methods"]) == ["lrp", "random"]
    assert list(metrics["pointing_game"]["methods"]) == ["lrp", "random", "chance"]
    means = parquet.read_table(tmp_path / "out" / "metrics.parquet").to_pylist()
    again = sum(metric.uses_method for metric in METRICS.values())
    assert len(means) == 3 * len(METRICS) - again + 3
    rows = parquet.read_table(tmp_path / "out" / "metric_documents.parquet").to_pylist()
    assert len(rows) == (len(means) - 3) * len(texts) + 3 * 5
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "infidelity_normalized" in page
    assert "near zero" in page


def test_all_metrics_are_all_and_each_is_measured_once(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    few = ("--methods", "lrp", "--deletions", "2", "--limit", "3", "--json", "-o", str(tmp_path))
    twice = command(folder, *few, "--metrics", "srg,conservation_residual,srg")
    found = json.loads(twice.stdout)["metrics"]
    assert list(found) == ["srg", "conservation_residual"]
    assert found["srg"]["methods"]["lrp"].get("difference") is None
    assert (tmp_path / "metrics.parquet").exists()
    everything = command(folder, *few, "--metrics", "all,srg")
    assert list(json.loads(everything.stdout)["metrics"]) == list(METRICS)
    command(folder, *few)
    assert not list(tmp_path.glob("metric*.parquet"))  # those were of the run before


def test_metrics_that_fail_leave_the_curves(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError("not today")

    monkeypatch.setattr("whyword.evaluation.metrics.measure_documents", fail)
    options = ["--methods", "lrp", "--metrics", "srg", "--deletions", "3"]
    result = command(folder, *options, "-o", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "not today" in result.stderr
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(kept["correct"]["lrp"]["accuracy"]) == 4
    assert "metrics" not in kept
    assert (tmp_path / "out" / "report.html").exists()


def test_metrics_of_a_few_documents_are_said_to_be_of_a_few(folder: Path) -> None:
    result = command(folder, "--methods", "lrp", "--metrics", "srg", "--metric-documents", "4")
    assert result.exit_code == 0
    assert re.search(r"Measuring metrics on 4 of \d+ documents", result.stderr)
    assert "higher is better" in result.stdout
    tables_alone = command(
        folder, "--methods", "", "--relevance", str(folder / "mine.parquet"), "--metrics", "all",
        "--target", "predicted", "--json",
    )  # fmt: skip
    found = json.loads(tables_alone.stdout)["metrics"]
    assert list(found) == [name for name, metric in METRICS.items() if not metric.uses_method]


def test_the_page_is_whole_and_asks_nobody(folder: Path) -> None:
    summary = summarise(run(), resamples=50)
    page = evaluation_page({**summary, "model": "<script>alert(1)</script>"})
    assert page.count("<script") == 1  # the page's own, which its policy names
    assert "&lt;script&gt;" in page
    # Names of XML vocabularies and links inside the figure are no requests.
    addresses = set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page))
    assert addresses == {"data:,"}
    assert "currentColor" in page
    assert page.count("<svg") == 2  # the theme button, and the curves
    assert "LRP − SA" in page


def test_the_command_prints_tables_and_refuses(folder: Path) -> None:
    mine = str(folder / "mine.parquet")
    few = [{"text": "alpha beta gamma delta eta zeta", "label": label} for label in "ab"]
    (folder / "few.jsonl").write_text("\n".join(map(json.dumps, few)), encoding="utf-8")
    result = command(folder, "--methods", "lrp")
    assert result.exit_code == 0
    assert "correct:" in result.stdout
    for arguments, message in (
        (("--removal", "mask"), "no mask token"),
        (("--methods", "nonsense"), "There is no method"),
        (("--target", "best"), "true, predicted"),
        (("--relevance", str(folder / "corpus.jsonl")), "the field words"),
        (("--metrics", "sgr"), 'no metric "sgr". Did you mean "srg"?'),
        (("--metrics", ""), "Got no metric; expected some of: srg"),
        (("--metrics", "srg", "--methods", "oracle"), "no method to measure"),
        (("--hybrid", "3", "--methods", "oracle"), "needs a method"),
        (("--hybrid", "3", "--corpus", str(folder / "few.jsonl")), "Only 2 documents"),
        (
            ("--metrics", "max_sensitivity", "--methods", "", "--relevance", mine),
            "explains texts again",
        ),
    ):
        refused = command(folder, *arguments)
        assert refused.exit_code == 2
        assert message in refused.stderr
        assert len(refused.stderr.strip().splitlines()[-1:]) == 1
