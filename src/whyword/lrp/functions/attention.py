"""Attention: the softmax, and the three steps that arrive as one function.

Two ways, chosen by the composite. AttnLRP (Achtibat et al. 2024) linearises the softmax and halves
the relevance of each product of two signals, so that queries and keys take part. CP-LRP (Ali et al.
2022) holds the weights constant, so that all relevance goes to the values.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.calls import HANDLERS, Call, constant, propagate, register
from whyword.lrp.functions.elementwise import elementwise

NAMES = {"softmax"}


@register("softmax")
def softmax(call: Call) -> Tensor:
    """R_i = x_i (R_i - p_i Σ_j R_j) (Achtibat et al. 2024, Eq. 13), the first-order term at x.

    What the linearisation's constant term stands for is lost ("softmax"). Under CP-LRP the softmax
    is a gate; where there is nothing to scale, such as at the output, each probability hands its
    relevance to its own input.
    """
    if call.attention == "cplrp":
        gate: Tensor = elementwise(call)
        return gate
    x: Tensor = call.argument(0, "input")
    axis = call.argument(1, "dim", -1)
    options = {name: value for name, value in call.kwargs.items() if name != "input"}
    p = call.function(x.detach(), *map(constant, call.args[1:]), **options)
    # What is masked with -inf has p = 0, and 0 · inf is not 0.
    inputs = x.detach().clamp(min=torch.finfo(x.dtype).min)

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (inputs * (relevance - p * relevance.sum(dim=axis, keepdim=True)),)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return {"softmax": relevance.sum() - backward(relevance)[0].sum()}

    return propagate(call, p, backward, x, lost=lost)


@register("scaled_dot_product_attention")
def attention(call: Call) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, by the rules of its steps, as if a model had called them.

    Raises:
        InputError: If dropout is active, or the mask depends on the embeddings.
    """
    q, k, v = (call.argument(i, name) for i, name in enumerate(("query", "key", "value")))
    mask = call.constant_argument(3, "attn_mask")
    if call.argument(4, "dropout_p", 0.0):
        raise InputError("Dropout is active; call model.eval() before explaining.")
    scale = call.kwargs.get("scale")
    if call.kwargs.get("enable_gqa"):
        k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], dim=-3) for t in (k, v))
    if call.argument(5, "is_causal", False):
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril()
    if call.attention == "cplrp":
        q, k = constant(q), constant(k)
    step = partial(_step, call)
    # The scale is that of the queries: there are fewer of them than of scores.
    q = step("mul", torch.mul, q, q.shape[-1] ** -0.5 if scale is None else scale)
    scores = step("matmul", torch.matmul, q, k.mT)
    nothing = None
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        nothing = ~mask.any(dim=-1, keepdim=True)
    elif mask is not None:
        scores = step("add", torch.add, scores, mask)
    weights = step("softmax", torch.softmax, scores, -1)
    if nothing is not None and nothing.any():  # a query that may look at nothing gets zeros
        weights = weights.masked_fill(nothing, 0)
    result: Tensor = step("matmul", torch.matmul, weights, v)
    return result


def _step(call: Call, name: str, function: Any, *args: Any) -> Any:
    """One step's value, by the step's own rule if it depends on the embeddings."""
    if not any(isinstance(t, Tensor) and t.requires_grad for t in args):
        return function(*args)
    return HANDLERS[name](replace(call, function=function, name=name, args=args, kwargs={}))
