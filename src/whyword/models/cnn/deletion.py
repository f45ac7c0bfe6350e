"""Scores of the word CNN while words are replaced one by one, without a forward pass for each.

The order is known beforehand. The value of a window is a sum of one product per word, and changes
only when one of its own words is replaced: over all steps a window of K words has at most K + 1
values, each during an interval of steps. What a filter passes on at a step is the maximum over the
intervals that cover it. Intervals that begin at the start are covered by a running maximum from the
end backwards, those that last to the end by one forwards; the few in between are written to each of
their steps.

A deletion replaces words by the zero vector (or another one); an insertion replaces the zero vector
by words. Nothing else differs.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from whyword.batch import Batch
from whyword.models.cnn.layers import Layers, places_of, window_values


class States(NamedTuple):
    """The slots at each position before and after it is replaced, and their products with filters.

    Attributes:
        rows: For each width ``(row, filter)`` the products of the batch's own words, each once, and
            of the replacement, last; as of `whyword.models.cnn.products.Found`.
        before: ``(batch, position)`` slots before the replacement.
        after: ``(batch, position)`` slots after the replacement.
    """

    rows: tuple[Tensor, ...]
    before: Tensor
    after: Tensor

    @classmethod
    def of(
        cls, layers: Layers, batch: Batch, replacement: Tensor, *, insertion: bool = False
    ) -> "States":
        """Words are replaced by the vector ``replacement`` ``(dimension,)``.

        With ``insertion`` it is the reverse. ``layers`` are the weights of the network.
        """
        rows, words = layers.find_with(batch.ids, replacement.to(layers.table))
        last = len(rows[0]) // layers.kernels[0][0].shape[2] - 1
        replaced = words.masked_fill(batch.mask, last)
        return cls(rows, replaced, words) if insertion else cls(rows, words, replaced)


@torch.no_grad()
def scores_along(
    layers: Layers,
    batch: Batch,
    orders: Tensor,
    *,
    replacement: Tensor,
    insertion: bool = False,
) -> Tensor:
    """Class scores after each step of several orders, ``(order, batch, step + 1, class)``.

    Args:
        layers: The weights of the network.
        batch: The encoded documents.
        orders: ``(order, batch, step)`` the word replaced at each step, none twice; -1 for none.
        replacement: ``(dimension,)`` the vector of a deleted word.
        insertion: Whether to begin with all words deleted, and put them back.
    """
    states = States.of(layers, batch, replacement, insertion=insertion)
    times = [_step_of(order, batch.ids.shape[1]) for order in orders]
    lengths = batch.mask.sum(dim=1)
    pooled: list[list[Tensor]] = [[] for _ in orders]
    for rows, (weight, bias) in zip(states.rows, layers.kernels, strict=True):
        products = places_of(rows, weight.shape[2])
        start = window_values(products, states.before, lengths)
        for time, features in zip(times, pooled, strict=True):
            best = _running_maxima(products, states, start, time, orders.shape[2])
            features.append(best + bias)
    scores = [layers.classify(features) for features in pooled]
    return torch.stack(scores).transpose(1, 2)


def _step_of(order: Tensor, positions: int) -> Tensor:
    """``(batch, position)`` the step, from 1, at which a position is replaced.

    It is one more than there are steps where a position is never replaced.

    Args:
        order: ``(batch, step)`` the position replaced at each step, -1 for none.
        positions: Number of positions of the batch.
    """
    size, steps = order.shape
    # The last column takes what stands for nothing.
    time = torch.full((size, positions + 1), steps + 1, device=order.device)
    place = order.masked_fill(order < 0, positions)
    time.scatter_(1, place, torch.arange(1, steps + 1, device=order.device).expand(size, -1))
    return time[:, :positions]


def _running_maxima(
    products: list[Tensor], states: States, start: Tensor, time: Tensor, steps: int
) -> Tensor:
    """What each filter passes on after 0 to ``steps`` steps, ``(step + 1, batch, filter)``.

    Args:
        products: For each place in a window ``(id, filter)``; see `places_of`.
        states: The ids before and after each replacement.
        start: ``(batch, window, filter)`` the windows' values before the first step.
        time: ``(batch, position)`` the step at which a position is replaced.
        steps: Number of steps.
    """
    size, _, filters = start.shape
    width = len(products)
    row = torch.arange(size, device=start.device)
    at = time.unfold(1, width, 1)  # (batch, window, place)

    # Until the first of its words is replaced, a window has the value from the start.
    until = at.amin(dim=2)
    best = start.new_full(((steps + 1) * size, filters), -torch.inf)
    _raise(best, (until - 1) * size + row[:, None], start.view(-1, filters))
    from_start = best.view(steps + 1, size, filters)
    for k in range(steps - 1, -1, -1):
        torch.maximum(from_start[k], from_start[k + 1], out=from_start[k])

    # Then it has a value from each replacement until the next; windows outside have none.
    begin = at.sort(dim=2).values
    end = torch.cat([begin[:, :, 1:], torch.full_like(begin[:, :, :1], steps + 1)], dim=2)
    inside = ~torch.isinf(start[:, :, :1])
    b, t, j = ((begin <= steps) & (begin < end) & inside).nonzero(as_tuple=True)
    begin, end = begin[b, t, j], end[b, t, j]
    values = start.new_zeros(len(b), filters)
    for k in range(width):
        replaced = time[b, t + k] <= begin
        ids = torch.where(replaced, states.after[b, t + k], states.before[b, t + k])
        values += embedding(ids, products[k])

    lasting = end > steps
    best = start.new_full(((steps + 1) * size, filters), -torch.inf)
    _raise(best, (begin * size + b)[lasting], values[lasting])
    to_end = best.view(steps + 1, size, filters)
    for k in range(1, steps + 1):
        torch.maximum(to_end[k], to_end[k - 1], out=to_end[k])

    torch.maximum(to_end, from_start, out=to_end)
    begin, end, b = begin[~lasting], end[~lasting], b[~lasting]
    interval = torch.arange(len(b), device=b.device).repeat_interleave(end - begin)
    offset = torch.arange(len(interval), device=b.device)
    offset = offset - ((end - begin).cumsum(0) - (end - begin))[interval]
    step = begin[interval] + offset
    _raise(best, step * size + b[interval], values[~lasting][interval])
    return to_end


def _raise(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """Raise rows of a table ``(row, filter)`` to values ``(value, filter)``, one row for each."""
    index = rows.reshape(-1, 1).expand(-1, table.shape[1])
    table.scatter_reduce_(0, index, values, "amax")
