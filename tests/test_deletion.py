"""Deletion curves: orders, the plain way, and the word CNN's fast one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from models import random_cnn, random_text, random_vectors
from test_cnn import Shape, lengths, setup, shapes
from whyword import InputError
from whyword.batch import Batch
from whyword.classifier import FollowsDeletions, tokenised
from whyword.data.corpora import Corpus
from whyword.evaluation.deletion import (
    curves,
    deletion_order,
    plain_scores_along,
    random_orders,
)
from whyword.models.cnn.model import WordCNN
from whyword.models.recurrent import LSTMClassifier
from whyword.text import Tokenizer


def orders_for(
    rng: np.random.Generator, batch: Batch, steps: int, runs: int = 2
) -> NDArray[np.int64]:
    """Random orders, shorter than the steps where the documents are."""
    return random_orders(
        [len(document) for document in batch.documents],
        runs=runs,
        steps=steps,
        seed=int(rng.integers(1000)),
    )


@given(shapes, lengths, st.integers(1, 11), st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_fast_way_equals_forward_passes(
    shape: Shape,
    sizes: Sequence[int],
    steps: int,
    insertion: bool,
) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    rng = np.random.default_rng(shape["seed"])
    orders = orders_for(rng, batch, steps)
    vector = rng.normal(size=shape["dimension"])
    found = model.scores_along(
        batch, torch.from_numpy(orders), replacement=torch.from_numpy(vector), insertion=insertion
    )
    for run in range(len(orders)):
        for i, document in enumerate(documents):
            expected = reference.deletion_scores(
                document, kernels, output, orders[run, i], vector, insertion
            )
            np.testing.assert_allclose(found[run, i], expected, atol=1e-9, rtol=1e-9)


@given(shapes, lengths, st.integers(1, 8), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_plain_way_equals_forward_passes(
    shape: Shape,
    sizes: Sequence[int],
    steps: int,
    insertion: bool,
) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    orders = orders_for(np.random.default_rng(shape["seed"]), batch, steps)
    found = plain_scores_along(
        model, batch, torch.from_numpy(orders), insertion=insertion, batch_size=3
    )
    for i, document in enumerate(documents):
        zero = np.zeros(shape["dimension"])
        expected = reference.deletion_scores(
            document, kernels, output, orders[1, i], zero, insertion
        )
        np.testing.assert_allclose(found[1, i], expected, atol=1e-9, rtol=1e-9)


@given(st.lists(st.integers(-2, 2), max_size=12), st.integers(1, 15), st.booleans())
def test_orders_are_sorted_and_ties_go_to_the_first_word(
    relevance: Sequence[int], steps: int, decreasing: bool
) -> None:
    shares = np.array(relevance, dtype=float)
    order = deletion_order(shares, steps=steps, decreasing=decreasing)
    sign = -1 if decreasing else 1
    expected = sorted(range(len(relevance)), key=lambda i: (sign * relevance[i], i))[:steps]
    assert order.tolist() == expected + [-1] * (steps - len(expected))


def test_constant_relevance_is_document_order() -> None:
    for decreasing in (True, False):
        order = deletion_order(np.full(5, 0.3), steps=3, decreasing=decreasing)
        assert order.tolist() == [0, 1, 2]


def test_random_orders_depend_on_seed_run_and_place_alone() -> None:
    every = random_orders([4, 6, 2], runs=3, steps=5, seed=1)
    np.testing.assert_array_equal(every[:2, :2], random_orders([4, 6], runs=2, steps=5, seed=1))
    assert (every != random_orders([4, 6, 2], runs=3, steps=5, seed=2)).any()
    assert sorted(every[0, 0].tolist()) == [-1, 0, 1, 2, 3]
    assert every[2, 2].tolist()[2:] == [-1, -1, -1]
    alike = random_orders([9, 9, 9], runs=2, steps=9).reshape(6, 9)
    assert len({tuple(order) for order in alike.tolist()}) == 6


def toy() -> WordCNN:
    """A CNN of width 1 whose two filters are its two classes' evidence: max over words."""
    model = random_cnn(0, dimension=5, filters={1: 2}, classes=("a", "b"))
    with torch.no_grad():
        model.embedding[:] = 0
        for word, vector in {"alpha": (3, 0), "beta": (2, 0), "gamma": (0, 1)}.items():
            model.embedding[model.vectors.ids([word])[0], :2] = torch.tensor(vector).float()
        ((weight, bias),) = model.layers.kernels
        weight[:] = torch.eye(2, 5)[:, :, None]
        bias[:] = 0
        model.output.weight[:] = torch.eye(2)
        model.output.bias[:] = 0
    return model


def test_a_curve_by_hand() -> None:
    """alpha (3, 0), beta (2, 0), gamma (0, 1): scores (3, 1), then (2, 1), (0, 1), (0, 0)."""
    model = toy()
    documents = model.documents(["alpha gamma beta"])
    order = np.array([[[0, 2, 1, -1]]])
    found = curves(model, documents, order, labels=np.array([0]), targets=np.array([1]))
    assert found.predicted[0, 0].tolist() == [0, 0, 1, 0, 0]  # of equals the first class
    assert found.accuracy[0].tolist() == [1, 1, 0, 1, 1]
    margins = np.array([2, 1, -1, 0, 0])
    np.testing.assert_allclose(found.true_probability[0, 0], 1 / (1 + np.exp(-margins)), rtol=1e-6)
    np.testing.assert_allclose(found.target_probability[0, 0], 1 / (1 + np.exp(margins)), rtol=1e-6)
    back = curves(model, documents, order, labels=np.array([1]), insertion=True)
    assert back.predicted[0, 0].tolist() == [0, 0, 0, 0, 0]
    assert back.accuracy[0].tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("fast", [True, False])
def test_no_word_is_deleted_where_the_order_names_none(fast: bool) -> None:
    """Also before the document is empty: alpha (3, 0), gamma (0, 1), beta (2, 0)."""
    model = toy()
    documents = model.documents(["alpha gamma beta"])
    orders = np.array([[[-1, 2, -1, -1]]])
    found = curves(model, documents, orders, labels=np.array([1]), fast=fast)
    margins = np.full(5, -2.0)  # alpha stands until the end
    np.testing.assert_allclose(found.true_probability[0, 0], 1 / (1 + np.exp(-margins)), rtol=1e-6)
    # If no other is named, the class explained is the true one.
    np.testing.assert_array_equal(found.target_probability, found.true_probability)


@pytest.mark.parametrize("fast", [True, False])
def test_the_mean_may_be_another_vector(fast: bool) -> None:
    """gamma's, in place of alpha."""
    model = toy()
    documents = model.documents(["alpha"])
    reference = model.embedding[model.vectors.ids(["gamma"])[0]]
    found = curves(
        model, documents, np.array([[[0]]]), labels=np.array([0]),
        operator="mean", reference=reference, fast=fast,
    )  # fmt: skip
    expected = 1 / (1 + np.exp([-3.0, 1.0]))
    np.testing.assert_allclose(found.true_probability[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("operator", ["zero", "mean", "unknown", "remove"])
def test_both_ways_predict_the_same_whatever_the_batch(operator: str) -> None:
    rng = np.random.default_rng(0)
    model = random_cnn(2, filters={1: 3, 2: 9})
    documents = model.documents([random_text(rng, n) for n in (0, 1, 7, 3, 12, 5)])
    orders = random_orders([len(d) for d in documents], runs=2, steps=9)
    labels = rng.integers(0, 3, len(documents))
    done = []
    options: dict[str, Any] = {"labels": labels, "operator": operator}
    fast = curves(
        model,
        documents,
        orders,
        **options,
        batch_size=4,
        progress=lambda at: done.append((at.phase, at.done)),
    )
    assert done == [("deleting", 4), ("deleting", 6)]
    plain = curves(model, documents, orders, **options, fast=False, batch_size=1)
    np.testing.assert_array_equal(fast.predicted, plain.predicted)
    np.testing.assert_allclose(fast.true_probability, plain.true_probability, atol=1e-5)
    assert fast.predicted[0, 0].tolist() == [fast.predicted[0, 0, 0]] * 10  # an empty document


def test_a_model_without_a_fast_way() -> None:
    model = LSTMClassifier(random_vectors(), ("a", "b"), hidden=3, tokenizer=Tokenizer()).eval()
    assert not isinstance(model, FollowsDeletions)
    documents = model.documents(["alpha beta gamma", "delta"])
    orders = np.array([[[2, 0], [0, -1]]])
    found = curves(model, documents, orders, labels=np.array([0, 1]))
    with torch.no_grad():
        batch = model.encode(documents)
        embeddings = model.embed(batch)
        embeddings[0, 2] = embeddings[1, 0] = 0
        expected = model.score(embeddings, batch).softmax(dim=1)
    np.testing.assert_allclose(found.true_probability[0, :, 1], expected[[0, 1], [0, 1]], rtol=1e-5)


def test_wrong_orders_are_refused() -> None:
    model = random_cnn()
    documents = model.documents(["alpha beta", "gamma"])
    with pytest.raises(InputError, match="document 1 names words"):
        curves(model, documents, np.array([[[0, 1], [0, 1]]]), labels=np.array([0, 0]))
    with pytest.raises(InputError, match="document 0 names words"):
        curves(model, documents, np.array([[[0, -2], [0, -1]]]), labels=np.array([0, 0]))
    with pytest.raises(InputError, match="expected"):
        curves(model, documents, np.array([[[0, 1]]]), labels=np.array([0, 0]))


@pytest.mark.corpus
def test_the_ways_agree_on_real_documents(news20: Mapping[str, Corpus]) -> None:
    from whyword import load

    model = load("news20-cnn")
    texts = news20["train"].subset(range(0, 11_000, 1000))
    documents = tokenised(model, texts.texts)
    orders = random_orders([len(d) for d in documents], runs=1, steps=10)
    fast, plain = (
        curves(model, documents, orders, labels=texts.single_labels(), fast=fast)
        for fast in (True, False)
    )
    np.testing.assert_array_equal(fast.predicted, plain.predicted)
