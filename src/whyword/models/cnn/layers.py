"""`Layers`, the weights of a word CNN, and `Winners`, the winning window of each filter.

The closed forms in this package (relevance, deletion, oracle) compute with these, not with the
network itself.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, relu

from whyword.batch import Batch

Kernel = tuple[Tensor, Tensor]
"""Weight ``(filter, dimension, width)`` and bias ``(filter,)`` of a convolution."""


class Winners(NamedTuple):
    """For each filter, the window with the highest value.

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
    """The weights of a word CNN.

    Attributes:
        table: ``(id, dimension)`` the word vectors.
        kernels: Weight and bias of the convolution of each width.
        weight: ``(class, filter)`` weights of the last layer, with the filters of all widths.
        bias: ``(class,)`` biases of the last layer.
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
            ids: Ids to read in place of the batch's own, the same shape.
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
        where: ``(batch, position)`` the row of ``vectors`` at each position.
        lengths: ``(batch,)`` number of words of each document.
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
    """For each place in a window, the products ``(id, filter)`` of words and filters there.

    Word vectors are fixed, so a word's products are computed once, however often it occurs.
    """
    return [vectors @ weight[:, :, k].T for k in range(weight.shape[2])]


def window_values(products: list[Tensor], ids: Tensor, lengths: Tensor) -> Tensor:
    """Values of all windows, ``(batch, window, filter)``, without bias; -inf outside documents."""
    windows = ids.shape[1] - len(products) + 1
    values = embedding(ids[:, :windows], products[0])
    for k in range(1, len(products)):
        values += embedding(ids[:, k : k + windows], products[k])
    return values.masked_fill_(~inside(lengths, windows, len(products))[:, :, None], -torch.inf)


def inside(lengths: Tensor, windows: int, width: int) -> Tensor:
    """``(batch, window)`` whether a window lies inside the document; the first always does."""
    last = (lengths - width).clamp(min=0)
    return torch.arange(windows, device=lengths.device) <= last[:, None]
