"""Sums without weights of a layer: residual connections, pooling by mean, attention."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.calls import Call, constant, losses, on_path, propagate, register, unbroadcast
from whyword.lrp.rules import Epsilon, stabiliser

_ADDITIONS = """
    add __add__ __radd__ __iadd__ sub __sub__ __rsub__ rsub __isub__ subtract
""".split()

NAMES = {*_ADDITIONS, "sum", "mean"}


@register(*_ADDITIONS)
def add(call: Call) -> Tensor:
    """z = a ± b: a linear layer with weights ±1 and n inputs; a constant summand is its bias."""
    a, b = call.args[0], call.argument(1, "other")
    sign = call.kwargs.get("alpha", 1) * (-1 if "sub" in call.name else 1)
    if call.name in ("__rsub__", "rsub"):
        a, b = b, a
    z = torch.as_tensor(constant(a)) + sign * torch.as_tensor(constant(b))
    return share_sum(call, z, *((t, s) for t, s in ((a, 1), (b, sign)) if on_path(t)))


def share_sum(call: Call, z: Tensor, *terms: tuple[Tensor, Any]) -> Tensor:
    """z = Σ_i w_i x_i + constant, element by element: R_i = (w_i x_i + (c + s) / n) / (z + s) · R.

    The summands share constant and stabiliser equally, if the rule says so.

    Args:
        call: The call.
        z: The value.
        terms: The summands that take relevance, each with its weight.
    """
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


def _times(weight: Any, x: Tensor) -> Tensor:
    result: Tensor = x if isinstance(weight, int) and weight == 1 else weight * x
    return result


@register("sum", "mean")
def pool(call: Call) -> Tensor:
    """Sums and means over axes of one tensor; see `weighted_sum`."""
    x: Tensor = call.argument(0, "input")
    axes = call.argument(1, "dim")
    keep = call.argument(2, "keepdim", False)
    axes = tuple(range(x.ndim)) if axes is None or axes == () else axes
    axes = sorted(a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes))
    count = math.prod(x.shape[a] for a in axes) if call.name == "mean" else 1

    def mix(t: Tensor, weight: Tensor) -> Tensor:
        return t.sum(dim=axes, keepdim=keep) * weight

    def pull(q: Tensor, weight: Tensor) -> Tensor:
        for axis in () if keep else reversed(axes):
            q = q.unsqueeze(axis - x.ndim)
        return (q * weight).expand(*q.shape[: q.ndim - x.ndim], *x.shape)

    return weighted_sum(call, x, x.new_tensor(1 / max(count, 1)), mix, pull)


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
