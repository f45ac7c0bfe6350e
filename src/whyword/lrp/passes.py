"""`backward_passes`: autograd's backward pass for all targets, as many together as is fast."""

from collections.abc import Sequence

import torch
from torch import Tensor

from whyword.lrp.audit import leaves_of


def backward_passes(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], carried: Sequence[Tensor], at_once: int
) -> list[Tensor | None]:
    """What arrives at each input, ``(target, ...)``; None at inputs that nothing depends on.

    Args:
        outputs: Tensors attached to autograd's graph.
        inputs: Leaves of it; a single one is reached.
        carried: ``(target, ...)`` for each output, what it starts with.
        at_once: How many numbers the passes of several targets may have at the inputs, together.
    """
    # One input that is known to be reached needs no walk through the graph.
    reached = leaves_of(outputs) if len(inputs) > 1 else {id(x) for x in inputs}
    used = [x for x in inputs if id(x) in reached]
    if not used:
        return [None] * len(inputs)

    def one(*start: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(outputs, used, start, retain_graph=True)

    def some(part: list[Tensor]) -> tuple[Tensor, ...]:
        if len(part[0]) == 1:
            return tuple(t[None] for t in one(*(g[0] for g in part)))
        together: tuple[Tensor, ...] = torch.func.vmap(one)(*part)
        return together

    targets = len(carried[0])
    step = max(1, at_once // max(1, *(x.numel() for x in used)))
    if targets == 1 or step >= targets > 0:
        found = some(list(carried))
    else:
        found = tuple(x.new_empty(targets, *x.shape) for x in used)
        for first in range(0, targets, step):
            arrived = some([g[first : first + step] for g in carried])
            for whole, t in zip(found, arrived, strict=True):
                whole[first : first + step] = t
    places = iter(found)
    return [next(places) if id(x) in reached else None for x in inputs]
