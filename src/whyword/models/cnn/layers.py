"""What the word CNN computes with: word vectors, filters, and the winning window of each filter.

The closed forms beside this module take these numbers, not the network.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, relu

from whyword.batch import Batch

Kernel = tuple[Tensor, Tensor]
"""Weight ``(filter, dimension, width)`` and bias ``(filter,)`` of a convolution."""


class Winners(NamedTuple):
    """Per filter, the window with the highest value.

    Attributes:
        value: ``(batch, filter)`` the filter's value there, before the ReLU.
        start: ``(batch, filter)`` the window's first position.
        word_value: ``(batch, filter, width)`` what each word of the window adds to the value; the
            bias makes up the rest.
    """

    value: Tensor
    start: Tensor
    word_value: Tensor


class Layers(NamedTuple):
    """The numbers of a word CNN.

    Attributes:
        table: ``(id, dimension)`` the word vectors.
        kernels: One for each width.
        weight: ``(class, filter)`` of the last layer, the filters of all widths side by side.
        bias: ``(class,)`` of the last layer.
    """

    table: Tensor
    kernels: tuple[Kernel, ...]
    weight: Tensor
    bias: Tensor

    def classify(self, pooled: list[Tensor]) -> Tensor:
        """``(..., class)`` scores from the filters' maxima ``(..., filter)``, width by width."""
        return linear(relu(torch.cat(pooled, dim=-1)), self.weight, self.bias)

    def winners(self, batch: Batch, ids: Tensor | None = None) -> list[Winners]:
        """The winning windows of every filter, one entry per width.

        Args:
            batch: The encoded documents.
            ids: In place of the batch's own.
        """
        lengths = batch.mask.sum(dim=1)
        unique, where = (batch.ids if ids is None else ids).unique(return_inverse=True)
        vectors = self.table[unique]
        return [winners(kernel, vectors, where, lengths) for kernel in self.kernels]


def winners(kernel: Kernel, vectors: Tensor, where: Tensor, lengths: Tensor) -> Winners:
    """The winning window of every filter of one width.

    Args:
        kernel: The filters.
        vectors: ``(id, dimension)`` each word that occurs, once.
        where: ``(batch, position)`` rows of ``vectors``.
        lengths: ``(batch,)`` the documents' words.
    """
    weight, bias = kernel
    products = products_of(vectors, weight)
    with torch.no_grad():
        start = window_values(products, where, lengths).max(dim=1).indices
    every = torch.arange(len(weight), device=where.device)
    word_value = torch.stack(
        [product[where.gather(1, start + k), every] for k, product in enumerate(products)], dim=2
    )
    return Winners(word_value.sum(dim=2) + bias, start, word_value)


def products_of(vectors: Tensor, weight: Tensor) -> list[Tensor]:
    """Per place in a window the products ``(id, filter)`` of words with that part of the filters.

    Word vectors are fixed, so a word's products are computed once, however often it occurs.
    """
    return [vectors @ weight[:, :, k].T for k in range(weight.shape[2])]


def window_values(products: list[Tensor], ids: Tensor, lengths: Tensor) -> Tensor:
    """``(batch, window, filter)`` without bias; -inf where a window leaves its document."""
    windows = ids.shape[1] - len(products) + 1
    values = embedding(ids[:, :windows], products[0])
    for k in range(1, len(products)):
        values += embedding(ids[:, k : k + windows], products[k])
    return values.masked_fill_(~inside(lengths, windows, len(products))[:, :, None], -torch.inf)


def inside(lengths: Tensor, windows: int, width: int) -> Tensor:
    """``(batch, window)``: True where a window lies inside the document; always the first."""
    last = (lengths - width).clamp(min=0)
    return torch.arange(windows, device=lengths.device) <= last[:, None]
