"""The rule for sums with constant weights, such as means over positions and attention.

Constant and stabiliser are shared in proportion to the contributions: padding, which contributes
nothing, takes no relevance, however much of it there is.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from whyword.lrp.backward import losses, propagate
from whyword.lrp.calls import Call, register
from whyword.lrp.rules import Epsilon, stabiliser
from whyword.lrp.traces import note, on_path

NAMES = {"sum", "mean", "nansum", "nanmean"}


class _Weights(Protocol):
    """The weights of a sum: a tensor, or several that make them up."""

    def abs(self) -> Self:
        """The absolute values |w|, or an upper bound of them that is easier to compute."""


class Term(NamedTuple):
    """The part of one tensor in sums: Σ_i w_ij x_i.

    Attributes:
        x: The tensor; it takes relevance if it depends on the embeddings.
        weights: The weights w, which are constant.
        mix: ``(x, w) -> `` Σ_i w_ij x_i, shaped like the sums.
        pull: ``(q, w) -> `` Σ_j q_j w_ij, shaped like ``x``.
    """

    x: Tensor
    weights: Any
    mix: Callable[[Tensor, Any], Tensor]
    pull: Callable[[Tensor, Any], Tensor]


def summed(call: Call, *terms: Term, value: Tensor | None = None) -> Tensor:
    """z_j = Σ_i w_ij x_i over all terms; see `share_out`.

    Args:
        call: The call.
        terms: The terms; those that do not depend on the embeddings are a constant.
        value: The value z, if the function itself has computed it.
    """
    signals = [t for t in terms if on_path(t.x)]
    constants = [t.mix(t.x, t.weights) for t in terms if not on_path(t.x)]
    sums = [t.mix(t.x.detach(), t.weights) for t in signals]
    z = sum(sums[1:], sums[0])
    constant = sum(constants[1:], constants[0]) if constants else None
    z = z if constant is None else z + constant
    rule = call.sums
    backward = share_out(rule, z, *signals, constant=constant)

    pulls = [(t.pull, t.weights) for t in signals]

    def gradient(g: Tensor) -> tuple[Tensor, ...]:
        return tuple(pull(g, weights) for pull, weights in pulls)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(rule, z, constant, relevance)

    z = z if value is None else value
    return propagate(call, z, backward, *(t.x for t in signals), gradient=gradient, lost=lost)


def weighted_sum(
    call: Call,
    signal: Tensor,
    weights: Any,
    mix: Callable[[Tensor, Any], Tensor],
    pull: Callable[[Tensor, Any], Tensor],
    value: Tensor | None = None,
) -> Tensor:
    """The weighted sum of one tensor; its arguments are those of `Term` and `summed`."""
    if signal.is_complex():
        raise call.refuse("there is no rule for such sums of complex numbers; take their parts.")
    return summed(call, Term(signal, weights, mix, pull), value=value)


def share_out(
    rule: Epsilon, z: Tensor, *terms: Term, constant: Tensor | None = None
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """A function from the relevance of z_j = Σ_i c_ij + b_j, c_ij = w_ij x_i, to that of each term.

    R_i = Σ_j (c_ij + (s_j + b_j) |c_ij| / Σ_i |c_ij|) / (z_j + s_j) · R_j. Stabiliser and constant
    are shared in proportion, if the rule says that they are shared; where all contributions are
    zero, by |w_ij|.

    Args:
        rule: The rule of sums.
        z: The sums.
        terms: The terms, which take relevance.
        constant: The constant b; None for zero.
    """
    s = stabiliser(z, rule.epsilon)
    shared = s if rule.stabiliser_share else None
    if constant is not None and rule.bias_share:
        shared = constant if shared is None else shared + constant
    data = [t.x.detach() for t in terms]

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        q = relevance / (z + s)
        parts = [x * t.pull(q, t.weights) for x, t in zip(data, terms, strict=True)]
        if shared is None:
            return tuple(parts)
        strengths = [t.weights.abs() for t in terms]

        def total(of: list[Tensor]) -> Tensor:
            sums = [t.mix(x, w) for t, x, w in zip(terms, of, strengths, strict=True)]
            return sum(sums[1:], sums[0])

        whole = total([x.abs() for x in data])
        nothing = whole == 0
        share = q * shared / whole.masked_fill(nothing, 1)
        for k, (t, w) in enumerate(zip(terms, strengths, strict=True)):
            parts[k] = parts[k] + data[k].abs() * t.pull(share, w)
        if nothing.any():
            reach = total([torch.ones_like(x) for x in data])
            share = q * shared * nothing / reach.masked_fill(reach == 0, 1)
            for k, (t, w) in enumerate(zip(terms, strengths, strict=True)):
                parts[k] = parts[k] + t.pull(share, w)
        return tuple(parts)

    return backward


@register("sum", "mean")
def pool(
    call: Call,
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Sums and means over axes of one tensor."""
    x = input if dtype is None else input.to(dtype)
    axes = axes_of(x, dim)
    if x.ndim == 0:
        return propagate(call, x.detach(), lambda R: (R,), x)
    if x.is_complex():  # of each component its own
        pairs = pool(call, torch.view_as_real(x), axes, keepdim)
        return torch.view_as_complex(pairs)
    count = math.prod(x.shape[a] for a in axes) if call.name == "mean" else 1

    def mix(t: Tensor, weight: Tensor) -> Tensor:
        return t.sum(dim=axes, keepdim=keepdim) * weight

    shape = x.shape

    def pull(q: Tensor, weight: Tensor) -> Tensor:
        q = unsqueezed(q, axes, len(shape), keepdim)
        return (q * weight).expand((*q.shape[: q.ndim - len(shape)], *shape))

    result = weighted_sum(call, x, x.new_tensor(1 / max(count, 1)), mix, pull)
    return note(result, total=(input, axes[0])) if len(axes) == 1 and call.name == "sum" else result


@register("nansum", "nanmean")
def pool_numbers(
    call: Call,
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Sums and means without NaN."""
    x = input if dtype is None else input.to(dtype)
    axes = axes_of(x, dim)
    known = (~x.detach().isnan()).to(x.dtype)
    count = known.sum(axes, keepdim=True) if call.name == "nanmean" else 1

    def mix(t: Tensor, weight: Tensor) -> Tensor:
        return (t * weight).sum(axes, keepdim=keepdim)

    ndim = x.ndim

    def pull(q: Tensor, weight: Tensor) -> Tensor:
        return unsqueezed(q, axes, ndim, keepdim) * weight

    numbers = x.masked_fill(known == 0, 0)
    return weighted_sum(call, numbers, known / count, mix, pull)


def axes_of(x: Tensor, dim: Any) -> list[int]:
    """The axes that a reduction is over, in their order; all by default."""
    if isinstance(dim, int):
        dim = (dim,)
    dims = range(x.ndim) if dim is None or len(dim) == 0 else dim
    return sorted({a % x.ndim for a in dims}) if x.ndim else []


def unsqueezed(t: Tensor, axes: list[int], ndim: int, keepdim: bool) -> Tensor:
    """A reduction with the axes that it was over put back, unless they were kept.

    Args:
        t: The reduction; further axes may stand in front.
        axes: The axes, in their order.
        ndim: Number of axes of what was reduced.
        keepdim: Whether they were kept.
    """
    for axis in () if keepdim else reversed(axes):
        t = t.unsqueeze(axis - ndim)
    return t
