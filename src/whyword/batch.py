"""`Batch`, encoded documents that go into a classifier, and `Attribution`, their relevance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from whyword.text import Document

SPECIAL = -2
"""Stands in `Batch.words` for a token that the model adds, such as ``[CLS]``."""


@dataclass(frozen=True)
class Batch:
    """Encoded documents, padded to a common number of positions.

    A position is one place in the model's input: a word, a subword or a character, or padding
    behind the end of a shorter document.

    Attributes:
        documents: The texts with their tokens.
        ids: ``(batch, position)`` int64, by which `whyword.classifier.Classifier.embed` looks
            vectors up.
        mask: ``(batch, position)`` bool, False on padding.
        words: ``(batch, position)`` int64, the index in ``documents[b].spans`` of the word that a
            position belongs to; -1 where it belongs to none (padding, white space), `SPECIAL` for
            tokens that the model adds to every text.
        known: One bool per word and document, False where the model has no vector for the word.
    """

    documents: tuple[Document, ...]
    ids: Tensor
    mask: Tensor
    words: Tensor
    known: tuple[tuple[bool, ...], ...]

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def of_words(
        cls,
        documents: Sequence[Document],
        ids: Sequence[Sequence[int]],
        known: Sequence[Sequence[bool]],
        *,
        padding: int,
        at_least: int = 1,
        device: torch.device | None = None,
    ) -> "Batch":
        """A batch in which word ``i`` stands at position ``i``.

        Args:
            documents: The texts with their tokens.
            ids: For each document the ids of its words.
            known: For each document whether the model has a vector for each of its words.
            padding: The id of the positions behind the last word.
            at_least: The smallest number of positions that the batch may have.
            device: The device that the tensors are put on; by default the CPU.
        """
        length = max([at_least, *map(len, ids)])
        padded = np.full((len(ids), length), padding)
        words = np.full((len(ids), length), -1)
        for i, row in enumerate(ids):
            padded[i, : len(row)] = row
            words[i, : len(row)] = range(len(row))
        places = torch.from_numpy(words).to(device)
        return cls(
            documents=tuple(documents),
            ids=torch.from_numpy(padded).to(device),
            mask=places >= 0,
            words=places,
            known=tuple(tuple(row) for row in known),
        )

    def rows(self, rows: Tensor) -> "Batch":
        """The documents at these indices ``(row,)``, each as often as it is named."""
        chosen = rows.tolist()
        rows = rows.to(self.ids.device)
        return Batch(
            documents=tuple(self.documents[i] for i in chosen),
            ids=self.ids[rows],
            mask=self.mask[rows],
            words=self.words[rows],
            known=tuple(self.known[i] for i in chosen),
        )


@dataclass(frozen=True)
class Attribution:
    """Relevance of a batch, position by position: what a method returns.

    Attributes:
        scores: ``(batch, class)`` the classifier's scores.
        relevance: ``(target, batch, position)``. A target is a direction in score space: one-hot
            for a class, +1 and -1 for a contrast; its score is its inner product with the scores.
        remainder: The relevance that no position received, by cause, ``(target, batch)`` each.
            None if the method does not share out the score; `whyword.explain` then states the
            difference. It always adds what positions without a word received (padding, special
            tokens).
        components: ``(target, batch, position, dimension)`` the relevance of each component of the
            vectors, if asked for; sums to ``relevance`` over the last axis.
        settings: The values that the method chose for settings that were left open, such as a
            default that depends on the model.
    """

    scores: Tensor
    relevance: Tensor
    remainder: Mapping[str, Tensor] | None = None
    components: Tensor | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
