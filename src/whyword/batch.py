"""What goes into a classifier, and what a method makes of it: tensors, document by document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from whyword.text import Document

SPECIAL = -2
"""In place of a word's index: a token that the model adds, such as ``[CLS]``."""


@dataclass(frozen=True)
class Batch:
    """Encoded documents, padded to a common number of positions.

    Attributes:
        documents: The texts with their tokens.
        ids: ``(batch, position)`` int64, what `Classifier.embed` looks up.
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
            ids: One per word and document.
            known: One per word and document.
            padding: The id of the positions behind the last word.
            at_least: Positions of the shortest batch.
            device: Where the tensors go.
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
        """The documents at these places ``(row,)``, each as often as it is named."""
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
    """Relevance of a batch, position by position.

    Attributes:
        scores: ``(batch, class)`` the classifier's scores.
        relevance: ``(target, batch, position)``. A target is a direction in score space: one-hot
            for a class, +1 and -1 for a contrast; its score is its inner product with the scores.
        remainder: What no position received, item by item, ``(target, batch)`` each. None if the
            method does not share out the score; `explain` then states the difference. What
            positions without a word received (padding, special tokens) is added by `explain`.
        components: ``(target, batch, position, dimension)``, if asked for; sums to ``relevance``
            over the last axis.
        settings: What settings came to that leave something open, such as a default that depends
            on the model.
    """

    scores: Tensor
    relevance: Tensor
    remainder: Mapping[str, Tensor] | None = None
    components: Tensor | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
