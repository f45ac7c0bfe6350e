"""The training loop: validation part, choice of the epoch, checkpoints, both optimisers."""

import contextlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from models import WORDS, random_vectors
from whyword import Document, InputError
from whyword.batch import Batch
from whyword.data.arrays import Ints, Singles
from whyword.data.vectors import WordVectors
from whyword.models.base import NetworkClassifier
from whyword.models.cnn.model import WordCNN
from whyword.progress import Progress
from whyword.text import Tokenizer
from whyword.training.checkpoint import History
from whyword.training.config import TrainingConfig
from whyword.training.loop import train
from whyword.training.validation import split


def corpus(n: int = 60, seed: int = 0) -> tuple[list[Document], NDArray[np.int64]]:
    """Two classes, told apart by their words."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    texts = [
        " ".join(rng.choice(WORDS[:5] if label else WORDS[5:], rng.integers(2, 9)))
        for label in labels
    ]
    return [Tokenizer()(text) for text in texts], labels


def build() -> WordCNN:
    return WordCNN(random_vectors(), ("a", "b"), filters={2: 8}, word_dropout=0.1)


def run(
    directory: Path,
    config: TrainingConfig,
    build: Callable[[], NetworkClassifier] = build,
    **options: Any,
) -> tuple[NetworkClassifier, History]:
    documents, labels = corpus()
    model, history, _ = train(build, documents, labels, config, directory, **options)
    return model, history


def weights(model: NetworkClassifier) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def assert_same(a: NetworkClassifier, b: NetworkClassifier) -> None:
    for name, array in weights(a).items():
        np.testing.assert_array_equal(array, weights(b)[name])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_training_learns(tmp_path: Path, optimizer: Literal["adamw", "sgd"]) -> None:
    rate = 0.01 if optimizer == "adamw" else 0.1
    config = TrainingConfig(epochs=8, optimizer=optimizer, learning_rate=rate, batch_size=8)
    model, history = run(tmp_path, config)
    assert max(history.validation_accuracy) == 1.0
    assert history.loss[-1] < history.loss[0]
    assert not model.training


class StopError(Exception):
    """Stands for the kill."""


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("at", [1, 9, 17, 25, 40])
def test_a_stopped_run_ends_with_the_same_weights(
    tmp_path: Path, optimizer: Literal["adamw", "sgd"], at: int
) -> None:
    rate = 0.01 if optimizer == "adamw" else 0.02
    config = TrainingConfig(
        epochs=4, batch_size=8, optimizer=optimizer, learning_rate=rate, refit=True, seed=3
    )
    whole, history = run(tmp_path / "whole", config)
    steps = []

    def stop(*_: Progress) -> None:
        steps.append(1)
        if len(steps) == at:
            raise StopError

    with contextlib.suppress(StopError):
        run(tmp_path / "stopped", config, progress=stop)
    assert len(steps) == at or at == 40
    torch.manual_seed(12345)  # the state of the process must not matter
    resumed, again = run(tmp_path / "stopped", config)
    assert_same(whole, resumed)
    assert again.validation_accuracy == history.validation_accuracy
    assert (again.loss, again.refit_loss) == (history.loss, history.refit_loss)
    assert len(history.refit_loss) >= 2


def test_every_epoch_draws_its_own_dropout(tmp_path: Path) -> None:
    seeds = []

    class Spy(WordCNN):
        def forward(self, batch: Batch) -> Tensor:
            if self.training:
                seeds.append(torch.initial_seed())
            return super().forward(batch)

    run(
        tmp_path,
        TrainingConfig(epochs=3, refit=False),
        lambda: Spy(random_vectors(), ("a", "b"), filters={2: 4}),
    )
    assert len(set(seeds)) == 3


def test_training_leaves_the_random_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    run(tmp_path, TrainingConfig(epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_differ(tmp_path: Path) -> None:
    first, _ = run(tmp_path / "0", TrainingConfig(epochs=1, seed=0))
    second, _ = run(tmp_path / "1", TrainingConfig(epochs=1, seed=1))
    with pytest.raises(AssertionError):
        assert_same(first, second)


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path, TrainingConfig(epochs=1))
    with pytest.raises(InputError, match="another run, which differs in: seed"):
        run(tmp_path, TrainingConfig(epochs=1, seed=9))


def with_vectors(
    words: tuple[str, ...], array: Singles, names: tuple[str, str] = ("a", "b")
) -> Callable[[], WordCNN]:
    return lambda: WordCNN(WordVectors(words, array, True), names, filters={2: 8})


def test_another_corpus_of_equal_size_is_refused(tmp_path: Path) -> None:
    """It was taken for the first, whose model came back under the names of the other's classes."""
    documents, labels = corpus()
    vectors = random_vectors()
    words, array = vectors.words, vectors.array
    first = with_vectors(words, array)

    def again(
        build: Callable[[], WordCNN] = first,
        documents: list[Document] = documents,
        labels: Ints = labels,
        *,
        chronological: bool = False,
    ) -> None:
        config = TrainingConfig(epochs=1)
        train(build, documents, labels, config, tmp_path, chronological=chronological)

    again()
    other = [Document(documents[0].text + " alpha", documents[0].spans), *documents[1:]]
    unlike = [Document(documents[0].text, documents[0].spans[1:]), *documents[1:]]
    changes: dict[str, list[dict[str, Any]]] = {
        "documents": [{"documents": other}, {"documents": unlike}, {"documents": documents[::-1]}],
        "labels": [{"labels": 1 - labels}],
        "classes": [{"build": with_vectors(words, array, ("b", "a"))}],
        "vectors": [
            {"build": with_vectors(words, array * 2)},
            {"build": with_vectors(words[::-1], array)},
        ],
        "chronological": [{"chronological": True}],
    }
    for name, options in changes.items():
        for option in options:
            with pytest.raises(InputError, match=f"another run, which differs in: {name}"):
                again(**option)
    again()


def test_a_checkpoint_that_does_not_say_what_it_was_trained_on_is_refused(tmp_path: Path) -> None:
    run(tmp_path, TrainingConfig(epochs=1))
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["state"])
    for name in ("format", "labels", "vectors", "classes", "chronological"):
        del state["identity"][name]
    state["identity"]["documents"] = 60
    save_file(load_file(path), path, metadata={"state": json.dumps(state)})
    with pytest.raises(InputError, match=r"another version .* give another folder, or remove"):
        run(tmp_path, TrainingConfig(epochs=1))
    save_file(load_file(path), path)
    with pytest.raises(InputError, match="another version"):
        run(tmp_path, TrainingConfig(epochs=1))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        run(tmp_path, TrainingConfig(epochs=1))


def test_two_runs_in_one_folder_at_once(tmp_path: Path) -> None:
    """They wrote each other's drafts."""
    config, refusals = TrainingConfig(epochs=1), []

    def meanwhile(_: Progress) -> None:
        with ThreadPoolExecutor(1) as other:
            refusals.append(other.submit(run, tmp_path, config).exception())

    run(tmp_path, config, progress=meanwhile)
    assert refusals
    for refusal in refusals:
        assert isinstance(refusal, InputError)
        assert "is in use by another run" in str(refusal)


def test_the_best_epoch_is_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    # A rate that ruins the weights: the first epochs are the best ones.
    config = TrainingConfig(epochs=30, batch_size=8, patience=2, learning_rate=0.02)
    documents, labels = corpus()
    model, history, validated = train(build, documents, labels, config, tmp_path)
    assert len(history.validation_accuracy) == history.best_epoch + 2 < 30
    _, held_out = split(labels, 0.1, chronological=False)
    batch = model.encode([documents[i] for i in held_out])
    with torch.no_grad():
        accuracy = (model(batch).argmax(1).numpy() == labels[held_out]).mean()
    assert accuracy == max(history.validation_accuracy)
    # Not by the model that is returned, which has been trained on these as well.
    found = validated.scores.argmax(1) == labels[held_out]
    assert found.mean() == max(history.validation_accuracy)
    np.testing.assert_allclose(validated.right.mean(axis=1), history.validation_accuracy)


def test_refit_sees_all_documents_for_the_best_number_of_epochs(tmp_path: Path) -> None:
    seen: list[str] = []

    class Spy(WordCNN):
        def forward(self, batch: Batch) -> Tensor:
            if self.training:
                seen.extend(document.text for document in batch.documents)
            return super().forward(batch)

    documents, labels = corpus()
    config = TrainingConfig(epochs=3, refit=True)
    _, history, _ = train(
        lambda: Spy(random_vectors(), ("a", "b"), filters={2: 4}),
        documents,
        labels,
        config,
        tmp_path,
    )
    train_part, _ = split(labels, 0.1, chronological=False)
    first, second = seen[: 3 * len(train_part)], seen[3 * len(train_part) :]
    assert set(first) == {documents[i].text for i in train_part}
    assert len(second) == history.best_epoch * len(documents)
    assert set(second) == {document.text for document in documents}


@given(
    st.lists(st.integers(0, 3), min_size=5, max_size=60),
    st.floats(0.05, 0.9),
    st.booleans(),
    st.integers(0, 5),
)
def test_split_keeps_every_class_on_both_sides(
    drawn: Sequence[int], share: float, chronological: bool, seed: int
) -> None:
    labels = np.array(drawn)
    chosen, held_out = split(labels, share, chronological=chronological, seed=seed)
    assert sorted([*chosen, *held_out]) == list(range(len(labels)))
    for label in set(labels):
        members = np.flatnonzero(labels == label)
        kept, out = np.isin(members, chosen), members[np.isin(members, held_out)]
        assert kept.any()
        assert len(out) or len(members) == 1
        if chronological and len(out):
            assert out.tolist() == members[-len(out) :].tolist()


def test_nothing_to_validate_on_is_refused() -> None:
    with pytest.raises(InputError, match="at least two"):
        split(np.array([0, 1, 2]), 0.1, chronological=False)


NAN, INFINITE = float("nan"), float("inf")

IMPOSSIBLE: dict[str, tuple[object, ...]] = {
    "epochs": (0, -1, 1.5, 2.0, True, "3", NAN),
    "batch_size": (0, 0.5, True),
    "optimizer": ("adam", None, 1, ["sgd"]),
    "learning_rate": (0.0, -1, NAN, INFINITE, True, "0.1", None),
    "vector_rate": (-1, NAN, INFINITE, True, "1"),
    "minutes": (0, -1, NAN, INFINITE, True, "1"),
    "momentum": (-1, -1e-9, 1, 2.0, NAN, True),
    "weight_decay": (-0.1, NAN, INFINITE, False),
    "label_smoothing": (2, 1.0, -0.1, NAN, True),
    "class_weights": ("none", 2.0, ["a"], {1: 2.0}, {"a": 0}, {"a": NAN}),
    "validation": (0, 1.0, 1, -0.5, NAN, True),
    "patience": (0, -1, 1.0, True, "1"),
    "refit": (0, 1, "yes", None),
    "seed": (-1, 0.0, True, None, 2**32),
    "suppress": ("alpha", ("Alpha",), ("",), (3,), 3, None),
    "suppress_penalty": (-1, NAN, INFINITE, True),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_configurations_are_refused(name: str) -> None:
    for value in IMPOSSIBLE[name]:
        with pytest.raises(InputError, match=rf"^Got .*{name}\b.*; expected .*\.$"):
            TrainingConfig(**{name: value})  # type: ignore[arg-type]


def test_every_setting_is_checked() -> None:
    assert set(IMPOSSIBLE) == {field.name for field in fields(TrainingConfig)}
    with pytest.raises(InputError, match="expected a finite number of at least 0 and below 1"):
        TrainingConfig(label_smoothing=2)


def test_numbers_of_numpy_are_taken_as_python_s() -> None:
    config = TrainingConfig(epochs=np.int64(3), momentum=np.float32(0.5), suppress=["alpha"])  # type: ignore[arg-type]
    assert (config.epochs, config.momentum, config.suppress) == (3, 0.5, ("alpha",))
    assert [type(config.epochs), type(config.momentum)] == [int, float]


def test_best_epoch_is_the_first_of_equals() -> None:
    assert History(validation_accuracy=[0.5, 0.7, 0.7]).best_epoch == 2
