"""The windows of one document after the other, while its values lie in the cache.

A batch of padded documents computes padding, and its values are read from main memory again by
every step. Here each document has its own number of windows. On the CPU and without gradients only;
see `whyword.models.cnn.layers` for the same on padded batches.

What bounds a forward pass is the reading of K rows of products for each word.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag, max_pool2d


def window_counts(lengths: Tensor, width: int) -> Tensor:
    """``(batch,)`` how many windows documents have: at least one, and none with padding else."""
    return (lengths - width).clamp(min=0) + 1


def values_of_documents(
    rows: Tensor, slots: Tensor, lengths: Tensor, width: int
) -> Iterator[Tensor]:
    """Values of all windows without bias, ``(window, filter)`` for each document.

    Args:
        rows: ``(row, filter)`` products of words and filters; see `whyword.models.cnn.products`.
        slots: ``(batch, position)`` the words' slots.
        lengths: ``(batch,)`` number of words of each document.
        width: Words in a window.
    """
    # One row of each place: their sum is that of a bag.
    bags = (slots * width).unfold(1, width, 1) + torch.arange(width)
    for bag, count in zip(bags, window_counts(lengths, width).tolist(), strict=True):
        yield embedding_bag(bag[:count], rows, mode="sum")


def maxima(rows: Tensor, slots: Tensor, lengths: Tensor, width: int) -> Tensor:
    """``(batch, filter)`` each filter's highest value, without bias.

    Arguments are those of `values_of_documents`.
    """
    best = rows.new_empty(len(slots), rows.shape[1])
    for values, row in zip(values_of_documents(rows, slots, lengths, width), best, strict=True):
        torch.amax(values, dim=0, out=row)
    return best


def winners(rows: Tensor, slots: Tensor, lengths: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Each filter's highest value, without bias, and its window; of equals the first.

    Arguments are those of `values_of_documents`.

    Returns:
        Both ``(batch, filter)``.
    """
    nothing = slots.new_empty(0, rows.shape[1])
    found = [(nothing.to(rows), nothing)]
    for values in values_of_documents(rows, slots, lengths, width):
        # As pixels of an image, with the filters as channels, which lie together in memory: pooling
        # finds maxima and their places in one pass, many filters at a time; `Tensor.max` does not.
        image = values[None, :, None].permute(0, 3, 1, 2)
        value, place = max_pool2d(image, (len(values), 1), return_indices=True)
        found.append((value.flatten(1), place.flatten(1)))
    best, start = (torch.cat(parts) for parts in zip(*found, strict=True))
    return best, start


def sharing(
    rows: Tensor, slots: Tensor, lengths: Tensor, width: int, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Each filter's highest value, without bias, and the windows where it is above zero with bias.

    Of a filter that is nowhere above zero these are the windows with the highest value.

    Args:
        rows: As for `values_of_documents`, like the next three.
        slots: The words' slots.
        lengths: Numbers of words.
        width: Words in a window.
        bias: ``(filter,)``.

    Returns:
        ``(batch, filter)`` the maxima, and for each window ``(window,)``, in the order of documents
        and positions: the document, the filter, the first position, and the value without bias.
    """
    filters = rows.shape[1]
    best = rows.new_empty(len(slots), filters)
    above = np.nextafter(-bias.numpy(), np.inf)
    found: list[tuple[NDArray[np.integer], NDArray[np.floating]]] = []
    documents = values_of_documents(rows, slots, lengths, width)
    for b, values in enumerate(documents):
        highest = torch.amax(values, dim=0, out=best[b]).numpy()
        flat = values.numpy().ravel()
        least = np.where(highest >= above, above, highest)
        places = np.flatnonzero(values.numpy() >= least)
        found.append((places, flat.take(places)))
    document = np.repeat(np.arange(len(found)), [len(places) for places, _ in found])
    nothing = (np.empty(0, np.int64), rows.new_empty(0).numpy())
    every = np.concatenate([places for places, _ in (nothing, *found)])
    every = every.astype(np.min_scalar_type(slots.numel() * filters))  # is divided faster
    start = every // filters
    column = every - start * filters
    value = np.concatenate([value for _, value in (nothing, *found)])
    return (
        best,
        torch.from_numpy(document),
        torch.from_numpy(column.astype(np.int64)),
        torch.from_numpy(start.astype(np.int64)),
        torch.from_numpy(value),
    )
