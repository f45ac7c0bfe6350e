"""The paper's classifier: convolution over words, maximum over time, one linear layer.

Arras et al. 2016, section 3.1, after Kim 2014: ``Conv -> ReLU -> 1-Max-Pool -> FC`` on frozen word
vectors, 800 filters of width 2. Here pooling comes before the ReLU, which gives the same values and
makes the winning window of a filter that stays below zero well defined.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from whyword.batch import Attribution, Batch
from whyword.data.vectors import WordVectors
from whyword.models import checks
from whyword.models.base import WordClassifier
from whyword.models.cnn import deletion, learning, oracle, relevance, shapley
from whyword.models.cnn.layers import Layers, inside, lengths_of
from whyword.models.cnn.products import Found, ProductTable
from whyword.models.pooled import PooledConvolutions
from whyword.text import Tokenizer


class WordCNN(WordClassifier):
    """The paper's word CNN: convolution over word vectors, with one maximum per filter.

    Args:
        vectors: Frozen word vectors.
        classes: Names of the classes.
        filters: Number of filters for each width, in words.
        dropout: Share of the pooled features dropped in training.
        word_dropout: Share of the words dropped in training.
        tokenizer: Turns texts into documents.

    Attributes:
        products: The products of words with the filters, kept from call to call; for another bound
            of its size, ``model.products = ProductTable(bytes)``. It is not part of a saved model.

    Raises:
        InputError: If a width or number of filters is no whole number of 1 or more, or a share is
            not from 0 to 1.
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
        self.filters = checks.filters(filters or {2: 800})
        self.minimum_positions = max(self.filters)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(vectors.dimension, count, width) for width, count in self.filters.items()
        )
        self.dropout = nn.Dropout(checks.share("dropout", dropout))
        self.output = nn.Linear(sum(self.filters.values()), len(self.classes))
        self.products = ProductTable()

    def settings(self) -> dict[str, Any]:
        """The arguments that rebuild the network, as JSON values."""
        return {
            "filters": {str(width): count for width, count in self.filters.items()},
            "dropout": self.dropout.p,
            "word_dropout": self.word_dropout,
        }

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments of the class for settings that were read from JSON."""
        given = super().arguments(settings)
        return {**given, "filters": checks.by_width(given.get("filters", {}))}

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, by the plain convolution of every window."""
        lengths = batch.mask.sum(dim=1)
        pooled = []
        for width, convolution in zip(self.filters, self.convolutions, strict=True):
            values = convolution(embeddings.transpose(1, 2))
            outside = ~inside(lengths, values.shape[2], width)
            pooled.append(values.masked_fill(outside[:, None, :], -torch.inf).max(dim=2).values)
        return self._classify(pooled)

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, by products of words with the filters.

        The word vectors are fixed, so a word's product with a filter is computed once and kept in
        `products`. Where gradients are recorded it is computed once per batch, however often the
        word occurs, and they flow through the winning windows alone; in training on the CPU by
        `whyword.models.cnn.learning`.
        """
        if self.training and torch.is_grad_enabled():
            return self._classify(self._maxima_in_training(batch))
        found = self.layers.find(self.dropped(batch.ids))
        return self._classify(self.layers.maxima(found, lengths_of(batch)))

    def _maxima_in_training(self, batch: Batch) -> list[Tensor]:
        unique, slots = self.dropped(batch.ids).unique(return_inverse=True)
        vectors, lengths = self.looked_up(unique), lengths_of(batch)
        if batch.ids.device.type != "cpu":
            layers = self.layers
            return layers.maxima(layers.found(vectors, slots), lengths)
        convolutions = (cast("nn.Conv1d", layer) for layer in self.convolutions)
        return [
            learning.maxima(vectors, layer.weight, slots, lengths) + cast("Tensor", layer.bias)
            for layer in convolutions
        ]

    @property
    def layers(self) -> Layers:
        """The network's weights, for the closed forms."""
        convolutions = (cast("nn.Conv1d", layer) for layer in self.convolutions)
        kernels = tuple((layer.weight, cast("Tensor", layer.bias)) for layer in convolutions)
        return Layers(self.embedding, kernels, self.output.weight, self.output.bias, self.products)

    def _classify(self, pooled: Sequence[Tensor]) -> Tensor:
        logits: Tensor = self.output(self.dropout(relu(torch.cat(list(pooled), dim=1))))
        return logits

    def written_out(self, batch: Batch) -> tuple[nn.Module, int]:
        """One document's network as modules alone, and the number of positions that it reads."""
        positions = int(batch.mask.sum())
        layers = [cast("nn.Conv1d", layer) for layer in self.convolutions]
        network = PooledConvolutions(layers, self.output, positions)
        return network, max(positions, *self.filters)

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float = 0.01, components: bool = False
    ) -> Attribution:
        """The paper's LRP in closed form; see `whyword.models.cnn.relevance.lrp`."""
        return relevance.lrp(self.layers, batch, targets, epsilon=epsilon, components=components)

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
        """LRP with maxima shared by Shapley value; see `whyword.models.cnn.shapley.shapley_lrp`."""
        return shapley.shapley_lrp(
            self.layers,
            batch,
            targets,
            epsilon=epsilon,
            contrast=contrast,
            depth=depth,
            components=components,
        )

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and gradients in closed form; see `whyword.models.cnn.relevance.gradient`."""
        return relevance.gradient(self.layers, batch, targets)

    def scores_along(
        self, batch: Batch, orders: Tensor, *, replacement: Tensor, insertion: bool = False
    ) -> Tensor:
        """Scores while words are taken out; see `whyword.models.cnn.deletion.scores_along`."""
        return deletion.scores_along(
            self.layers, batch, orders, replacement=replacement, insertion=insertion
        )

    def scores_replaced(self, batch: Batch, replaced: Tensor, *, replacement: Tensor) -> Tensor:
        """``(batch, class)`` logits with a vector ``(dimension,)`` in place of some positions.

        By products of the batch's unique words, as in `forward`; ``replaced`` is ``(batch,
        position)`` bool.
        """
        states = deletion.States.of(self.layers, batch, replacement)
        slots = torch.where(replaced, states.after, states.before)
        found = Found(states.rows, slots)
        return self._classify(self.layers.maxima(found, lengths_of(batch)))

    def greedy_order(
        self,
        batch: Batch,
        gain: Callable[[Tensor], Tensor],
        *,
        steps: int,
        replacement: Tensor,
    ) -> Tensor:
        """The words that a greedy search deletes; see `whyword.models.cnn.oracle.greedy_order`."""
        return oracle.greedy_order(self.layers, batch, gain, steps=steps, replacement=replacement)
