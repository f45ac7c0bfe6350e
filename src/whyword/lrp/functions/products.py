"""Rules for products and quotients, element by element, of signals, gates and constants."""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import propagate, unbroadcast
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.attention import softmax_by_hand
from whyword.lrp.functions.complex_numbers import product as complex_product
from whyword.lrp.functions.elementwise import as_activation, common_root, multiple, root_of
from whyword.lrp.functions.sums import share_sum
from whyword.lrp.functions.weighted import axes_of, unsqueezed
from whyword.lrp.traces import constant, is_gate, is_number, moved, note, on_path, trace

_MULTIPLICATIONS = "mul __mul__ __rmul__ __imul__ multiply".split()
_DIVISIONS = (
    "div __div__ __truediv__ __rtruediv__ __rdiv__ __itruediv__ __idiv__ true_divide divide".split()
)

_STEPS = "addcmul addcdiv lerp __lerp__ prod outer ger kron".split()

NAMES = {*_MULTIPLICATIONS, *_DIVISIONS, *_STEPS}


@register(*_MULTIPLICATIONS)
def mul(call: Call, input: Any, other: Any) -> Tensor:
    """A product: the signal takes all, gates and constants nothing; two signals take half each.

    Signal-take-all: Arras et al. 2017, section 3.1; halves: Achtibat et al. 2024, Proposition 3.3.
    """
    takers = [t for t in (input, other) if on_path(t)]
    value = constant(input) * constant(other)
    if value.is_complex():
        return complex_product(call, input, other)
    if len(takers) == 2 and (root := common_root(value, *takers)) is not None:
        return as_activation(call, value, root)
    if len(takers) == 1:
        factor = other if takers[0] is input else input
        if is_number(factor):
            return multiple(call, value, takers[0], factor)
        result = _taken_by(call, value, (takers[0], factor))
        return note(result, exponent=trace(takers[0]).exponent)  # a mask over an exponential
    pairs = [(input, constant(other)), (other, constant(input))]
    return _taken_by(call, value, *([p for p in pairs if not is_gate(p[0])] or pairs))


def _taken_by(call: Call, value: Tensor, *signals: tuple[Tensor, Any]) -> Tensor:
    """The value of a product; the signals take equal parts of its relevance.

    Args:
        call: The call.
        value: The value.
        signals: The signals, each with the constant that it is multiplied by.
    """
    count, factors = len(signals), [(factor, x.shape) for x, factor in signals]

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        share = relevance / count if count > 1 else relevance
        return tuple(unbroadcast(share, x.shape) for x, _ in signals)

    def gradient(g: Tensor) -> tuple[Tensor, ...]:
        parts = []
        for factor, shape in factors:
            part = g * factor
            parts.append(unbroadcast(part if count == 1 else part.div_(count), shape))
        return tuple(parts)

    return propagate(call, value, backward, *(x for x, _ in signals), gradient=gradient)


@register(*_DIVISIONS)
def div(call: Call, input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """A quotient: the numerator takes all; a denominator normalises and takes nothing.

    Raises:
        Refusal: If it is rounded, which makes steps of a signal.
    """
    a, b = (other, input) if call.name in ("__rtruediv__", "__rdiv__") else (input, other)
    if rounding_mode is not None:
        raise call.refuse("it rounds, and a step has no relevance to hand on.")
    value: Tensor = constant(a) / constant(b)
    if value.is_complex():
        if on_path(b):
            raise call.refuse("there is no rule for division by complex signals.")
        return complex_product(call, a, 1 / b)
    if on_path(a) and on_path(b):
        if (by_hand := softmax_by_hand(call, value, a, b)) is not None:
            return by_hand
        if (root := common_root(value, a, b)) is not None:
            return as_activation(call, value, root)
    if not on_path(a):  # a function of the signal; beside another it divides, and takes nothing
        if is_number(a) and b.shape == value.shape:
            return note(as_activation(call, value, root_of(b)), gate=True)
        shape = b.shape
        return note(propagate(call, value, lambda R: (unbroadcast(R, shape),), b), gate=True)
    factor = torch.as_tensor(constant(b)).reciprocal()
    return multiple(call, value, a, factor) if is_number(b) else _taken_by(call, value, (a, factor))


@register("addcmul")
def addcmul(call: Call, input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """z = a + v b c, step by step."""
    product = call.step("mul", tensor1, tensor2)
    return call.step("add", input, product if value == 1 else call.step("mul", product, value))


@register("addcdiv")
def addcdiv(call: Call, input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """z = a + v b / c, step by step."""
    quotient = call.step("div", tensor1, tensor2)
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
    axes = axes_of(x, dim)
    value = x.detach().prod() if dim is None else x.detach().prod(dim, keepdim)
    count = x.numel() if dim is None else x.shape[dim] if x.ndim else 1

    def backward(relevance: Tensor) -> tuple[Tensor]:
        spread = unsqueezed(relevance, axes, x.ndim, keepdim)
        return ((spread / max(count, 1)).expand((*spread.shape[: spread.ndim - x.ndim], *x.shape)),)

    return propagate(call, value, backward, x)


@register("outer", "ger")
def outer(call: Call, input: Any, vec2: Any) -> Any:
    """z_ij = u_i v_j."""
    return call.step("mul", moved(input[:, None], input), vec2)


@register("kron")
def kron(call: Call, input: Any, other: Any) -> Any:
    """Products of every element of one with every element of the other."""
    count = max(input.ndim, other.ndim)
    a, b = (t.reshape([1] * (count - t.ndim) + list(t.shape)) for t in (input, other))
    apart = [n for size in a.shape for n in (size, 1)], [n for size in b.shape for n in (1, size)]
    factors = (moved(a.reshape(apart[0]), input), moved(b.reshape(apart[1]), other))
    product = call.step("mul", *factors)
    return product.reshape([m * n for m, n in zip(a.shape, b.shape, strict=True)])
