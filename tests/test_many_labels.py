"""Training on documents with several labels, from a file to explanations, for every kind."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

import whyword
from labels import TOPICS, labelled, names_of, small, write_json_lines
from test_parts import corpus as of_classes
from whyword import InputError, ModelError
from whyword.classifier import is_multilabel, predict
from whyword.cli import cli
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.progress import Progress
from whyword.training.label_performance import LabelPerformance, label_performance_on
from whyword.training.performance import performance_on
from whyword.training.recipe import Recipe
from whyword.training.thresholds import best_threshold
from whyword.training.train import train_model


@pytest.fixture(scope="module", params=["cnn", "no refit", "linear"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("trained")
    recipe = small(path / "recipe", refit=request.param == "cnn")
    recipe = Recipe("linear") if request.param == "linear" else recipe
    report = train_model(recipe, labelled(), path / "model", test=labelled(80, 1))
    return path / "model", report


def test_labels_are_learned_and_the_report_says_how_well(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    path, report = trained
    assert json.loads((path / "report.json").read_text()) == json.loads(json.dumps(report))
    assert report["chosen_by"] == "micro F1"
    assert report["validation_micro_f1"] > 0.8
    assert "validation_accuracy" not in {*report, *report["history"]}
    found = report["test"]
    assert found["micro_f1"] > 0.85
    assert "confusion" not in found
    assert "accuracy" not in found
    assert [row["name"] for row in found["classes"]] == list(TOPICS)
    model = whyword.load(path)
    assert is_multilabel(model)
    again = label_performance_on(model, labelled(80, 1))
    assert again.to_dict()["micro_f1"] == pytest.approx(found["micro_f1"])


def test_words_and_remainder_add_up_to_the_score_of_every_label(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    model = whyword.load(trained[0])
    texts = [*labelled(6, 2).texts, "", "unheard of"]
    scores = predict(model, texts)
    for i, found in enumerate(whyword.explain(model, texts, targets="all")):
        assert found.multilabel
        assert found.targets == tuple(TOPICS)
        total = found.relevance.sum(axis=1) + found.total_remainder
        np.testing.assert_allclose(total, found.target_scores, atol=1e-4)
        np.testing.assert_allclose(found.scores, scores[i], atol=1e-4)
        expected = [name for name, s in zip(TOPICS, found.scores, strict=True) if s > 0]
        assert list(found.predictions) == expected
        assert found.predicted == (", ".join(expected) or "none")
    several = whyword.explain(model, "ride the helmet to the moon rocket", targets="all")
    assert set(several.predictions) == {"bikes", "space"}
    assert dict(several.top(2, "space")).keys() == {"moon", "rocket"}


def test_the_file_says_what_scores_mean(trained: tuple[Path, dict[str, Any]]) -> None:
    path = trained[0]
    about = json.loads((path / "model.json").read_text())
    assert about["outputs"] == "sigmoid"
    before, model = store.fingerprint(path), whyword.load(path)
    copied = path / "copy"
    store.save(model, copied, about=about["about"])
    assert store.fingerprint(copied) == before
    (copied / "model.json").write_text(json.dumps({**about, "outputs": "softmax"}))
    assert not is_multilabel(whyword.load(copied))
    for wrong in ("tanh", None, 3, ["sigmoid"]):
        (copied / "model.json").write_text(json.dumps({**about, "outputs": wrong}))
        with pytest.raises(ModelError, match=r"Got outputs .*; expected softmax or sigmoid"):
            whyword.load(copied)


def test_a_model_of_one_class_says_nothing_new() -> None:
    found = json.loads((store.pretrained()["news20-cnn"] / "model.json").read_text())
    assert "outputs" not in found
    assert not is_multilabel(whyword.load("news20-cnn"))


def test_models_and_corpora_of_the_other_kind_are_refused(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    model = whyword.load(trained[0])
    single = Corpus(("a", "b"), np.array([0, 1]), tuple(TOPICS)[:2], ("0", "1"))
    with pytest.raises(InputError, match="The model gives labels"):
        performance_on(model, single)
    with pytest.raises(InputError, match="one class each; expected labels"):
        label_performance_on(model, single)
    recipe, labels = Recipe("linear"), labelled(30)
    with pytest.raises(InputError, match="one class each; expected labels"):
        train_model(recipe, labels, tmp_path / "x", test=single)
    with pytest.raises(InputError, match="several labels each"):
        train_model(recipe, of_classes(20, 0), tmp_path / "x", test=labels)
    with pytest.raises(InputError, match=r"training documents have labels, .* has one class"):
        train_model(recipe, labels, tmp_path / "x", development=single)
    assert not (tmp_path / "x").exists()


def test_a_stopped_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = small(tmp_path / "recipe")
    train_model(recipe, labelled(80), tmp_path / "whole")
    for at in (9, 31, 43):
        steps: list[int] = []

        def stop(progress: Progress, steps: list[int] = steps, at: int = at) -> None:
            steps.append(progress.done) if progress.phase in ("train", "refit") else None
            if len(steps) == at:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            train_model(recipe, labelled(80), tmp_path / str(at), progress=stop)
        train_model(recipe, labelled(80), tmp_path / str(at))
        train_model(recipe, labelled(80), tmp_path / str(at))  # finished: folds nothing twice
        weights = "weights.safetensors"
        assert (tmp_path / "whole" / weights).read_bytes() == (
            tmp_path / str(at) / weights
        ).read_bytes()


@pytest.mark.parametrize("kind", ["cnn", "linear"])
def test_weights_and_a_development_part(tmp_path: Path, kind: str) -> None:
    recipe = small(tmp_path / "recipe", class_weights={"cats = dogs, etc": 4.0})
    recipe = recipe if kind == "cnn" else Recipe("linear", training=recipe.training)
    report = train_model(
        recipe, labelled(), tmp_path / "model", development=labelled(60, 3), test=labelled(80, 1)
    )
    assert report["test"]["micro_f1"] > 0.8
    assert report["chosen_by"] == "micro F1"


def test_the_best_thresholds_are_at_zero(tmp_path: Path) -> None:
    """Words are shared, so that scores overlap; the model is that which chose the thresholds."""

    def noisy(n: int, seed: int) -> Corpus:
        one, rng = labelled(n, seed), np.random.default_rng(seed + 100)
        return Corpus(one.texts, one.labels ^ (rng.random((n, 3)) < 0.15), one.classes, one.names)

    development = noisy(60, 3)
    for kind in ("cnn", "linear"):
        recipe = small(tmp_path / "recipe")
        recipe = recipe if kind == "cnn" else Recipe("linear", training=recipe.training)
        train_model(recipe, noisy(160, 0), tmp_path / kind, development=development)
        scores = predict(whyword.load(tmp_path / kind), development.texts)
        given = development.labels.astype(bool)
        for own, has in zip(scores.T, given.T, strict=True):
            f1 = f1_score(has, own > 0)
            assert f1 == pytest.approx(best_threshold(own, has)[1])


@given(st.lists(st.tuples(*[st.tuples(st.booleans(), st.booleans())] * 3), min_size=1, max_size=20))
def test_performance_is_scikit_learn_s(drawn: list[tuple[tuple[bool, bool], ...]]) -> None:
    truth, predicted = np.moveaxis(np.array(drawn), 2, 0)
    found = LabelPerformance.of(truth, predicted, "abc")
    micro, macro = (
        f1_score(truth, predicted, average=average, zero_division=0)
        for average in ("micro", "macro")
    )
    assert [found.micro_f1, found.macro_f1] == pytest.approx([micro, macro])
    rows = zip(*precision_recall_fscore_support(truth, predicted, zero_division=0), strict=True)
    for entry, row in zip(found.classes, rows, strict=True):
        assert (entry.precision, entry.recall, entry.f1, entry.documents) == pytest.approx(row)
    assert found.subset_accuracy == np.mean([t == p for t, p in _sets(truth, predicted)])


def _sets(truth: Any, predicted: Any) -> list[tuple[set[int], set[int]]]:
    return [
        (set(np.flatnonzero(t)), set(np.flatnonzero(p)))
        for t, p in zip(truth, predicted, strict=True)
    ]


def test_by_command(tmp_path: Path) -> None:
    corpus = labelled()
    rows = ["text\tlabel"]
    rows += [
        f"{text}\t{'|'.join(names)}"
        for text, names in zip(corpus.texts, names_of(corpus), strict=True)
    ]
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    test = write_json_lines(labelled(60, 1), tmp_path / "test.jsonl")
    output = tmp_path / "model"
    command = ["train", "--corpus", str(tmp_path / "a.tsv"), "--label-separator", "|", "--test"]
    command += [test, "--model", "linear", "--class-weights", "cats = dogs, etc=2", "-o"]
    result = CliRunner().invoke(cli, [*command, str(output)])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "validation micro F1" in said
    assert "subset accuracy" in said
    assert not (output / "confusion.svg").exists()
    command = ["explain", "--model", str(output), "ride to the moon", "--target", "all", "--json"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert found["multilabel"]
    assert sorted(found["predicted"].split(", ")) == ["bikes", "space"]
    assert set(found["targets"]) == set(TOPICS)
