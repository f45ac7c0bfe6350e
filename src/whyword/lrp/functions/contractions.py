"""Products of matrices, in all their spellings, brought into Einstein's notation.

A product with weights is a layer, to which every rule applies; any other is a sum of products.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from string import ascii_letters
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.lrp.calls import (
    Call,
    losses,
    must_be_constant,
    propagate,
    register,
    through_layer,
    unbroadcast,
)
from whyword.lrp.functions.weighted import Term, share_out, weighted_sum
from whyword.lrp.rules import Layer
from whyword.lrp.traces import constant, is_gate, layer_of, moved, note, on_path

Product = Callable[[Tensor, Tensor], Tensor]


@register("matmul", "__matmul__", "__rmatmul__", "mm", "_sparse_mm", "bmm", "mv", "dot", "vdot")
def matmul(call: Call, input: Any, other: Any) -> Tensor:
    """A product of matrices: with weights a layer; otherwise see `bilinear`."""
    a, b = (other, input) if call.name == "__rmatmul__" else (input, other)
    return contraction(call, a, b, _equation(a.ndim, b.ndim), torch.matmul)


@register("inner")
def inner(call: Call, input: Any, other: Any) -> Any:
    """A product over the last axis of both."""
    if not input.ndim or not other.ndim:
        return call.step("mul", input, other)
    return call.step("tensordot", input, other, ([-1], [-1]))


@register("vecdot")
def vecdot(call: Call, input: Any, other: Any, *, dim: int = -1) -> Any:
    """Products of vectors along an axis."""
    if input.is_complex() or other.is_complex():
        raise call.refuse("there is no rule for products of complex vectors.")
    return call.step("sum", call.step("mul", input, other), dim)


@register("multi_dot")
def multi_dot(call: Call, tensors: Any) -> Any:
    """Products from the left; torch computes them in the cheapest order."""
    return reduce(partial(call.step, "matmul"), tensors)


@register("chain_matmul")
def chain_matmul(call: Call, *matrices: Any) -> Any:
    """Products from the left."""
    return reduce(partial(call.step, "matmul"), matrices)


@register("bilinear")
def two_inputs(call: Call, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """z_k = x1ᵀ W_k x2 + b_k: a layer of the one beside a constant other, otherwise halves."""
    must_be_constant(call, weight=weight, bias=bias)
    if on_path(input1) and on_path(input2):
        right = torch.einsum("kij,...j->...ki", weight, constant(input2))
        left = torch.einsum("...i,kij->...kj", constant(input1), weight)
        z = torch.einsum("...i,...ki->...k", constant(input1), right)
        halves = [
            share_out(call.sums, z[..., None], Term(x[..., None, :], side, _dots, _undots))
            for x, side in ((input1, right), (input2, left))
        ]

        def backward(relevance: Tensor) -> tuple[Tensor, ...]:
            return tuple(half(relevance[..., None] / 2)[0].sum(dim=-2) for half in halves)

        def lost(relevance: Tensor) -> dict[str, Tensor]:
            return losses(call.sums, z, None, relevance)

        product = propagate(call, z, backward, input1, input2, lost=lost)
    else:
        x, equation = (
            (input1, "kij,...j->...ki") if on_path(input1) else (input2, "kij,...i->...kj")
        )
        made = torch.einsum(equation, weight, input2 if on_path(input1) else input1)
        made.whyword_layer = layer_of(weight)  # type: ignore[attr-defined]
        product = contraction(call, x, made, "...i,...ki->...k")
    return product if bias is None else call.step("add", product, bias)


def _dots(x: Tensor, w: Tensor) -> Tensor:
    return (x * w).sum(dim=-1, keepdim=True)


def _undots(q: Tensor, w: Tensor) -> Tensor:
    return q * w


@register("tensordot")
def tensordot(call: Call, input: Any, other: Any, dims: Any = 2) -> Tensor:
    """A product over several axes."""
    a, b = input, other
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    letters = iter(ascii_letters)
    first = [next(letters) for _ in range(a.ndim)]
    second = [next(letters) for _ in range(b.ndim)]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    out = [c for c in first if c not in second] + [c for c in second if c not in first]
    return contraction(call, a, b, f"{''.join(first)},{''.join(second)}->{''.join(out)}")


@register("einsum")
def einsum(call: Call, equation: Any, *operands: Any) -> Any:
    """Of one tensor, a sum; of two, a product: see `contraction`; of more, one after the other.

    Raises:
        Refusal: If the operands are given as lists of axes.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise call.refuse('expected an equation and tensors, such as "bid,de->bie".')
    terms, out = _terms(equation)
    repeated = any(len(set(t) - {"."}) < len(t.replace(".", "")) for t in terms)
    if len(terms) != len(operands) or repeated:
        raise call.refuse(f'"{equation}" takes a diagonal or lacks a term; take it beforehand.')
    parts = list(zip(terms, operands, strict=True))
    while len(parts) > 2:  # from the left, as torch does
        (first, a), (second, b) = parts[:2]
        kept = out + "".join(term for term, _ in parts[2:])
        inner = "..." * ("..." in first + second)
        inner += "".join(dict.fromkeys(c for c in first + second if c in kept and c != "."))
        parts[:2] = [(inner, _pair(call, first, a, second, b, inner))]
    if len(parts) == 2:
        (first, a), (second, b) = parts
        return _pair(call, first, a, second, b, out)
    return _alone(call, *parts[0], out)


def _pair(call: Call, first: str, a: Any, second: str, b: Any, out: str) -> Any:
    """The product of two terms; what stands in one alone and not in the result is summed before."""
    first, a = _summed(call, first, a, second + out)
    second, b = _summed(call, second, b, first + out)
    if not on_path(a) and not on_path(b):
        return torch.einsum(f"{first},{second}->{out}", a, b)
    if set(first + second) <= set(out) and "." not in out:  # nothing is summed
        product = call.step("mul", _placed(a, first, out), _placed(b, second, out))
        return note(product, gate=all(is_gate(t) for t in (a, b) if on_path(t)))
    return contraction(call, a, b, f"{first},{second}->{out}")


def _summed(call: Call, term: str, x: Any, kept: str) -> tuple[str, Any]:
    """A tensor summed over the axes that nothing else has."""
    gone = [c for c in term if c not in kept and c != "."]
    if not gone:
        return term, x
    axes = [_axis(term, c) for c in gone]
    return "".join(c for c in term if c not in gone), moved(call.step("sum", x, axes), x)


def _placed(x: Any, term: str, out: str) -> Any:
    """A tensor with an axis for each of the result's, of length one where it has none."""
    turned = torch.einsum(f"{term}->{''.join(c for c in out if c in term)}", x)
    return moved(turned[tuple(slice(None) if c in term else None for c in out)], x)


def _alone(call: Call, term: str, x: Tensor, out: str) -> Tensor:
    """Axes of one tensor summed and put into another order."""
    term, x = _summed(call, term, x, out)
    return moved(torch.einsum(f"{term}->{out}", x), x)


def _terms(equation: str) -> tuple[list[str], str]:
    """The subscripts of all tensors and of the result, which may be left out."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow:
        letters = "".join(terms).replace(".", "")
        out = "..." * ("..." in inputs)
        out += "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return terms, out


def _equation(left: int, right: int) -> str:
    """What ``torch.matmul`` does with tensors of so many axes."""
    if left == 1 and right == 1:
        return "k,k->"
    if right == 1:
        return "...ik,k->...i"
    return "k,...kj->...j" if left == 1 else "...ik,...kj->...ij"


@dataclass(frozen=True)
class Weighted:
    """A product with weights, to which a bias may still be added.

    Attributes:
        call: The product's call.
        x: Its signal, attached.
        layer: The layer without a bias.
        axis: That of the outputs, counted from the end, along which the bias has a number for each;
            None if there is but one output.
    """

    call: Call
    x: Tensor
    layer: Layer
    axis: int | None = -1


def contraction(
    call: Call, a: Any, b: Any, equation: str, function: Product | None = None
) -> Tensor:
    """A sum of products over the axes that do not stand in the result.

    With weights on one side it is a layer, to which the composite's rule applies: weights are what
    is made of the model's parameters, and any constant without an axis of documents over which the
    last axis of the signal is contracted, as in ``torch.nn.functional.linear``. Over other axes a
    constant may also be a mean, which hands nothing to what it does not weigh; a mean has no
    negative weight.

    Args:
        call: The call.
        a: The left side.
        b: The right side.
        equation: In Einstein's notation, no side with a repeated subscript.
        function: What computes it, if that is not ``torch.einsum``.
    """
    if a.is_complex() or b.is_complex():
        raise call.refuse("there is no rule for products of complex matrices.")
    (first, second), out = _terms(equation)
    a_weighs, b_weighs = _weighs(a, first, second, out), _weighs(b, second, first, out)
    a, b = _dense(a), _dense(b)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum(equation, a, b) if function is None else function(a, b)

    def mirrored(b: Tensor, a: Tensor) -> Tensor:
        return product(a, b)

    def to_left(q: Tensor, b: Tensor) -> Tensor:
        return unbroadcast(_back(out, second, first, q, b), a.shape)

    def to_right(q: Tensor, a: Tensor) -> Tensor:
        return unbroadcast(_back(out, first, second, q, a), b.shape)

    if b_weighs:
        return _layer(call, a, b, _Sides(first, second, out), product, to_left)
    if a_weighs:
        return _layer(call, b, a, _Sides(second, first, out), mirrored, to_right)
    return bilinear(call, a, b, product, to_left, to_right)


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
    """Whether a side is weights."""
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
    call: Call, x: Tensor, weight: Tensor, sides: _Sides, product: Product, pull: Product
) -> Tensor:
    letters = sides.weights.replace("...", "")
    contracted = [_axis(sides.weights, c) for c in letters if c not in sides.out]
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
    return note(result, product=Weighted(call, x, layer, _axis(sides.out, outputs[-1])))


def _axis(term: str, letter: str) -> int:
    """Where a subscript stands; behind the dots counted from the end."""
    places = term.replace("...", ".")
    at = places.index(letter)
    return at - len(places) if "." in places[:at] else at


def _dense(t: Tensor) -> Tensor:
    return t if on_path(t) or t.layout == torch.strided else t.to_dense()


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
    of_a = share_out(call.sums, z, Term(x, y, product, to_left))
    of_b = share_out(call.sums, z, Term(y, x, mirrored, to_right))

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        return *of_a(relevance / 2), *of_b(relevance / 2)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, z, None, relevance)

    return propagate(call, z, backward, a, b, lost=lost)
