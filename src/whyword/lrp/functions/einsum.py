"""Products in Einstein's notation, of which matrix products are one kind."""

import math

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.calls import Call, on_path, register, through_layer, unbroadcast
from whyword.lrp.functions.products import bilinear
from whyword.lrp.rules import Layer


@register("einsum")
def einsum(call: Call) -> Tensor:
    """Of two tensors: with weights of the model a layer; otherwise see `bilinear`.

    Raises:
        InputError: If there are more or fewer tensors, or an axis is summed over in one alone.
    """
    equation, *operands = call.args
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
