"""From a corpus to a model folder, through the command line, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whyword
from whyword import InputError, ModelError
from whyword.data import corpora
from whyword.models.cnn.model import WordCNN
from whyword.training import recipe
from whyword.training.loop import TrainingConfig
from whyword.training.recipe import Recipe

SPACE, BIKES = "rocket orbit moon shuttle launch nasa", "bike ride helmet engine road wheel"
BOTH = "the a of and to is it was"

SMALL = Recipe(
    settings={"filters": {"2": 12, "3": 4}, "dropout": 0.1, "word_dropout": 0.0},
    skip_gram={"epochs": 10, "dimension": 10, "window": 5, "sample": 0.1},
    training=TrainingConfig(epochs=5, batch_size=16, learning_rate=0.02, refit=True),
)
OPTIONS = ["--filters", "2:12,3:4", "--vector-epochs", "10", "--window", "5",
           "--sample", "0.1", "--dimension", "10", "--epochs", "5",
           "--batch-size", "16", "--learning-rate", "0.02", "--dropout", "0.1",
           "--word-dropout", "0", "--refit"]  # fmt: skip


Trained = tuple[dict[str, Any], Path]
"""The report of a training, and its folder."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("corpus") / "posts.jsonl"
    lines = []
    for i in range(200):
        own = (SPACE if i % 2 else BIKES).split()
        words = [rng.choice(own if rng.random() < 0.4 else BOTH.split()) for _ in range(20)]
        lines.append(json.dumps({"text": " ".join(words), "label": "space" if i % 2 else "bikes"}))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    directory = tmp_path_factory.mktemp("trained")
    corpus = corpora.load_corpus(table)
    return recipe.run(SMALL, corpus, directory, test=corpus, about="small"), directory


def test_the_report_says_what_was_done(
    trained: Trained,
) -> None:
    report, directory = trained
    assert json.loads((directory / "report.json").read_text()) == report
    assert report["training"]["seed"] == 0
    assert report["test"]["documents"] == 200
    assert np.sum(report["test"]["confusion"]) == 200
    assert report["test"]["accuracy"] > 0.9
    assert [row["name"] for row in report["test"]["classes"]] == ["bikes", "space"]
    assert report["peak_memory_bytes"] > 10_000_000


def test_the_model_in_the_folder_is_the_one_reported(trained: Trained, table: Path) -> None:
    report, directory = trained
    corpus = corpora.load_corpus(table)
    found = recipe.evaluate(whyword.load(directory), corpus)
    assert found.accuracy == report["test"]["accuracy"]


def test_a_finished_run_given_again_does_nothing_anew(trained: Trained, table: Path) -> None:
    report, directory = trained
    before = (directory / "weights.safetensors").read_bytes()
    phases = []
    again = recipe.run(
        SMALL, corpora.load_corpus(table), directory, progress=lambda at: phases.append(at.phase)
    )
    assert set(phases) == {"reading"}
    assert (directory / "weights.safetensors").read_bytes() == before
    assert again["history"] == report["history"]


def test_killed_and_resumed_training_ends_with_the_same_weights(
    trained: Trained, table: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "whyword", "train", "--corpus", str(table),
               "--output", str(tmp_path), *OPTIONS]  # fmt: skip
    # As many threads as in this process: another number sums in another order.
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    kills = 0
    for attempt in range(40):
        process = subprocess.Popen(
            command, env=one_thread, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        marks = [tmp_path / "vectors.safetensors", tmp_path / "checkpoint.safetensors"]
        if attempt < 2:  # the moment the first vectors, the first checkpoint are there
            while process.poll() is None and not marks[attempt].exists():
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
    assert kills >= 1
    for name in ("weights.safetensors", "vectors.safetensors", "vocabulary.json"):
        assert (tmp_path / name).read_bytes() == (trained[1] / name).read_bytes()


def test_vectors_from_a_file(table: Path, tmp_path: Path) -> None:
    lines = [f"{word} {i} 1 0.5" for i, word in enumerate(f"{SPACE} {BIKES} elsewhere".split())]
    (tmp_path / "v.txt").write_text("\n".join(lines))
    given = Recipe(
        vectors=str(tmp_path / "v.txt"),
        settings={"filters": {"1": 3}},
        training=TrainingConfig(epochs=1),
    )
    recipe.run(given, corpora.load_corpus(table), tmp_path / "out")
    model = whyword.load(tmp_path / "out")
    assert isinstance(model, WordCNN)
    assert "elsewhere" not in model.vectors.words
    assert model.vectors.dimension == 3


def test_vectors_of_another_model(trained: Trained, table: Path, tmp_path: Path) -> None:
    given = replace(SMALL, vectors=str(trained[1]), training=TrainingConfig(epochs=1))
    recipe.run(given, corpora.load_corpus(table), tmp_path)
    model, source = whyword.load(tmp_path), whyword.load(trained[1])
    assert isinstance(model, WordCNN)
    assert isinstance(source, WordCNN)
    assert model.vectors.words == source.vectors.words
    with pytest.raises(ModelError, match="no word vectors"):
        recipe.run(replace(given, vectors=str(table.parent)), corpora.load_corpus(table), tmp_path)


def test_test_documents_of_foreign_classes_are_refused(trained: Trained, table: Path) -> None:
    corpus = corpora.load_corpus(table)
    other = corpora.Corpus(corpus.texts, corpus.labels, ("cars", "space"), corpus.names)
    with pytest.raises(InputError, match="cars"):
        recipe.evaluate(whyword.load(trained[1]), other)
