"""The loss that makes a model ignore words."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import WORDS, random_cnn, random_vectors
from test_training import StopError, assert_same, run
from whyword import InputError
from whyword.models.base import NetworkClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.recurrent import LSTMClassifier
from whyword.progress import Progress
from whyword.training.config import TrainingConfig
from whyword.training.suppression import hidden_positions, scores_and_penalty

documents = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=5)


@given(documents, st.sets(st.sampled_from(WORDS)), st.integers(0, 20))
def test_the_penalty_is_the_mean_square_of_what_the_words_change(
    written: Sequence[list[str]], words: set[str], seed: int
) -> None:
    model = random_cnn(seed).double()
    texts = [" ".join(text).upper() for text in written]
    scores, penalty = scores_and_penalty(model, model.encode(texts), words)
    changes = []
    for i, text in enumerate(written):
        embeddings = model.embed(model.encode([texts[i]])).clone()
        before = model.score(embeddings, model.encode([texts[i]]))[0]
        for position, word in enumerate(text):
            if word in words:
                embeddings[0, position] = 0
        after = model.score(embeddings, model.encode([texts[i]]))[0]
        torch.testing.assert_close(scores[i], after, atol=1e-9, rtol=1e-9)
        if set(text) & words:
            changes.append((before - after).detach().double().numpy() ** 2)
    expected = np.mean(changes) if changes else 0.0
    assert float(penalty.detach()) == pytest.approx(expected, abs=1e-9, rel=1e-9)


def test_words_are_hidden_wherever_and_however_they_are_written() -> None:
    model = random_cnn()
    batch = model.encode(["Alpha beta ALPHA", "", "gamma"])
    assert hidden_positions(batch, {"alpha"}).tolist() == [
        [True, False, True],
        [False] * 3,
        [False] * 3,
    ]
    assert not hidden_positions(batch, ()).any()


def test_characters_of_the_words_are_hidden() -> None:
    model = CharacterCNN(("a", "b"), filters={2: 3})
    hidden = hidden_positions(model.encode(["ab cd ab"]), {"ab"})
    assert hidden[0].tolist() == [True, True, False, False, False, False, True, True]


def test_dropout_makes_no_difference_of_its_own() -> None:
    """A word that the model ignores costs nothing, whatever dropout does."""
    model = random_cnn(4)
    model.train()
    with torch.no_grad():
        model.embedding[model.vectors.ids(["alpha"])[0]] = 0
    batch = model.encode(["alpha beta gamma delta", "epsilon alpha"])
    for _ in range(5):
        assert float(scores_and_penalty(model, batch, {"alpha"})[1].detach()) < 1e-9


@pytest.mark.parametrize(
    "build",
    [
        lambda: LSTMClassifier(random_vectors(), ("a", "b"), hidden=4),
        lambda: CharacterCNN(("a", "b"), filters={2: 3}),
    ],
    ids=["lstm", "characters"],
)
def test_every_network_can_be_trained_so(
    tmp_path: Path, build: Callable[[], NetworkClassifier]
) -> None:
    config = TrainingConfig(epochs=1, refit=False, suppress=("alpha",))
    model, history = run(tmp_path, config, build)
    assert np.isfinite(history.loss).all()
    assert not model.training


def test_a_stopped_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=3, batch_size=8, refit=False, suppress=("alpha", "kappa"))
    whole, _ = run(tmp_path / "whole", config)
    plain, _ = run(tmp_path / "plain", TrainingConfig(epochs=3, batch_size=8, refit=False))
    with pytest.raises(AssertionError):
        assert_same(whole, plain)
    steps = []

    def stop(*_: Progress) -> None:
        steps.append(1)
        if len(steps) == 9:
            raise StopError

    with contextlib.suppress(StopError):
        run(tmp_path / "stopped", config, progress=stop)
    resumed, _ = run(tmp_path / "stopped", config)
    assert_same(whole, resumed)


def test_other_words_are_another_run(tmp_path: Path) -> None:
    run(tmp_path, TrainingConfig(epochs=1, refit=False))
    with pytest.raises(InputError, match="differs in: suppress"):
        run(tmp_path, TrainingConfig(epochs=1, refit=False, suppress=("alpha",)))
