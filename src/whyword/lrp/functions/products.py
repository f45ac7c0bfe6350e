"""Products: of signals with gates and constants, of signals with each other, of matrices.

Matrix products come in many spellings. Each is brought into Einstein's notation, in which a product
with weights is a layer, and any other a sum of products.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_letters
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.lrp.calls import Call, losses, propagate, register, through_layer, unbroadcast
from whyword.lrp.functions.attention import softmax_by_hand
from whyword.lrp.functions.elementwise import (
    as_activation,
    common_root,
    multiple,
    root_of,
)
from whyword.lrp.functions.sums import share_out, share_sum, weighted_sum
from whyword.lrp.rules import Layer
from whyword.lrp.traces import constant, is_gate, is_number, layer_of, note, on_path, trace

Product = Callable[[Tensor, Tensor], Tensor]

_MULTIPLICATIONS = "mul __mul__ __rmul__ __imul__ multiply".split()
_DIVISIONS = (
    "div __div__ __truediv__ __rtruediv__ __rdiv__ __itruediv__ __idiv__ true_divide divide".split()
)
_MATRIX_PRODUCTS = "matmul __matmul__ __rmatmul__ mm _sparse_mm bmm mv dot inner vdot".split()

NAMES = {*_MULTIPLICATIONS, *_DIVISIONS}


@register(*_MULTIPLICATIONS)
def mul(call: Call, input: Any, other: Any) -> Tensor:
    """A product: the signal takes all, gates and constants nothing; two signals take half each.

    Signal-take-all: Arras et al. 2017, section 3.1; halves: Achtibat et al. 2024, Proposition 3.3.
    """
    takers = [t for t in (input, other) if on_path(t)]
    value = constant(input) * constant(other)
    if value.is_complex():
        return _complex_product(call, input, other)
    if len(takers) == 2 and (root := common_root(value, *takers)) is not None:
        return as_activation(call, value, root)
    if len(takers) == 1:
        factor = other if takers[0] is input else input
        if is_number(factor):
            return multiple(call, value, takers[0])
        result = _taken_by(call, value, *takers)
        return note(result, exponent=trace(takers[0]).exponent)  # a mask over an exponential
    signals = [t for t in takers if not is_gate(t)] or takers
    return _taken_by(call, value, *signals)


def _taken_by(call: Call, value: Tensor, *signals: Tensor) -> Tensor:
    """A product of which these factors take equal parts."""

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        share = relevance / len(signals) if len(signals) > 1 else relevance
        return tuple(unbroadcast(share, t.shape) for t in signals)

    return propagate(call, value, backward, *signals)


def _complex_product(call: Call, a: Any, b: Any) -> Tensor:
    """z = a c for a constant c, such as a rotation: sums of products of the components.

    Re z = Re a Re c - Im a Im c, Im z = Re a Im c + Im a Re c.
    """
    if on_path(a) and on_path(b):
        raise call.refuse("there is no rule for products of two complex signals.")
    x, c = (a, b) if on_path(a) else (b, a)
    exact = None if isinstance(c, Tensor) else torch.complex128
    c = torch.as_tensor(c, dtype=exact, device=x.device)
    re, im = (c.real, c.imag) if c.is_complex() else (c, torch.zeros_like(c))
    shape = torch.broadcast_shapes(x.shape, c.shape)
    x = x.expand(shape)
    x_re, x_im = (x.real, x.imag) if x.is_complex() else (x, None)
    parts = ((x_re, re), (x_im, -im)), ((x_re, im), (x_im, re))
    sums = []
    for terms in parts:
        given = [(t, w) for t, w in terms if t is not None]
        z = sum(t.detach() * w for t, w in given)
        sums.append(share_sum(call, z, *given))  # type: ignore[arg-type]
    return torch.complex(*sums)


@register(*_DIVISIONS)
def div(call: Call, input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """A quotient: the numerator takes all; a denominator normalises and takes nothing.

    Raises:
        UnsupportedFunction: If it is rounded, which makes steps of a signal.
    """
    a, b = (other, input) if call.name in ("__rtruediv__", "__rdiv__") else (input, other)
    if rounding_mode is not None:
        raise call.refuse("it rounds, and a step has no relevance to hand on.")
    value = torch.div(constant(a), constant(b))
    if value.is_complex():
        if on_path(b):
            raise call.refuse("there is no rule for division by complex signals.")
        return _complex_product(call, a, 1 / b)
    if on_path(a) and on_path(b):
        if (by_hand := softmax_by_hand(call, value, a, b)) is not None:
            return by_hand
        if (root := common_root(value, a, b)) is not None:
            return as_activation(call, value, root)
    if not on_path(a):  # a constant over a signal is a function of the signal
        if is_number(a) and b.shape == value.shape:
            return as_activation(call, value, root_of(b))
        return _taken_by(call, value, b)
    return multiple(call, value, a) if is_number(b) else _taken_by(call, value, a)


@register("addcmul")
def addcmul(call: Call, input: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """z = a + v b c, step by step."""
    product = call.step("mul", first, second)
    return call.step("add", input, product if value == 1 else call.step("mul", product, value))


@register("addcdiv")
def addcdiv(call: Call, input: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """z = a + v b / c, step by step."""
    quotient = call.step("div", first, second)
    return call.step("add", input, quotient if value == 1 else call.step("mul", quotient, value))


@register("lerp", "__lerp__")
def lerp(call: Call, input: Any, end: Any, weight: Any) -> Any:
    """z = (1 - w) a + w b: the summands take all, w is a gate."""
    w = constant(weight)
    terms = [(t, factor) for t, factor in ((input, 1 - w), (end, w)) if on_path(t)]
    value = torch.lerp(constant(input), constant(end), w)
    if not terms:
        raise call.refuse("its weight alone depends on the embeddings.")
    return share_sum(call, value, *terms)


@register("prod")
def prod(
    call: Call, input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A product of n signals: each takes an n-th (Achtibat et al. 2024, Proposition 3.3)."""
    x = input if dtype is None else input.to(dtype)
    if dim is None:
        value, axis = x.detach().prod(), None
        count = x.numel()
    else:
        value, axis = x.detach().prod(dim, keepdim), dim % x.ndim
        count = x.shape[axis]

    def backward(relevance: Tensor) -> tuple[Tensor]:
        if axis is not None and not keepdim:
            relevance = relevance.unsqueeze(axis - x.ndim)
        return ((relevance / max(count, 1)).expand_as(x),)

    return propagate(call, value, backward, x)


@register(*_MATRIX_PRODUCTS)
def matmul(call: Call, input: Any, other: Any) -> Tensor:
    """A product of matrices: with weights a layer; otherwise see `bilinear`."""
    a, b = (other, input) if call.name == "__rmatmul__" else (input, other)
    if call.name == "inner" and b.ndim > 1:
        b = b.mT
    if call.name == "inner" and b.ndim > 2:
        raise call.refuse("inner products of more than two axes have no rule; use einsum.")
    return contraction(call, a, b, _equation(a.ndim, b.ndim), torch.matmul)


@register("bilinear")
def two_inputs(call: Call, input1: Any, input2: Any, weight: Tensor, bias: Any = None) -> Any:
    """z_k = x1ᵀ W_k x2 + b_k: a layer of the one beside a constant other, otherwise halves."""
    if on_path(input1) and on_path(input2):
        right = torch.einsum("kij,...j->...ki", weight, constant(input2))
        left = torch.einsum("...i,kij->...kj", constant(input1), weight)
        z = torch.einsum("...i,...ki->...k", constant(input1), right)
        halves = [
            share_out(call.sums, constant(x)[..., None, :], side, z[..., None], _dots, _undots)
            for x, side in ((input1, right), (input2, left))
        ]

        def backward(relevance: Tensor) -> tuple[Tensor, ...]:
            return tuple(half(relevance[..., None] / 2).sum(dim=-2) for half in halves)

        product = propagate(call, z, backward, input1, input2)
    elif on_path(input1):
        made = torch.einsum("kij,...j->...ki", weight, input2)
        product = contraction(call, input1, made, "...i,...ki->...k")
    else:
        made = torch.einsum("...i,kij->...kj", input1, weight)
        product = contraction(call, input2, made, "...j,...kj->...k")
    return product if bias is None else call.step("add", product, bias)


def _dots(x: Tensor, w: Tensor) -> Tensor:
    return (x * w).sum(dim=-1, keepdim=True)


def _undots(q: Tensor, w: Tensor) -> Tensor:
    return q * w


@register("tensordot")
def tensordot(call: Call, input: Any, other: Any, dims: Any = 2, **_: Any) -> Tensor:
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
def einsum(call: Call, equation: Any, *operands: Any) -> Tensor:
    """Of one tensor, a sum; of two, a product: see `contraction`; of more, one after the other.

    Raises:
        UnsupportedFunction: If the operands are given as lists of axes.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise call.refuse('expected an equation and tensors, such as "bid,de->bie".')
    terms, out = _terms(equation)
    if len(terms) != len(operands) or any(len(set(t) - {"."}) < len(t.replace(".", "")) for t in terms):  # fmt: skip
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
    return contraction(call, a, b, f"{first},{second}->{out}")


def _summed(call: Call, term: str, x: Any, kept: str) -> tuple[str, Any]:
    """A tensor summed over the axes that nothing else has."""
    gone = [c for c in term if c not in kept and c != "."]
    if not gone:
        return term, x
    return "".join(c for c in term if c not in gone), call.step("sum", x, [_axis(term, c) for c in gone])  # fmt: skip


def _alone(call: Call, term: str, x: Tensor, out: str) -> Tensor:
    """Axes of one tensor summed and put into another order."""
    term, x = _summed(call, term, x, out)
    return torch.einsum(f"{term}->{out}", x)


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
    """

    call: Call
    x: Tensor
    layer: Layer


def contraction(call: Call, a: Any, b: Any, equation: str, function: Product | None = None) -> Tensor:  # fmt: skip
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
    return contracted == {signal[-1:]} or bool((w < 0).any())


def _layer(call: Call, x: Tensor, weight: Tensor, sides: _Sides, product: Product, pull: Product) -> Tensor:  # fmt: skip
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
    per_output = sides.out[-1:] in letters and sides.out[-1:] not in sides.signal
    return note(result, product=Weighted(call, x, layer)) if per_output else result


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
    shares = (
        share_out(call.sums, x, y, z, product, to_left),
        share_out(call.sums, y, x, z, mirrored, to_right),
    )

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        return tuple(share(relevance / 2) for share in shares)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, z, None, relevance)

    return propagate(call, z, backward, a, b, lost=lost)
