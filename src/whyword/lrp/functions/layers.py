"""Rules for linear layers: functions with a matrix of weights, to which every rule applies."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear as affine

from whyword.lrp.backward import through_layer
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.contractions import Weighted
from whyword.lrp.rules import Layer
from whyword.lrp.sparse_rows import rows_times
from whyword.lrp.traces import layer_of, note, on_path


@register("linear")
def linear(call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """z = x Wᵀ + b."""
    plain = weight.ndim == 2 and weight.layout == torch.strided and not input.is_complex()
    if not plain or not on_path(input) or on_path(weight) or on_path(bias):
        product = call.step("matmul", input, weight.mT if weight.ndim > 1 else weight)
        return product if bias is None else call.step("add", product, bias)
    layer = Layer(
        x=input.detach(),
        weight=weight,
        bias=bias,
        z=affine(input.detach(), weight, bias),
        apply=lambda x, w: x @ w.T,
        pull=rows_times,
        share=lambda v: v.sum(dim=-1, keepdim=True) / weight.shape[1],
    )
    result = through_layer(call, input, layer)
    return note(result, product=Weighted(call, input, layer)) if bias is None else result


@register(
    "linear_dynamic", "linear_relu_dynamic", "linear_dynamic_fp16", "linear_relu_dynamic_fp16"
)
def quantised(call: Call, *_: Any, **__: Any) -> Any:
    """Layers with quantised weights, which are refused.

    Raises:
        Refusal: Always.
    """
    raise call.refuse("its weights are quantised; explain the model as it was before.")


@register("addmm", "_addmm")
def addmm(call: Call, input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """z = β c + α A B."""
    return _sum(call, input, call.step("matmul", *_times(call, alpha, mat1, mat2)), beta)


@register("addmv")
def addmv(call: Call, input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """z = β c + α A v."""
    return _sum(call, input, call.step("matmul", *_times(call, alpha, mat, vec)), beta)


@register("addbmm", "baddbmm")
def addbmm(
    call: Call, input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1
) -> Any:
    """z = β c + α A B for each of a batch, or summed over it."""
    product = call.step("matmul", *_times(call, alpha, batch1, batch2))
    product = product if call.name == "baddbmm" else call.step("sum", product, 0)
    return _sum(call, input, product, beta)


@register("addr")
def addr(call: Call, input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """z = β c + α u vᵀ."""
    return _sum(call, input, call.step("outer", *_times(call, alpha, vec1, vec2)), beta)


def _times(call: Call, alpha: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Two factors, one of them times α: the constant one, if any, as it may be weights."""
    if alpha == 1:
        return a, b
    if on_path(a) and on_path(b):
        return call.step("mul", a, alpha), b
    factor = b if on_path(a) else a
    scaled = factor * alpha
    scaled.whyword_layer = layer_of(factor)
    return (a, scaled) if factor is b else (scaled, b)


def _sum(call: Call, added: Any, product: Any, beta: Any) -> Any:
    """A sum; a constant that is added is the bias where the product is a layer."""
    if not beta:  # torch then ignores what is added, even NaN
        return product
    return call.step("add", product, added if beta == 1 else call.step("mul", added, beta))
