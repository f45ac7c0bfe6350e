"""`WordClassifier`, the base class of the classifiers that read frozen word vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.data.vectors import UNKNOWN, WordVectors
from whyword.models.base import NetworkClassifier
from whyword.models.checks import share
from whyword.text import Document, Tokenizer


class WordClassifier(NetworkClassifier):
    """A network over frozen word vectors; subclasses compute scores from the vectors.

    Args:
        vectors: The word vectors; they are not trained.
        classes: Names of the classes.
        tokenizer: Turns texts into documents.
        word_dropout: Share of the words set to the zero vector in each training step.
    """

    minimum_positions = 1
    """Shorter documents are padded to this length."""

    unknown_id = UNKNOWN
    """The id of words without a vector."""

    def __init__(
        self,
        vectors: WordVectors,
        classes: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(classes, tokenizer=tokenizer)
        self.vectors = vectors
        self.word_dropout = share("word_dropout", word_dropout)
        self.embedding: Tensor
        # Saved once, as the vocabulary's vectors, not again with the weights.
        self.register_buffer("embedding", torch.from_numpy(vectors.table()), persistent=False)

    @property
    def table(self) -> Tensor:
        """``(id, dimension)`` the word vectors; the row of unknown words is zero."""
        return self.embedding

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise, look up ids, and pad with `UNKNOWN`; word ``i`` stands at position ``i``."""
        documents = self.documents(texts)
        rows = [self.vectors.ids(document.words) for document in documents]
        return Batch.of_words(
            documents,
            rows,
            [[id_ != UNKNOWN for id_ in row] for row in rows],
            padding=UNKNOWN,
            at_least=self.minimum_positions,
            device=self.embedding.device,
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` word vectors; zero for padding and unknown words."""
        return self.embedding[batch.ids]

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits; in training with some words dropped."""
        return self.score(self.embedding[self.dropped(batch.ids)], batch)

    def dropped(self, ids: Tensor) -> Tensor:
        """The ids; in training a share of ``word_dropout`` of them is replaced by `UNKNOWN`."""
        if not self.training or not self.word_dropout:
            return ids
        return ids.masked_fill(
            torch.rand(ids.shape, device=ids.device) < self.word_dropout, UNKNOWN
        )
