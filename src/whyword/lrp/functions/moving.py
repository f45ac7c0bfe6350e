"""Handlers of functions that only move numbers, but whose own backward passes are slow.

Autograd would run these once for each target. So each is written with other functions, whose
backward passes run for all targets at once.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from whyword.lrp.calls import Call, register

NAMES = {"unfold", "take", "cummax", "cummin", "masked_scatter"}


@register("unfold")
def unfold(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Windows of a tensor along an axis; or of pictures, as columns."""
    if call.function is functional.unfold:
        columns: Tensor = functional.unfold(input, *args, **kwargs)
        return columns
    return _windows(input, *args, **kwargs)


def _windows(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    axis = dimension % input.ndim
    count = (input.shape[axis] - size) // step + 1
    starts = torch.arange(count, device=input.device) * step
    places = starts[:, None] + torch.arange(size, device=input.device)
    windows: Tensor = input.index_select(axis, places.flatten()).unflatten(axis, (count, size))
    return windows.movedim(axis + 1, -1)


@register("take")
def take(call: Call, input: Tensor, index: Tensor) -> Tensor:
    """Elements by their places in the flat tensor."""
    return input.flatten()[index]


@register("cummax", "cummin")
def running_winner(call: Call, input: Tensor, dim: int) -> Any:
    """The winner so far takes all."""
    found: Any = call.function(input.detach(), dim)
    return type(found)((input.gather(dim, found.indices), found.indices))


@register("masked_scatter")
def masked_scatter(call: Call, input: Any, mask: Tensor, source: Any) -> Tensor:
    """Elements of a source, in their order, where a mask is set."""
    input, mask = torch.broadcast_tensors(input, mask)
    order = (mask.flatten().cumsum(dim=0) - 1).clamp(min=0)
    moved = source.flatten()[order].view(input.shape)
    return torch.where(mask, moved, input)
