"""From a corpus to a model folder, through the command line, killed and resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import whyword
from whyword import InputError, ModelError
from whyword.data import corpora
from whyword.models.cnn.model import WordCNN
from whyword.models.folder import saved_vectors
from whyword.progress import Progress
from whyword.training.config import TrainingConfig
from whyword.training.network import ATTEMPTS
from whyword.training.performance import performance_on
from whyword.training.recipe import Recipe
from whyword.training.train import train_model
from whyword.training.vectors import START

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
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def trained(posts: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    directory = tmp_path_factory.mktemp("trained")
    corpus = corpora.load_corpus(posts)
    return train_model(SMALL, corpus, directory, test=corpus, about="small"), directory


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


def test_the_model_in_the_folder_is_the_one_reported(trained: Trained, posts: Path) -> None:
    report, directory = trained
    corpus = corpora.load_corpus(posts)
    found = performance_on(whyword.load(directory), corpus)
    assert found.accuracy == report["test"]["accuracy"]


def test_a_finished_run_given_again_does_nothing_anew(trained: Trained, posts: Path) -> None:
    report, directory = trained
    before = (directory / "weights.safetensors").read_bytes()
    phases = []
    again = train_model(
        SMALL, corpora.load_corpus(posts), directory, progress=lambda at: phases.append(at.phase)
    )
    assert set(phases) == {"reading", "linear model"}
    assert (directory / "weights.safetensors").read_bytes() == before
    assert again["history"] == report["history"]


def test_vectors_are_learned_with_the_task_unless_they_are_fixed(
    trained: Trained, posts: Path, tmp_path: Path
) -> None:
    report, directory = trained
    assert report["training"]["vector_rate"] in (1.0, 0.1)
    assert set(report["attempts"]) == {"1", "0.1"}
    start, learned = saved_vectors(directory / START), saved_vectors(directory)
    assert start.words == learned.words
    assert (start.array != learned.array).any(axis=1).all()
    fixed = replace(SMALL, training=replace(SMALL.training, vector_rate=0.0))
    assert train_model(fixed, corpora.load_corpus(posts), tmp_path)["attempts"].keys() == {"0"}
    np.testing.assert_array_equal(
        saved_vectors(tmp_path / START).array, saved_vectors(tmp_path).array
    )


def test_killed_and_resumed_training_ends_with_the_same_weights(
    trained: Trained, posts: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "whyword", "train", "--corpus", str(posts),
               "--output", str(tmp_path), *OPTIONS]  # fmt: skip
    # As many threads as in this process: another number sums in another order.
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    kills = 0
    for attempt in range(40):
        process = subprocess.Popen(
            command, env=one_thread, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        marks = [
            tmp_path / START / "vectors.safetensors",
            tmp_path / ATTEMPTS / "1" / "checkpoint.safetensors",
            tmp_path / ATTEMPTS / "0.1" / "checkpoint.safetensors",
            tmp_path / "checkpoint.safetensors",
        ]
        if attempt < len(marks):  # the moment vectors, an attempt, the refit are there
            while process.poll() is None and not marks[attempt].exists():
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
    assert kills >= 1
    for name in ("weights.safetensors", "vectors.safetensors", "vocabulary.json"):
        assert (tmp_path / name).read_bytes() == (trained[1] / name).read_bytes()


def test_vectors_from_a_file(posts: Path, tmp_path: Path) -> None:
    lines = [f"{word} {i} 1 0.5" for i, word in enumerate(f"{SPACE} {BIKES} elsewhere".split())]
    (tmp_path / "v.txt").write_text("\n".join(lines))
    given = Recipe(
        vectors=str(tmp_path / "v.txt"),
        settings={"filters": {"1": 3}},
        training=TrainingConfig(epochs=1),
    )
    train_model(given, corpora.load_corpus(posts), tmp_path / "out")
    model = whyword.load(tmp_path / "out")
    assert isinstance(model, WordCNN)
    assert "elsewhere" not in model.vectors.words
    assert model.vectors.dimension == 3


def test_vectors_of_another_model(trained: Trained, posts: Path, tmp_path: Path) -> None:
    given = replace(SMALL, vectors=str(trained[1]), training=TrainingConfig(epochs=1))
    train_model(given, corpora.load_corpus(posts), tmp_path)
    model, source = whyword.load(tmp_path), whyword.load(trained[1])
    assert isinstance(model, WordCNN)
    assert isinstance(source, WordCNN)
    assert model.vectors.words == source.vectors.words
    with pytest.raises(ModelError, match="no word vectors"):
        train_model(replace(given, vectors=str(posts.parent)), corpora.load_corpus(posts), tmp_path)


def refuses(settings: Recipe, corpus: corpora.Corpus, directory: Path, match: str) -> None:
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=match):
        train_model(settings, corpus, directory)
    after = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert after == before


def changed(corpus: corpora.Corpus, what: str) -> corpora.Corpus:
    """Another corpus of equal size."""
    texts, labels, classes = corpus.texts, corpus.labels, corpus.classes
    if what == "texts":
        texts = texts[::-1]
    elif what == "labels":
        labels = 1 - labels
    elif what == "classes":
        classes = ("cars", "comets")
    return corpora.Corpus(texts, labels, classes, corpus.names, what == "order")


@pytest.mark.parametrize("what", ["texts", "labels", "classes", "order"])
def test_another_corpus_of_equal_size_is_refused(trained: Trained, posts: Path, what: str) -> None:
    """The model of the first came back, under the names of the other's classes."""
    other = changed(corpora.load_corpus(posts), what)
    refuses(SMALL, other, trained[1], r"run\.json belongs to another run, .* corpus\. Give")


def test_other_settings_are_refused_before_anything_is_overwritten(
    trained: Trained, posts: Path, tmp_path: Path
) -> None:
    corpus, directory = corpora.load_corpus(posts), trained[1]
    window = replace(SMALL, skip_gram={**SMALL.skip_gram, "window": 6})
    refuses(window, corpus, directory, "differs in: skip_gram")
    seed = replace(SMALL, training=replace(SMALL.training, seed=1))
    refuses(seed, corpus, directory, "differs in: seed")
    given = replace(SMALL, vectors=str(directory))
    refuses(given, corpus, directory, "differs in: vectors, skip_gram")
    # Linear models have no checkpoint; the folder knows what it is all the same.
    linear = Recipe("linear", {"ngrams": 1})
    train_model(linear, corpus, tmp_path)
    train_model(linear, corpus, tmp_path)
    refuses(linear, changed(corpus, "labels"), tmp_path, "differs in: corpus")
    refuses(Recipe("linear"), corpus, tmp_path, "differs in: settings")


def test_what_is_given_is_another_run_than_what_the_corpus_decides() -> None:
    spelled = Recipe(settings={"filters": {"2": 800}})
    assert Recipe().identity() != spelled.identity()
    assert spelled.identity() == Recipe(settings={"filters": {2: 800}}).identity()
    assert Recipe(skip_gram={"window": 7}).identity()["skip_gram"] == {"window": 7}
    # What the architecture has no use for makes no difference.
    assert Recipe("linear", skip_gram={"window": 3}).identity() == Recipe("linear").identity()


def test_vectors_with_other_numbers_are_another_run(posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    lines = [f"{word} {i} 1" for i, word in enumerate(f"{SPACE} {BIKES}".split())]
    path.write_text("\n".join(lines))
    given = Recipe(
        vectors=str(path), settings={"filters": {"1": 3}}, training=TrainingConfig(epochs=1)
    )
    corpus = corpora.load_corpus(posts)
    train_model(given, corpus, tmp_path / "out")
    moved = path.rename(tmp_path / "moved.txt")
    train_model(replace(given, vectors=str(moved)), corpus, tmp_path / "out")
    path.write_text("\n".join(lines[::-1]))
    refuses(given, corpus, tmp_path / "out", "differs in: vectors")
    path.unlink()
    refuses(given, corpus, tmp_path / "out", "Cannot read word vectors")


@pytest.mark.parametrize("left", ["start", "model.json", "checkpoint.safetensors"])
def test_a_folder_of_a_version_that_noted_no_contents_is_refused(
    trained: Trained, posts: Path, tmp_path: Path, left: str
) -> None:
    if (trained[1] / left).is_dir():
        shutil.copytree(trained[1] / left, tmp_path / left)
    else:
        (tmp_path / left).write_bytes((trained[1] / left).read_bytes())
    match = rf"something else \({left}\), or a run of a version .* give another folder, or remove"
    with pytest.raises(InputError, match=match):
        train_model(SMALL, corpora.load_corpus(posts), tmp_path)


def test_two_runs_in_one_folder_at_once(posts: Path, tmp_path: Path) -> None:
    corpus = corpora.load_corpus(posts)
    refusals = []

    def meanwhile(at: Progress) -> None:
        if at.phase == "word vectors":
            with ThreadPoolExecutor(1) as other:
                refusals.append(other.submit(train_model, SMALL, corpus, tmp_path).exception())

    train_model(SMALL, corpus, tmp_path, progress=meanwhile)
    assert len(refusals) == 10
    assert all("is in use by another run" in str(refusal) for refusal in refusals)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("cnn", {"dropout": 1.5}), ("cnn", {"dropout": float("nan")}), ("cnn", {"dropout": True}),
        ("cnn", {"word_dropout": -0.1}), ("cnn", {"filters": {"2": 0}}),
        ("cnn", {"filters": {"2": 1.5}}), ("cnn", {"filters": {"two": 3}}),
        ("cnn", {"filters": [2, 3]}), ("lstm", {"hidden": 0}), ("lstm", {"hidden": 2.0}),
        ("gru", {"layers": True}), ("gru", {"bidirectional": 2}), ("gru", {"word_dropout": 2}),
        ("characters", {"dimension": 0}), ("characters", {"max_characters": -1}),
        ("linear", {"ngrams": 0}), ("linear", {"ngrams": "2"}),
        ("transformer", {"base": "b", "max_length": 0}), ("transformer", {"base": "b", "full": 1}),
        ("transformer", {"base": 7}),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_before_anything_is_read(
    kind: str, settings: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=r"^Got .*; expected"):
        Recipe(kind, settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("dimension", 0), ("window", 0), ("window", 2.5), ("epochs", -1), ("sample", 1.0),
     ("sample", float("nan")), ("min_count", 0), ("negative", True)],
)  # fmt: skip
def test_impossible_settings_of_skip_gram_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^Got {name} .*; expected"):
        Recipe(skip_gram={name: value})


def test_settings_that_there_are_not_are_refused() -> None:
    with pytest.raises(InputError, match="Skip-gram has no windows; it has: dimension"):
        Recipe(skip_gram={"windows": 3})
    with pytest.raises(InputError, match="cnn has no classes and no tokenizer"):
        Recipe(settings={"classes": ("a", "b"), "tokenizer": None})


def test_a_recipe_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    Recipe("lstm")
    assert torch.equal(torch.get_rng_state(), before)


def test_test_documents_of_foreign_classes_are_refused(trained: Trained, posts: Path) -> None:
    corpus = corpora.load_corpus(posts)
    other = corpora.Corpus(corpus.texts, corpus.labels, ("cars", "space"), corpus.names)
    with pytest.raises(InputError, match="cars"):
        performance_on(whyword.load(trained[1]), other)
