"""Weights of classes: how they are read, what "balanced" gives, what is refused."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

import whyword
from test_parts import SMALL, corpus
from whyword import InputError
from whyword.classifier import predict
from whyword.cli import cli
from whyword.data.arrays import Floats
from whyword.data.corpora import Corpus
from whyword.training.class_weights import ClassWeights, read_class_weights, weights_of
from whyword.training.config import TrainingConfig
from whyword.training.performance import performance_on
from whyword.training.recipe import Recipe
from whyword.training.train import train_model


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_balanced_weights_are_those_of_scikit_learn(drawn: list[int]) -> None:
    labels = np.array(drawn)
    there = np.unique(labels)
    found = weights_of("balanced", labels, "abcd")
    found = np.ones(4) if found is None else found
    expected = compute_class_weight("balanced", classes=there, y=labels)
    np.testing.assert_allclose(found[there], expected, rtol=1e-15)
    assert (np.delete(found, there) == 1).all()


def test_balanced_weights_of_labels_make_both_sides_weigh_the_same_up_to_a_bound() -> None:
    labels = np.zeros((100, 4), dtype=bool)
    labels[:20, 0], labels[:2, 1], labels[:, 2] = True, True, True
    found = weights_of("balanced", labels, "abcd")
    assert found is not None
    assert found.tolist() == [4, 10, 1, 1]


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("balanced", ["a"], "balanced"),
        ("none", ["a"], None),
        ("none=2,balanced=3", ["none", "balanced"], {"none": 2, "balanced": 3}),
        ("a=2", ["a", "b"], {"a": 2}),
        ("a, b=2,c=d=1e-1", ["a, b", "c=d"], {"a, b": 2, "c=d": 0.1}),
        ("a=1,b=2", ["a=1,b"], {"a=1,b": 2}),
        ("a=1,a=1,b=2", ["a", "a=1,b", "b"], {"a": 1, "a=1,b": 2}),
    ],
)
def test_names_are_taken_as_they_are(
    text: str, classes: list[str], expected: Mapping[str, float] | str | None
) -> None:
    assert read_class_weights(text, classes) == expected


NAMES = st.lists(st.text("a=,1 ", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(NAMES, st.data())
def test_what_is_read_is_what_was_written_or_refused(
    classes: list[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.dictionaries(st.sampled_from(classes), st.sampled_from([0.5, 2.0, 11.0])))
    written = ",".join(f"{name}={weight}" for name, weight in wanted.items())
    with contextlib.suppress(InputError):
        assert read_class_weights(written, classes) == wanted
        return
    with pytest.raises(InputError, match="or as" if wanted else "expected"):
        read_class_weights(written, classes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sapm=2", 'There is no class "sapm". Did you mean "spam"'),
        ("spam=2,ham=1,egs=3", 'There is no class "egs". Did you mean "eggs"'),
        ("spam", "expected balanced, none, or NAME=WEIGHT"),
        ("", "expected balanced"),
        ("spam=", "expected balanced"),
        ("spam=x", "expected balanced"),
        ("spam=1,", "expected balanced"),
        ("spam=1,spam=2", "each class once"),
        ("balancd", "expected balanced"),
    ],
)
def test_weights_that_cannot_be_read_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_class_weights(text, ["ham", "spam", "eggs"])


def test_what_can_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(InputError, match=r"can be read as .* or as .* in Python"):
        read_class_weights("a=1,b=2", ["a", "b", "a=1,b"])


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), True, "2", None])
def test_weights_that_are_no_weights_are_refused(weight: object) -> None:
    with pytest.raises(InputError, match=r"Got class_weights of 'a' .*; expected a finite number"):
        TrainingConfig(class_weights={"a": weight})  # type: ignore[dict-item]


def test_a_class_that_is_not_there_is_named_before_anything_takes_time(tmp_path: Path) -> None:
    for kind in ("cnn", "linear"):
        recipe = Recipe(kind, training=TrainingConfig(class_weights={"c": 2.0}))
        with pytest.raises(InputError, match='class "c", which is not there'):
            train_model(recipe, corpus(20, 0), tmp_path / kind)
        assert not (tmp_path / kind).exists()


def skewed(n: int, seed: int) -> Corpus:
    """A word speaks for the second class, but of the documents with it most are of the first."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 12 == 0).astype(np.int64)
    says = rng.random(n) < np.where(labels == 1, 0.6, 0.2)
    texts = [" ".join(["beta"] * 4 + ["alpha"] * int(one)) for one in says]
    return Corpus(tuple(texts), labels, ("often", "rare"), tuple(map(str, range(n))))


@pytest.mark.parametrize("kind", ["cnn", "linear"])
def test_a_rare_class_is_found_with_weights_and_the_report_says_so(
    tmp_path: Path, kind: str
) -> None:
    every = skewed(360, 0)
    reports = {}
    for weights in (None, "balanced"):
        training = TrainingConfig(
            epochs=4, batch_size=16, learning_rate=0.05, class_weights=weights
        )
        settings = SMALL.settings if kind == "cnn" else {"ngrams": 1}
        skip_gram = {} if kind == "linear" else SMALL.skip_gram
        recipe = Recipe(kind, settings, skip_gram=skip_gram, training=training)
        reports[weights] = train_model(recipe, every, tmp_path / str(weights), test=skewed(120, 1))
    plain, balanced = reports[None], reports["balanced"]
    assert plain["test"]["classes"][1]["recall"] < 0.3 < balanced["test"]["classes"][1]["recall"]
    assert plain["test"]["accuracy"] > balanced["test"]["accuracy"]
    assert (plain["chosen_by"], balanced["chosen_by"]) == ("accuracy", "balanced accuracy")
    assert 0 <= balanced["validation_balanced_accuracy"] <= 1
    assert "validation_accuracy" not in {*balanced, *balanced["history"]}
    assert "validation_balanced_accuracy" in balanced["history"]
    assert "advice" not in balanced
    assert plain["advice"].startswith('The class "rare" has 30 training documents and the largest')
    trained = whyword.load(tmp_path / "balanced")
    found = performance_on(trained, skewed(120, 1))
    assert found.macro_f1 == np.mean([entry.f1 for entry in found.classes])
    assert balanced["test"]["macro_f1"] == found.macro_f1


@pytest.mark.parametrize("kind", ["cnn", "linear"])
def test_weights_of_one_are_no_weights(tmp_path: Path, kind: str) -> None:
    scores: list[Floats] = []
    given: list[ClassWeights] = [None, {"a": 1.0}, {"a": 1, "b": 1}, "balanced"]
    for weights in given:  # of two equal classes
        training = TrainingConfig(epochs=2, batch_size=8, learning_rate=0.02, class_weights=weights)
        settings = SMALL.settings if kind == "cnn" else {}
        recipe = Recipe(kind, settings, skip_gram=SMALL.skip_gram, training=training)
        report = train_model(recipe, corpus(40, 0), tmp_path / str(len(scores)))
        scores.append(predict(whyword.load(tmp_path / str(len(scores))), corpus(10, 1).texts))
        np.testing.assert_array_equal(scores[0], scores[-1])
        assert report["chosen_by"] == "accuracy"


def test_by_command(tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    every = skewed(120, 0)
    posts.write_text(
        "\n".join(
            json.dumps({"text": text, "label": every.classes[label]})
            for text, label in zip(every.texts, every.labels, strict=True)
        )
    )
    command = ["train", "--corpus", str(posts), "--test", str(posts), "--model", "linear", "-o"]
    result = CliRunner().invoke(cli, [*command, str(tmp_path / "0"), "--class-weights", "rare=8"])
    assert result.exit_code == 0, result.output
    assert "validation balanced accuracy" in result.output
    assert "macro F1" in result.output
    assert "--class-weights" not in result.output
    result = CliRunner().invoke(cli, [*command, str(tmp_path / "1")])
    assert "train with --class-weights balanced" in " ".join(result.output.split())
    result = CliRunner().invoke(cli, [*command, str(tmp_path / "2"), "--class-weights", "rar=8"])
    assert result.exit_code == 2
    assert 'Did you mean "rare"?' in result.output
