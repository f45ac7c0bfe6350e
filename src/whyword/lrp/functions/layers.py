"""Linear layers: functions with a matrix of weights, to which every rule applies."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear as affine

from whyword.lrp.calls import Call, register, through_layer
from whyword.lrp.functions.sums import share_sum
from whyword.lrp.rules import Layer
from whyword.lrp.traces import constant, on_path


@register("linear")
def linear(call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """z = x Wᵀ + b."""
    plain = weight.ndim == 2 and weight.layout == torch.strided
    if not plain or not on_path(input) or on_path(weight) or on_path(bias):
        product = call.step("matmul", input, weight.mT if weight.ndim > 1 else weight)
        return product if bias is None else call.step("add", product, bias)
    layer = Layer(
        x=input.detach(),
        weight=weight,
        bias=bias,
        z=affine(input.detach(), weight, bias),
        apply=lambda x, w: x @ w.T,
        pull=lambda q, w: q @ w,
        share=lambda v: v.sum(dim=-1, keepdim=True) / weight.shape[1],
    )
    return through_layer(call, input, layer)


@register("addmm", "addmv", "addbmm", "baddbmm", "addr")
def product_and_sum(
    call: Call, input: Any, first: Any, second: Any, *, beta: Any = 1, alpha: Any = 1
) -> Any:
    """z = β c + α a b: a product, then a sum; c is the bias where the product is a layer."""
    product: Any = 0
    if alpha and call.name == "addr":
        product = call.step("mul", first[:, None], second)
    elif alpha:
        product = call.step("matmul", first, second)
        product = call.step("sum", product, 0) if call.name == "addbmm" else product
    if not beta or not isinstance(product, Tensor):
        z = (constant(input) * beta if beta else 0) + constant(product) * alpha
        terms = ((input, beta), (product, alpha))
        return share_sum(call, torch.as_tensor(z), *((t, w) for t, w in terms if on_path(t) and w))
    scaled = product if alpha == 1 else call.step("mul", product, alpha)
    return call.step("add", scaled, input if beta == 1 else call.step("mul", input, beta))
