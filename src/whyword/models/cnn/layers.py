"""`Layers`, the weights of a word CNN, and the windows that win its maxima.

The closed forms in this package (relevance, deletion, oracle) compute with these, not with the
network itself. The products of words and filters are known, so that a window's value is a sum of
one row for each of its words. There are two ways to the windows: padded batches, on every device
and with gradients (here), and on the CPU one document after the other
(`whyword.models.cnn.ragged`).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, relu

from whyword.batch import Batch
from whyword.models.cnn import ragged
from whyword.models.cnn.products import Found, Kernel, ProductTable, multiplied


class Winners(NamedTuple):
    """For each filter, the window with the highest value; of equals the first.

    Attributes:
        value: ``(batch, filter)`` the filter's value there, before the ReLU.
        start: ``(batch, filter)`` the window's first position.
    """

    value: Tensor
    start: Tensor


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
        """Whether windows are computed one document after the other, by the table of products."""
        parts = [self.table, *(tensor for kernel in self.kernels for tensor in kernel)]
        kinds = {(tensor.device.type, tensor.dtype) for tensor in parts}
        if kinds not in ({("cpu", torch.float32)}, {("cpu", torch.float64)}):
            return False
        return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in parts))

    def classify(self, pooled: list[Tensor]) -> Tensor:
        """``(..., class)`` scores from the filters' maxima ``(..., filter)``, width by width."""
        return linear(relu(torch.cat(pooled, dim=-1)), self.weight, self.bias)

    def find(self, ids: Tensor) -> Found:
        """The products of words and filters: from the table, or computed for each word that occurs.

        Args:
            ids: The ids of the words, of any shape.
        """
        if self.ragged:
            return self.known.find(self.table, [weight for weight, _ in self.kernels], ids)
        unique, slots = ids.unique(return_inverse=True)
        return Found(self._rows(self.table[unique]), slots)

    def found(self, vectors: Tensor, slots: Tensor) -> Found:
        """The products of vectors ``(slot, dimension)``, through which gradients flow."""
        return Found(self._rows(vectors), slots)

    def find_with(self, ids: Tensor, vector: Tensor) -> Found:
        """The same, of the words that occur and a vector ``(dimension,)``, whose slot is last."""
        unique, slots = ids.unique(return_inverse=True)
        if not self.ragged:
            return Found(self._rows(torch.cat([self.table[unique], vector[None]])), slots)
        found = self.find(unique)
        rows = []
        for known, (weight, _) in zip(found.rows, self.kernels, strict=True):
            words = known.view(-1, weight.shape[2], weight.shape[0]).index_select(0, found.slots)
            (last,) = multiplied(vector[None], [weight])
            rows.append(torch.cat([words, last]).flatten(0, 1))
        return Found(tuple(rows), slots)

    def _rows(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """The products of vectors ``(id, dimension)``, through which gradients flow."""
        found = []
        for weight, _ in self.kernels:
            places = [vectors @ weight[:, :, k].T for k in range(weight.shape[2])]
            found.append(torch.stack(places, dim=1).flatten(0, 1))
        return tuple(found)

    def maxima(self, found: Found, lengths: Tensor) -> list[Tensor]:
        """``(batch, filter)`` the filters' maxima before the ReLU; arguments as for `winners`."""
        if not self.ragged:
            return [best.value for best in self.winners(found, lengths)]
        return [
            ragged.maxima(rows, found.slots, lengths, weight.shape[2]) + bias
            for rows, (weight, bias) in zip(found.rows, self.kernels, strict=True)
        ]

    def winners(self, found: Found, lengths: Tensor) -> list[Winners]:
        """The winning windows of every filter, one entry per width.

        Args:
            found: The products of the words of a batch, ``(batch, position)``.
            lengths: ``(batch,)`` number of words of each document.
        """
        result = []
        for rows, (weight, bias) in zip(found.rows, self.kernels, strict=True):
            if self.ragged:
                best, start = ragged.winners(rows, found.slots, lengths, weight.shape[2])
            else:
                best, start = _winners(rows, found.slots, lengths, weight.shape[2])
            result.append(Winners(best + bias, start))
        return result


def lengths_of(batch: Batch) -> Tensor:
    """``(batch,)`` number of words of each document."""
    if batch.mask.device.type == "cpu":  # numpy counts many times faster
        return torch.from_numpy(np.count_nonzero(batch.mask.numpy(), axis=1))
    return batch.mask.sum(dim=1)


def places_of(rows: Tensor, width: int) -> list[Tensor]:
    """For each place in a window, the products ``(id, filter)``, from rows as of `Found`."""
    products = rows.view(-1, width, rows.shape[1])
    return [products[:, k].contiguous() for k in range(width)]


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


def word_value(
    rows: Tensor, slots: Tensor, place: Tensor, column: Tensor, k: int, width: int
) -> Tensor:
    """What the ``k``-th words of some windows add to the value of one filter, ``(window,)``.

    Args:
        rows: ``(row, filter)`` products of words and filters, as of `Found`.
        slots: ``(batch, position)`` the words' slots.
        place: ``(window,)`` the document times the number of positions, plus the first position.
        column: ``(window,)`` the filters.
        k: The word's place in the window.
        width: Words in a window.
    """
    words = slots.flatten().index_select(0, place + k)
    return rows.view(-1).index_select(0, (words * width + k) * rows.shape[1] + column)


def _winners(rows: Tensor, slots: Tensor, lengths: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """`whyword.models.cnn.ragged.winners` of padded batches; gradients flow through the values."""
    with torch.no_grad():
        values = window_values(places_of(rows, width), slots, lengths)
        start = values.max(dim=1).indices
    document = torch.arange(len(start), device=start.device)[:, None]
    place = (document * slots.shape[1] + start).flatten()
    column = torch.arange(rows.shape[1], device=start.device).repeat(len(start))
    words = [word_value(rows, slots, place, column, k, width) for k in range(width)]
    return torch.stack(words).sum(dim=0).view_as(start), start
