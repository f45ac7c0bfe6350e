"""What holds for the rule of any function, however it is spelled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyword import lrp
from whyword.lrp.composites import Composite

EPSILON = 0.01
PLAIN = lrp.Epsilon(EPSILON, bias_share=False, stabiliser_share=False)
COMPOSITES = {
    "paper": lrp.Composite(),
    "plain": lrp.Composite(default=PLAIN, sums=PLAIN),
}


def explained(
    f: Callable[[Tensor], Tensor], x: Tensor, composite: str | Composite = "paper", **options: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores ``(batch, class)`` and relevance ``(class, batch, ...)`` of everything that f gives.

    Relevance is the same with all classes at once and with one after the other, scores are those
    of the plain function.
    """

    def score(x: Tensor) -> Tensor:
        return f(x).reshape(len(x), -1)

    plain = score(x).detach()
    classes = plain.shape[1]
    targets = torch.eye(classes, dtype=x.dtype)[:, None].expand(classes, len(x), classes)
    options["composite"] = COMPOSITES[composite] if isinstance(composite, str) else composite
    found = lrp.relevance(score, x, targets, **options)
    one_by_one = lrp.relevance(score, x, targets, accounting=True, **options)
    torch.testing.assert_close(found.relevance, one_by_one.relevance, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.scores, plain, rtol=1e-12, atol=1e-12)
    assert one_by_one.accounts is not None
    for account in one_by_one.accounts:
        assert abs(account.started - account.arrived - sum(account.lost.values())) < 1e-5
    return plain.numpy(), found.relevance.numpy()


def conserves(f: Callable[[Tensor], Tensor], x: Tensor, **options: Any) -> bool:
    """Whether all relevance of every score arrives at its own document."""
    scores, relevance = explained(f, x, **options)
    total = relevance.reshape(*relevance.shape[:2], -1).sum(axis=-1)
    return np.allclose(total, scores.T, rtol=1e-10, atol=1e-10)


def linear(
    f: Callable[[Tensor], Tensor], x: Tensor, *, shares: bool = True, epsilon: float = EPSILON
) -> NDArray[np.float64]:
    """The relevance of a linear function of each document alone, derived from its matrix.

    R_i = Σ_j (c_ij + (b_j + s_j) |c_ij| / Σ_i |c_ij|) / (z_j + s_j) R_j with c_ij = x_i w_ij; by
    |w_ij| where all contributions are zero. The matrix is what f makes of a basis.
    """
    result = []
    for document in x:
        size = document.numel()
        zero = f(torch.zeros_like(document)[None]).reshape(-1)
        basis = torch.eye(size, dtype=x.dtype).reshape(size, *document.shape)
        matrix = np.array([(f(b[None]).reshape(-1) - zero).tolist() for b in basis])
        values, bias = document.reshape(-1).numpy(), zero.numpy()
        rows = np.zeros((len(bias), size))
        for j in range(len(bias)):
            c = values * matrix[:, j]
            z = c.sum() + bias[j]
            s = epsilon if z >= 0 else -epsilon
            rows[j] = c / (z + s) * z if z + s else 0.0
            if shares:
                part = np.abs(c) if np.abs(c).sum() > 0 else np.abs(matrix[:, j])
                if part.sum() > 0:
                    rows[j] += (s + bias[j]) * part / part.sum() / (z + s) * z
        result.append(rows.reshape(len(bias), *document.shape))
    return np.stack(result, axis=1)


def check_linear(f: Callable[[Tensor], Tensor], x: Tensor, **options: Any) -> None:
    """A linear function is explained as its matrix says, with shares and without."""
    for composite, shares in (("paper", True), ("plain", False)):
        _, found = explained(f, x, composite, **options)
        np.testing.assert_allclose(found, linear(f, x, shares=shares), rtol=1e-9, atol=1e-10)


def check_routing(f: Callable[[Tensor], Tensor], x: Tensor, **options: Any) -> None:
    """A function that moves numbers moves their relevance: no constant, no stabiliser."""
    for composite in COMPOSITES:
        _, found = explained(f, x, composite, **options)
        expected = linear(f, x, shares=False, epsilon=0.0)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
