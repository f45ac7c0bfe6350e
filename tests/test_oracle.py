"""The greedy oracle: each step is the best one, on the CNN and within a budget."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from models import random_cnn, random_text
from test_cnn import Shape, lengths, setup, shapes
from test_deletion import toy
from whyword import InputError
from whyword.classifier import SearchesGreedily
from whyword.evaluation.oracle import Gain, Objective, oracle_orders
from whyword.removal import scores_without

every = 10**6


@given(shapes, lengths, st.integers(1, 11), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_single_deletion_is_better_than_the_oracles(
    shape: Shape,
    sizes: Sequence[int],
    steps: int,
    lower: bool,
    to_zero: bool,
) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    mean = model.embedding[1:].mean(dim=0).numpy()
    orders = oracle_orders(
        model,
        batch.documents,
        np.full(len(documents), 1),
        np.full(len(documents), lower),
        steps=steps,
        operator="zero" if to_zero else "mean",
    )
    vector = np.zeros_like(mean) if to_zero else mean
    sign = 1 if lower else -1
    for document, order in zip(documents, orders, strict=True):
        taken = min(steps, len(document))
        assert len(set(order[:taken].tolist())) == taken
        assert (order[taken:] == -1).all()
        gone: list[int] = []
        for word in order[:taken].tolist():
            margins = reference.margins_after_one_more(document, kernels, output, gone, 1, vector)
            assert sign * margins[word] <= min(sign * m for m in margins.values()) + 1e-9
            gone.append(word)


@pytest.mark.parametrize("fast", [True, False])
def test_an_order_by_hand(fast: bool) -> None:
    """alpha (3, 0), beta (2, 0), gamma (0, 1): alpha alone lowers a; for raising it, gamma goes."""
    model = toy()
    assert isinstance(model, SearchesGreedily)
    documents = model.documents(["beta gamma alpha"] * 2 + ["delta"])
    found = oracle_orders(
        model, documents, np.array([0, 0, 0]), np.array([True, False, True]), steps=3, fast=fast
    )
    assert found.tolist() == [[2, 0, 1], [1, 0, 2], [0, -1, -1]]


@pytest.mark.parametrize("objective", ["margin", "probability", "score"])
def test_both_ways_reach_the_same_scores(objective: Objective) -> None:
    model = random_cnn(4, filters={2: 30}).double()
    documents = model.documents(["alpha beta gamma delta alpha kappa zeta", "iota iota eta"])
    both = [
        oracle_orders(
            model, documents, np.array([0, 2]), np.array([True, False]),
            steps=5, objective=objective, fast=fast, budget=every,
        )
        for fast in (True, False)
    ]  # fmt: skip
    np.testing.assert_array_equal(both[0], both[1])


@pytest.mark.parametrize("operator", ["zero", "mean", "reference"])
def test_both_ways_find_the_same_order(operator: str) -> None:
    """Whatever takes a word's place, until no word is left."""
    rng = np.random.default_rng(0)
    found = []
    for seed in range(12):
        model = random_cnn(seed, filters={2: 12, 3: 12}).double()
        options: dict[str, Any] = {"operator": "zero" if operator == "zero" else "mean"}
        if operator == "reference":
            options["reference"] = torch.from_numpy(rng.normal(size=5))
        documents = model.documents([random_text(rng, 12), random_text(rng, 4)])
        arguments = (model, documents, np.array([0, 2]), np.array([True, False]))
        fast = oracle_orders(*arguments, steps=12, **options)
        plain = oracle_orders(*arguments, steps=12, fast=False, budget=every, **options)
        np.testing.assert_array_equal(fast, plain)
        found.append((fast != oracle_orders(*arguments, steps=12)).any())
    assert any(found) == (operator != "zero")


@pytest.mark.parametrize("lower", [True, False])
def test_of_equal_words_the_first_goes(lower: bool) -> None:
    """Scores are whole numbers here, so that equal ones are so exactly in both ways."""
    model, rng = toy(), np.random.default_rng(1)
    words = ["alpha", "beta", "gamma", "delta"]
    documents = model.documents([" ".join(rng.choice(words, size=8)) for _ in range(60)])
    arguments = (model, documents, np.zeros(60, dtype=int), np.full(60, lower))
    fast, plain = (
        oracle_orders(*arguments, steps=8, fast=fast, budget=every) for fast in (True, False)
    )
    np.testing.assert_array_equal(fast, plain)


def test_a_budget_goes_to_the_most_promising_words() -> None:
    """With one trial a step, the words go as they stood after the first."""
    model = random_cnn(4, filters={2: 30}).double()
    documents = model.documents(["alpha beta gamma delta theta kappa zeta"])
    batch = model.encode(documents).rows(torch.zeros(7, dtype=torch.long))
    scores = scores_without(model, batch, torch.eye(7, dtype=torch.bool))
    gains = Gain(torch.tensor([0]), torch.tensor([True]))(scores[None])[0]
    found = oracle_orders(
        model, documents, np.array([0]), np.array([True]), steps=7, fast=False, budget=0
    )
    assert found[0].tolist() == gains.argsort(descending=True, stable=True).tolist()


def test_a_small_budget_still_orders_words() -> None:
    model = random_cnn(4, filters={2: 30}).double()
    documents = model.documents(["alpha beta gamma delta alpha kappa zeta"])
    arguments = (model, documents, np.array([0]), np.array([True]))
    small = oracle_orders(*arguments, steps=7, fast=False, budget=0)
    whole = oracle_orders(*arguments, steps=7, fast=False, budget=every)
    assert sorted(small[0].tolist()) == list(range(7))
    assert small[0, 0] == whole[0, 0]  # the first step tries every word


def test_objectives() -> None:
    scores = torch.tensor([[[2.0, 1.0, 0.0]]])
    target, lower = torch.tensor([1]), torch.tensor([True])
    assert Gain(target, lower)(scores).item() == 1  # -(1 - 2)
    assert Gain(target, ~lower)(scores).item() == -1
    assert Gain(target, lower, "score")(scores).item() == -1
    odds = np.e / (np.e**2 + 1)
    assert Gain(target, ~lower, "probability")(scores).item() == pytest.approx(np.log(odds))
    with pytest.raises(InputError, match="margin, probability, score"):
        oracle_orders(random_cnn(), [], np.array([]), np.array([]), objective="best")  # type: ignore[arg-type]
