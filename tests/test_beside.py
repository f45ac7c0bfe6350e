"""The linear model beside every other, and the best of several kinds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import whyword
from models import random_vectors
from whyword import InputError
from whyword.cli import cli
from whyword.data.corpora import Corpus
from whyword.models.cnn.model import WordCNN
from whyword.training import beside
from whyword.training.config import TrainingConfig
from whyword.training.kinds import Run, Trained, train_kind
from whyword.training.performance import performance_on
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

QUICK: dict[str, Any] = {
    "settings": {"filters": {"1": 8}, "dropout": 0.0, "word_dropout": 0.0},
    "skip_gram": {"dimension": 8, "epochs": 5, "window": 3, "sample": 0.0},
    "training": TrainingConfig(epochs=6, batch_size=8, learning_rate=0.02),
}


def corpus(n: int, seed: int, *, pairs: bool = False) -> Corpus:
    """Two classes, told by words; with ``pairs`` by whether two words are the same of two."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    texts = []
    for label in labels:
        if pairs:  # "aa ba" against "ab bb": no word alone says anything
            first = rng.integers(2)
            second = first if label else 1 - first
            texts.append(f"{'xy'[first]}one {'xy'[second]}two")
        else:
            texts.append(
                " ".join(rng.choice(["alpha beta gamma", "delta rho tau"][label].split(), 4))
            )
    return Corpus(tuple(texts), labels, ("one", "other"), tuple(f"{seed}:{i}" for i in range(n)))


def test_both_are_saved_and_judged_on_the_same_documents(tmp_path: Path) -> None:
    report = train_model(Recipe("cnn", **QUICK), corpus(80, 0), tmp_path, test=corpus(30, 1))
    linear_one = report["linear"]
    assert linear_one["documents"] == 20  # a quarter of 80
    assert linear_one["model"] <= report["validation_accuracy"]  # not by those that chose it
    linear = whyword.load(tmp_path / linear_one["folder"])
    assert performance_on(linear, corpus(30, 1)).accuracy == linear_one["test"]["accuracy"]
    assert any("linear one on 20 validation documents" in line for line in report["advice"])
    assert linear_one["take"] in ("linear", "model")
    assert all(isinstance(reason, str) for reason in report["reasons"])


def test_a_network_that_learns_nothing_is_not_recommended(tmp_path: Path) -> None:
    still = {**QUICK, "training": TrainingConfig(epochs=1, learning_rate=1e-9)}
    report = train_model(Recipe("cnn", **still), corpus(80, 0), tmp_path)
    assert report["linear"]["take"] == "linear"
    assert report["linear"]["linear"] == 1.0
    assert any("Take the linear model" in line for line in report["advice"])


def test_the_network_alone_is_trained_where_no_linear_model_can_be(tmp_path: Path) -> None:
    # Words of one letter are none for the linear model.
    letters = Corpus(
        tuple("ab"[i % 2] * 1 for i in range(40)),
        np.arange(40) % 2,
        ("a", "b"),
        tuple(map(str, range(40))),
    )
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("a 1 0\nb 0 1\n")
    recipe = Recipe("cnn", QUICK["settings"], str(vectors), training=QUICK["training"])
    report = train_model(recipe, letters, tmp_path / "model", test=letters)
    assert report["linear"] is None
    assert (
        "No linear model could be trained beside it: A linear model finds no words"
        in report["advice"][0]
    )


def test_auto_keeps_the_best(tmp_path: Path) -> None:
    training = TrainingConfig(epochs=40, batch_size=8, learning_rate=0.02, vector_rate=None)
    recipe = Recipe("auto", skip_gram=QUICK["skip_gram"], training=training)
    assert train_model(recipe, corpus(80, 0), tmp_path / "words")["kind"] == "linear"
    one_word = Recipe("auto", {}, skip_gram=QUICK["skip_gram"], training=training)
    report = train_model(one_word, corpus(80, 0), tmp_path / "again", test=corpus(20, 1))
    found = {kind: each["validation_accuracy"] for kind, each in report["candidates"].items()}
    assert set(found) == {"linear", "cnn"}
    assert report["validation_accuracy"] == max(found.values())
    for kind in found:
        whyword.load(tmp_path / "again" / kind)
    whyword.load(tmp_path / "again")
    assert "Kept: linear" in report["advice"][0]
    with pytest.raises(InputError, match="has no filters"):
        Recipe("auto", {"filters": {"1": 3}})


def test_auto_keeps_the_cnn_where_it_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(run: Run, recipe: Recipe, directory: Path) -> Trained:
        trained = train_kind(run, recipe, directory)
        trained.report["validation_accuracy"] = {"linear": 0.5, "cnn": 0.9}[recipe.kind]
        return trained

    monkeypatch.setattr(beside, "train_kind", judged)
    recipe = Recipe("auto", skip_gram=QUICK["skip_gram"], training=QUICK["training"])
    report = train_model(recipe, corpus(80, 0), tmp_path)
    assert report["kind"] == "cnn"
    assert isinstance(whyword.load(tmp_path), WordCNN)
    assert report["advice"][0].startswith("Kept: cnn")


def test_a_model_that_is_better_is_taken(tmp_path: Path) -> None:
    # Which of two words stands first: nothing to a linear model of single words.
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    fill = ["alpha", "beta", "gamma", "delta"]
    texts = [
        " ".join([*rng.choice(fill, 3), *(("xx", "zz", "yy") if label else ("yy", "zz", "xx")),
                  *rng.choice(fill, 3)])
        for label in labels
    ]  # fmt: skip
    ordered = Corpus(tuple(texts), labels, ("a", "b"), tuple(map(str, range(400))))
    recipe = Recipe(
        "cnn",
        {"filters": {"2": 16}, "dropout": 0.0, "word_dropout": 0.0},
        skip_gram=QUICK["skip_gram"],
        training=TrainingConfig(epochs=10, batch_size=16, learning_rate=0.01),
    )
    report = train_model(recipe, ordered, tmp_path)
    assert report["linear"]["model"] > 0.9
    assert (report["linear"]["take"] == "model") == (
        report["linear"]["model"] > report["linear"]["linear"]
    )


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    found = corpus(80, 0)
    lines = [
        json.dumps({"text": text, "label": found.classes[label]})
        for text, label in zip(found.texts, found.labels, strict=True)
    ]
    path.write_text("\n".join(lines))
    return path


def test_the_command_takes_auto_and_minutes_and_says_what_to_take(
    posts: Path, tmp_path: Path
) -> None:
    command = ["train", "--corpus", str(posts), "--test", str(posts), "--minutes", "0.05",
               "--model", "auto", "--output", str(tmp_path / "model")]  # fmt: skip
    found = CliRunner().invoke(cli, command)
    assert found.exit_code == 0, found.output
    assert "Kept: linear" in found.output
    command[-3] = "cnn"
    command[-1] = str(tmp_path / "cnn")
    found = CliRunner().invoke(cli, command)
    assert found.exit_code == 0, found.output
    assert "The linear model beside it: test accuracy 100.00%" in found.output
    text = " ".join(found.output.split())
    assert "linear model, or --base with a sentence encoder" in text


@pytest.mark.parametrize(
    "options",
    [
        "--model gru --hidden 0", "--model gru --hidden 99999999", "--model gru --layers 0",
        "--filters 2:99999999999", "--filters 9999999:100", "--filters 2:999999999",
        "--sample nan", "--sample inf", "--vector-epochs 0", "--dimension -1",
        "--dimension 99999999", "--momentum -1", "--weight-decay -1", "--weight-decay nan",
        "--dropout 2", "--dropout nan", "--label-smoothing 2", "--seed -1", "--seed 4294967296",
        "--window 0", "--window -1", "--window 99999999999", "--minutes 0", "--minutes nan",
        "--vector-rate -1", "--vector-rate inf", "--model linear --vector-rate 1",
        "--epochs 0", "--batch-size 0", "--validation 1", "--patience 0",
    ],
)  # fmt: skip
def test_impossible_settings_end_in_one_line_before_any_work(
    posts: Path, tmp_path: Path, options: str
) -> None:
    output = tmp_path / "model"
    command = ["train", "--corpus", str(posts), "--output", str(output), *options.split()]
    found = CliRunner().invoke(cli, command)
    assert found.exit_code == 2, found.output
    assert (
        found.output.startswith("whyword: Got")
        or "whyword: With" in found.output
        or ("has no word vectors" in found.output)
    )
    assert found.output.count("\n") == 1
    assert not output.exists()


def test_random_vectors_stand_in_where_skip_gram_learned_nothing() -> None:
    from whyword.training.vectors import LIKENESS, _ready, likeness

    alike = random_vectors()
    alike.array[:] = 1 + 1e-3 * alike.array
    assert likeness(alike) > LIKENESS
    reasons: list[str] = []
    found = _ready(alike, 0.1, 0, reasons)
    assert likeness(found) < 0.5
    assert np.sqrt(np.square(found.array).mean()) == pytest.approx(0.1, rel=1e-5)
    assert "begin with random vectors instead" in reasons[0]
