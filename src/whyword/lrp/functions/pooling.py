"""Rules for maxima: the winner takes all, or all share by Shapley value.

That the winner takes all is the paper's rule (Arras et al. 2016, section 2.1); autograd's own
backward pass does it. After a convolution there is a shorter way: a filter passes relevance on from
its few winning windows alone, so the convolution becomes a layer of these windows, and products
with all others are never computed. All rules apply to it; the numbers are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool1d, embedding_bag, max_pool1d

from whyword.lrp.backward import propagate, through_layer
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.weighted import axes_of
from whyword.lrp.maxima import shares_of_maximum
from whyword.lrp.rules import Layer
from whyword.lrp.traces import constant, note, trace

_FEW = 8
"""The number of windows per winner from which on the short way is faster."""


@dataclass(frozen=True)
class Windows:
    """A convolution whose output a tensor holds, element by element.

    Attributes:
        call: The call of the convolution.
        x: ``(batch, channel, position)`` the input, attached to autograd's graph.
        layer: The convolution.
        stride: Number of positions from one window to the next.
        dilation: Number of positions from one input of a window to the next.
        around: Number of positions of padding before and behind.
        blocked: Masks over the output, True where it has been overwritten.
    """

    call: Call
    x: Tensor
    layer: Layer
    stride: int
    dilation: int
    around: tuple[int, int] = (0, 0)
    blocked: tuple[Tensor, ...] = ()

    def overwritten(self, mask: Tensor) -> "Windows":
        """The same convolution, with more of the output overwritten."""
        return replace(self, blocked=(*self.blocked, mask))


NAMES = set(
    """
    max min amax amin maximum minimum fmax fmin median nanmedian
    max_pool1d max_pool1d_with_indices adaptive_max_pool1d adaptive_max_pool1d_with_indices
    """.split()
)


@register("max", "min")
def maximum(
    call: Call, input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None
) -> Any:
    """The maximum (or minimum) over one axis, over all elements, or of two tensors."""
    other = dim if isinstance(dim, Tensor) else other
    if other is not None:
        return greater(call, input, other)
    if dim is None:
        return maximum(call, input.flatten(), 0).values
    result: Any = call.function(input, dim, keepdim)
    if trace(input).choice == "softmax":  # the one expert that is asked
        note(result.values, gate=True)
        return result
    if call.maxima == "shapley" and call.name == "max":
        return type(result)((_shared(call, input, result.values, dim), result.indices))
    windows = _windows(input, result.values.numel())
    if windows is None or dim % input.ndim != input.ndim - 1:
        return result
    indices = result.indices if keepdim else result.indices.unsqueeze(-1)
    values = _of_windows(windows, input, indices)
    return type(result)((values if keepdim else values.squeeze(-1), result.indices))


@register("maximum", "minimum", "fmax", "fmin")
def greater(call: Call, input: Any, other: Any) -> Tensor:
    """The maximum of two tensors; the first of equals takes all (autograd would split)."""
    name = {"max": "maximum", "min": "minimum"}.get(call.name, call.name)
    value = getattr(torch, name)(constant(input), constant(other))
    first = constant(input) == value
    if name in ("fmax", "fmin"):  # what is no number loses
        first |= torch.isnan(constant(other))
    result = torch.where(first, input, other)
    return torch.where(torch.isnan(value), value, result)


@register("median", "nanmedian")
def median(call: Call, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The element in the middle takes all."""
    if dim is None:
        found: Any = call.function(input.flatten(), 0)
        return found.values
    return call.function(input, dim, keepdim)


@register("amax", "amin")
def extreme(call: Call, input: Tensor, dim: Any = (), keepdim: bool = False) -> Any:
    """The maximum over axes; the first of equals takes all (autograd would split)."""
    function = torch.max if call.name == "amax" else torch.min
    over = replace(call, function=function, name=function.__name__)
    axes = axes_of(input, dim)
    if input.ndim == 0:
        return maximum(over, input.flatten(), 0).values
    if len(axes) == 1:
        return maximum(over, input, axes[0], keepdim).values
    others = [a for a in range(input.ndim) if a not in axes]
    flat = input.permute(*others, *axes).flatten(len(others))
    value = maximum(over, flat, -1).values
    for axis in axes if keepdim else ():
        value = value.unsqueeze(axis)
    return value


def _shared(call: Call, x: Tensor, value: Tensor, axis: int) -> Tensor:
    """A maximum over an axis, whose relevance all elements share by Shapley value."""
    kept = value.ndim == x.ndim
    ordered, order = x.detach().sort(dim=axis, descending=True, stable=True)
    shares = torch.empty_like(ordered).scatter(axis, order, shares_of_maximum(ordered, axis))

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (shares * (relevance if kept else relevance.unsqueeze(axis)),)

    return propagate(call, value.detach(), backward, x)


@register("max_pool1d", "max_pool1d_with_indices")
def pool(
    call: Call,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum over windows of positions."""
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    values, indices = max_pool1d(input, *options, return_indices=True)
    wanted = return_indices or call.name == "max_pool1d_with_indices"
    return _pooled(call, input, values, indices, wanted)


@register("adaptive_max_pool1d", "adaptive_max_pool1d_with_indices")
def adaptive_pool(call: Call, input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum over a given number of windows of positions."""
    values, indices = adaptive_max_pool1d(input, output_size, return_indices=True)
    wanted = call.name == "adaptive_max_pool1d_with_indices" or bool(return_indices)
    wanted = wanted or call.function is torch.adaptive_max_pool1d  # unlike that of torch.nn
    return _pooled(call, input, values, indices, wanted)


def _pooled(call: Call, x: Tensor, values: Tensor, indices: Tensor, wanted: bool) -> Any:
    if call.maxima == "shapley" and values.shape[-1] == 1:  # over all positions
        values = _shared(call, x, values, -1)
    elif (windows := _windows(x, values.numel())) is not None:
        values = _of_windows(windows, x, indices)
    return (values, indices) if wanted else values


def _windows(x: Tensor, winners: int) -> Windows | None:
    """The convolution whose output ``x`` holds, if its winners are few."""
    windows: Windows | None = trace(x).windows
    return windows if windows is not None and winners * _FEW <= x.numel() else None


def _of_windows(windows: Windows, pooled: Tensor, indices: Tensor) -> Tensor:
    """The winners' values, as a layer over the inputs of the convolution.

    Args:
        windows: The convolution.
        pooled: ``(batch, filter, window)`` the tensor whose maxima are taken.
        indices: ``(batch, filter, winner)`` the winning windows.
    """
    whole = windows.layer
    layer = Layer(
        x=whole.x,
        weight=whole.weight,
        bias=whole.bias,
        z=whole.z.gather(2, indices),
        apply=lambda x, w: whole.apply(x, w).gather(2, indices),
        pull=_Pull(windows, indices),
        share=_Share(windows, indices),
    )
    values = through_layer(windows.call, windows.x, layer, value=pooled.detach().gather(2, indices))
    for mask in windows.blocked:  # what has been overwritten came from elsewhere
        values = torch.where(mask.expand(pooled.shape).gather(2, indices), values.detach(), values)
    return values


class _Share:
    """Shares of an input position: v / n from every winning window that it lies in."""

    def __init__(self, windows: Windows, indices: Tensor) -> None:
        self.windows, self.starts = windows, (indices * windows.stride).flatten(1)
        before, behind = windows.around
        length = windows.layer.x.shape[2]
        place = torch.arange(windows.layer.weight.shape[2], device=indices.device)
        row = indices[..., None] * windows.stride + place * windows.dilation - before
        real = ((row >= 0) & (row < length)).sum(dim=-1)  # zeros that pad are no input
        self.inputs = (real * windows.layer.weight.shape[1]).clamp(min=1)
        self.length = before + length + behind

    def __call__(self, v: Tensor) -> Tensor:
        (before, _), layer = self.windows.around, self.windows.layer
        per_input = (v / self.inputs).flatten(-2)
        spread = torch.zeros_like(per_input[..., :1]).expand(*per_input.shape[:-1], self.length)
        for k in range(layer.weight.shape[2]):
            spread = spread.scatter_add(-1, self.starts + k * self.windows.dilation, per_input)
        return spread.narrow(-1, before, layer.x.shape[2]).unsqueeze(-2)


class _Pull:
    """Σ_j q_j w_ij over the winning windows: one weighted sum of rows of the weights per position.

    ``embedding_bag`` is that sum: the bags are input positions, the entries the winning windows in
    which they lie, the table holds the weights of each filter for each place in its window.
    """

    def __init__(self, windows: Windows, indices: Tensor) -> None:
        filters, self.channels, self.width = windows.layer.weight.shape
        self.before, behind = windows.around
        self.real = windows.layer.x.shape[2]
        self.length = self.before + self.real + behind
        batch, _, winners = indices.shape
        place = torch.arange(self.width, device=indices.device)
        row = indices[..., None] * windows.stride + place * windows.dilation
        row += torch.arange(batch, device=indices.device)[:, None, None, None] * self.length
        column = torch.arange(filters, device=indices.device)[:, None, None] * self.width + place
        # Entries by input position; which they are depends on the forward pass alone.
        rows, self.order = row.flatten().sort(stable=True)
        self.columns = column.expand(batch, -1, winners, -1).reshape(-1)[self.order]
        self.bags = torch.searchsorted(
            rows, torch.arange(batch * self.length, device=indices.device)
        )

    def __call__(self, q: Tensor, weight: Tensor) -> Tensor:
        pulled: Tensor = Batched.apply(self, q, weight)  # type: ignore[no-untyped-call]
        return pulled

    def all_targets(self, q: Tensor, weight: Tensor) -> Tensor:
        """Pull ``(target, batch, filter, winner)`` to ``(target, batch, channel, position)``."""
        targets, batch = q.shape[:2]
        entries = q[..., None].expand(*q.shape, self.width).reshape(targets, -1)
        first = torch.arange(targets, device=q.device)[:, None] * len(self.order)
        sums = embedding_bag(
            self.columns.repeat(targets),
            weight.transpose(1, 2).reshape(-1, self.channels),
            (first + self.bags).flatten(),
            mode="sum",
            per_sample_weights=entries[:, self.order].flatten(),
        )
        found = sums.view(targets, batch, self.length, self.channels).transpose(2, 3)
        return found.narrow(3, self.before, self.real)


class Batched(torch.autograd.Function):
    """Makes one call of `_Pull.all_targets` for all targets under `torch.func.vmap`."""

    @staticmethod
    def forward(pull: _Pull, q: Tensor, weight: Tensor) -> Tensor:
        """Run `_Pull.all_targets` for one target."""
        return pull.all_targets(q[None], weight)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep nothing, as relevance has no backward pass."""

    @staticmethod
    def vmap(
        info: Any, axes: Sequence[int | None], pull: _Pull, q: Tensor, weight: Tensor
    ) -> tuple[Tensor, int]:
        """Run `_Pull.all_targets` for all targets."""
        if axes[1] is None or axes[2] is not None:
            raise NotImplementedError("Only relevance has a target axis.")
        return pull.all_targets(q.movedim(axes[1], 0), weight), 0
