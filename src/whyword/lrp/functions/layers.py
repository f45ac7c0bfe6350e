"""Linear layers: functions with weights, to which every rule applies."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d as convolve
from torch.nn.functional import conv_transpose1d, pad
from torch.nn.functional import linear as affine

from whyword.errors import InputError
from whyword.lrp.calls import Call, Trace, register, remember, through_layer
from whyword.lrp.functions.pooling import Windows
from whyword.lrp.rules import Layer

NAMES = {"linear", "addmm", "conv1d"}


@register("linear")
def linear(call: Call) -> Tensor:
    """z = x Wᵀ + b."""
    x: Tensor = call.argument(0, "input")
    weight = call.constant_argument(1, "weight")
    bias = call.constant_argument(2, "bias")
    layer = Layer(
        x=x.detach(),
        weight=weight,
        bias=bias,
        z=affine(x.detach(), weight, bias),
        apply=lambda x, w: x @ w.T,
        pull=lambda q, w: q @ w,
        share=lambda v: v.sum(dim=-1, keepdim=True) / weight.shape[1],
    )
    return through_layer(call, x, layer)


@register("addmm")
def addmm(call: Call) -> Tensor:
    """z = b + x W."""
    if call.kwargs.get("alpha", 1) != 1 or call.kwargs.get("beta", 1) != 1:
        raise InputError("addmm with alpha or beta has no rule; use torch.nn.functional.linear.")
    bias = call.constant_argument(0, "input")
    x: Tensor = call.argument(1, "mat1")
    return through_layer(call, x, matrix_layer(x, call.constant_argument(2, "mat2"), bias))


def matrix_layer(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Layer:
    """The layer z = x W + b."""
    z = x.detach() @ weight
    return Layer(
        x=x.detach(),
        weight=weight,
        bias=bias,
        z=z if bias is None else z + bias,
        apply=lambda x, w: x @ w,
        pull=lambda q, w: q @ w.mT,
        share=lambda v: v.sum(dim=-1, keepdim=True) / weight.shape[-2],
    )


@register("conv1d")
def conv1d(call: Call) -> Tensor:
    """z = x * W + b, for any stride, padding, dilation and number of groups."""
    x: Tensor = call.argument(0, "input")
    weight = call.constant_argument(1, "weight")
    bias = call.constant_argument(2, "bias")
    stride = _single(call.argument(3, "stride", 1))
    dilation = _single(call.argument(5, "dilation", 1))
    groups = call.argument(6, "groups", 1)
    width = weight.shape[2]
    reach = dilation * (width - 1)
    padding = call.argument(4, "padding", 0)
    if padding == "same":
        around = (reach // 2, reach - reach // 2)
    else:
        around = (0, 0) if padding == "valid" else (_single(padding),) * 2
    if any(around):
        x = pad(x, around)  # its own backward pass drops what padding received
    data = x.detach()
    outputs = (data.shape[-1] - reach - 1) // stride + 1
    left_over = data.shape[-1] - ((outputs - 1) * stride + reach + 1)
    options = {"stride": stride, "dilation": dilation, "groups": groups}

    def pull(q: Tensor, w: Tensor) -> Tensor:
        back = conv_transpose1d(q, w, **options)
        return pad(back, (0, left_over)) if left_over else back

    def share(v: Tensor) -> Tensor:
        size = data.shape[-2] // groups
        split = v.reshape(*v.shape[:-2], groups, -1, v.shape[-1])
        spread = pull(split.sum(dim=-2) / (size * width), data.new_ones(groups, 1, width))
        return spread if groups == 1 else spread.repeat_interleave(size, dim=-2)

    layer = Layer(
        x=data,
        weight=weight,
        bias=None if bias is None else bias[:, None],
        z=convolve(data, weight, bias, **options),
        apply=lambda x, w: convolve(x, w, **options),
        pull=pull,
        share=share,
    )
    z = through_layer(call, x, layer)
    if groups == 1 and z.ndim == 3 and z.requires_grad:
        remember(z, Trace(windows=Windows(call, x, layer, stride, dilation)))
    return z


@register("layer_norm")
def layer_norm(call: Call) -> Tensor:
    """The linear map (x - mean) / deviation · w + b, its deviation held constant.

    Ali et al. 2022, section 3.2. Passing relevance on element by element instead explodes.
    """
    x: Tensor = call.argument(0, "input")
    shape = call.argument(1, "normalized_shape")
    weight, bias = call.constant_argument(2, "weight"), call.constant_argument(3, "bias")
    data = x.detach()
    axes = tuple(range(-len(shape), 0))
    epsilon = call.argument(4, "eps", 1e-5)
    z, _, scale = torch.native_layer_norm(data, shape, weight, bias, epsilon)

    def centred(t: Tensor) -> Tensor:
        return t - t.mean(dim=axes, keepdim=True)

    layer = Layer(
        x=data,
        weight=data.new_ones(shape) if weight is None else weight,
        bias=bias,
        z=z,
        apply=lambda x, w: centred(x) * scale * w,
        pull=lambda q, w: centred(q * w * scale),
        share=lambda v: v.mean(dim=axes, keepdim=True),
    )
    return through_layer(call, x, layer, rule=call.sums)


def _single(value: Any) -> int:
    return int(value) if isinstance(value, int) else int(value[0])
