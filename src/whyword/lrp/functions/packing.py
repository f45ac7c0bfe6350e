"""Handlers for packed sequences, whose rows are only moved around.

The same function, applied to row numbers, tells which row goes where. Autograd's own backward pass
would do too, but for one target at a time.
"""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.calls import Call, register

NAMES = {"_pack_padded_sequence", "_pad_packed_sequence"}


@register("_pack_padded_sequence")
def pack(call: Call, input: Tensor, lengths: Tensor, batch_first: bool) -> Any:
    """Turn ``(position, batch, ...)`` into one row for each step of each sequence."""
    numbers = _numbers(input.shape[:2], input)
    found: Any = call.function(numbers, lengths, batch_first)
    rows, sizes = found
    return input.flatten(0, 1)[rows[:, 0]], sizes


@register("_pad_packed_sequence")
def pad(
    call: Call, data: Tensor, sizes: Tensor, batch_first: bool, filler: float, length: int
) -> Any:
    """Turn one row for each step of each sequence into ``(position, batch, ...)``."""
    numbers = _numbers(data.shape[:1], data)
    found: Any = call.function(numbers, sizes, batch_first, -1, length)
    rows, lengths = found
    padding = data.new_full((1, *data.shape[1:]), filler)
    return torch.cat([padding, data])[rows[..., 0] + 1], lengths


def _numbers(shape: torch.Size, like: Tensor) -> Tensor:
    return torch.arange(shape.numel(), device=like.device).view(*shape, 1)
