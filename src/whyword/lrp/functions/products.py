"""Products: of signals with gates and constants, of signals with each other, of matrices.

Matrix products come in several spellings, Einstein's notation among them.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.calls import (
    Call,
    constant,
    is_gate,
    losses,
    on_path,
    propagate,
    register,
    through_layer,
    unbroadcast,
)
from whyword.lrp.functions.layers import matrix_layer
from whyword.lrp.functions.sums import share_out, share_sum, weighted_sum
from whyword.lrp.rules import Layer

Product = Callable[[Tensor, Tensor], Tensor]

_MULTIPLICATIONS = "mul __mul__ __rmul__ __imul__ multiply".split()
_DIVISIONS = (
    "div __div__ __truediv__ __rtruediv__ __rdiv__ __itruediv__ __idiv__ true_divide divide".split()
)
_MATRIX_PRODUCTS = "matmul __matmul__ __rmatmul__ mm bmm".split()

NAMES = {*_MULTIPLICATIONS, *_DIVISIONS}


@register(*_MULTIPLICATIONS)
def mul(call: Call) -> Tensor:
    """A product: the signal takes all, gates and constants nothing; two signals take half each.

    Signal-take-all: Arras et al. 2017, section 3.1; halves: Achtibat et al. 2024, Proposition 3.3.
    """
    a, b = call.args[0], call.argument(1, "other")
    takers = [t for t in (a, b) if on_path(t)]
    signals = [t for t in takers if not is_gate(t)] or takers

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        share = relevance / len(signals) if len(signals) > 1 else relevance
        return tuple(unbroadcast(share, t.shape) for t in signals)

    return propagate(call, constant(a) * constant(b), backward, *signals)


@register(*_DIVISIONS)
def div(call: Call) -> Tensor:
    """A quotient: the numerator takes all; a denominator normalises and takes nothing."""
    a, b = call.args[0], call.argument(1, "other")
    if call.name in ("__rtruediv__", "__rdiv__"):
        a, b = b, a
    options = {name: v for name, v in call.kwargs.items() if name == "rounding_mode"}
    value = torch.div(constant(a), constant(b), **options)
    # A constant over a signal is a function of the signal, element by element.
    taker: Tensor = a if on_path(a) else b
    return propagate(call, value, lambda R: (unbroadcast(R, taker.shape),), taker)


@register(*_MATRIX_PRODUCTS)
def matmul(call: Call) -> Tensor:
    """A product of matrices: with weights of the model a layer; otherwise see `bilinear`."""
    a, b = call.args[0], call.argument(1, "other", call.kwargs.get("mat2"))
    if call.name == "__rmatmul__":
        a, b = b, a
    if call.layer and on_path(a) and not on_path(b):
        return through_layer(call, a, matrix_layer(a, constant(b)))

    def to_left(q: Tensor, b: Tensor) -> Tensor:
        if b.ndim == 1:  # a matrix times a vector
            return unbroadcast(q[..., None] * b, a.shape)
        return unbroadcast(q @ b.mT, a.shape)

    def to_right(q: Tensor, a: Tensor) -> Tensor:
        if a.ndim == 1:  # a vector times a matrix
            return unbroadcast(a[:, None] * q[..., None, :], b.shape)
        if b.ndim == 1:
            return unbroadcast((a.mT @ q[..., None])[..., 0], b.shape)
        return unbroadcast(a.mT @ q, b.shape)

    return bilinear(call, a, b, torch.matmul, to_left, to_right)


@register("baddbmm")
def baddbmm(call: Call) -> Tensor:
    """z = β c + α a b: a product, then a sum."""
    c, a, b = (call.argument(i, n) for i, n in enumerate(("input", "batch1", "batch2")))
    alpha, beta = call.kwargs.get("alpha", 1), call.kwargs.get("beta", 1)
    product: Any = 0
    if alpha and (on_path(a) or on_path(b)):
        product = matmul(replace(call, name="matmul", args=(a, b), kwargs={}))
    elif alpha:
        product = a @ b
    z = (constant(c) * beta if beta else 0) + constant(product) * alpha
    terms = ((t, weight) for t, weight in ((c, beta), (product, alpha)) if on_path(t) and weight)
    return share_sum(call, torch.as_tensor(z), *terms)


def bilinear(
    call: Call, a: Tensor, b: Tensor, product: Product, to_left: Product, to_right: Product
) -> Tensor:
    """z_j = Σ_i a_ij b_ij: sums over what is contracted, each side weighted by the other.

    Beside a constant, or a gate such as attention under CP-LRP, a signal takes all; two signals
    take half each (Achtibat et al. 2024, Proposition 3.3): R_a = a ⊙ ((R / (z + s)) bᵀ) / 2.

    Args:
        call: The call.
        a: The left side.
        b: The right side.
        product: ``(a, b) -> `` z.
        to_left: ``(q, b) -> `` Σ_j q_j b_ij, shaped like ``a``.
        to_right: ``(q, a) -> `` Σ_j q_j a_ij, shaped like ``b``.
    """
    signals = [on_path(t) and not is_gate(t) for t in (a, b)]
    left, right = signals if any(signals) else (on_path(a), on_path(b))
    x, y = constant(a), constant(b)

    def mirrored(b: Tensor, a: Tensor) -> Tensor:
        return product(a, b)

    if not right:
        return weighted_sum(call, a, y, product, to_left)
    if not left:
        return weighted_sum(call, b, x, mirrored, to_right)
    z = product(x, y)
    shares = (
        share_out(call.sums, x, y, z, product, to_left),
        share_out(call.sums, y, x, z, mirrored, to_right),
    )

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        return tuple(share(relevance / 2) for share in shares)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, z, None, relevance)

    return propagate(call, z, backward, a, b, lost=lost)


@register("einsum")
def einsum(call: Call) -> Tensor:
    """Of two tensors: with weights of the model a layer; otherwise see `bilinear`.

    Raises:
        InputError: If there are more or fewer tensors, or an axis is summed over in one alone.
    """
    equation: Any = call.args[0]
    operands: Any = call.args[1:]
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = operands[0]
    if len(operands) != 2 or not isinstance(equation, str):
        raise InputError(
            f"einsum of {len(operands)} tensors has no rule; expected an equation and two tensors."
        )
    (first, second), out = _terms(equation)
    a, b = operands
    if set(first) - set(second + out) or set(second) - set(first + out):
        raise InputError(
            f'The einsum "{equation}" sums over an axis of one tensor alone; sum over it first.'
        )

    def product(a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum(f"{first},{second}->{out}", a, b)

    def to_left(q: Tensor, b: Tensor) -> Tensor:
        return unbroadcast(torch.einsum(f"{out},{second}->{first}", q, b), a.shape)

    def to_right(q: Tensor, a: Tensor) -> Tensor:
        return unbroadcast(torch.einsum(f"{out},{first}->{second}", q, a), b.shape)

    if call.layer and on_path(a) and not on_path(b):
        weight, contracted = b.detach(), set(second) - set(out) - {"."}
        inputs = math.prod(weight.shape[second.index(axis)] for axis in contracted)
        layer = Layer(
            x=a.detach(),
            weight=weight,
            bias=None,
            z=product(a.detach(), weight),
            apply=product,
            pull=to_left,
            share=lambda v: to_left(v / inputs, torch.ones_like(weight)),
        )
        return through_layer(call, a, layer)
    return bilinear(call, a, b, product, to_left, to_right)


def _terms(equation: str) -> tuple[tuple[str, str], str]:
    """The subscripts of both tensors and of the result, which may be left out."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    first, second = inputs.split(",")
    if not arrow:
        letters = (first + second).replace(".", "")
        out = "..." * ("..." in inputs)
        out += "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return (first, second), out
