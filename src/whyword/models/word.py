"""What word-based classifiers share: a tokeniser, frozen word vectors, encoding."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whyword.classifier import Batch
from whyword.errors import InputError
from whyword.text import Document, Tokenizer
from whyword.vectors import UNKNOWN, WordVectors


class WordClassifier(nn.Module, ABC):
    """A network over frozen word vectors; subclasses say how vectors become scores.

    Args:
        vectors: The word vectors; they are not trained.
        classes: Names of the classes, at least two, all different.
        tokenizer: Turns texts into documents.
        word_dropout: Share of the words set to the zero vector in each training step.

    Raises:
        InputError: If the classes are fewer than two or not all different.
    """

    kind: str
    """Name of the architecture, as in ``whyword train --model``."""

    minimum_positions = 1
    """Shorter documents are padded to this length."""

    def __init__(
        self,
        vectors: WordVectors,
        classes: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(set(classes)) != len(classes) or len(classes) < 2:
            raise InputError(
                f"Got the classes {list(classes)}; expected two or more, all different."
            )
        self.classes = tuple(classes)
        self.vectors = vectors
        self.tokenizer = tokenizer or Tokenizer()
        self.word_dropout = word_dropout
        self.embedding: Tensor
        # Saved once, as the vocabulary's vectors, not again with the weights.
        self.register_buffer("embedding", torch.from_numpy(vectors.table()), persistent=False)

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise, look up ids, pad with `UNKNOWN`; word ``i`` stands at position ``i``."""
        documents = tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)
        rows = [self.vectors.ids(document.words) for document in documents]
        length = max([self.minimum_positions, *map(len, rows)])
        ids = np.full((len(rows), length), UNKNOWN)
        positions = np.full((len(rows), length), -1)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            positions[i, : len(row)] = range(len(row))
        device = self.embedding.device
        words = torch.from_numpy(positions).to(device)
        return Batch(
            documents=documents,
            ids=torch.from_numpy(ids).to(device),
            mask=words >= 0,
            words=words,
            known=tuple(tuple(id_ != UNKNOWN for id_ in row) for row in rows),
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` word vectors; zero for padding and unknown words."""
        return self.embedding[batch.ids]

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The keyword arguments that rebuild the network, as JSON values."""

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments that `settings` stands for."""
        return dict(settings)

    @abstractmethod
    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits from vectors ``(batch, position, dimension)``."""

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits; in training with words dropped."""
        return self.score(self.embedding[self.dropped(batch.ids)], batch)

    def dropped(self, ids: Tensor) -> Tensor:
        """In training, ids with a share of ``word_dropout`` replaced by `UNKNOWN`."""
        if not self.training or not self.word_dropout:
            return ids
        return ids.masked_fill(
            torch.rand(ids.shape, device=ids.device) < self.word_dropout, UNKNOWN
        )
