"""Rules for convolutions over one to three axes, and for transposed ones.

Zeros that pad a convolution are no input: an output shares bias and stabiliser among its n real
inputs alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from whyword.lrp.backward import through_layer
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.pooling import Windows
from whyword.lrp.rules import Layer
from whyword.lrp.traces import note

_Function = Callable[..., Tensor]
_CONVOLUTIONS: tuple[_Function, ...] = (functional.conv1d, functional.conv2d, functional.conv3d)
_TRANSPOSED: tuple[_Function, ...] = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


@register("conv1d", "conv2d", "conv3d")
def convolution(
    call: Call,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """z = x * W + b, for any stride, padding, dilation and number of groups."""
    must_be_constant(call, weight=weight, bias=bias)
    if input.is_complex() or weight.is_complex():
        raise call.refuse("there is no rule for convolutions of complex numbers.")
    axes = weight.ndim - 2
    if input.ndim == axes + 1:  # one document without a batch
        options = (stride, padding, dilation, groups)
        whole: Tensor = convolution(call, input[None], weight, bias, *options)
        return whole[0]
    stride, dilation = each(stride, axes), each(dilation, axes)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if padding == "same":
        around = [(r // 2, r - r // 2) for r in reach]
    else:
        around = [(p, p) for p in each(0 if padding == "valid" else padding, axes)]
    kind = _Convolution(stride, around, dilation, groups)
    x = input.detach()
    layer = kind.layer(x, weight, bias)
    z = through_layer(call, input, layer)
    if call.name == "conv1d" and groups == 1:
        windows = Windows(call, input, layer, stride[0], dilation[0], around[0])
        return note(z, windows=windows)
    return z  # the short way of pooling knows no other convolutions


@dataclass(frozen=True)
class _Convolution:
    """How windows lie over an input: one number, or one before and one behind, for each axis."""

    stride: list[int]
    around: list[tuple[int, int]]
    dilation: list[int]
    groups: int

    def layer(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Layer:
        """The linear layer over ``x``, ``(batch, channel, ...)``."""
        axes = weight.ndim - 2
        function = _CONVOLUTIONS[axes - 1]
        options: dict[str, Any] = {
            "stride": self.stride,
            "dilation": self.dilation,
            "groups": self.groups,
        }
        margins = [n for pair in reversed(self.around) for n in pair]

        def apply(x: Tensor, w: Tensor) -> Tensor:
            return function(functional.pad(x, margins) if any(margins) else x, w, **options)

        pull = self._pull(x.shape[2:], weight.shape[2:])
        size = x.shape[1] // self.groups
        window = x.new_ones(self.groups, 1, *weight.shape[2:])
        inputs = x.new_tensor(size * window[0].numel())
        if any(margins):  # an output over padding alone has none
            inputs = (apply(x.new_ones(1, self.groups, *x.shape[2:]), window) * size).clamp(min=1)
            inputs = inputs[:, :1]  # every group has as many

        def share(v: Tensor) -> Tensor:
            split = v.reshape(*v.shape[: v.ndim - axes - 1], self.groups, -1, *v.shape[-axes:])
            each_group = split.sum(dim=-axes - 1) / inputs
            spread = pull(each_group, window)
            return spread if self.groups == 1 else spread.repeat_interleave(size, dim=-axes - 1)

        return Layer(
            x=x,
            weight=weight,
            bias=None if bias is None else bias.view(-1, *[1] * axes),
            z=function(functional.pad(x, margins) if any(margins) else x, weight, bias, **options),
            apply=apply,
            pull=pull,
            share=share,
        )

    def _pull(self, size: torch.Size, window: torch.Size) -> Callable[[Tensor, Tensor], Tensor]:
        axes = len(window)
        function = _TRANSPOSED[axes - 1]
        options: dict[str, Any] = {
            "stride": self.stride,
            "dilation": self.dilation,
            "groups": self.groups,
        }

        def pull(q: Tensor, w: Tensor) -> Tensor:
            back = function(q, w, **options)
            for axis, (length, (before, _)) in enumerate(zip(size, self.around, strict=True)):
                at = axis - axes
                missing = before + length - back.shape[at]
                if missing > 0:  # positions behind the last window
                    back = functional.pad(back, [0, 0] * (-1 - at) + [0, missing])
                back = back.narrow(at, before, length)
            return back

        return pull


@register("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(
    call: Call,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """A transposed convolution: each output's inputs are the positions whose windows it lies in."""
    must_be_constant(call, weight=weight, bias=bias)
    if input.is_complex() or weight.is_complex():
        raise call.refuse("there is no rule for convolutions of complex numbers.")
    axes = weight.ndim - 2
    if input.ndim == axes + 1:
        args = (weight, bias, stride, padding, output_padding, groups, dilation)
        whole: Tensor = transposed(call, input[None], *args)
        return whole[0]
    x = input.detach()
    up, down = _TRANSPOSED[axes - 1], _CONVOLUTIONS[axes - 1]
    options: dict[str, Any] = {
        "stride": each(stride, axes),
        "padding": each(padding, axes),
        "dilation": each(dilation, axes),
        "groups": groups,
    }
    beyond = each(output_padding, axes)

    def apply(x: Tensor, w: Tensor) -> Tensor:
        return up(x, w, output_padding=beyond, **options)

    def pull(q: Tensor, w: Tensor) -> Tensor:
        found = down(q, w, **options)
        for axis, length in enumerate(x.shape[2:]):
            found = found.narrow(axis - axes, 0, length)
        return found

    inputs = apply(torch.ones_like(x[:1]), torch.ones_like(weight)).clamp(min=1)
    z = apply(x, weight)
    constant_part = None if bias is None else bias.view(-1, *[1] * axes)
    layer = Layer(
        x=x,
        weight=weight,
        bias=constant_part,
        z=z if constant_part is None else z + constant_part,
        apply=apply,
        pull=pull,
        share=lambda v: pull(v / inputs, torch.ones_like(weight)),
    )
    return through_layer(call, input, layer)


def each(value: Any, axes: int) -> list[int]:
    """One number for each axis."""
    values = [int(value)] if isinstance(value, int) else [int(v) for v in value]
    return values * axes if len(values) == 1 else values
