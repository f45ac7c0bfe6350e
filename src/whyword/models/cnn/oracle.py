"""The greedy oracle on the word CNN: at each step it deletes the word whose deletion does most.

Deleting a word changes only the windows that contain it. So for every word, the features after its
deletion are, filter by filter, the higher of the best window without the word and the best of its
own windows, changed. The best window without the word is the filter's winner, except for the words
of the winning window; for those a filter remembers its best K + 1 windows, of which at most K
contain the word. After each deletion only what touches the deleted word, or the filters whose best
windows changed, is computed again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import embedding, relu

from whyword.batch import Batch
from whyword.models.cnn.deletion import States
from whyword.models.cnn.layers import Layers, places_of, window_values


@torch.no_grad()
def greedy_order(
    network: Layers,
    batch: Batch,
    gain: Callable[[Tensor], Tensor],
    *,
    steps: int,
    replacement: Tensor,
) -> Tensor:
    """The words that a greedy search deletes, ``(batch, step)``; -1 when none is left.

    Args:
        network: The weights of the network.
        batch: The encoded documents.
        gain: Returns how good each deletion is, ``(batch, word)``, from the scores after it,
            ``(batch, word, class)``. The first of equals is taken.
        steps: Number of deletions.
        replacement: ``(dimension,)`` the vector of a deleted word.
    """
    states = States.of(network, batch, replacement)
    ids, left = states.before.clone(), batch.mask.clone()
    lengths = batch.mask.sum(dim=1)
    layers = [
        _Layer.of(places_of(rows, weight.shape[2]), bias, ids, states.after, lengths)
        for rows, (weight, bias) in zip(states.rows, network.kernels, strict=True)
    ]
    weights = network.weight.split([layer.features.shape[1] for layer in layers], dim=1)
    row = torch.arange(len(batch), device=ids.device)
    order = torch.full((len(batch), steps), -1, device=ids.device)
    for step in range(steps):
        parts = [w @ layer.features for w, layer in zip(weights, layers, strict=True)]
        scores = (torch.stack(parts).sum(dim=0) + network.bias[:, None]).transpose(1, 2)
        word = gain(scores).masked_fill(~left, -torch.inf).argmax(dim=1)
        order[:, step] = torch.where(left.any(dim=1), word, -1)
        # Where no word is left, position 0 is deleted again, which changes nothing more.
        left[row, word] = False
        ids[row, word] = states.after[row, word]
        for layer in layers:
            layer.update(ids, word)
    return order


@dataclass
class _Layer:
    """The filters of one width, and what each would pass on without each word.

    Attributes:
        products: For each place in a window ``(id, filter)``; see `places_of`.
        bias: ``(filter,)`` biases of the filters.
        after: ``(batch, position)`` ids of the vectors that replace words.
        windows: ``(batch, filter, window)`` values without bias, of the document as it is.
        changed: ``(batch, filter, position)`` the highest value among the windows that contain the
            word, once it is replaced.
        best: ``(batch, filter, K + 1)`` values of the best windows.
        where: ``(batch, filter, K + 1)`` the places of those windows.
        features: ``(batch, filter, position)`` what the filter passes on without the word.
    """

    products: list[Tensor]
    bias: Tensor
    after: Tensor
    windows: Tensor
    changed: Tensor
    best: Tensor
    where: Tensor
    features: Tensor

    @classmethod
    def of(
        cls, products: list[Tensor], bias: Tensor, ids: Tensor, after: Tensor, lengths: Tensor
    ) -> "_Layer":
        windows = window_values(products, ids, lengths).transpose(1, 2).contiguous()
        nothing = windows.new_empty(0)
        size, filters, _ = windows.shape
        shape = (size, filters, ids.shape[1])
        layer = cls(
            products,
            bias,
            after,
            windows,
            changed=windows.new_empty(shape),
            best=nothing,
            where=nothing,
            features=windows.new_empty(shape),
        )
        layer.best, layer.where = layer._best(windows)
        every = torch.arange(ids.shape[1], device=ids.device).expand(size, -1)
        layer.changed.copy_(layer._changed(ids, every))
        b, f = torch.ones(shape[:2], dtype=torch.bool).nonzero(as_tuple=True)
        layer._refresh(b.to(ids.device), f.to(ids.device))
        return layer

    @property
    def width(self) -> int:
        return len(self.products)

    def update(self, ids: Tensor, word: Tensor) -> None:
        """Update everything after one word per document ``(batch,)`` was replaced in ``ids``."""
        row = torch.arange(len(word), device=word.device)
        near = torch.arange(1 - self.width, 1, device=word.device)
        touched = word[:, None] + near  # windows that contain the word
        valid = (touched >= 0) & (touched < self.windows.shape[2])
        touched = touched.clamp(0, self.windows.shape[2] - 1)
        values = self._values(ids, touched)
        values = torch.where(torch.isinf(self._at(self.windows, touched)), -torch.inf, values)
        self.windows[row[:, None], :, touched] = values.transpose(1, 2)

        # Words that share a window with it.
        near = torch.arange(1 - self.width, self.width, device=word.device)
        words = (word[:, None] + near).clamp(0, ids.shape[1] - 1)
        self.changed[row[:, None], :, words] = self._changed(ids, words).transpose(1, 2)

        among = (self.where[..., None] == touched[:, None, None, :]).any(dim=3).any(dim=2)
        rises = (values > self.best[:, :, -1:]) & valid[:, None, :]
        b, f = (among | rises.any(dim=2)).nonzero(as_tuple=True)
        self.best[b, f], self.where[b, f] = self._best(self.windows[b, f])
        self._refresh(b, f)
        # All other filters, at the words nearby: none of them stands in the winning window.
        others = self._features(words)
        self.features[row[:, None], :, words] = others.transpose(1, 2)

    def _best(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Values and places of the best windows ``(..., window)``, -inf where there are fewer."""
        count = min(self.width + 1, windows.shape[-1])
        values, where = windows.topk(count, dim=-1)
        return values, where

    def _values(self, ids: Tensor, start: Tensor, *, replaced: int | None = None) -> Tensor:
        """``(batch, filter, n)`` values of the windows that begin at ``start`` ``(batch, n)``.

        The word at the place ``replaced`` of each window, if one is named, counts as replaced.
        """
        total: Tensor | float = 0.0
        for k, product in enumerate(self.products):
            words = (self.after if k == replaced else ids).gather(1, start + k)
            total = embedding(words, product) + total
        return cast("Tensor", total).transpose(1, 2)

    def _changed(self, ids: Tensor, words: Tensor) -> Tensor:
        """``(batch, filter, n)``: `changed` for each of ``words`` ``(batch, n)``.

        Values are added up as a whole, as everywhere: equal ones are then equal to the last bit.
        """
        last = self.windows.shape[2] - 1
        best = self.windows.new_full((*self.windows.shape[:2], words.shape[1]), -torch.inf)
        for k in range(self.width):
            start = (words - k).clamp(0, last)
            outside = (start != words - k)[:, None, :] | torch.isinf(self._at(self.windows, start))
            value = self._values(ids, start, replaced=k)
            torch.maximum(best, value.masked_fill_(outside, -torch.inf), out=best)
        return best

    def _refresh(self, b: Tensor, f: Tensor) -> None:
        """Features without each word, of filters ``f`` of documents ``b``, ``(n,)`` each."""
        best, where = self.best[b, f], self.where[b, f]
        passed = torch.maximum(self.changed[b, f], best[:, :1])
        for k in range(self.width):
            word = where[:, :1] + k
            rest = self._rest(best, where, word)
            passed.scatter_(1, word, torch.maximum(rest, self.changed[b, f].gather(1, word)))
        self.features[b, f] = relu(passed + self.bias[f, None])

    def _rest(self, best: Tensor, where: Tensor, word: Tensor) -> Tensor:
        """``(..., 1)`` the best window without a word ``(..., 1)``, -inf if there is none."""
        contains = (where <= word) & (word < where + self.width)
        return best.masked_fill(contains, -torch.inf).amax(dim=-1, keepdim=True)

    def _features(self, words: Tensor) -> Tensor:
        """``(batch, filter, n)`` features without each of ``words`` ``(batch, n)``."""
        rest = torch.stack(
            [self._rest(self.best, self.where, w[:, None, None])[..., 0] for w in words.T], dim=2
        )
        passed = torch.maximum(rest, self._at(self.changed, words))
        return relu(passed + self.bias[:, None])

    @staticmethod
    def _at(values: Tensor, columns: Tensor) -> Tensor:
        """``(batch, filter, n)`` from ``(batch, filter, column)`` at columns ``(batch, n)``."""
        return values.gather(2, columns[:, None, :].expand(-1, values.shape[1], -1))
