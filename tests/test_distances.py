"""Distances and angles, derived by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from laws import EPSILON, conserves, explained


def random_input(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def sign(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.copysign(1.0, z)


def of_difference(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    value: float,
    p: float = 2.0,
    offset: float = 0.0,
    *,
    constant: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What ‖a - b + offset‖_p hands to a and b: by |difference|^p, then to the two summands."""
    difference = a - b + offset
    parts = np.abs(difference) ** p
    relevance = (parts + EPSILON * parts / parts.sum()) / (parts.sum() + EPSILON) * value
    if offset:
        before = a - b
        s = EPSILON * sign(difference)
        relevance = (before + offset + s) / (difference + s) * relevance
    else:
        before = difference
    s = EPSILON * sign(before)
    if constant:
        return (before + s) / (before + s) * relevance, np.zeros_like(b)
    return (a + s / 2) / (before + s) * relevance, (-b + s / 2) / (before + s) * relevance


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_pairwise_distance(p: float) -> None:
    x = random_input()
    scores, found = explained(
        lambda x: functional.pairwise_distance(x[:, 0], x[:, 1], p=p, eps=0.1), x
    )
    for document in range(2):
        a, b = x[document, :2].numpy()
        first, second = of_difference(a, b, scores[document, 0], p, 0.1)
        np.testing.assert_allclose(found[0, document, 0], first)
        np.testing.assert_allclose(found[0, document, 1], second)
        assert not found[0, document, 2:].any()


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_all_pairs(p: float, constant: bool) -> None:
    x = random_input()
    others = torch.randn(3, 4, dtype=torch.float64)

    def f(x: Tensor) -> Tensor:
        return torch.cdist(x[:, :2], others.expand(len(x), 3, 4) if constant else x[:, 2:], p)

    scores, found = explained(f, x)
    for document, i, j in np.ndindex(2, 2, 3):
        expected = np.zeros((5, 4))
        far = others[j] if constant else x[document, 2 + j]
        near, value = x[document, i].numpy(), scores[document, 3 * i + j]
        expected[i], rest = of_difference(near, far.numpy(), value, p, constant=constant)
        expected[2 + j] += rest
        np.testing.assert_allclose(found[3 * i + j, document], expected, atol=1e-10)


def test_angles() -> None:
    """Of a product of two directions each takes half; norms normalise and take nothing."""
    x = random_input()
    scores, found = explained(
        lambda x: functional.cosine_similarity(x[:, 0], x[:, 1], dim=-1), x, "plain"
    )
    for document in range(2):
        a, b = x[document, :2].numpy()
        parts = a * b / np.linalg.norm(a) / np.linalg.norm(b)
        value = scores[document, 0]
        assert value == pytest.approx(parts.sum())
        expected = parts / (parts.sum() + EPSILON * sign(value)) * value / 2
        np.testing.assert_allclose(found[0, document, 0], expected)
        np.testing.assert_allclose(found[0, document, 1], expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: functional.cosine_similarity(x, torch.ones(4, dtype=x.dtype), dim=2),
        lambda x: torch.cosine_similarity(x1=x, x2=x.roll(1, 1)),
        lambda x: torch.cosine_similarity(x, x, -1),
        lambda x: functional.pairwise_distance(x, x.roll(1, 2), torch.inf, keepdim=True),
        lambda x: torch.stack([torch.dist(t, t.flip(1)) for t in x]),
        lambda x: torch.stack([torch.dist(t, t.flip(1), p=1) for t in x]),
        lambda x: torch.cdist(x, 2 * x, compute_mode="use_mm_for_euclid_dist"),
        lambda x: 1 / (1 + torch.cdist(x[:, :1], x[:, 1:])),
    ],
)
def test_conserves(f: Callable[[Tensor], Tensor]) -> None:
    assert conserves(f, random_input())
