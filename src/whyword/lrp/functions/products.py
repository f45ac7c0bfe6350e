"""Products: of signals with gates and constants, of signals with each other, of matrices."""

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.calls import (
    Call,
    constant,
    is_gate,
    on_path,
    propagate,
    register,
    through_layer,
    unbroadcast,
)
from whyword.lrp.functions.layers import matrix_layer
from whyword.lrp.functions.sums import weighted_sum

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
        return tuple(unbroadcast(relevance / len(signals), t.shape) for t in signals)

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
    """A product of matrices: with weights a layer; with attention (a gate) a weighted sum.

    Raises:
        InputError: If both are signals.
    """
    a, b = call.args[0], call.argument(1, "other", call.kwargs.get("mat2"))
    if call.name == "__rmatmul__":
        a, b = b, a
    if on_path(a) and on_path(b) and is_gate(a) == is_gate(b):
        raise InputError(
            "A matrix product of two signals has no rule; one of them has to be constant, or a "
            "gate (softmax, sigmoid). Give it one with whyword.lrp.register."
        )
    if on_path(a) and not (on_path(b) and is_gate(a)):
        if call.layer:
            return through_layer(call, a, matrix_layer(a, constant(b)))
        return _mixture(call, a, constant(b), right=False)
    return _mixture(call, b, constant(a), right=True)


def _mixture(call: Call, signal: Tensor, weights: Tensor, *, right: bool) -> Tensor:
    """weights @ signal (``right``) or signal @ weights: a weighted sum over the shared axis."""

    def mix(x: Tensor, w: Tensor) -> Tensor:
        return w @ x if right else x @ w

    def pull(q: Tensor, w: Tensor) -> Tensor:
        if not right:
            return unbroadcast(q @ w.mT, signal.shape)
        if signal.ndim == 1:  # a matrix times a vector
            return unbroadcast((w.mT @ q[..., None])[..., 0], signal.shape)
        return unbroadcast(w.mT @ q, signal.shape)

    return weighted_sum(call, signal, weights, mix, pull)
