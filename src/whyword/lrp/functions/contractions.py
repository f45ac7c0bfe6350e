"""Rules for sums of products over axes, written in Einstein's notation.

A product with weights is a layer, to which every rule applies; any other is a sum of products.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.lrp.backward import losses, propagate, through_layer, unbroadcast
from whyword.lrp.calls import Call
from whyword.lrp.functions.weighted import Term, share_out, weighted_sum
from whyword.lrp.rules import Layer
from whyword.lrp.sparse_rows import rows_times
from whyword.lrp.traces import constant, is_gate, layer_of, note, on_path

_Product = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Weighted:
    """A product with weights, to which a bias may still be added.

    Attributes:
        call: The call of the product.
        x: The signal, attached to autograd's graph.
        layer: The layer without a bias.
        axis: The axis of the outputs, counted from the end, along which a bias would have a number
            for each; None if there is only one output.
    """

    call: Call
    x: Tensor
    layer: Layer
    axis: int | None = -1


def terms_of(equation: str) -> tuple[list[str], str]:
    """The subscripts of all tensors and of the result, which may be left out."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow:
        letters = "".join(terms).replace(".", "")
        out = "..." * ("..." in inputs)
        out += "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return terms, out


def contraction(
    call: Call, a: Any, b: Any, equation: str, function: _Product | None = None
) -> Tensor:
    """A sum of products over the axes that do not stand in the result.

    With weights on one side it is a layer, to which the composite's rule applies. Weights are
    tensors made of the model's parameters, and constants without an axis of documents that are
    summed with the last axis of the signal, as in ``torch.nn.functional.linear``. A constant summed
    over other axes may also be a mean, which hands nothing to elements of weight zero; it counts as
    weights if one is negative.

    Args:
        call: The call.
        a: The left side.
        b: The right side.
        equation: The sum in Einstein's notation, without repeated subscripts on a side.
        function: The function that computes it; by default ``torch.einsum``.
    """
    if a.is_complex() or b.is_complex():
        raise call.refuse("there is no rule for products of complex matrices.")
    (first, second), out = terms_of(equation)
    a_weighs, b_weighs = _weighs(a, first, second, out), _weighs(b, second, first, out)
    a, b = _dense(a), _dense(b)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum(equation, a, b) if function is None else function(a, b)

    def mirrored(b: Tensor, a: Tensor) -> Tensor:
        return product(a, b)

    left, right = a.shape, b.shape  # the tensors themselves would be kept

    def to_left(q: Tensor, b: Tensor) -> Tensor:
        return unbroadcast(_back(out, second, first, q, b), left)

    def to_right(q: Tensor, a: Tensor) -> Tensor:
        return unbroadcast(_back(out, first, second, q, a), right)

    if b_weighs:
        plain = function is torch.matmul and b.ndim == 2 and a.ndim > 1
        pull = _rows_to_left if plain else to_left
        return _layer(call, a, b, _Sides(first, second, out), product, pull)
    if a_weighs:
        return _layer(call, b, a, _Sides(second, first, out), mirrored, to_right)
    return _bilinear(call, a, b, product, to_left, to_right)


def _rows_to_left(q: Tensor, b: Tensor) -> Tensor:
    return rows_times(q, b.mT)


class _Sides(NamedTuple):
    """Subscripts of a product of a signal with weights."""

    signal: str
    weights: str
    out: str


def _back(out: str, other: str, wanted: str, q: Tensor, t: Tensor) -> Tensor:
    """Σ_j q_j t_ij for the wanted side, with axes in front along which it was broadcast."""
    dots = "..." if "..." in out and "..." not in wanted else ""
    return torch.einsum(f"{out},{other}->{dots}{wanted}", q, t)


def _weighs(w: Tensor, own: str, signal: str, out: str) -> bool:
    """Whether a side counts as weights; see `contraction`."""
    if on_path(w):
        return False
    if layer_of(w):
        return True
    letters = own.replace("...", "")
    contracted = {c for c in letters if c not in out}
    its_own = all(c in contracted or c not in signal for c in letters)
    if w.ndim != len(letters) or not its_own or not contracted:
        return False
    return contracted == {signal[-1:]} or bool((_dense(w) < 0).any())


def _layer(
    call: Call, x: Tensor, weight: Tensor, sides: _Sides, product: _Product, pull: _Product
) -> Tensor:
    letters = sides.weights.replace("...", "")
    contracted = [axis_of(sides.weights, c) for c in letters if c not in sides.out]
    inputs = math.prod(weight.shape[axis] for axis in contracted)
    layer = Layer(
        x=x.detach(),
        weight=weight,
        bias=None,
        z=product(x.detach(), weight),
        apply=product,
        pull=pull,
        share=lambda v: pull(v / max(inputs, 1), torch.ones_like(weight)),
    )
    result = through_layer(call, x, layer)
    outputs = [c for c in sides.out if c in letters]
    if not outputs:
        return note(result, product=Weighted(call, x, layer, None))
    if outputs[-1] in sides.signal:
        return result
    return note(result, product=Weighted(call, x, layer, axis_of(sides.out, outputs[-1])))


def axis_of(term: str, letter: str) -> int:
    """The axis of a subscript; behind dots it is counted from the end."""
    places = term.replace("...", ".")
    at = places.index(letter)
    return at - len(places) if "." in places[:at] else at


def _dense(t: Tensor) -> Tensor:
    return t if on_path(t) or t.layout == torch.strided else t.to_dense()


def _bilinear(
    call: Call, a: Tensor, b: Tensor, product: _Product, to_left: _Product, to_right: _Product
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
    of_a = share_out(call.sums, z, Term(x, y, product, to_left))
    of_b = share_out(call.sums, z, Term(y, x, mirrored, to_right))

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        return *of_a(relevance / 2), *of_b(relevance / 2)

    def gradient(g: Tensor) -> tuple[Tensor, ...]:
        half = g / 2
        return to_left(half, y), to_right(half, x)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, z, None, relevance)

    return propagate(call, z, backward, a, b, gradient=gradient, lost=lost)
