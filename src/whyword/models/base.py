"""What the networks of this package share, and what those over word vectors do besides."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from whyword.batch import Batch
from whyword.data.vectors import UNKNOWN, WordVectors
from whyword.errors import InputError
from whyword.models.checks import share, strings
from whyword.text import Document, Tokenizer


class NetworkClassifier(nn.Module, ABC):
    """A torch module that is a `whyword.classifier.Classifier`; it can be trained and saved.

    Args:
        classes: Names of the classes, at least two, all different.
        tokenizer: Turns texts into documents.

    Raises:
        InputError: If the classes are fewer than two, not all different, or no strings.
    """

    kind: str
    """Name of the architecture, as in ``whyword train --model``."""

    default_tokenizer = Tokenizer()
    """The tokenizer that is used if none is given."""

    unknown_id: int
    """The id of words or characters that the network does not know."""

    multilabel = False
    """Whether every class is a label of its own, given if its score is above 0."""

    output: nn.Linear
    """The last layer, which returns the logits."""

    def __init__(self, classes: Sequence[str], *, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.classes = strings("the classes", classes)
        if len(self.classes) < 2:
            raise InputError(f"Got the classes {list(classes)}; expected two or more.")
        self.tokenizer = tokenizer or self.default_tokenizer

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The keyword arguments that rebuild the network, as JSON values."""

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments of the class for settings that were read from JSON.

        Raises:
            InputError: If the architecture has no such setting.
        """
        known = set(inspect.signature(cls).parameters) - {"vectors", "classes", "tokenizer"}
        if unknown := sorted(set(settings) - known):
            raise InputError(f"The architecture {cls.kind} has no {' and no '.join(unknown)}.")
        return dict(settings)

    @abstractmethod
    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise the texts that are not yet Documents, look up ids, and pad."""

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """Input vectors, ``(batch, position, dimension)``; zero on padding."""

    @abstractmethod
    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits from vectors ``(batch, position, dimension)``."""

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents."""
        return self.score(self.embed(batch), batch)

    def output_bias(self) -> nn.Parameter | None:
        """``(class,)`` what the last layer adds to the scores; None if it adds nothing."""
        return self.output.bias

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents; those that are strings are tokenised."""
        return tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)


class WordClassifier(NetworkClassifier):
    """A network over word vectors; subclasses compute scores from the vectors.

    The vectors are fixed, but between `learn_vectors` and `fix_vectors`.

    Args:
        vectors: The word vectors.
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

    def learn_vectors(self) -> None:
        """Make the vectors a parameter, which training changes; unknown words keep the zero vector.

        The checkpoint of a training holds them then, like the weights.
        """
        table = self.embedding.detach().clone()
        del self.embedding
        self.embedding = nn.Parameter(table)

    def fix_vectors(self) -> None:
        """Make the vectors what they were before `learn_vectors`: fixed, and saved as `vectors`."""
        table = self.embedding.detach().clone()
        del self.embedding
        self.register_buffer("embedding", table, persistent=False)
        self.vectors = replace(self.vectors, array=table[1:].cpu().numpy())

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
        return self.looked_up(batch.ids)

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits; in training with some words dropped."""
        return self.score(self.looked_up(self.dropped(batch.ids)), batch)

    def looked_up(self, ids: Tensor) -> Tensor:
        """``(..., dimension)`` the vectors of ids; no gradient reaches that of unknown words."""
        if self.embedding.requires_grad:
            return embedding(ids, self.embedding, padding_idx=UNKNOWN)
        return self.embedding[ids]

    def dropped(self, ids: Tensor) -> Tensor:
        """The ids; in training a share of ``word_dropout`` of them is replaced by `UNKNOWN`."""
        if not self.training or not self.word_dropout:
            return ids
        return ids.masked_fill(
            torch.rand(ids.shape, device=ids.device) < self.word_dropout, UNKNOWN
        )
