"""Shapley LRP of the word CNN: windows share a filter's maximum by Shapley value.

The winner of a maximum takes all in the paper's LRP, though the runner-up takes over when the
winner goes. Here window r of filter j, with value z_jr, gets the part φ_jr / z_j1 of the filter's
relevance (`whyword.lrp.maxima`), and its words share that by the paper's rule:

    R_t = Σ_j R_j Σ_{r, k: word t is at place k} (φ_jr / z_j1) · ρ(j,r,k)

The factor of R_j does not depend on the class: it is a matrix of positions and filters, computed
once per document, and every target costs one product with it. Only the best windows of a filter
play; the rest has little left to share.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear, pad, relu

from whyword.batch import Attribution, Batch
from whyword.lrp.maxima import shares_of_maximum
from whyword.lrp.rules import stabiliser
from whyword.models.cnn.layers import Kernel, Layers, products_of, window_values
from whyword.models.cnn.relevance import feature_relevance
from whyword.targets import against_competitors

_BLOCK = 8
"""Windows per block in `_best_windows`; about the root of their number is fastest."""


class _Shares(NamedTuple):
    """How the words share the maxima of the filters of one width.

    Attributes:
        value: ``(batch, filter)`` the maxima, before the ReLU.
        quotient: For each place in a window ``(batch, position, filter)``: (φ / z_1) / (z + s),
            summed over the windows that have the position in that place.
        constant: For each place, the same shape: the quotients times what each word gets of bias
            and stabiliser, (b + s) / K.
        total: ``(batch, position, filter)`` the part of each filter's relevance that a position
            gets.
    """

    value: Tensor
    quotient: list[Tensor]
    constant: list[Tensor]
    total: Tensor


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
    lengths = batch.mask.sum(dim=1)
    unique, where = batch.ids.unique(return_inverse=True)
    vectors = layers.table[unique]
    found = [
        _shares(kernel, vectors, where, lengths, epsilon, depth, components)
        for kernel in layers.kernels
    ]
    features = relu(torch.cat([shares.value for shares in found], dim=1))
    scores = linear(features, layers.weight, layers.bias)
    directions = targets.to(scores)
    if contrast is not None:
        directions = against_competitors(targets, scores, sharpness=contrast)
    incoming = feature_relevance(layers, features, scores, directions, epsilon)
    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    parts = relevance.new_zeros(*relevance.shape, vectors.shape[1]) if components else None
    offset = 0
    for (weight, _), shares in zip(layers.kernels, found, strict=True):
        own = incoming[:, :, offset : offset + weight.shape[0]]
        offset += weight.shape[0]
        relevance += torch.einsum("bpf,tbf->tbp", shares.total, own)
        if parts is not None:
            for k, (quotient, constant) in enumerate(
                zip(shares.quotient, shares.constant, strict=True)
            ):
                for row, target in enumerate(own):
                    spread = (quotient * target[:, None]) @ weight[:, :, k]
                    parts[row] += layers.table[batch.ids] * spread
                    equal = (constant * target[:, None]).sum(dim=2, keepdim=True)
                    parts[row] += equal / vectors.shape[1]
    return Attribution(
        scores,
        relevance,
        remainder={"competitors": ((targets.to(scores) - directions) * scores).sum(dim=2)},
        components=parts,
    )


def _shares(
    kernel: Kernel,
    vectors: Tensor,
    where: Tensor,
    lengths: Tensor,
    epsilon: float,
    depth: int,
    components: bool,
) -> _Shares:
    weight, bias = kernel
    count, _, width = weight.shape
    products = products_of(vectors, weight)
    values, start = _best_windows(window_values(products, where, lengths), depth)
    every = torch.arange(count, device=where.device)
    # Of a window outside the document any words will do: it gets nothing.
    words = [
        products[k][where.gather(1, (start + k).flatten(1)).view_as(start), every]
        for k in range(width)
    ]
    z = sum(words[1:], words[0]) + bias
    s = stabiliser(z, epsilon)
    quotient = shares_of_maximum(values + bias, dim=1) / (z + s)
    each = (bias + s) / width
    empty = z.new_zeros(len(where), where.shape[1], count)
    total, quotients, constants = empty.clone(), [], []
    for k in range(width):
        total.scatter_add_(1, start + k, quotient * (words[k] + each))
        if components:
            quotients.append(empty.scatter_add(1, start + k, quotient))
            constants.append(empty.scatter_add(1, start + k, quotient * each))
    return _Shares(values[:, 0] + bias, quotients, constants, total)


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
