"""Triangular systems against forward substitution, step by step."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from whyword import lrp

RULES = lrp.Composite.for_transformers(epsilon=1e-13)


def substituted(t: Tensor, b: Tensor, *, upper: bool) -> Tensor:
    """T y = b, one row after the other."""
    size = t.shape[-1]
    rows: dict[int, Tensor] = {}
    for i in range(size)[:: -1 if upper else 1]:
        row = b[..., i, :]
        for j, y in rows.items():
            row = row - t[..., i, j, None] * y
        rows[i] = row / t[..., i, i, None]
    return torch.stack([rows[i] for i in range(size)], dim=-2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("varies", ["both", "side"])
def test_a_triangular_system_is_its_steps(seed: int, upper: bool, left: bool, varies: str) -> None:
    draw = torch.Generator().manual_seed(seed)
    x, w, v, head = (
        torch.randn(shape, generator=draw, dtype=torch.float64)
        for shape in ((2, 4, 3), (3, 4), (3, 3), (2, 12))
    )
    diagonal = 2 * torch.eye(4, dtype=torch.float64)

    def score(solve: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(e: Tensor) -> Tensor:
            t = (e @ w if varies == "both" else x @ w) / 2 + diagonal
            b = e @ v
            return (solve(t, b) if left else solve(t, b.mT).mT).reshape(2, -1) @ head.T

        return run

    def at_once(t: Tensor, b: Tensor) -> Tensor:
        t = t.triu() if upper else t.tril()
        result: Tensor = torch.linalg.solve_triangular(t, b, upper=upper, left=left)
        return result

    def by_steps(t: Tensor, b: Tensor) -> Tensor:
        if left:
            return substituted(t, b, upper=upper)
        return substituted(t.mT, b.mT, upper=not upper).mT

    targets = torch.eye(2, dtype=torch.float64)[:, None].expand(2, 2, 2)
    found, expected = (
        lrp.relevance(score(solve), x, targets, composite=RULES) for solve in (at_once, by_steps)
    )
    torch.testing.assert_close(found.scores, expected.scores)
    most = float(expected.relevance.abs().max())
    torch.testing.assert_close(found.relevance, expected.relevance, rtol=0, atol=1e-7 * most)


def test_a_constant_side_is_refused() -> None:
    x, side = torch.eye(2)[None], torch.ones(1, 2, 1)

    def score(e: Tensor) -> Tensor:
        result: Tensor = torch.linalg.solve_triangular(e, side, upper=True).reshape(1, 2)
        return result

    with pytest.raises(lrp.UnsupportedFunction, match="only its system"):
        lrp.relevance(score, x, torch.ones(1, 1, 2))


def test_a_unit_diagonal_is_not_read() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 3, generator=draw, dtype=torch.float64)
    targets = torch.ones(1, 1, 1, dtype=torch.float64)

    def score(unit: bool) -> Callable[[Tensor], Tensor]:
        def run(e: Tensor) -> Tensor:
            t = e if unit else e.tril(-1) + torch.eye(3, dtype=torch.float64)
            options = {"upper": False, "unitriangular": unit}
            result: Tensor = torch.linalg.solve_triangular(t, e * 2, **options).sum().reshape(1, 1)
            return result

        return run

    found, expected = (
        lrp.relevance(score(unit), x, targets, composite=RULES) for unit in (True, False)
    )
    torch.testing.assert_close(found.relevance, expected.relevance)
