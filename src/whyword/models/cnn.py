"""The paper's classifier: convolution over words, maximum over time, one linear layer.

Arras et al. 2016, section 3.1, after Kim 2014: ``Conv -> ReLU -> 1-Max-Pool -> FC`` on frozen word
vectors, 800 filters of width 2. Here pooling comes before the ReLU, which gives the same values and
makes the winning window of a filter that stays below zero well defined.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, relu

from whyword.classifier import Attribution, Batch
from whyword.errors import InputError
from whyword.models import cnn_deletion, cnn_oracle, cnn_relevance, cnn_shapley
from whyword.models.network import integer_keys
from whyword.models.word import WordClassifier
from whyword.text import Tokenizer
from whyword.vectors import WordVectors


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


class WordCNN(WordClassifier):
    """Word CNN with one maximum per filter.

    Args:
        vectors: Frozen word vectors.
        classes: Names of the classes.
        filters: Number of filters for each width, in words.
        dropout: Share of the pooled features dropped in training.
        word_dropout: Share of the words dropped in training.
        tokenizer: Turns texts into documents.

    Raises:
        InputError: If there is no filter, or a width or number is below 1.
    """

    kind = "cnn"

    def __init__(
        self,
        vectors: WordVectors,
        classes: Sequence[str],
        *,
        filters: Mapping[int, int] | None = None,
        dropout: float = 0.5,
        word_dropout: float = 0.3,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        super().__init__(vectors, classes, tokenizer=tokenizer, word_dropout=word_dropout)
        self.filters = dict(filters or {2: 800})
        if any(width < 1 or count < 1 for width, count in self.filters.items()):
            raise InputError(f"Got the filters {self.filters}; expected widths and counts >= 1.")
        self.minimum_positions = max(self.filters)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(vectors.dimension, count, width) for width, count in self.filters.items()
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sum(self.filters.values()), len(self.classes))

    def settings(self) -> dict[str, Any]:
        """The arguments that rebuild the network, as JSON values."""
        return {
            "filters": {str(width): count for width, count in self.filters.items()},
            "dropout": self.dropout.p,
            "word_dropout": self.word_dropout,
        }

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments that `settings` stands for."""
        return {**settings, "filters": integer_keys(settings.get("filters", {}))}

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, by the plain convolution of every window."""
        lengths = batch.mask.sum(dim=1)
        pooled = []
        for width, convolution in zip(self.filters, self.convolutions, strict=True):
            values = convolution(embeddings.transpose(1, 2))
            outside = ~self._windows(lengths, values.shape[2], width)
            pooled.append(values.masked_fill(outside[:, None, :], -torch.inf).max(dim=2).values)
        return self._classify(pooled)

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, by products of the batch's unique words with the filters.

        The word vectors are fixed, so a word's product with a filter is computed once per batch,
        however often the word occurs; gradients flow through the winning windows alone.
        """
        pooled = [winners.value for winners in self.winners(batch, self.dropped(batch.ids))]
        return self._classify(pooled)

    def kernels(self) -> list[tuple[Tensor, Tensor]]:
        """Weight ``(filter, dimension, width)`` and bias ``(filter,)`` of each convolution."""
        layers = (cast("nn.Conv1d", layer) for layer in self.convolutions)
        return [(layer.weight, cast("Tensor", layer.bias)) for layer in layers]

    def _classify(self, pooled: Sequence[Tensor]) -> Tensor:
        logits: Tensor = self.output(self.dropout(relu(torch.cat(list(pooled), dim=1))))
        return logits

    def winners(self, batch: Batch, ids: Tensor | None = None) -> list[Winners]:
        """The winning windows of every filter, one entry per width."""
        lengths = batch.mask.sum(dim=1)
        unique, where = (batch.ids if ids is None else ids).unique(return_inverse=True)
        vectors = self.embedding[unique]
        return [self._winners(kernel, vectors, where, lengths) for kernel in self.kernels()]

    def _winners(
        self, kernel: tuple[Tensor, Tensor], vectors: Tensor, where: Tensor, lengths: Tensor
    ) -> Winners:
        weight, bias = kernel
        count, _, width = weight.shape
        windows = where.shape[1] - width + 1
        # Per place k in a window, the product of each unique word with that part of each filter.
        products = [vectors @ weight[:, :, k].T for k in range(width)]
        with torch.no_grad():
            values = embedding(where[:, :windows], products[0])
            for k in range(1, width):
                values += embedding(where[:, k : k + windows], products[k])
            outside = ~self._windows(lengths, windows, width)
            start = values.masked_fill_(outside[:, :, None], -torch.inf).max(dim=1).indices
        every = torch.arange(count, device=where.device)
        word_value = torch.stack(
            [products[k][where.gather(1, start + k), every] for k in range(width)], dim=2
        )
        return Winners(word_value.sum(dim=2) + bias, start, word_value)

    @staticmethod
    def _windows(lengths: Tensor, windows: int, width: int) -> Tensor:
        """``(batch, window)``: True where a window lies inside the document; always the first."""
        last = (lengths - width).clamp(min=0)
        return torch.arange(windows, device=lengths.device) <= last[:, None]

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float = 0.01, components: bool = False
    ) -> Attribution:
        """The paper's LRP in closed form; see `cnn_relevance.lrp`."""
        return cnn_relevance.lrp(self, batch, targets, epsilon=epsilon, components=components)

    def shapley_lrp(
        self,
        batch: Batch,
        targets: Tensor,
        *,
        epsilon: float,
        contrast: float | None,
        depth: int,
        components: bool,
    ) -> Attribution:
        """LRP with maxima shared by Shapley value; see `cnn_shapley.shapley_lrp`."""
        return cnn_shapley.shapley_lrp(
            self,
            batch,
            targets,
            epsilon=epsilon,
            contrast=contrast,
            depth=depth,
            components=components,
        )

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and gradients in closed form; see `cnn_relevance.gradient`."""
        return cnn_relevance.gradient(self, batch, targets)

    def scores_along(
        self, batch: Batch, orders: Tensor, *, replacement: Tensor, insertion: bool = False
    ) -> Tensor:
        """Scores while words are taken out one by one; see `cnn_deletion.scores_along`."""
        return cnn_deletion.scores_along(
            self, batch, orders, replacement=replacement, insertion=insertion
        )

    def scores_replaced(self, batch: Batch, replaced: Tensor, *, replacement: Tensor) -> Tensor:
        """``(batch, class)`` logits with a vector ``(dimension,)`` in place of some positions.

        By products of the batch's unique words, as in `forward`; ``replaced`` is ``(batch,
        position)`` bool.
        """
        states = cnn_deletion.States.of(self, batch, replacement)
        where = torch.where(replaced, states.after, states.before)
        lengths = batch.mask.sum(dim=1)
        return self._classify(
            [
                self._winners(kernel, states.vectors, where, lengths).value
                for kernel in self.kernels()
            ]
        )

    def greedy_order(
        self,
        batch: Batch,
        gain: Callable[[Tensor], Tensor],
        *,
        steps: int,
        replacement: Tensor,
    ) -> Tensor:
        """The words that a greedy search deletes; see `cnn_oracle.greedy_order`."""
        return cnn_oracle.greedy_order(self, batch, gain, steps=steps, replacement=replacement)
