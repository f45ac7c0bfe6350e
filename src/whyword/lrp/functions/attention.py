"""Rules of attention: the softmax, and the function that computes all of attention at once.

There are two rules, chosen by the composite. AttnLRP (Achtibat et al. 2024) linearises the softmax
and halves the relevance of each product of two signals, so that queries and keys take part. CP-LRP
(Ali et al. 2022) holds the weights constant, so that all relevance goes to the values.
"""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import propagate
from whyword.lrp.calls import Call, register
from whyword.lrp.functions import fused
from whyword.lrp.traces import constant, note, trace

NAMES = {"softmax", "softmin"}


@register("softmax")
def softmax(
    call: Call, input: Tensor, dim: int | None = None, *, dtype: torch.dtype | None = None
) -> Tensor:
    """R_i = x_i (R_i - p_i Σ_j R_j) (Achtibat et al. 2024, Eq. 13), the first-order term at x.

    The linearisation's constant term is lost ("softmax" in the account). Under CP-LRP the softmax
    is a gate; where there is nothing to scale, such as at the output, each probability hands its
    relevance to its own input.
    """
    axis = axis_of(input, dim)
    p = torch.softmax(input.detach(), axis, dtype=dtype)
    picked = trace(input).choice == "picked"
    return note(_linearised(call, p, input, axis), gate=picked, choice="softmax")


def axis_of(x: Tensor, dim: int | None) -> int:
    """The axis of a softmax, which torch guesses where none is given."""
    return (0 if x.ndim in (0, 1, 3) else 1) if dim is None else dim


def _linearised(call: Call, p: Tensor, x: Tensor, axis: int) -> Tensor:
    """The value of a softmax of ``x`` over an axis, however it was computed."""
    if call.attention == "cplrp":
        return propagate(call, p, lambda R: (R,), x)
    # What is masked with -inf has p = 0, and 0 · inf is not 0.
    inputs = x.detach().clamp(min=torch.finfo(x.dtype).min)

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (inputs * (relevance - p * relevance.sum(dim=axis, keepdim=True)),)

    def gradient(g: Tensor) -> tuple[Tensor]:
        weighted = g * p
        return (weighted - p * weighted.sum(dim=axis, keepdim=True),)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return {"softmax": relevance.sum() - backward(relevance)[0].sum()}

    return propagate(call, p, backward, x, gradient=gradient, lost=lost)


def softmax_by_hand(call: Call, value: Tensor, numerator: Tensor, total: Tensor) -> Tensor | None:
    """exp(x) / Σ exp(x), as a softmax of x; None if that is not what is divided."""
    exponent, summed = trace(numerator).exponent, trace(total).total
    if exponent is None or summed is None or trace(summed[0]).exponent is not exponent:
        return None
    rows = value.sum(dim=summed[1])  # a mask may leave a row with nothing
    if exponent.shape != value.shape or not ((rows - 1).abs().minimum(rows.abs()) < 1e-2).all():
        return None
    gate = call.attention == "cplrp"
    return note(_linearised(call, value, exponent, summed[1]), gate=gate)


@register("scaled_dot_product_attention")
def attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, by the rules of its steps, as if a model had called them.

    Raises:
        Refusal: If dropout is active.
    """
    q, k, v, mask = query, key, value, attn_mask
    if dropout_p:
        raise call.refuse("Dropout is active; call model.eval() before explaining.")
    if call.gradient and call.record is None and fused.covers(call, q, k, v, mask):
        return fused.attention(call, q, k, v, mask, is_causal, scale, enable_gqa)
    if enable_gqa:
        k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], dim=-3) for t in (k, v))
    if is_causal:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril()
    if call.attention == "cplrp":
        q, k, mask = constant(q), constant(k), constant(mask)
    # The scale is that of the queries: there are fewer of them than of scores.
    q = call.step("mul", q, q.shape[-1] ** -0.5 if scale is None else scale)
    scores = call.step("matmul", q, k.mT)
    nothing = None
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        nothing = ~mask.any(dim=-1, keepdim=True)
    elif mask is not None:
        scores = call.step("add", scores, mask)
        nothing = ~(constant(mask) > -torch.inf).any(dim=-1, keepdim=True)
        scores = scores.masked_fill(nothing, 0) if nothing.any() else scores
    weights = call.step("softmax", scores, -1)
    if nothing is not None and nothing.any():  # a query that may look at nothing gets zeros
        weights = weights.masked_fill(nothing, 0)
    return call.step("matmul", weights, v)
