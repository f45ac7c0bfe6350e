"""Classifiers: anything that turns texts into positions, vectors and class scores.

Explanation methods, evaluation and the command line know only what stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from whyword.text import Document


@dataclass(frozen=True)
class Batch:
    """Encoded documents, padded to a common number of positions.

    Attributes:
        documents: The texts with their tokens.
        ids: ``(batch, position)`` int64, what `Classifier.embed` looks up.
        mask: ``(batch, position)`` bool, False on padding.
        words: ``(batch, position)`` int64, the index in ``documents[b].spans`` of the word that a
            position belongs to; -1 where it belongs to none (padding, special tokens).
        known: One bool per word and document, False where the model has no vector for the word.
    """

    documents: tuple[Document, ...]
    ids: Tensor
    mask: Tensor
    words: Tensor
    known: tuple[tuple[bool, ...], ...]

    def __len__(self) -> int:
        return len(self.documents)


@runtime_checkable
class Classifier(Protocol):
    """What every model offers."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the scores."""

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise (what is not yet a Document), look up ids, pad."""

    def embed(self, batch: Batch) -> Tensor:
        """Input vectors, ``(batch, position, dimension)``; zero on padding."""

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """Class scores (logits), ``(batch, class)``, differentiable in ``embeddings``."""


def one_hot_targets(classes: Sequence[int], n_classes: int, *, batch_size: int) -> Tensor:
    """Targets that ask for the same classes in every document, ``(target, batch, class)``.

    A target is a direction in score space: one-hot for a class, +1 and -1 for a contrast. What is
    explained is its inner product with the scores.
    """
    eye = torch.eye(n_classes)[list(classes)]
    return eye[:, None, :].expand(-1, batch_size, -1)
