"""Maxima in training: values and gradients are those of the plain convolution, by autograd."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import WORDS, random_vectors
from whyword import Explanation, explain, load
from whyword.data.vectors import UNKNOWN
from whyword.models import store
from whyword.models.cnn import learning
from whyword.models.cnn.model import WordCNN
from whyword.models.recurrent import GRUClassifier


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 2**31),
)
def test_gradients_are_those_of_all_windows(
    lengths: list[int], width: int, filters: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    positions = max(*lengths, width)
    slots = torch.randint(1, 7, (len(lengths), positions), generator=generator)
    for row, length in zip(slots, lengths, strict=True):
        row[length:] = 0
    vectors = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    vectors[0] = 0
    weight = torch.randn(filters, 3, width, generator=generator, dtype=torch.float64)
    weighting = torch.randn(len(lengths), filters, generator=generator, dtype=torch.float64)

    ours = [vectors.clone().requires_grad_(), weight.clone().requires_grad_()]
    found = learning.maxima(ours[0], ours[1], slots, torch.tensor(lengths))
    (found * weighting).sum().backward()

    theirs = [vectors.clone().requires_grad_(), weight.clone().requires_grad_()]
    values = torch.nn.functional.conv1d(theirs[0][slots].mT, theirs[1])
    windows = torch.tensor(lengths).sub(width).clamp(min=0)
    outside = torch.arange(values.shape[2]) > windows[:, None]
    plain = values.masked_fill(outside[:, None], -torch.inf).amax(dim=2)
    (plain * weighting).sum().backward()

    torch.testing.assert_close(found, plain)
    for one, other in zip(ours, theirs, strict=True):
        # Where windows are equal, autograd's maximum shares its gradient among them.
        if _has_no_ties(values, outside):
            torch.testing.assert_close(one.grad, other.grad)


def _has_no_ties(values: torch.Tensor, outside: torch.Tensor) -> bool:
    shown = values.masked_fill(outside[:, None], -torch.inf)
    return bool((shown == shown.amax(dim=2, keepdim=True)).sum(dim=2).eq(1).all())


@pytest.mark.parametrize("kind", [WordCNN, GRUClassifier])
def test_vectors_are_learned_and_fixed_when_saved(
    kind: type[WordCNN | GRUClassifier], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = kind(random_vectors(), ("a", "b"), dropout=0.0, word_dropout=0.0)
    before = model.embedding.clone()
    model.learn_vectors()
    assert "embedding" in model.state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    batch = model.encode([f"{WORDS[0]} {WORDS[1]} nowhere", WORDS[1]])
    model.train()
    torch.nn.functional.cross_entropy(model(batch), torch.tensor([0, 1])).backward()
    optimizer.step()
    model.eval().fix_vectors()
    moved = (model.embedding != before).any(dim=1)
    ids = model.vectors.ids([WORDS[0], WORDS[1]])
    assert moved[ids].all()
    assert moved.sum() == 2
    assert not model.embedding[UNKNOWN].any()
    assert "embedding" not in model.state_dict()
    assert not model.embedding.requires_grad
    np.testing.assert_array_equal(model.vectors.table(), model.embedding.numpy())

    store.save(model, tmp_path)
    text = f"{WORDS[0]} {WORDS[3]} {WORDS[1]}"
    first, again = explain(model, text), explain(load(tmp_path), text)
    assert isinstance(first, Explanation)
    assert isinstance(again, Explanation)
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.relevance, again.relevance)


def test_other_devices_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = WordCNN(random_vectors(), ("a", "b"), dropout=0.0, word_dropout=0.0)
    model.learn_vectors()
    model.train()
    batch = model.encode([" ".join(WORDS[:4]) + " nowhere", WORDS[5]])

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        model(batch).square().sum().backward()
        return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    ours = gradients()
    # The way of other devices, taken here.
    monkeypatch.setattr(
        learning,
        "maxima",
        lambda vectors, weight, slots, lengths: (
            model.layers.maxima(model.layers.found(vectors, slots), lengths)[0]
            - model.layers.kernels[0][1]
        ),
    )
    for one, other in zip(ours, gradients(), strict=True):
        torch.testing.assert_close(one, other)


def test_unknown_words_learn_no_vector() -> None:
    model = WordCNN(random_vectors(), ("a", "b"), filters={1: 8}, word_dropout=0.5)
    model.learn_vectors()
    model.train()
    model(model.encode(["nowhere " * 5, WORDS[0]])).square().sum().backward()
    assert model.embedding.grad is not None
    assert not model.embedding.grad[UNKNOWN].any()
