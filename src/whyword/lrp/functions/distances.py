"""Rules for distances and angles between vectors, by those of norms, products and sums."""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import propagate
from whyword.lrp.calls import Call, register
from whyword.lrp.traces import constant


@register("cosine_similarity")
def cosine(call: Call, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """A product of vectors, each divided by its norm, which takes no relevance."""
    ndim, kind = max(x1.ndim, x2.ndim), torch.promote_types(x1.dtype, x2.dtype)
    axis = dim % ndim - ndim
    directions = (
        call.step("div", x, constant(x).norm(dim=axis, keepdim=True).clamp(min=eps))
        for x in torch.broadcast_tensors(x1.to(kind), x2.to(kind))
    )
    return call.step("sum", call.step("mul", *directions), axis)


@register("pairwise_distance")
def of_pairs(
    call: Call, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """‖x1 - x2 + ε‖_p, step by step."""
    difference = call.step("add", call.step("sub", x1, x2), eps)
    return call.step("norm", difference, p, -1, keepdim)


@register("dist")
def between(call: Call, input: Any, other: Any, p: float = 2.0) -> Any:
    """‖x - y‖_p over everything, step by step."""
    return call.step("norm", call.step("sub", input, other), p)


@register("cdist")
def of_all_pairs(
    call: Call, x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None
) -> Tensor:
    """‖x1_i - x2_j‖_p for all i and j."""
    difference = call.step("sub", x1[..., :, None, :], x2[..., None, :, :])
    norms = call.step("norm", difference, p, -1)
    mode = {} if compute_mode is None else {"compute_mode": compute_mode}
    value = call.value(constant(x1), constant(x2), p, **mode)  # which may round otherwise
    return propagate(call, value, lambda R: (R,), norms)
