"""Products of matrices in all spellings: layers, sums with constant weights, halves of two."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from laws import EPSILON, conserves, explained
from reference import Rule, layer, rule_epsilon, rule_gamma
from whyword import lrp

W = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
PARAMETER = nn.Parameter(W)
B = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def random_input(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def each(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """f of each document alone."""
    return lambda x: torch.stack([f(t) for t in x])


def batch(x: Tensor, t: Tensor) -> Tensor:
    return t.expand(len(x), *t.shape)


LAYERS = {
    "@": lambda x: x @ W,
    "matmul": lambda x: torch.matmul(input=x, other=W),
    "linear": lambda x: functional.linear(x, W.T),
    "sparse": lambda x: functional.linear(x, W.T.to_sparse()),
    "mm": each(lambda t: torch.mm(t, mat2=W)),
    "mv": lambda x: torch.stack([torch.stack([t.mv(w) for w in W.T], -1) for t in x]),
    "dot": lambda x: torch.stack([torch.stack([t[0].dot(w) for w in W.T]) for t in x]),
    "vdot": lambda x: torch.stack([torch.stack([torch.vdot(w, t[0]) for w in W.T]) for t in x]),
    "inner": lambda x: torch.inner(x, W.T),
    "tensordot": lambda x: torch.tensordot(x, W, dims=1),
    "tensordot of axes": lambda x: torch.tensordot(x, W, ([-1], [0])),
    "einsum": lambda x: torch.einsum("bpd,de->bpe", x, W),
    "einsum, turned": lambda x: torch.einsum("de,...d->...e", W, x),
    "from the left": lambda x: (PARAMETER.T @ x.mT).mT,
    "bmm": lambda x: torch.bmm(x, mat2=batch(x, PARAMETER)),
    "chain": each(lambda t: torch.linalg.multi_dot([t, W])),
    "chain_matmul": each(lambda t: torch.chain_matmul(t, W)),
}
WITH_BIAS = {
    "linear": lambda x: functional.linear(x, W.T, B),
    "+": lambda x: x @ W + B,
    "addmm": each(lambda t: torch.addmm(B, t, W)),
    "addmm by name": each(lambda t: torch.addmm(input=B, mat1=t, mat2=W)),
    "addmm scaled": each(lambda t: torch.addmm(B / 2, t, W / 4, beta=2, alpha=4)),
    "addmv": lambda x: torch.stack([torch.addmv(B, W.T, t) for t in x[:, 0]]),
    "baddbmm": lambda x: torch.baddbmm(B, x, batch(x, PARAMETER)),
}


pytestmark = pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")


def by_loops(rule: Rule, x: Tensor, bias: Tensor) -> NDArray[np.float64]:
    """Relevance ``(class, batch, ...)`` of x W + b, one neuron at a time."""
    rows = []
    for document, position, unit in np.ndindex(*x.shape[:2], 3):
        values, weights = x[document, position].numpy(), W[:, [unit]].numpy()
        z = values @ weights + bias[unit].item()
        rows.append(layer(rule, values, weights, bias[[unit]].numpy(), z))
    return np.array(rows).reshape(*x.shape[:2], 3, 4)


@pytest.mark.parametrize("rule", [(lrp.Epsilon(), rule_epsilon), (lrp.Gamma(), rule_gamma)])
@pytest.mark.parametrize(
    ("f", "bias"),
    [*((f, 0 * B) for f in LAYERS.values()), *((f, B) for f in WITH_BIAS.values())],
    ids=[*LAYERS, *(f"{name} with bias" for name in WITH_BIAS)],
)
def test_layers(
    f: Callable[[Tensor], Tensor],
    bias: Tensor,
    rule: tuple[lrp.Rule, Rule],
) -> None:
    ours, theirs = rule
    x = random_input()
    _, found = explained(f, x, lrp.Composite(ours))
    expected = by_loops(theirs, x, bias)
    for document in range(2):
        for j in range(len(found)):
            position, unit = divmod(j, 3)
            arrived = found[j, document]
            np.testing.assert_allclose(arrived[position], expected[document, position, unit])
            assert not np.delete(arrived, position, axis=0).any()


def halves(
    a: NDArray[np.float64], b: NDArray[np.float64], contributions: NDArray[np.float64], shares: bool
) -> NDArray[np.float64]:
    """What both sides of z_j = Σ_i a_i b_i get of R_j = z_j, shaped like the contributions."""
    z = contributions.sum()
    s = EPSILON * np.copysign(1, z)
    size = np.abs(contributions)
    shared = s * size / size.sum() if shares else 0
    result: NDArray[np.float64] = (contributions + shared) / (z + s) * z / 2
    return result


TWO_SIGNALS = {
    "@": lambda x: x @ x.mT.flip(2),
    "bmm": lambda x: torch.bmm(x, x.mT.flip(2)),
    "einsum": lambda x: torch.einsum("bpd,bqd->bpq", x, x.flip(1)),
    "einsum with dots": lambda x: torch.einsum("...pd,...qd", x, x.flip(1)),
    "each": each(lambda t: torch.einsum("pd,qd->pq", t, t.flip(0))),
    "tensordot": each(lambda t: torch.tensordot(t, t.flip(0), dims=([1], [1]))),
    "inner": each(lambda t: torch.inner(t, t.flip(0))),
    "linear": each(lambda t: functional.linear(t, t.flip(0))),
    "vecdot": lambda x: torch.linalg.vecdot(x[:, :, None], x.flip(1)[:, None]),
}


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("name", TWO_SIGNALS)
def test_two_signals_take_half_each(name: str, shares: bool) -> None:
    x = random_input()
    _, found = explained(TWO_SIGNALS[name], x, "paper" if shares else "plain")
    for document, p, q in np.ndindex(2, 5, 5):
        a, b = x[document, p].numpy(), x[document, 4 - q].numpy()
        expected = np.zeros((5, 4))
        half = halves(a, b, a * b, shares)
        expected[p] += half
        expected[4 - q] += half
        if name == "vecdot":  # a product, then a sum: the same as ε goes to zero
            np.testing.assert_allclose(found[5 * p + q, document], expected, atol=0.02, rtol=0.02)
        else:
            np.testing.assert_allclose(found[5 * p + q, document], expected, atol=1e-10)


def test_a_form_of_two_inputs() -> None:
    x = random_input()
    weight = torch.randn(3, 4, 4, dtype=torch.float64)
    scores, found = explained(
        lambda x: functional.bilinear(x[:, 0], x[:, 1], weight, B), x, "plain"
    )
    for document, k in np.ndindex(2, 3):
        a, b = x[document, :2].numpy()
        parts = a[:, None] * weight[k].numpy() * b
        z = parts.sum()
        arriving = z / (scores[document, k] + EPSILON * np.sign(scores[document, k]))
        expected = parts / (z + EPSILON * np.sign(z)) * arriving * scores[document, k] / 2
        np.testing.assert_allclose(found[k, document, 0], expected.sum(axis=1), atol=1e-10)
        np.testing.assert_allclose(found[k, document, 1], expected.sum(axis=0), atol=1e-10)


@pytest.mark.parametrize("first", [True, False])
def test_a_form_beside_a_constant_is_a_layer(first: bool) -> None:
    x = random_input()
    other = torch.randn(2, dtype=torch.float64)
    weight = nn.Parameter(torch.randn(3, 4, 2, dtype=torch.float64))
    made = torch.einsum("kij,j->ki", weight, other).detach()

    def f(x: Tensor) -> Tensor:
        rows = other.expand(len(x), 5, 2)
        if first:
            return functional.bilinear(x, rows, weight, B)
        return functional.bilinear(rows, x, weight.transpose(1, 2), B)

    composite = lrp.Composite(lrp.Gamma())
    _, expected = explained(partial(functional.linear, weight=made, bias=B), x, composite)
    _, found = explained(f, x, composite)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.ones(3, 5, dtype=x.dtype) @ x,
        lambda x: torch.einsum("bpd->bd", x),
        lambda x: torch.einsum(x, [0, 1, 2], [0, 2]),
        lambda x: torch.einsum("bpd->dbp", x).permute(1, 0, 2),
        lambda x: torch.einsum("bpd,de,bqe->bpq", x, torch.eye(4, dtype=x.dtype), x),
        lambda x: torch.einsum("bpd,q->b", x, torch.ones(3, dtype=x.dtype)),
        lambda x: torch.einsum("b...,b...->b...", x, x.flip(1)),
        lambda x: torch.einsum("bpd,pe->bde", x, torch.ones(1, 3, dtype=x.dtype)),
        lambda x: torch.einsum("bpd,bqe,bre->bpq", x, x.flip(1), x[:, :2]),
        each(lambda t: torch.addr(torch.ones(4, 4, dtype=t.dtype), t[0], t[1], beta=2, alpha=0.5)),
        each(lambda t: torch.addbmm(t, t[None], torch.eye(4, dtype=t.dtype)[None], alpha=2)),
        each(lambda t: torch.addmm(B, t, W, beta=0)),
        each(lambda t: torch.inner(t[0, 0], t)),
        each(lambda t: torch.outer(t[0], t[1])),
        each(lambda t: torch.ger(input=t[0], vec2=B)),
        each(lambda t: torch.kron(t, torch.ones(2, 1, dtype=t.dtype))),
        each(lambda t: torch.kron(torch.ones(3, dtype=t.dtype), t)),
        each(lambda t: torch.kron(t[0], t[:2])),
    ],
)
def test_conserves(f: Callable[[Tensor], Tensor]) -> None:
    assert conserves(f, random_input())


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: torch.einsum("bpp->b", x[:, :4]), "diagonal"),
        (lambda x: functional.bilinear(x, x, x[0, 0].expand(3, 4, 4)), "weight depends"),
        (lambda x: torch.linalg.cross(x[..., :3], x[..., 1:]), "cross"),
    ],
)
def test_what_is_refused(f: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(lrp.UnsupportedFunction, match=message):
        explained(f, random_input())
