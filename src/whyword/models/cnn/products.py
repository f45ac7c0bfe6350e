"""`ProductTable`: the products of words with the filters, computed once for each word.

Word vectors are fixed, and so is what a word adds to each filter at each place of a window. A
forward pass is then a gather, a sum of K rows and a maximum, without a multiplication. A table
holds the products of the words seen so far, up to a bound in bytes; when it is full, it is begun
anew.

Products are computed in blocks of a fixed size, so that those of a word do not depend on the words
computed with it: a text has the same scores to the last bit whatever was explained before it.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

Kernel = tuple[Tensor, Tensor]
"""Weight ``(filter, dimension, width)`` and bias ``(filter,)`` of a convolution."""

BYTES = 512 << 20
"""The size of a table, if nothing else is said; the 42,001 words of news20-cnn take 269 MB."""

_BLOCK = 16
"""Words that are multiplied at a time. Many more are hardly faster, and one by one much slower."""
_COLUMNS = 32
"""The fewest sums at a time: with few, BLAS adds up those of the last words in another order."""
_SEEN = 16
"""Components of each word vector that are compared at each look-up: what one read fetches."""


class Found(NamedTuple):
    """The products of the words that were looked up.

    Attributes:
        rows: For each kernel ``(row, filter)``: row ``slot * width + k`` is what a word gives at
            place ``k`` of a window.
        slots: The slot of each word, shaped like the ids.
    """

    rows: tuple[Tensor, ...]
    slots: Tensor


class ProductTable:
    """Products of words with the filters, for one model. Threads may share it.

    It is never out of date. It holds on to the weights it was filled from and is begun anew when
    one of them is another tensor, lies elsewhere or has another version, as after every change that
    torch knows of: training, ``load_state_dict``, ``.to()``, assignment, writing in place. Past
    torch's count go ``weight.data.mul_()`` and writing by numpy; so at each look-up filters are
    compared by a checksum of all of their weights, and word vectors by the first 16 components of
    each word looked up. Whoever writes into others of them so must call `clear`.

    A copy of a model, pickled or not, has an empty table.

    Args:
        limit: The most bytes, 0 for no table. A batch whose words need more is computed without
            the table. While other threads read from a table that is begun anew, the one before is
            in memory too.
    """

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self._lock = Lock()
        self._filled: _Filled | None = None

    def __deepcopy__(self, memo: Any) -> "ProductTable":
        return ProductTable(self.limit)

    def __reduce__(self) -> tuple[type["ProductTable"], tuple[int]]:
        return ProductTable, (self.limit,)

    def __len__(self) -> int:
        """The number of words in it."""
        return self._filled.count if self._filled else 0

    def clear(self) -> None:
        """Forget all products."""
        with self._lock:
            self._filled = None

    @torch.inference_mode(False)
    @torch.no_grad()
    def find(self, table: Tensor, weights: Sequence[Tensor], ids: Tensor) -> Found:
        """The products of words with the filters.

        Args:
            table: ``(id, dimension)`` the word vectors, on the CPU.
            weights: ``(filter, dimension, width)`` of the convolution of each width.
            ids: The ids of the words, of any shape.
        """
        numbers = sum(w.shape[0] * w.shape[2] for w in weights) + min(_SEEN, table.shape[1])
        word = numbers * table.element_size()
        capacity = min((self.limit - 8 * len(table)) // word, len(table))
        if capacity < 1 or not all(_has_memory(t) for t in (table, *weights)):
            return computed(table, weights, ids)
        with self._lock:
            if self._filled is None or not self._filled.holds_for(table, weights, capacity):
                self._filled = None  # before the next is allocated
                self._filled = _Filled(table, weights, capacity)
            slots = self._filled.slots(ids)
            if slots is None:
                unique = ids.unique()
                if len(unique) > capacity:
                    return computed(table, weights, ids)
                if not self._filled.add(unique):
                    self._filled = None
                    self._filled = _Filled(table, weights, capacity)
                    self._filled.add(unique)
                slots = self._filled.slot_of[ids]
            return Found(self._filled.rows, slots)


@torch.no_grad()
def computed(table: Tensor, weights: Sequence[Tensor], ids: Tensor) -> Found:
    """The products of words with the filters, without a table; see `ProductTable.find`."""
    unique, slots = ids.unique(return_inverse=True)
    return Found(tuple(p.flatten(0, 1) for p in multiplied(table[unique], weights)), slots)


@torch.no_grad()
def multiplied(vectors: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """The products ``(word, place, filter)`` of vectors ``(word, dimension)``, for each kernel."""
    found = []
    for weight in weights:
        products = vectors.new_empty(len(vectors), weight.shape[2], weight.shape[0])
        _multiply(vectors.to(weight), by_place(weight), products)
        found.append(products)
    return found


def by_place(weight: Tensor) -> Tensor:
    """``(width * filter, dimension)`` from the weights ``(filter, dimension, width)``.

    Zeros fill up to `_COLUMNS` rows.
    """
    places = weight.permute(2, 0, 1).reshape(-1, weight.shape[1])
    return pad(places, (0, 0, 0, max(0, _COLUMNS - len(places))))


def _multiply(vectors: Tensor, places: Tensor, products: Tensor) -> None:
    """Write the products of words and filters, in blocks of one size.

    Args:
        vectors: ``(word, dimension)``.
        places: ``(width * filter or more, dimension)``; see `by_place`.
        products: ``(word, width, filter)`` what is written to.
    """
    flat = products.flatten(1)
    with torch.autocast(vectors.device.type, enabled=False):
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            words = len(block)
            if words < _BLOCK:
                block = torch.cat([block, block.new_zeros(_BLOCK - words, block.shape[1])])
            flat[start : start + words] = (block @ places.T)[:words, : flat.shape[1]]


def _has_memory(tensor: Tensor) -> bool:
    """Whether a tensor has memory and a version, by which changes are seen.

    Those made in inference mode have no version, those inside of torch.func no memory.
    """
    if tensor.is_inference():
        return False
    try:
        return tensor.data_ptr() != 0
    except RuntimeError:
        return False


class _Filled:
    """The products of some words, with weights as they are when it is made.

    Args:
        table: ``(id, dimension)`` the word vectors.
        weights: ``(filter, dimension, width)`` of each kernel.
        capacity: The most words.
    """

    def __init__(self, table: Tensor, weights: Sequence[Tensor], capacity: int) -> None:
        self.capacity, self.count = capacity, 0
        # Memory that is held cannot be given to other weights, which would then seem to be these.
        self._held = [tensor.detach() for tensor in (table, *weights)]
        self._states = [_state(tensor) for tensor in (table, *weights)]
        self._places = [by_place(weight) for weight in weights]
        generator = torch.Generator().manual_seed(0)
        self._probes = [
            torch.randn(w[0].numel(), generator=generator, dtype=w.dtype) for w in weights
        ]
        self._checksums = self._checked(weights)
        self._seen = table.new_empty(capacity, min(_SEEN, table.shape[1]))
        self._products = [w.new_empty(capacity, w.shape[2], w.shape[0]) for w in weights]
        self.rows = tuple(products.flatten(0, 1) for products in self._products)
        self.slot_of = torch.full((len(table),), -1)

    def holds_for(self, table: Tensor, weights: Sequence[Tensor], capacity: int) -> bool:
        """Whether the products are of these weights, and there is room for so many words."""
        return (
            capacity == self.capacity
            and [_state(tensor) for tensor in (table, *weights)] == self._states
            and all(map(torch.equal, self._checked(weights), self._checksums))
        )

    def slots(self, ids: Tensor) -> Tensor | None:
        """The slots of words; None if one has no product, or another vector than it had."""
        flat = ids.flatten()
        slots = self.slot_of.index_select(0, flat)
        if len(slots) and int(slots.min()) < 0:
            return None
        now = self._held[0][:, : self._seen.shape[1]].index_select(0, flat)
        then = self._seen.index_select(0, slots)
        return slots.view_as(ids) if np.array_equal(now.numpy(), then.numpy()) else None

    def add(self, ids: Tensor) -> bool:
        """Compute the products of the words that have none; each is named once.

        Returns:
            Whether it was done. It is not if there is no room, or a word has another vector now.
        """
        there = self.slot_of[ids] >= 0
        new = ids[~there]
        end = self.count + len(new)
        if end > self.capacity or self.slots(ids[there]) is None:
            return False
        vectors = self._held[0][new]
        self._seen[self.count : end] = vectors[:, : self._seen.shape[1]]
        for products, places in zip(self._products, self._places, strict=True):
            _multiply(vectors, places, products[self.count : end])
        self.slot_of[new] = torch.arange(self.count, end)
        self.count = end
        return True

    def _checked(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """For each kernel a number for each filter that depends on all of its weights."""
        return [
            weight.detach().reshape(len(weight), -1) @ probe
            for weight, probe in zip(weights, self._probes, strict=True)
        ]


def _state(tensor: Tensor) -> tuple[object, ...]:
    """What torch knows of a tensor's place and changes."""
    return (
        tensor.data_ptr(),
        tensor._version,
        tensor.shape,
        tensor.stride(),
        tensor.dtype,
        tensor.device,
    )
