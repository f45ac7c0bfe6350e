"""One way to read a call: every spelling of a function's arguments means the same."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from whyword import lrp
from whyword.lrp.composites import Composite
from whyword.lrp.names import name_of

F = nn.functional
DRAW = torch.Generator().manual_seed(0)
X = torch.randn(2, 6, 4, dtype=torch.float64, generator=DRAW)
W = torch.randn(4, 3, dtype=torch.float64, generator=DRAW)
B = torch.randn(3, dtype=torch.float64, generator=DRAW)
P = torch.randn(5, 6, dtype=torch.float64, generator=DRAW)
MASK = X > 0.5


def shares(e: Tensor, epsilon: float = 0.0) -> Tensor:
    if epsilon:
        return e / (e.sum(-1, keepdim=True) + epsilon)
    return e / e.sum(axis=-1, keepdims=True)  # type: ignore[call-overload, no-any-return]


SAME: dict[str, list[Callable[[Tensor], Tensor]]] = {
    "sum": [
        lambda x: x.sum(1), lambda x: torch.sum(x, 1), lambda x: x.sum(axis=1),  # type: ignore[call-overload]
        lambda x: torch.sum(input=x, dim=(1,)), lambda x: x.sum(axis=1, keepdims=True)[:, 0],  # type: ignore[call-overload]
        lambda x: x.sum(-2), lambda x: torch.einsum("bld->bd", x),
    ],
    "mean over everything": [
        lambda x: x - x.mean(), lambda x: x - torch.mean(x), lambda x: x - x.mean(dim=(0, 1, 2)),
        lambda x: torch.sub(input=x, other=x.mean(axis=None)),  # type: ignore[call-overload]
    ],
    "mean over an axis": [
        lambda x: x - x.mean(-1, keepdim=True), lambda x: x - x.mean(axis=-1, keepdims=True),  # type: ignore[call-overload]
        lambda x: torch.subtract(x, torch.mean(x, axis=-1, keepdims=True)),  # type: ignore[call-overload]
    ],
    "maximum": [
        lambda x: x.max(1).values, lambda x: x.max(axis=1)[0], lambda x: torch.amax(x, axis=(1,)),  # type: ignore[call-arg, call-overload]
        lambda x: x.amax(1, keepdim=True)[:, 0], lambda x: torch.max(input=x, dim=1).values,
        lambda x: F.max_pool1d(x.mT, 6)[:, :, 0], lambda x: x.sort(1, True).values[:, 0],
    ],
    "softmax": [
        lambda x: x.softmax(-1), lambda x: torch.softmax(x, axis=-1), lambda x: F.softmax(x, dim=2),  # type: ignore[call-arg]
        lambda x: torch.softmax(input=x, dim=-1), nn.Softmax(-1),
        lambda x: shares(x.exp()), lambda x: shares(torch.exp(x), 1e-30),
        lambda x: x.exp() / torch.sum(x.exp(), -1).unsqueeze(-1),
        lambda x: F.softmin(-x, dim=-1),
    ],
    "deviation": [
        lambda x: x.std(1), lambda x: torch.std(x, axis=1), lambda x: x.std(1, True),  # type: ignore[call-overload]
        lambda x: x.std(dim=1, correction=1), lambda x: x.var(1).sqrt(),
        lambda x: torch.std_mean(x, 1)[0],
    ],
    "norm": [
        lambda x: x.norm(dim=1), lambda x: torch.norm(x, 2, 1),
        lambda x: torch.linalg.norm(x, axis=1),
        lambda x: torch.linalg.vector_norm(x, ord=2, dim=1), lambda x: x.pow(2).sum(1).sqrt(),
        lambda x: x.norm("fro", 1), lambda x: x.square().sum(1) ** 0.5,
    ],
    "product": [
        lambda x: x * x.tanh(), lambda x: torch.mul(input=x, other=x.tanh()),
        lambda x: x.multiply(other=x.tanh()), lambda x: torch.addcmul(x * 0, x, x.tanh()),
    ],
    "sum of two": [
        lambda x: x + x.flip(1), lambda x: torch.add(input=x, other=x.flip(1)),
        lambda x: torch.add(x, x.flip(1), alpha=1), lambda x: x - (-x.flip(1)),
        lambda x: torch.lerp(x, x.flip(1), 0.5) * 2,
    ],
    "masked": [
        lambda x: x.masked_fill(MASK, 0.0), lambda x: x.masked_fill(mask=MASK, value=0.0),
        lambda x: torch.where(MASK, 0.0, x), lambda x: x * ~MASK,
        lambda x: x.clone().masked_fill_(mask=MASK, value=0.0),
    ],
    "layer": [
        lambda x: F.linear(x, W.T), lambda x: x @ W, lambda x: torch.matmul(input=x, other=W),
        lambda x: torch.matmul(x, other=W), lambda x: torch.einsum("bld,de->ble", x, W),
        lambda x: torch.einsum("...d,de", x, W), lambda x: torch.tensordot(x, W, dims=1),
        lambda x: torch.tensordot(x, W, dims=([2], [0])), lambda x: x.matmul(W),
        lambda x: torch.stack([torch.mm(row, mat2=W) for row in x]),
        lambda x: x @ W.to_sparse().to_dense(),
        lambda x: F.conv1d(x.mT, W.T[..., None]).mT, lambda x: (W.T @ x.mT).mT,
    ],
    "layer with a bias": [
        lambda x: F.linear(x, W.T, B), lambda x: x @ W + B, lambda x: B + x @ W,
        lambda x: torch.add(input=x @ W, other=B),
        lambda x: torch.stack([torch.addmm(B, row, W) for row in x]),
        lambda x: torch.stack([torch.addmm(input=B, mat1=row, mat2=W) for row in x]),
        lambda x: F.conv1d(x.mT, W.T[..., None], B).mT,
        lambda x: torch.einsum("bld,de->ble", x, W) + B,
    ],
    "power": [
        lambda x: x**3, lambda x: torch.pow(x, 3), lambda x: x.pow(exponent=3), lambda x: x * x * x,
        lambda x: torch.pow(input=x, exponent=3.0), lambda x: torch.float_power(x, 3),
    ],
    "exponential": [
        lambda x: 2.0**x, lambda x: torch.pow(2.0, x), torch.exp2, torch.special.exp2,
        lambda x: torch.pow(torch.tensor(2.0, dtype=x.dtype), exponent=x),
    ],
    "winner of two": [
        lambda x: torch.maximum(x, x.flip(1)), lambda x: torch.max(x, x.flip(1)),
        lambda x: torch.max(input=x, other=x.flip(1)), lambda x: x.clamp(min=x.flip(1)),
        lambda x: torch.where(x >= x.flip(1), x, x.flip(1)), lambda x: torch.fmax(x, x.flip(1)),
    ],
}  # fmt: skip


def explained(function: Callable[[Tensor], Tensor], rules: Composite) -> Tensor:
    def score(x: Tensor) -> Tensor:
        found = function(x)
        return found.reshape(2, -1) if found.ndim else found.expand(2, 1)

    with torch.no_grad():
        plain = score(X)
    targets = torch.eye(plain.shape[1], dtype=X.dtype)[:, None].expand(-1, 2, -1)
    found = lrp.relevance(score, X, targets, composite=rules)
    torch.testing.assert_close(found.scores, plain, rtol=1e-12, atol=1e-12)
    return found.relevance


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("rule", ["paper", "attnlrp", "gamma"])
def test_spellings_agree(name: str, rule: str) -> None:
    rules = {
        "paper": lrp.Composite(),
        "attnlrp": lrp.Composite.for_transformers(epsilon=1e-12),
        "gamma": lrp.Composite(lrp.Gamma(0.3), sums=lrp.Epsilon(1e-12)),
    }[rule]
    if rule == "paper" and name in (
        "softmax",
        "norm",
        "deviation",
        "sum of two",
        "mean over an axis",
    ):
        # Where a spelling takes more sums, it has more stabilisers.
        rules = lrp.Composite(sums=lrp.Epsilon(1e-12))
    expected = explained(SAME[name][0], rules)
    for spelling, function in enumerate(SAME[name][1:], 1):
        found = explained(function, rules)
        torch.testing.assert_close(
            found, expected, rtol=1e-7, atol=1e-8, msg=partial("{} {}: {}".format, name, spelling)
        )


def test_weights_of_the_model_are_reached_in_every_spelling() -> None:
    """Places and names of layers count, however the product is written."""

    class Model(nn.Module):
        def __init__(self, product: Callable[..., Tensor]) -> None:
            super().__init__()
            self.first = nn.Linear(4, 3, bias=False).double()
            self.last = nn.Linear(3, 3).double()
            self.product = product
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.copy_(
                        torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
                    )

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.last(self.product(x, self.first.weight).relu().amax(1))
            return result

    outside: dict[str, Tensor] = {}

    def made_outside(x: Tensor, w: Tensor) -> Tensor:
        result: Tensor = x @ outside["weight"]
        return result

    spellings = [
        F.linear, lambda x, w: x @ w.T, lambda x, w: (w @ x.mT).mT,
        lambda x, w: torch.einsum("bld,ed->ble", x, w), lambda x, w: x @ (2 * w).T / 2,
        lambda x, w: torch.bmm(x, w.T.expand(2, 4, 3)),
        lambda x, w: F.conv1d(x.mT, w[..., None]).mT,
        lambda x, w: torch.tensordot(x, w, dims=([-1], [1])), made_outside,
        lambda x, w: torch.stack([torch.stack([w.mv(p) for p in row]) for row in x]),
    ]  # fmt: skip
    targets = torch.eye(3, dtype=X.dtype)[:, None].expand(3, 2, 3)
    for rules in (
        lrp.Composite(places={0: lrp.Flat()}),
        lrp.Composite(layers={"first": lrp.ZPlus()}),
        lrp.Composite(lrp.Gamma(0.5, epsilon=1e-12), places={-1: lrp.Epsilon()}),
        lrp.Composite(lrp.WSquare()),
    ):
        found = []
        frozen = [product for product in spellings if product is not made_outside]
        for number, product in enumerate(spellings + frozen):
            model = Model(product).requires_grad_(number < len(spellings))
            outside["weight"] = model.first.weight.T * 1.0
            found.append(lrp.relevance(model, X, targets, composite=rules, model=model).relevance)
        for number, other in enumerate(found[1:], 1):
            torch.testing.assert_close(other, found[0], msg=partial("{}: {}".format, number))


@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 5, 6), (5, 6)])
def test_a_frozen_parameter_is_as_much_a_weight_as_one_that_learns(shape: Sequence[int]) -> None:
    """Also where a constant of its shape and signs would be a mean over positions."""
    weight = nn.Parameter(
        torch.rand(shape, dtype=X.dtype, generator=torch.Generator().manual_seed(2))
    )

    def score(x: Tensor) -> Tensor:
        return (x @ weight if shape[-2] == 4 else weight @ x).amax(1)

    classes = 3 if shape[-2] == 4 else 4
    targets = torch.eye(classes, dtype=X.dtype)[:, None].expand(classes, 2, classes)
    found = []
    for learns in (True, False):
        weight.requires_grad_(learns)
        found.append(
            lrp.relevance(score, X, targets, composite=lrp.Composite(lrp.Flat())).relevance
        )
    assert torch.equal(found[0], found[1])


def test_mixing_of_positions_by_a_constant_is_no_layer() -> None:
    """Padding that a mean gives no weight gets nothing, not even a share of the stabiliser."""
    weights = torch.tensor([[[0.5, 0.5, 0, 0, 0, 0]], [[0.25] * 4 + [0, 0]]], dtype=X.dtype)
    targets = torch.eye(4, dtype=X.dtype)[:, None].expand(4, 2, 4)
    found = lrp.relevance(lambda x: (weights @ x)[:, 0], X, targets)
    assert not found.relevance[:, 0, 2:].any()
    assert not found.relevance[:, 1, 4:].any()
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda x: torch.add(x, x, out=torch.empty_like(x)), "out="),
        (lambda x: torch.div(x, x.flip(1), rounding_mode="floor"), "rounds"),
        (lambda x: F.dropout(x, 0.5, True), "Dropout"),
        (lambda x: x.norm("nuc", dim=(1, 2))[:, None, None] + x, "matrices"),
        (lambda x: x + torch.from_numpy(np.asarray(x.numpy())), "NumPy"),
        (lambda x: x.round() + x, "round"),
        (lambda x: torch.cumprod(x, 1), "cumprod"),
    ],
)
def test_what_a_rule_does_not_cover_is_refused(call: Callable[[Tensor], Tensor], why: str) -> None:
    targets = torch.ones(1, 2, 4, dtype=X.dtype)
    with pytest.raises(lrp.UnsupportedFunction, match=why):
        lrp.relevance(lambda x: call(x).sum(dim=1), X, targets)


def test_equal_functions_keep_their_names() -> None:
    """torch.dsmm is torch.mm by another name, and the two are equal."""
    assert torch.mm == torch.dsmm
    assert [name_of(f) for f in (torch.dsmm, torch.mm, torch.dsmm)] == ["dsmm", "mm", "dsmm"]
