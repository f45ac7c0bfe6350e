"""The word CNN: its fast forward pass, and LRP and gradients in closed form."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import reference
from models import random_cnn, random_text
from whyword.batch import Batch
from whyword.classifier import Classifier
from whyword.errors import InputError
from whyword.models.cnn.model import WordCNN


class Shape(TypedDict):
    """Of a random CNN."""

    seed: int
    dimension: int
    filters: dict[int, int]
    shift: float


class Setup(NamedTuple):
    """A random CNN and texts, and their numbers for the plain derivation."""

    model: WordCNN
    batch: Batch
    kernels: reference.Kernels
    output: reference.Weights
    documents: list[reference.Array]


shapes = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "dimension": st.integers(1, 6),
        "filters": st.dictionaries(st.integers(1, 5), st.integers(1, 6), min_size=1, max_size=3),
        "shift": st.sampled_from([-30.0, 0.0, 30.0]),
    }
)
lengths = st.lists(st.integers(0, 9), min_size=1, max_size=4)


def everything(model: Classifier, batch: Batch) -> Tensor:
    """Targets that ask for every class of every document."""
    n = len(model.classes)
    return torch.eye(n).double()[:, None].expand(n, len(batch), n)


def setup(shape: Shape, sizes: Sequence[int]) -> Setup:
    model = random_cnn(**shape).double()
    rng = np.random.default_rng(shape["seed"])
    batch = model.encode([random_text(rng, size) for size in sizes])
    kernels = [(w.detach().numpy(), b.detach().numpy()) for w, b in model.layers.kernels]
    output = (model.output.weight.detach().numpy(), model.output.bias.detach().numpy())
    documents = [
        model.embedding[ids[mask]].numpy() for ids, mask in zip(batch.ids, batch.mask, strict=True)
    ]
    return Setup(model, batch, kernels, output, documents)


@given(shapes, lengths)
@settings(max_examples=60, deadline=None)
def test_lrp_equals_the_plain_derivation(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    found = model.lrp(batch, everything(model, batch), components=True)
    assert found.components is not None
    for b, document in enumerate(documents):
        for c in range(len(model.classes)):
            scores, expected = reference.lrp(document, kernels, output, c)
            size = len(expected)
            np.testing.assert_allclose(found.scores[b], scores, atol=1e-10, rtol=1e-10)
            np.testing.assert_allclose(
                found.components[c, b, :size], expected, atol=1e-10, rtol=1e-10
            )
            np.testing.assert_allclose(
                found.relevance[c, b, :size], expected.sum(1), atol=1e-10, rtol=1e-10
            )
            assert not found.relevance[c, b, size:].any()


@given(shapes, lengths)
@settings(max_examples=60, deadline=None)
def test_gradient_equals_the_chain_rule(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    _, found = model.gradient(batch, everything(model, batch))
    for b, document in enumerate(documents):
        for c in range(len(model.classes)):
            expected = reference.gradient(document, kernels, output, c)
            np.testing.assert_allclose(
                found[c, b, : len(document)], expected, atol=1e-10, rtol=1e-10
            )


@given(shapes, lengths)
@settings(max_examples=30, deadline=None)
def test_gradient_equals_autograd(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    embeddings = model.embed(batch).requires_grad_()
    scores = model.score(embeddings, batch)
    _, found = model.gradient(batch, everything(model, batch))
    for c in range(len(model.classes)):
        (expected,) = torch.autograd.grad(scores[:, c].sum(), embeddings, retain_graph=True)
        torch.testing.assert_close(found[c], expected, atol=1e-10, rtol=0)


@given(shapes, lengths)
@settings(max_examples=30, deadline=None)
def test_relevance_is_conserved_for_every_class(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    for epsilon in (0.01, 1.0):
        found = model.lrp(batch, everything(model, batch), epsilon=epsilon)
        torch.testing.assert_close(found.relevance.sum(2), found.scores.T, atol=1e-10, rtol=1e-10)


@given(shapes, lengths)
@settings(max_examples=30, deadline=None)
def test_unique_words_give_what_the_convolution_gives(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    torch.testing.assert_close(
        model(batch), model.score(model.embed(batch), batch), atol=1e-10, rtol=0
    )


@given(shapes, lengths)
@settings(max_examples=20, deadline=None)
def test_a_document_alone_equals_itself_in_a_batch(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    together = model.lrp(batch, everything(model, batch))
    for b, document in enumerate(batch.documents):
        single = model.encode([document])
        alone = model.lrp(single, everything(model, single))
        size = alone.relevance.shape[2]
        torch.testing.assert_close(together.scores[b], alone.scores[0], atol=1e-10, rtol=0)
        torch.testing.assert_close(
            together.relevance[:, b, :size], alone.relevance[:, 0], atol=1e-10, rtol=0
        )


def test_training_gradients_through_winners_equal_those_of_the_convolution() -> None:
    model = random_cnn(3, filters={1: 2, 3: 4}).double()
    batch = model.encode(["alpha beta gamma delta alpha", "zeta", ""])
    fast = torch.autograd.grad(model(batch).square().sum(), list(model.parameters()))
    plain = model.score(model.embed(batch), batch)
    slow = torch.autograd.grad(plain.square().sum(), list(model.parameters()))
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


def test_word_dropout_acts_in_training_only() -> None:
    model = random_cnn(1)
    model.word_dropout = 1.0
    batch, nothing = model.encode(["alpha beta gamma"]), model.encode(["unknown words here"])
    assert not torch.equal(model(batch), model(nothing))
    model.train()
    model.dropout.p = 0.0
    torch.testing.assert_close(model(batch), model(nothing))


@pytest.mark.parametrize("filters", [{0: 3}, {2: 0}, {-1: 4}])
def test_impossible_filters_are_refused(filters: Mapping[int, int]) -> None:
    with pytest.raises(InputError, match="expected a whole number, 1 to"):
        random_cnn(filters=filters)
