"""Maxima: the winner takes all (Arras et al. 2016, section 2.1), or all share by Shapley value.

Autograd's own backward pass routes relevance to the winner. Over a convolution there is a shorter
way: a filter passes relevance on from its winning windows alone, which are few, so that the
convolution becomes a layer of these windows, and the products with all others are never made. All
rules apply to it; the numbers are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool1d, embedding_bag, max_pool1d

from whyword.lrp.calls import Call, propagate, register, through_layer, trace
from whyword.lrp.rules import Layer
from whyword.shapley import shares_of_maximum

FEW = 8
"""Windows per winner from which on the short way pays."""


@dataclass(frozen=True)
class Windows:
    """A convolution whose output a tensor holds, element by element.

    Attributes:
        call: The convolution's call.
        x: ``(batch, channel, position)``, its input, attached.
        layer: The convolution.
        stride: Positions between windows.
        dilation: Positions between the inputs of a window.
        blocked: Masks over the output, True where it has been overwritten.
    """

    call: Call
    x: Tensor
    layer: Layer
    stride: int
    dilation: int
    blocked: tuple[Tensor, ...] = ()

    def overwritten(self, mask: Tensor) -> "Windows":
        """The same, with more of the output overwritten."""
        return replace(self, blocked=(*self.blocked, mask))


NAMES = set("max min amax amin max_pool1d max_pool1d_with_indices adaptive_max_pool1d".split())


@register("max", "min")
def maximum(call: Call) -> Any:
    """Over one axis, over everything, or of two tensors."""
    result = call.function(*call.args, **call.kwargs)
    if isinstance(result, Tensor):
        return result
    x, axis = call.args[0], call.argument(1, "dim")
    if call.maxima == "shapley" and call.name == "max":
        return type(result)((_shared(call, x, result.values, axis), result.indices))
    if (windows := _windows(x, result.values.numel())) is None or axis % x.ndim != x.ndim - 1:
        return result
    keep = call.argument(2, "keepdim", False)
    indices = result.indices if keep else result.indices.unsqueeze(-1)
    values = of_windows(windows, x, indices)
    return type(result)((values if keep else values.squeeze(-1), result.indices))


@register("amax", "amin")
def extreme(call: Call) -> Any:
    """The maximum over axes: the first winner takes all (autograd would split among equals)."""
    x: Tensor = call.argument(0, "input")
    axes = call.argument(1, "dim", ())
    axes = (axes,) if isinstance(axes, int) else tuple(axes) or tuple(range(x.ndim))
    axes = sorted(a % x.ndim for a in axes)
    keep = call.argument(2, "keepdim", False)
    function = torch.max if call.name == "amax" else torch.min
    if len(axes) == 1:
        over = _over(call, function, x, axes[0], keep)
        return maximum(over).values
    others = [a for a in range(x.ndim) if a not in axes]
    flat = x.permute(*others, *axes).flatten(len(others))
    value = maximum(_over(call, function, flat, -1, False)).values
    for axis in axes if keep else ():
        value = value.unsqueeze(axis)
    return value


def _over(call: Call, function: Callable[..., Any], x: Tensor, axis: int, keep: bool) -> Call:
    name = "max" if function is torch.max else "min"
    return replace(call, function=function, name=name, args=(x, axis, keep), kwargs={})


def _shared(call: Call, x: Tensor, value: Tensor, axis: int) -> Tensor:
    """A maximum over an axis, which may have been kept, whose relevance all share."""
    kept = value.ndim == x.ndim
    ordered, order = x.detach().sort(dim=axis, descending=True, stable=True)
    shares = torch.empty_like(ordered).scatter(axis, order, shares_of_maximum(ordered, axis))

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (shares * (relevance if kept else relevance.unsqueeze(axis)),)

    return propagate(call, value.detach(), backward, x)


@register("max_pool1d", "max_pool1d_with_indices", "adaptive_max_pool1d")
def pool(call: Call) -> Any:
    """Over windows of positions."""
    x: Tensor = call.argument(0, "input")
    function = adaptive_max_pool1d if call.name == "adaptive_max_pool1d" else max_pool1d
    options = {
        name: v for name, v in call.kwargs.items() if name not in ("input", "return_indices")
    }
    positional = 2 if function is adaptive_max_pool1d else 6
    values, indices = function(x, *call.args[1:positional], **options, return_indices=True)
    if call.maxima == "shapley" and values.shape[-1] == 1:  # over all positions
        values = _shared(call, x, values, -1)
    elif (windows := _windows(x, values.numel())) is not None:
        values = of_windows(windows, x, indices)
    wanted = call.name == "max_pool1d_with_indices" or call.argument(positional, "return_indices")
    return (values, indices) if wanted else values


def _windows(x: Tensor, winners: int) -> Windows | None:
    """The convolution whose output ``x`` holds, if its winners are few."""
    windows: Windows | None = trace(x).windows
    return windows if windows is not None and winners * FEW <= x.numel() else None


def of_windows(windows: Windows, pooled: Tensor, indices: Tensor) -> Tensor:
    """The winners' values, as a layer over the inputs of the convolution.

    Args:
        windows: The convolution.
        pooled: ``(batch, filter, window)``, the tensor whose maxima are taken.
        indices: ``(batch, filter, winner)``, the winning windows.
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

    def __call__(self, v: Tensor) -> Tensor:
        x, (_, channels, width) = self.windows.layer.x, self.windows.layer.weight.shape
        per_input = (v / (channels * width)).flatten(-2)
        spread = torch.zeros_like(per_input[..., :1]).expand(*per_input.shape[:-1], x.shape[2])
        for k in range(width):
            spread = spread.scatter_add(-1, self.starts + k * self.windows.dilation, per_input)
        return spread.unsqueeze(-2)


class _Pull:
    """Σ_j q_j w_ij over the winning windows: one weighted sum of rows of the weights per position.

    ``embedding_bag`` is that sum: the bags are input positions, the entries the winning windows in
    which they lie, the table holds the weights of each filter for each place in its window.
    """

    def __init__(self, windows: Windows, indices: Tensor) -> None:
        filters, self.channels, self.width = windows.layer.weight.shape
        self.length = windows.layer.x.shape[2]
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
        pulled: Tensor = _Batched.apply(self, q, weight)  # type: ignore[no-untyped-call]
        return pulled

    def all_targets(self, q: Tensor, weight: Tensor) -> Tensor:
        """``(target, batch, filter, winner)`` to ``(target, batch, channel, position)``."""
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
        return sums.view(targets, batch, self.length, self.channels).transpose(2, 3)


class _Batched(torch.autograd.Function):
    """Makes one call of `_Pull.all_targets` for all targets under `torch.func.vmap`."""

    @staticmethod
    def forward(pull: _Pull, q: Tensor, weight: Tensor) -> Tensor:
        return pull.all_targets(q[None], weight)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing to keep: there is no way back from relevance."""

    @staticmethod
    def vmap(
        info: Any, axes: Sequence[int | None], pull: _Pull, q: Tensor, weight: Tensor
    ) -> tuple[Tensor, int]:
        if axes[1] is None or axes[2] is not None:
            raise NotImplementedError("Only relevance has a target axis.")
        return pull.all_targets(q.movedim(axes[1], 0), weight), 0
