"""Shapley LRP of the word CNN: windows share a filter's maximum by Shapley value.

The winner of a maximum takes all in the paper's LRP, though the runner-up takes over when the
winner goes. Here window r of filter j, with value z_jr, gets the part φ_jr / z_j1 of the filter's
relevance (`whyword.lrp.maxima`), and its words share that by the paper's rule:

    R_t = Σ_j R_j Σ_{r, k: word t is at place k} (φ_jr / z_j1) · ρ(j,r,k)

The factor of R_j does not depend on the class: it is a matrix of positions and filters, computed
once per document, and every target costs one product with it. Only the best windows of a filter
play; the rest has little left to share.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear, pad, relu

from whyword.batch import Attribution, Batch
from whyword.lrp.maxima import shares_of_maximum
from whyword.models.cnn import ragged
from whyword.models.cnn.layers import Layers, lengths_of, places_of, window_values
from whyword.models.cnn.relevance import Windows, handed_back
from whyword.targets import against_competitors

_BLOCK = 8
"""Windows per block in `_best_windows`; about the root of their number is fastest."""


@torch.no_grad()
def shapley_lrp(
    layers: Layers,
    batch: Batch,
    targets: Tensor,
    *,
    epsilon: float,
    contrast: float | None,
    depth: int,
    components: bool,
) -> Attribution:
    """Relevance by Shapley LRP, as `whyword.methods.shapley_lrp` returns it.

    Args:
        layers: The weights of the CNN.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        epsilon: The stabiliser, > 0.
        contrast: How much more the strongest competitors count than the others; None for no
            contrast.
        depth: How many of a filter's best windows share its maximum, at least 1.
        components: Whether to return relevance per component of the vectors.
    """
    maxima, windows = _sharing(layers, batch, depth)
    features = relu(torch.cat(maxima, dim=1))
    scores = linear(features, layers.weight, layers.bias)
    directions = targets.to(scores)
    if contrast is not None:
        directions = against_competitors(targets, scores, sharpness=contrast)
    relevance, parts = handed_back(
        layers, batch, directions, features, scores, windows, epsilon=epsilon, components=components
    )
    return Attribution(
        scores,
        relevance,
        remainder={"competitors": ((targets.to(scores) - directions) * scores).sum(dim=2)},
        components=parts,
    )


def _sharing(layers: Layers, batch: Batch, depth: int) -> tuple[list[Tensor], list[Windows]]:
    """Each filter's maximum ``(batch, filter)`` before the ReLU, and the windows that share it.

    One entry per width each.
    """
    found, lengths = layers.find(batch.ids), lengths_of(batch)
    maxima, windows = [], []
    for rows, (weight, bias) in zip(found.rows, layers.kernels, strict=True):
        width = weight.shape[2]
        if layers.ragged:
            best, document, column, start, value = ragged.sharing(
                rows, found.slots, lengths, width, bias
            )
            owner = document * len(bias) + column
            chosen, rank = _ranked(owner, value, best.numel(), depth)
            owner, document, column, start, value = (
                part.index_select(0, chosen) for part in (owner, document, column, start, value)
            )
            ranked = value.new_full((best.numel(), depth), -torch.inf)
            flat = owner * depth + rank
            value = value + bias.index_select(0, column)
            ranked.view(-1).index_copy_(0, flat, value)
            share = shares_of_maximum(ranked, dim=1).view(-1).index_select(0, flat)
        else:
            values = window_values(places_of(rows, width), found.slots, lengths)
            ranked, start = _best_windows(values, depth)
            best = ranked[:, 0]
            value = ranked + bias
            share = shares_of_maximum(value, dim=1)
            document, rank, column = share.nonzero(as_tuple=True)
            start, value, share = (part[document, rank, column] for part in (start, value, share))
        maxima.append(best + bias)
        windows.append(
            Windows.of(
                rows,
                found.slots,
                bias,
                document=document,
                column=column,
                start=start,
                value=value,
                width=width,
                share=share,
            )
        )
    return maxima, windows


def _ranked(group: Tensor, value: Tensor, groups: int, depth: int) -> tuple[Tensor, Tensor]:
    """The highest values of each group, by falling value; of equals the first is the higher.

    Args:
        group: ``(n,)`` from 0.
        value: ``(n,)`` finite numbers.
        groups: How many groups there are.
        depth: The most values of each group.

    Returns:
        Their places among the given ones, and their ranks from 0, ``(m,)`` each.
    """
    # Numbers of 16 bits are sorted digit by digit, so values are taken apart into such; negative
    # ones are turned round, for as bits they rise from zero down.
    size = value.itemsize
    bits = value.numpy().view(np.dtype(f"i{size}"))
    rising = bits ^ (bits >> (8 * size - 1) & np.iinfo(bits.dtype).max)
    falling = (~rising ^ np.iinfo(bits.dtype).min).view(np.dtype(f"u{size}"))
    digits = [(falling >> shift).astype(np.uint16) for shift in range(0, 8 * size, 16)]
    order = np.lexsort((*digits, group.numpy().astype(np.min_scalar_type(groups))))
    count = np.bincount(group.numpy(), minlength=groups)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    kept = np.flatnonzero(rank < depth)
    return torch.from_numpy(order[kept]), torch.from_numpy(rank[kept])


def _best_windows(values: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """The highest values of each filter, and their windows; of equals the first.

    The highest value of all is in the block with the highest maximum, so that each round looks
    through the blocks and through one of them, not through all windows.

    Args:
        values: ``(batch, window, filter)``, -inf outside the document.
        depth: How many values; where there are fewer windows, all of them.

    Returns:
        Both ``(batch, rank, filter)``, the values falling; -inf and any window where a document
        has no more.
    """
    size, windows, filters = values.shape
    blocks = pad(values, (0, 0, 0, -windows % _BLOCK), value=-torch.inf)
    blocks = blocks.view(size, -1, _BLOCK, filters)
    maxima = blocks.amax(dim=2)
    found: list[tuple[Tensor, Tensor]] = []
    for _ in range(min(depth, windows)):
        top, block = maxima.max(dim=1, keepdim=True)
        index = block[:, :, None].expand(-1, 1, _BLOCK, -1)
        inside = blocks.gather(1, index)
        place = inside.max(dim=2, keepdim=True).indices
        found.append((top, (block * _BLOCK + place[:, 0]).clamp(max=windows - 1)))
        inside.scatter_(2, place, -torch.inf)
        blocks.scatter_(1, index, inside)
        maxima.scatter_(1, block, inside.amax(dim=2))
    return torch.cat([v for v, _ in found], dim=1), torch.cat([w for _, w in found], dim=1)
