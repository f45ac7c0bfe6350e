"""Rules for sums of tensors, element by element: residual connections, biases, differences."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import losses, propagate, through_layer, unbroadcast
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.elementwise import as_activation, common_root, root_of
from whyword.lrp.rules import stabiliser
from whyword.lrp.traces import constant, is_number, note, on_path, trace

NAMES = set(
    """
    add __add__ __radd__ __iadd__ sub __sub__ __rsub__ rsub __isub__ subtract
    """.split()
)


@register(*NAMES)
def add(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """z = a ± b: a linear layer with weights ±1 and n inputs; a constant summand is its bias.

    Added to a product with weights, a constant per output is the bias of that layer.
    """
    a, b, scale = input, other, -alpha if "sub" in call.name else alpha
    if call.name in ("__rsub__", "rsub"):
        a, b = b, a
    z: Tensor = constant(a) + _times(scale, constant(b))
    takers = [(t, weight) for t, weight in ((a, 1), (b, scale)) if on_path(t)]
    tensors = [t for t, _ in takers]
    number = len(takers) == 1 and is_number(b if on_path(a) else a)
    if len(takers) == 2 or (number and trace(tensors[0]).curved):
        if (root := common_root(z, *tensors)) is not None:
            return as_activation(call, z, root)
    elif (layer := _with_bias(call, z, *takers[0], b if on_path(a) else a)) is not None:
        return layer
    result = share_sum(call, z, *takers)
    if number:
        note(result, root=root_of(tensors[0]), total=trace(tensors[0]).total)
    return result


def _with_bias(call: Call, z: Tensor, x: Tensor, weight: Any, bias: Any) -> Tensor | None:
    """The layer that the product ``x`` and this bias make up; None if they make up none."""
    product = trace(x).product
    if product is None or weight != 1 or z.dtype != x.dtype or x.shape != z.shape:
        return None
    wanted = () if product.axis is None else (z.shape[product.axis], *[1] * (-1 - product.axis))
    if not _has_shape(bias, wanted):
        return None
    whole = replace(product.layer, bias=z - product.layer.z, z=z)
    return through_layer(product.call, product.x, whole)


def _has_shape(constant: Any, shape: tuple[int, ...]) -> bool:
    """Whether a constant has this shape, but for axes in front that only repeat it."""
    if not isinstance(constant, Tensor):
        return not shape
    while constant.ndim > len(shape) and (constant.shape[0] == 1 or constant.stride(0) == 0):
        constant = constant[0]
    return tuple(constant.shape) == shape


def share_sum(call: Call, z: Tensor, *terms: tuple[Tensor, Any]) -> Tensor:
    """z = Σ_i w_i x_i + constant, element by element: R_i = (w_i x_i + (c + s) / n) / (z + s) · R.

    The summands share constant and stabiliser equally, if the rule says so. An infinite constant,
    as in a mask, takes all relevance. If the constant is zero, a single summand takes all, so that
    a text has the same relevance with a mask and without.

    Args:
        call: The call.
        z: The value.
        terms: The summands that take relevance, each with its weight.
    """
    if z.is_complex():
        return _complex_sum(call, z, *terms)
    rule = call.sums
    infinite = None
    if not (call.gradient and len(terms) > 1) and not z.sum().isfinite():
        infinite = ~z.isfinite()  # a sum is quicker to look at

    def finite(part: Tensor) -> Tensor:
        return part if infinite is None else part.masked_fill(infinite, 0)

    alone = None
    if len(terms) == 1 and not rule.stabiliser_share and not call.gradient:
        alone = z == _times(terms[0][1], terms[0][0].detach())
    bias = None
    if len(terms) == 1 and (rule.bias_share or call.record):
        bias = finite(z - _times(terms[0][1], terms[0][0].detach()))

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        s = stabiliser(z, rule.epsilon)
        q = relevance / (z + s)
        shared = s if rule.stabiliser_share else None
        if bias is not None and rule.bias_share:
            shared = bias if shared is None else shared + bias
        parts = (finite(_times(weight, x.detach())) for x, weight in terms)
        if shared is not None:
            equal = shared / len(terms)
            parts = (part + equal for part in parts)
        found = (q * part for part in parts)
        if alone is not None:
            found = (torch.where(alone, relevance, part) for part in found)
        return tuple(unbroadcast(part, x.shape) for part, (x, _) in zip(found, terms, strict=True))

    factors = [(weight, x.shape) for x, weight in terms]

    def gradient(g: Tensor) -> tuple[Tensor, ...]:
        passed = finite(g)
        return tuple(unbroadcast(_times(weight, passed), shape) for weight, shape in factors)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        summed = relevance if alone is None else relevance.masked_fill(alone, 0)
        return losses(rule, z, bias, summed)

    signals = (x for x, _ in terms)
    return propagate(call, z, backward, *signals, gradient=gradient, lost=lost)


def _complex_sum(call: Call, z: Tensor, *terms: tuple[Tensor, Any]) -> Tensor:
    """A sum of complex numbers is two sums, of real and of imaginary components."""
    if any(isinstance(w, complex | Tensor) for _, w in terms):
        raise call.refuse("its summands have weights of their own; multiply by them first.")
    z = z.resolve_conj()
    real = share_sum(call, z.real, *((x.real if x.is_complex() else x, w) for x, w in terms))
    turned = [(x.imag, w) for x, w in terms if x.is_complex()]
    return torch.complex(real, share_sum(call, z.imag, *turned) if turned else z.imag)


def _times(weight: Any, x: Any) -> Any:
    return x if isinstance(weight, int) and weight == 1 else weight * x
