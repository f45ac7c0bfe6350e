"""Sums without weights of a layer: residual connections, pooling by mean, attention."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.calls import Call, losses, propagate, register, through_layer, unbroadcast
from whyword.lrp.functions.elementwise import as_activation, common_root, root_of
from whyword.lrp.rules import Epsilon, stabiliser
from whyword.lrp.traces import constant, is_number, note, on_path, trace

_ADDITIONS = """
    add __add__ __radd__ __iadd__ sub __sub__ __rsub__ rsub __isub__ subtract
""".split()

NAMES = {*_ADDITIONS, "sum", "mean"}


@register(*_ADDITIONS)
def add(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """z = a ± b: a linear layer with weights ±1 and n inputs; a constant summand is its bias.

    Added to a product with weights, a constant per output is the bias of that layer.
    """
    a, b, scale = input, other, alpha * (-1 if "sub" in call.name else 1)
    if call.name in ("__rsub__", "rsub"):
        a, b = b, a
    z = constant(a) + (constant(b) if scale == 1 else scale * constant(b))
    takers = [(t, weight) for t, weight in ((a, 1), (b, scale)) if on_path(t)]
    tensors = [t for t, _ in takers]
    number = is_number(b if on_path(a) else a)
    if len(takers) == 2 or (number and trace(tensors[0]).curved):
        if (root := common_root(z, *tensors)) is not None:
            return as_activation(call, z, root)
    elif (layer := _with_bias(call, z, *takers[0], b if on_path(a) else a)) is not None:
        return layer
    result = share_sum(call, z, *takers)
    if number and len(takers) == 1:
        note(result, root=root_of(tensors[0]), total=trace(tensors[0]).total)
    return result


def _with_bias(call: Call, z: Tensor, x: Tensor, weight: Any, bias: Any) -> Tensor | None:
    """The product that ``x`` is, as a layer with this bias, if both are what makes up a layer."""
    product = trace(x).product
    fits = isinstance(bias, Tensor) and bias.shape == z.shape[-1:] and x.shape == z.shape
    if product is None or not fits or weight != 1:
        return None
    whole = replace(product.layer, bias=z - product.layer.z, z=z)
    return through_layer(product.call, product.x, whole)


def share_sum(call: Call, z: Tensor, *terms: tuple[Tensor, Any]) -> Tensor:
    """z = Σ_i w_i x_i + constant, element by element: R_i = (w_i x_i + (c + s) / n) / (z + s) · R.

    The summands share constant and stabiliser equally, if the rule says so.

    Args:
        call: The call.
        z: The value.
        terms: The summands that take relevance, each with its weight.
    """
    if z.is_complex():
        return _complex_sum(call, z, *terms)
    rule = call.sums
    bias = None
    if len(terms) == 1 and (rule.bias_share or call.record):
        bias = z - terms[0][1] * terms[0][0].detach()

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        s = stabiliser(z, rule.epsilon)
        q = relevance / (z + s)
        shared = s if rule.stabiliser_share else None
        if bias is not None and rule.bias_share:
            shared = bias if shared is None else shared + bias
        parts = (_times(weight, x.detach()) for x, weight in terms)
        if shared is not None:
            equal = shared / len(terms)
            parts = (part + equal for part in parts)
        return tuple(
            unbroadcast(q * part, x.shape) for part, (x, _) in zip(parts, terms, strict=True)
        )

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(rule, z, bias, relevance)

    return propagate(call, z, backward, *(x for x, _ in terms), lost=lost)


def _complex_sum(call: Call, z: Tensor, *terms: tuple[Tensor, Any]) -> Tensor:
    """A sum of complex numbers is two sums, of real and of imaginary components."""
    if any(isinstance(w, complex) or (isinstance(w, Tensor) and w.is_complex()) for _, w in terms):
        raise call.refuse("its summands have complex weights; multiply by them first.")
    parts = [
        (torch.view_as_real(x if x.is_complex() else torch.complex(x, torch.zeros_like(x))), w)
        for x, w in terms
    ]
    return torch.view_as_complex(share_sum(call, torch.view_as_real(z.resolve_conj()), *parts))


def _times(weight: Any, x: Tensor) -> Tensor:
    result: Tensor = x if isinstance(weight, int) and weight == 1 else weight * x
    return result


@register("sum", "mean")
def pool(
    call: Call,
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Sums and means over axes of one tensor; see `weighted_sum`."""
    x = input if dtype is None else input.to(dtype)
    axes = axes_of(x, dim)
    count = math.prod(x.shape[a] for a in axes) if call.name == "mean" else 1

    def mix(t: Tensor, weight: Tensor) -> Tensor:
        return t.sum(dim=axes, keepdim=keepdim) * weight

    def pull(q: Tensor, weight: Tensor) -> Tensor:
        for axis in () if keepdim else reversed(axes):
            q = q.unsqueeze(axis - x.ndim)
        return (q * weight).expand(*q.shape[: q.ndim - x.ndim], *x.shape)

    result = weighted_sum(call, x, x.new_tensor(1 / max(count, 1)), mix, pull)
    return note(result, total=(input, axes[0])) if len(axes) == 1 and call.name == "sum" else result


def axes_of(x: Tensor, dim: Any) -> list[int]:
    """The axes that a reduction is over, in their order; all by default."""
    dims = range(x.ndim) if dim is None or dim == () or dim == [] else dim
    return sorted({a % max(x.ndim, 1) for a in ((dims,) if isinstance(dims, int) else dims)})


def weighted_sum(
    call: Call,
    signal: Tensor,
    weights: Tensor,
    mix: Callable[[Tensor, Tensor], Tensor],
    pull: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """z_j = Σ_i c_ij over positions, c_ij = w_ij x_i; see `share_out`.

    Args:
        call: The call.
        signal: x, takes relevance.
        weights: w, constant.
        mix: ``(x, w) -> `` Σ_i w_ij x_i, shaped like the value.
        pull: ``(q, w) -> `` Σ_j q_j w_ij, shaped like ``x``.
    """
    if signal.is_complex():
        raise call.refuse("there is no rule for sums of complex numbers over an axis.")
    z = mix(signal.detach(), weights)
    backward = share_out(call.sums, signal.detach(), weights, z, mix, pull)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, z, None, relevance)

    return propagate(call, z, lambda R: (backward(R),), signal, lost=lost)


def share_out(
    rule: Epsilon,
    x: Tensor,
    weights: Tensor,
    z: Tensor,
    mix: Callable[[Tensor, Tensor], Tensor],
    pull: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor], Tensor]:
    """From the relevance of z_j = Σ_i w_ij x_i to that of x.

    R_i = Σ_j (c_ij + s_j |c_ij| / Σ_i |c_ij|) / (z_j + s_j) · R_j. The stabiliser is shared in
    proportion, so that what contributes nothing (padding) gets nothing, however much of it there
    is; where all contributions are zero, by |w_ij|.

    Args:
        rule: The rule of sums.
        x: The signal.
        weights: w.
        z: The sums.
        mix: See `weighted_sum`.
        pull: See `weighted_sum`.
    """
    s = stabiliser(z, rule.epsilon)

    def backward(relevance: Tensor) -> Tensor:
        q = relevance / (z + s)
        result = x * pull(q, weights)
        if rule.stabiliser_share:
            size, strength = x.abs(), weights.abs()
            total = mix(size, strength)
            nothing = total == 0
            result = result + size * pull(q * s / total.masked_fill(nothing, 1), strength)
            if nothing.any():
                reach = mix(torch.ones_like(x), strength)
                result = result + pull(q * s * nothing / reach.masked_fill(reach == 0, 1), strength)
        return result

    return backward
