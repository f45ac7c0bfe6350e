"""Shapley values: of maxima, within LRP, and of words, each against brute force."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

import reference
from models import WORDS, random_cnn
from test_cnn import Shape, everything, lengths, setup, shapes
from test_methods import KINDS, TEXTS, classifier
from whyword import InputError, explain
from whyword.lrp import Composite
from whyword.lrp.maxima import shares_of_maximum
from whyword.methods import lrp, shapley, shapley_lrp
from whyword.models.cnn.shapley import _best_windows
from whyword.targets import against_competitors


def by_orders(worth: Callable[[tuple[int, ...]], float], players: int) -> NDArray[np.float64]:
    """Shapley values by definition: mean gains over all orders."""
    total = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        for i, player in enumerate(order):
            total[player] += worth(order[: i + 1]) - worth(order[:i])
    return total / len(orders)


numbers = st.floats(-3, 3).map(lambda x: round(x, 2))


@given(st.lists(st.one_of(numbers, st.just(-np.inf)), min_size=1, max_size=5))
@settings(deadline=None)
def test_shares_of_a_maximum_are_shapley_values(values: Sequence[float]) -> None:
    values = sorted(values, reverse=True)
    expected = by_orders(lambda s: max([0.0, *(values[i] for i in s)]), len(values))
    found = shares_of_maximum(torch.tensor(values, dtype=torch.float64), 0).numpy()
    if values[0] > 0:
        np.testing.assert_allclose(found * values[0], expected, atol=1e-10)
    else:
        assert found.tolist() == [1.0] + [0.0] * (len(values) - 1)


def test_shares_stand_along_the_axis_asked_for() -> None:
    values = torch.randn(2, 5, 3).double().sort(dim=1, descending=True).values
    for b in range(2):
        for f in range(3):
            alone = shares_of_maximum(values[b, :, f], 0)
            torch.testing.assert_close(shares_of_maximum(values, 1)[b, :, f], alone)


@given(
    seed=st.integers(0, 1000),
    windows=st.integers(1, 40),
    depth=st.integers(1, 12),
    ties=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_best_windows_are_the_first_of_a_stable_sort(
    seed: int, windows: int, depth: int, ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(2, windows, 3)))
    values = values.round() if ties else values
    values[1, windows // 2 + 1 :] = -torch.inf  # outside a shorter document
    ordered, order = values.sort(dim=1, descending=True, stable=True)
    found, places = _best_windows(values.clone(), depth)
    assert found.shape[1] == min(depth, windows)
    torch.testing.assert_close(found, ordered[:, :depth])
    real = found > -torch.inf
    assert torch.equal(places[real], order[:, :depth][real])
    assert int(places.max()) < windows


def plain(
    document: NDArray[np.float64],
    kernels: reference.Kernels,
    output: reference.Weights,
    target: NDArray[np.float64],
    depth: int,
    epsilon: float = 0.01,
) -> NDArray[np.float64]:
    """Relevance ``(word,)`` of a direction, in loops; `reference.lrp` but for the maximum."""
    weights, biases = output
    widest = max(w.shape[2] for w, _ in kernels)
    size, dimension = max(len(document), widest), kernels[0][0].shape[1]
    x = np.zeros((size, dimension))
    x[: len(document)] = document

    def sign(z: float) -> float:
        return epsilon if z >= 0 else -epsilon

    windows = []
    for w, b in kernels:
        for j in range(len(w)):
            own = []
            for t in range(max(len(document) - w.shape[2], 0) + 1):
                parts = [x[t + k] @ w[j, :, k] for k in range(w.shape[2])]
                own.append((sum(parts) + b[j], t, parts))
            windows.append((b[j], sorted(own, key=lambda item: -item[0])[:depth]))
    h = np.array([max(own[0][0], 0.0) for _, own in windows])
    scores = weights @ h + biases
    relevance = np.zeros(size)
    for j, (bias, own) in enumerate(windows):
        incoming = sum(
            target[c]
            * scores[c]
            * (h[j] * weights[c, j] + (biases[c] + sign(scores[c])) / len(h))
            / (scores[c] + sign(scores[c]))
            for c in range(len(scores))
        )
        best = own[0][0]
        for r, (z, t, parts) in enumerate(own):
            levels = [max(v, 0.0) for v, _, _ in own[r:]] + [0.0]
            share = sum((a - b) / (r + 1 + i) for i, (a, b) in enumerate(pairwise(levels)))
            share = share / best if best > 0 else float(r == 0)
            for k, part in enumerate(parts):
                each = (bias + sign(z)) / len(parts)
                relevance[t + k] += incoming * share * (part + each) / (z + sign(z))
    return relevance[: len(document)] if len(document) else relevance


@given(shapes, lengths, st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_the_closed_form_equals_the_plain_derivation(
    shape: Shape, sizes: Sequence[int], depth: int
) -> None:
    model, batch, kernels, output, documents = setup(shape, sizes)
    targets = everything(model, batch)
    found = shapley_lrp(model, batch, targets, contrast=1.5, depth=depth, components=True)
    directions = against_competitors(targets, found.scores, sharpness=1.5)
    for b, document in enumerate(documents):
        for c in range(len(model.classes)):
            expected = plain(document, kernels, output, directions[c, b].numpy(), depth)
            size = len(expected)
            np.testing.assert_allclose(found.relevance[c, b, :size], expected, atol=1e-9, rtol=1e-9)
    assert found.components is not None
    torch.testing.assert_close(found.components.sum(3), found.relevance, atol=1e-9, rtol=1e-9)


@given(shapes, lengths)
@settings(max_examples=30, deadline=None)
def test_with_one_window_and_no_contrast_it_is_lrp(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    targets = everything(model, batch)
    found = shapley_lrp(model, batch, targets, contrast=None, depth=1, components=True)
    expected = lrp(model, batch, targets, components=True)
    torch.testing.assert_close(found.relevance, expected.relevance, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(found.components, expected.components, atol=1e-9, rtol=1e-9)
    assert found.remainder is not None
    assert not found.remainder["competitors"].any()


@given(shapes, lengths)
@settings(max_examples=30, deadline=None)
def test_the_engine_equals_the_closed_form_of_all_windows(
    shape: Shape, sizes: Sequence[int]
) -> None:
    model, batch, *_ = setup(shape, sizes)
    targets = everything(model, batch)
    closed = shapley_lrp(model, batch, targets, contrast=None, depth=100, components=True)
    composite = Composite(maxima="shapley")
    found = lrp(model, batch, targets, composite=composite, components=True)
    torch.testing.assert_close(found.components, closed.components, atol=1e-8, rtol=1e-8)


@given(shapes, lengths, st.integers(1, 9), st.sampled_from([None, 0.5, 2.0]))
@settings(max_examples=60, deadline=None)
def test_relevance_and_competitors_make_the_score(
    shape: Shape,
    sizes: Sequence[int],
    depth: int,
    contrast: float | None,
) -> None:
    model, batch, *_ = setup(shape, sizes)
    found = shapley_lrp(model, batch, everything(model, batch), depth=depth, contrast=contrast)
    assert found.remainder is not None
    total = found.relevance.sum(dim=2) + found.remainder["competitors"]
    torch.testing.assert_close(total, found.scores.T, atol=1e-9, rtol=1e-9)


@given(shapes, lengths)
@settings(max_examples=20, deadline=None)
def test_a_document_alone_equals_itself_in_a_batch(shape: Shape, sizes: Sequence[int]) -> None:
    model, batch, *_ = setup(shape, sizes)
    together = shapley_lrp(model, batch, everything(model, batch), depth=2)
    for b, document in enumerate(batch.documents):
        single = model.encode([document])
        alone = shapley_lrp(model, single, everything(model, single), depth=2)
        size = alone.relevance.shape[2]
        torch.testing.assert_close(
            together.relevance[:, b, :size], alone.relevance[:, 0], atol=1e-9, rtol=1e-9
        )
        assert not together.relevance[:, b, size:].any()


@given(seed=st.integers(0, 1000), sharpness=st.sampled_from([0.5, 1.0, 3.0]))
@settings(deadline=None)
def test_a_contrast_is_the_gradient_of_log_odds(seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.normal(size=(3, 4)) * 3).requires_grad_()
    targets = torch.eye(4).double()[:, None].expand(4, 3, 4)
    directions = against_competitors(targets, scores.detach(), sharpness=sharpness)
    for c in range(4):
        others = scores[:, [i for i in range(4) if i != c]]
        odds = scores[:, c] - (sharpness * others).logsumexp(dim=1) / sharpness
        (gradient,) = torch.autograd.grad(odds.sum(), scores)
        torch.testing.assert_close(directions[c], gradient, atol=1e-12, rtol=0)


def test_contrasts_stay_as_they_are() -> None:
    scores = torch.randn(2, 3).double()
    pair = torch.tensor([1.0, 0, -1]).expand(1, 2, 3)
    whole = torch.ones(1, 2, 3)
    assert torch.equal(against_competitors(pair, scores), pair.double())
    assert torch.equal(against_competitors(whole, scores), whole.double())
    strongest = against_competitors(torch.eye(3)[:1, None].expand(1, 2, 3), scores, sharpness=1e4)
    assert torch.equal(strongest.argmin(dim=2)[0], scores[:, 1:].argmax(dim=1) + 1)


def test_words_have_shapley_values_by_definition() -> None:
    model = classifier("cnn")
    batch = model.encode(["alpha beta gamma alpha"])
    whole = model.embed(batch)

    def worth(c: int, words: Sequence[int]) -> float:
        kept = torch.tensor([w in words for w in range(4)])
        return model.score(whole * kept[None, :, None], batch)[0, c].item()

    found = shapley(model, batch, everything(model, batch), samples=2000, batch_size=100)
    for c in range(3):
        expected = by_orders(partial(worth, c), 4)
        spread = np.abs(expected).max()
        np.testing.assert_allclose(found.relevance[c, 0], expected, atol=0.05 * spread)
        np.testing.assert_allclose(found.relevance[c, 0].sum(), expected.sum(), atol=1e-10)


def test_with_windows_of_one_word_and_no_bias_closed_form_and_sampling_agree() -> None:
    """Then players are words, and what shares a window is exact."""
    model = random_cnn(5, filters={1: 12}).double()
    with torch.no_grad():
        model.layers.kernels[0][1].zero_()
        model.output.bias.zero_()
    batch = model.encode([" ".join(WORDS[:5])])
    targets = everything(model, batch)
    closed = shapley_lrp(model, batch, targets, epsilon=1e-12).relevance
    sampled = shapley(model, batch, targets, contrast=1.5, samples=1500, batch_size=100).relevance
    torch.testing.assert_close(sampled, closed, atol=0.03 * float(closed.abs().max()), rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_classifier_gets_a_contrast_and_its_maxima(kind: str) -> None:
    model = classifier(kind)
    for e in explain(model, TEXTS, method="shapley_lrp", targets="a"):
        weights = np.exp(1.5 * e.scores[1:]) / np.exp(1.5 * e.scores[1:]).sum()
        np.testing.assert_allclose(e.remainder["competitors"], weights @ e.scores[1:], atol=1e-9)
    with_maxima = not np.allclose(
        explain(model, TEXTS[0], method="shapley_lrp", contrast=None).relevance,
        explain(model, TEXTS[0], method="lrp").relevance,
    )
    assert with_maxima == (kind != "linear")


@pytest.mark.parametrize(
    ("call", "same"),
    [
        (lambda x: x.max(dim=1).values, True),
        (lambda x: torch.max(x, 1, keepdim=True)[0].squeeze(1), True),
        (lambda x: x.amax(dim=1), True),
        (lambda x: x[:, :, None].amax(dim=(1, 2)), True),
        (lambda x: torch.nn.functional.adaptive_max_pool1d(x.mT, 1).squeeze(2), True),
        (lambda x: torch.nn.functional.max_pool1d(x.mT, x.shape[1]).squeeze(2), True),
        (lambda x: -(-x).amin(dim=1), False),  # a minimum has one winner
    ],
)
def test_the_engine_shares_every_way_of_writing_a_maximum(
    call: Callable[[Tensor], Tensor], same: bool
) -> None:
    from whyword.lrp import relevance

    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    targets = torch.eye(3)[:, None].expand(3, 2, 3)
    found = relevance(call, x, targets, composite=Composite(maxima="shapley")).relevance
    ordered, order = x.sort(dim=1, descending=True)
    shares = torch.empty_like(x).scatter(1, order, shares_of_maximum(ordered, 1))
    for c in range(3):
        expected = torch.zeros_like(x)
        expected[:, :, c] = shares[:, :, c] * x.amax(dim=1)[:, None, c]
        assert torch.allclose(found[c], expected) == same


@pytest.mark.parametrize(
    "settings", [{"contrast": 0}, {"contrast": -1.0}, {"epsilon": 0}, {"depth": 0}]
)
def test_impossible_settings_are_refused(settings: Mapping[str, Any]) -> None:
    with pytest.raises(InputError, match="Got"):
        explain(classifier("cnn"), "alpha", method="shapley_lrp", **settings)


def test_unknown_rules_for_maxima_are_refused() -> None:
    with pytest.raises(InputError, match="winner, shapley"):
        Composite(maxima="banzhaf")  # type: ignore[arg-type]


def test_impossible_settings_of_sampling_are_refused() -> None:
    for given_settings in ({"samples": 0}, {"contrast": 0}, {"components": True}):
        with pytest.raises(InputError):
            explain(classifier("cnn"), "alpha", method="shapley", **given_settings)
