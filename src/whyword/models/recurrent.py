"""LSTM and GRU classifiers: a recurrent network, maximum over time, one linear layer."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from whyword.batch import Batch
from whyword.data.vectors import WordVectors
from whyword.models.base import WordClassifier
from whyword.models.checks import share, whole, yes_or_no
from whyword.text import Tokenizer

_MOST_LAYERS = 100
"""The largest number of layers: they are built before a file shows how many it holds."""


class _RecurrentClassifier(WordClassifier):
    """A recurrent network over frozen word vectors; subclasses set the cell, LSTM or GRU.

    Args:
        vectors: Frozen word vectors.
        classes: Names of the classes.
        hidden: Number of units per direction.
        layers: Number of recurrent layers, at most 100.
        bidirectional: Whether to read texts backwards as well.
        dropout: Share of the pooled features dropped in training.
        word_dropout: Share of the words dropped in training.
        tokenizer: Turns texts into documents.

    Raises:
        InputError: If a number is out of range; there are 100 layers at most.
    """

    cell: type[nn.LSTM] | type[nn.GRU]

    def __init__(
        self,
        vectors: WordVectors,
        classes: Sequence[str],
        *,
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.5,
        word_dropout: float = 0.3,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        super().__init__(vectors, classes, tokenizer=tokenizer, word_dropout=word_dropout)
        hidden, layers = whole("hidden", hidden), whole("layers", layers, most=_MOST_LAYERS)
        directions = 2 if yes_or_no("bidirectional", bidirectional) else 1
        # A network per direction, each over padded sequences: padding comes after the words and
        # cannot reach them. Packed sequences train eight times slower.
        self.directions = nn.ModuleList(
            self.cell(vectors.dimension, hidden, num_layers=layers, batch_first=True)
            for _ in range(directions)
        )
        self.dropout = nn.Dropout(share("dropout", dropout))
        self.output = nn.Linear(hidden * directions, len(self.classes))

    def settings(self) -> dict[str, Any]:
        """The arguments that rebuild the network, as JSON values."""
        first = cast("nn.LSTM | nn.GRU", self.directions[0])
        return {
            "hidden": first.hidden_size,
            "layers": first.num_layers,
            "bidirectional": len(self.directions) == 2,
            "dropout": self.dropout.p,
            "word_dropout": self.word_dropout,
        }

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits."""
        # An empty document is read as one word of zeros.
        inside = batch.mask.clone()
        inside[:, 0] = True
        states = [self.directions[0](embeddings)[0]]
        for backward in self.directions[1:]:
            order = _reversed(inside)
            states.append(_gather(backward(_gather(embeddings, order))[0], order))
        features = torch.cat(states, dim=2).masked_fill(~inside[:, :, None], -torch.inf)
        return cast("Tensor", self.output(self.dropout(features.max(dim=1).values)))


def _reversed(inside: Tensor) -> Tensor:
    """``(batch, position)`` the position to read instead of each, with the last word first."""
    position = torch.arange(inside.shape[1], device=inside.device).expand_as(inside)
    return torch.where(inside, inside.sum(dim=1, keepdim=True) - 1 - position, position)


def _gather(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(1, order[:, :, None].expand_as(values))


class LSTMClassifier(_RecurrentClassifier):
    """A classifier by long short-term memory (Hochreiter and Schmidhuber 1997)."""

    kind = "lstm"
    cell = nn.LSTM


class GRUClassifier(_RecurrentClassifier):
    """A classifier by gated recurrent units (Cho et al. 2014)."""

    kind = "gru"
    cell = nn.GRU
