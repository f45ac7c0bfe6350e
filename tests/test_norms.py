"""Norms, deviations and normalisations: what each element adds, derived by hand."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from laws import EPSILON, conserves, explained
from whyword import lrp


def random_input(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def by_parts(
    contributions: NDArray[np.float64], value: float, *, shares: bool
) -> NDArray[np.float64]:
    """R_i = (c_i + s |c_i| / Σ|c|) / (Σ c + s) · R."""
    z = contributions.sum()
    s = EPSILON if z >= 0 else -EPSILON
    size = np.abs(contributions)
    shared = s * size / size.sum() if shares else 0.0
    result: NDArray[np.float64] = (contributions + shared) / (z + s) * value
    return result


def power(p: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda x: np.abs(x) ** p


def spread(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = x * (x - x.mean())
    return result


FUNCTIONS = {
    "norm": (lambda x: x.norm(dim=1), power(2)),
    "norm, p = 1": (lambda x: torch.norm(x, p=1, dim=1), power(1)),
    "norm, p = 3": (lambda x: x.norm(3, 1), power(3)),
    "vector_norm": (lambda x: torch.linalg.vector_norm(x, ord=2.5, dim=1), power(2.5)),
    "linalg.norm": (lambda x: torch.linalg.norm(x, axis=1, keepdims=True), power(2)),
    "std": (lambda x: x.std(dim=1), spread),
    "std by position": (lambda x: torch.std(x, 1, False, True), spread),
    "std by NumPy's names": (lambda x: x.std(axis=1, keepdims=True), spread),
    "var": (lambda x: x.var(1, correction=0), spread),
    "std_mean": (lambda x: torch.std_mean(x, 1)[0], spread),
    "var_mean": (lambda x: torch.var_mean(x, dim=1, correction=2, keepdim=True)[0], spread),
}


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_element_gets_what_it_adds(name: str, shares: bool) -> None:
    function, parts = FUNCTIONS[name]
    for seed in range(3):
        x = random_input(seed)
        scores, found = explained(function, x, "paper" if shares else "plain")
        for document, column in product(range(2), range(4)):
            expected = np.zeros((5, 4))
            contributions = parts(x[document, :, column].numpy())
            value = scores[document, column]
            expected[:, column] = by_parts(contributions, value, shares=shares)
            np.testing.assert_allclose(found[column, document], expected, atol=1e-10)


def softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.exp(x) / np.exp(x).sum()
    return result


@pytest.mark.parametrize(
    "function", [lambda x: x.logsumexp(1), lambda x: torch.special.logsumexp(x, (1,), True)]
)
def test_a_soft_maximum_is_shared_by_the_softmax(function: Callable[[Tensor], Tensor]) -> None:
    x = random_input()
    x[0, 2] = -math.inf
    scores, found = explained(function, x)
    for document, column in product(range(2), range(4)):
        expected = softmax(x[document, :, column].numpy()) * scores[document, column]
        np.testing.assert_allclose(found[column, document, :, column], expected)


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (torch.logaddexp, lambda a, b: np.exp(a) / (np.exp(a) + np.exp(b))),
        (torch.logaddexp2, lambda a, b: 2**a / (2**a + 2**b)),
        (torch.hypot, lambda a, b: a**2 / (a**2 + b**2)),
    ],
)
def test_of_two_tensors(
    function: Callable[..., Tensor], parts: Callable[[float, float], float]
) -> None:
    x = random_input()
    scores, found = explained(lambda x: function(x[:, 0], other=x[:, 1]), x)
    first, second = x[:, 0].numpy(), x[:, 1].numpy()
    for document, column in product(range(2), range(4)):
        expected = np.zeros((5, 4))
        part = parts(first[document, column], second[document, column])
        expected[:2, column] = part, 1 - part
        expected *= scores[document, column]
        np.testing.assert_allclose(found[column, document], expected, atol=1e-12)
    # Beside a constant, and of one tensor alone, it is an activation.
    assert conserves(lambda x: function(x, torch.ones(4, dtype=x.dtype)), x)
    assert conserves(lambda x: function(x, 2 * x), x)
    assert conserves(lambda x: function(torch.ones(5, 4, dtype=x.dtype), x[:, :1]), x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.norm(),
        lambda x: x.norm(p="fro", dim=(0, 1)),
        torch.linalg.norm,
        torch.linalg.matrix_norm,
        lambda x: torch.linalg.vector_norm(x, torch.inf),
        lambda x: torch.linalg.vector_norm(x, -torch.inf, 0),
        lambda x: x.var(),
        lambda x: torch.std(x, unbiased=False),
        lambda x: torch.std_mean(x, True)[0] + torch.std_mean(x)[1],
        lambda x: torch.logsumexp(x, (0, 1)),
        lambda x: x / x.norm(dim=-1, keepdim=True),
        lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True),
        lambda x: x * x.norm(dim=-1, keepdim=True),
        lambda x: functional.normalize(x, dim=-1),
        lambda x: functional.normalize(x, p=1.0, dim=0, eps=1e-6),
        lambda x: functional.layer_norm(x, (5, 4)),
        lambda x: functional.rms_norm(x, (4,), torch.ones(4, dtype=x.dtype)),
        lambda x: functional.local_response_norm(x[None], 3),
    ],
)
def test_conserves(f: Callable[..., Tensor]) -> None:
    assert conserves(lambda x: torch.stack([f(t) for t in x]), random_input())


def test_normalisers_take_nothing() -> None:
    """The signal beside them takes all, in a quotient and in a product."""
    x = random_input()
    for f in (
        lambda x: x[:, 0] / x[:, 1:].norm(dim=1),
        lambda x: x[:, 0] * x[:, 1:].std(dim=1),
        lambda x: x[:, 0] * torch.std_mean(x[:, 1:], dim=1)[0],
        lambda x: x[:, 0] / (x[:, 1:].var(dim=1) + 1e-5).sqrt(),
        lambda x: x[:, 0] * (x[:, 1:].var(dim=1) + 1e-5).rsqrt(),
    ):
        scores, found = explained(f, x)
        assert not found[:, :, 1:].any()
        np.testing.assert_allclose(found[:, :, 0].sum(-1), scores.T)
    # The mean that comes with a deviation is a signal.
    _, found = explained(lambda x: x[:, 0] * torch.std_mean(x[:, 1:], dim=1)[1], x)
    assert found[:, :, 1:].any()


def centred(document: NDArray[np.float64], groups: int, eps: float = 1e-5) -> NDArray[np.float64]:
    """Each channel less the mean of its group, over its deviation, as a matrix."""
    channels, positions = document.shape
    matrix = np.zeros((channels, positions, channels, positions))
    for group in np.split(np.arange(channels), groups):
        values = document[group]
        scale = 1 / np.sqrt(values.var() + eps)
        for a, i, b, j in product(group, range(positions), group, range(positions)):
            same = float(a == b and i == j)
            matrix[a, i, b, j] = (same - 1 / values.size) * scale
    n = channels * positions
    return matrix.reshape(n, n)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups: int) -> None:
    """The deviation is constant; then a weight and a bias for each channel."""
    x = random_input()[:, :4]
    weight, bias = torch.randn(2, 4, dtype=torch.float64)

    def f(x: Tensor) -> Tensor:
        if groups == 4:
            return functional.instance_norm(x, weight=weight, bias=bias)
        return functional.group_norm(x, groups, weight, bias)

    for document in range(2):
        scores, found = explained(f, x)
        values, matrix = x[document].numpy(), centred(x[document].numpy(), groups)
        normed = values.ravel() @ matrix
        w, b = (np.repeat(t.numpy(), 4) for t in (weight, bias))
        np.testing.assert_allclose(scores[document], normed * w + b)
        for j, score in enumerate(scores[document]):
            s = EPSILON * np.copysign(1, score)
            q = (normed[j] * w[j] + b[j] + s) / (score + s) * score
            c, s = values.ravel() * matrix[:, j], EPSILON * np.copysign(1, normed[j])
            size = (matrix[:, j] != 0).sum()
            shared = np.where(matrix[:, j] != 0, s / size, 0)
            expected = (c + shared) / (normed[j] + s) * q
            np.testing.assert_allclose(found[j, document].ravel(), expected, atol=1e-9)


@pytest.mark.parametrize("composite", ["paper", "plain"])
def test_batch_norm_in_evaluation(composite: str) -> None:
    """A multiple of each element, and a constant."""
    x = random_input()
    mean, weight, bias = torch.randn(3, 5, dtype=torch.float64)
    variance = torch.rand(5, dtype=torch.float64) + 0.5

    def f(x: Tensor) -> Tensor:
        return functional.batch_norm(x, mean, variance, weight, bias)

    scores, found = explained(f, x, composite)
    _, same = explained(
        lambda x: functional.instance_norm(x, mean, variance, weight, bias, False), x, composite
    )
    np.testing.assert_array_equal(same, found)
    scale = (weight / (variance + 1e-5).sqrt()).numpy()
    for document, row, column in np.ndindex(2, 5, 4):
        z = scores[document, 4 * row + column]
        s = EPSILON * np.copysign(1, z)
        part = x[document, row, column].item() * scale[row]
        numerator = z + s if composite == "paper" else part
        expected = np.zeros((5, 4))
        expected[row, column] = numerator / (z + s) * z
        np.testing.assert_allclose(found[4 * row + column, document], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: torch.linalg.norm(x[0], ord=2), "norms of matrices"),
        (lambda x: torch.linalg.matrix_norm(x, ord="nuc"), "norms of matrices"),
        (lambda x: x.norm(0, dim=1), "expected a positive p"),
        (lambda x: x.norm(-1, dim=1), "expected a positive p"),
        (lambda x: functional.batch_norm(x, None, None, training=True), "model.eval"),
        (lambda x: functional.layer_norm(x, (4,), x[0, 0]), "weight depends"),
    ],
)
def test_what_is_refused(f: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(lrp.UnsupportedFunction, match=message):
        explained(lambda x: f(x).sum().expand(len(x), 1), random_input())
