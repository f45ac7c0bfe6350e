"""`Layers`, the weights of a word CNN, and `Winners`, the winning window of each filter.

The closed forms in this package (relevance, deletion, oracle) compute with these, not with the
network itself. There are two ways to the windows' values: padded batches, on every device and with
gradients, from the products of the batch's own words (here); and on the CPU one document after the
other, from a table of products (`whyword.models.cnn.ragged`).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, relu

from whyword.batch import Batch
from whyword.models.cnn import ragged
from whyword.models.cnn.products import Found, Kernel, ProductTable, multiplied


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
        known: The products of words and filters that are known already.
    """

    table: Tensor
    kernels: tuple[Kernel, ...]
    weight: Tensor
    bias: Tensor
    known: ProductTable

    @property
    def ragged(self) -> bool:
        """Whether windows are computed one document after the other, from the table of products."""
        parts = [self.table, *(tensor for kernel in self.kernels for tensor in kernel)]
        kinds = {(tensor.device.type, tensor.dtype) for tensor in parts}
        if kinds not in ({("cpu", torch.float32)}, {("cpu", torch.float64)}):
            return False
        return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in parts))

    def classify(self, pooled: list[Tensor]) -> Tensor:
        """``(..., class)`` scores from the filters' maxima ``(..., filter)``, width by width."""
        return linear(relu(torch.cat(pooled, dim=-1)), self.weight, self.bias)

    def find(self, ids: Tensor) -> Found:
        """The products of words and filters, from the table."""
        return self.known.find(self.table, [weight for weight, _ in self.kernels], ids)

    def products(self, ids: Tensor, vector: Tensor) -> list[list[Tensor]]:
        """For each width and place in a window the products ``(id + 1, filter)`` with the filters.

        Args:
            ids: ``(id,)`` words.
            vector: ``(dimension,)`` a vector besides, whose products come last.
        """
        weights = [weight for weight, _ in self.kernels]
        if not self.ragged:
            vectors = torch.cat([self.table[ids], vector[None]])
            return [products_of(vectors, weight) for weight in weights]
        found, other = self.find(ids), multiplied(vector[None], weights)
        return [
            [
                torch.cat([embedding(found.slots * added.shape[1] + k, rows), added[:, k]])
                for k in range(added.shape[1])
            ]
            for rows, added in zip(found.rows, other, strict=True)
        ]

    def pooled(self, batch: Batch, ids: Tensor | None = None) -> list[Tensor]:
        """``(batch, filter)`` the filters' maxima, one entry per width; see `winners`."""
        if not self.ragged:
            return [best.value for best in self.winners(batch, ids)]
        found, lengths = self.find(batch.ids if ids is None else ids), batch.mask.sum(dim=1)
        return [
            ragged.maxima(rows, found.slots, lengths, weight.shape[2]) + bias
            for rows, (weight, bias) in zip(found.rows, self.kernels, strict=True)
        ]

    def pooled_from(
        self, products: list[list[Tensor]], where: Tensor, lengths: Tensor
    ) -> list[Tensor]:
        """The same, from `products`.

        Args:
            products: For each width and place in a window ``(id, filter)``.
            where: ``(batch, position)`` the row of the products at each position.
            lengths: ``(batch,)`` number of words of each document.
        """
        found = []
        for places, (_, bias) in zip(products, self.kernels, strict=True):
            if self.ragged:
                rows = torch.stack(places, dim=1).flatten(0, 1)
                found.append(ragged.maxima(rows, where, lengths, len(places)) + bias)
            else:
                found.append(winners(places, bias, where, lengths).value)
        return found

    def winners(self, batch: Batch, ids: Tensor | None = None) -> list[Winners]:
        """The winning windows of every filter, one entry per width.

        Args:
            batch: The encoded documents.
            ids: Ids to read in place of the batch's own, the same shape.
        """
        lengths = batch.mask.sum(dim=1)
        ids = batch.ids if ids is None else ids
        if self.ragged:
            found = self.find(ids)
            return [
                _winners_from_table(rows, kernel, found.slots, lengths)
                for rows, kernel in zip(found.rows, self.kernels, strict=True)
            ]
        unique, where = ids.unique(return_inverse=True)
        vectors = self.table[unique]
        return [
            winners(products_of(vectors, weight), bias, where, lengths)
            for weight, bias in self.kernels
        ]


def winners(products: list[Tensor], bias: Tensor, where: Tensor, lengths: Tensor) -> Winners:
    """The winning window of every filter of one width, from padded documents.

    Args:
        products: For each place in a window ``(id, filter)``; see `products_of`.
        bias: ``(filter,)`` biases of the filters.
        where: ``(batch, position)`` the row of the products at each position.
        lengths: ``(batch,)`` number of words of each document.
    """
    with torch.no_grad():
        start = window_values(products, where, lengths).max(dim=1).indices
    every = torch.arange(len(bias), device=where.device)
    word_value = torch.stack(
        [product[where.gather(1, start + k), every] for k, product in enumerate(products)], dim=2
    )
    return Winners(word_value.sum(dim=2) + bias, start, word_value)


def _winners_from_table(rows: Tensor, kernel: Kernel, slots: Tensor, lengths: Tensor) -> Winners:
    """The same, one document after the other."""
    weight, bias = kernel
    filters, _, width = weight.shape
    best, start = ragged.winners(rows, slots, lengths, width)
    place = torch.arange(width)
    words = slots.gather(1, (start[:, :, None] + place).flatten(1)).view(*start.shape, width)
    every = torch.arange(filters)[:, None]
    word_value = rows.view(-1).take((words * width + place) * filters + every)
    return Winners(best + bias, start, word_value)


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
