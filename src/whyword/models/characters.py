"""A character CNN: a classifier that reads characters and needs no word vectors.

The paper's future work ("other neural network architectures, e.g. character-based"). Characters are
embedded, convolved and pooled by their maximum over time (after Kim et al. 2016). The relevance of
characters sums to that of the words they stand in; given documents whose tokens are single
characters (`whyword.text.characters`), it stays with the characters.

Only the first characters of a long text are read. Words behind them are left out and the document
is marked as truncated; a word that is cut in half stays, with the relevance of its first half.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from whyword.batch import Batch
from whyword.models import checks
from whyword.models.base import NetworkClassifier
from whyword.models.pooled import PooledConvolutions
from whyword.text import Document, Tokenizer

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 \n\t.,;:!?'\"-_/\\|@#$%^&*+=<>()[]{}`~"
"""Characters with a vector of their own, in lower case; all others share one vector."""

PADDING, OTHER, FIRST = 0, 1, 2


class CharacterCNN(NetworkClassifier):
    """Convolution over characters, maximum over time, one linear layer.

    Args:
        classes: Names of the classes.
        dimension: Number of components of a character's vector, which is trained.
        filters: Number of filters for each width, in characters.
        max_characters: Number of characters that are read of a text; if more follow, the document
            is marked as truncated.
        dropout: Share of the pooled features dropped in training.
        tokenizer: Turns texts into documents, whose words the characters belong to.

    Raises:
        InputError: If a number is out of range.
    """

    kind = "characters"
    default_tokenizer = Tokenizer(max_tokens=None)
    unknown_id = OTHER

    def __init__(
        self,
        classes: Sequence[str],
        *,
        dimension: int = 16,
        filters: Mapping[int, int] | None = None,
        max_characters: int = 1500,
        dropout: float = 0.5,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        super().__init__(classes, tokenizer=tokenizer)
        self.filters = checks.filters(filters or {4: 300, 6: 500})
        self.max_characters = checks.whole("max_characters", max_characters, most=sys.maxsize)
        dimension = checks.whole("dimension", dimension)
        self.embedding = nn.Embedding(FIRST + len(_ALPHABET), dimension, padding_idx=PADDING)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(dimension, count, width) for width, count in self.filters.items()
        )
        self.dropout = nn.Dropout(checks.share("dropout", dropout))
        self.output = nn.Linear(sum(self.filters.values()), len(self.classes))

    def settings(self) -> dict[str, Any]:
        """The arguments that rebuild the network, as JSON values."""
        return {
            "dimension": self.embedding.embedding_dim,
            "filters": {str(width): count for width, count in self.filters.items()},
            "max_characters": self.max_characters,
            "dropout": self.dropout.p,
        }

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments of the class for settings that were read from JSON."""
        given = super().arguments(settings)
        return {**given, "filters": checks.by_width(given.get("filters", {}))}

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents, without the words behind the last character that is read.

        A document is marked as truncated where anything but white space follows.
        """
        return tuple(self._read(document) for document in super().documents(texts))

    def _read(self, document: Document) -> Document:
        if not document.text[self.max_characters :].strip():
            return document
        read = sum(start < self.max_characters for start, _ in document.spans)
        return Document(document.text, document.spans[:read], truncated=True)

    @property
    def table(self) -> Tensor:
        """``(id, dimension)`` the characters' vectors; that of padding is zero."""
        return self.embedding.weight

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """One position per character; a character belongs to the token it stands in, or to none."""
        documents = self.documents(texts)
        read = [document.text[: self.max_characters] for document in documents]
        length = max([*self.filters, *map(len, read)])
        ids = np.full((len(read), length), PADDING)
        words = np.full((len(read), length), -1)
        for i, (document, text) in enumerate(zip(documents, read, strict=True)):
            ids[i, : len(text)] = [_INDEX.get(c.lower(), OTHER) for c in text]
            for word, (start, end) in enumerate(document.spans):
                words[i, start : min(end, len(text))] = word
        device = self.output.weight.device
        encoded = torch.from_numpy(ids).to(device)
        return Batch(
            documents=documents,
            ids=encoded,
            mask=encoded != PADDING,
            words=torch.from_numpy(words).to(device),
            known=tuple((True,) * len(document) for document in documents),
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` character vectors; zero on padding."""
        return cast("Tensor", self.embedding(batch.ids))

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits."""
        windows = self._windows(embeddings, batch.mask)
        return self._classify([values.max(dim=2).values for values in windows])

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, computed so that training is fast.

        Only the winning windows have a gradient, so only they are computed with gradients.
        """
        embeddings = self.embed(batch)
        if not torch.is_grad_enabled():
            return self.score(embeddings, batch)
        row = torch.arange(len(batch), device=embeddings.device)[:, None, None]
        pooled = []
        for start, convolution in zip(
            self._winners(embeddings, batch), self._layers(), strict=True
        ):
            weight, bias = convolution.weight, cast("Tensor", convolution.bias)
            place = start[:, :, None] + torch.arange(weight.shape[2], device=start.device)
            pooled.append(torch.einsum("bfkd,fdk->bf", embeddings[row, place], weight) + bias)
        return self._classify(pooled)

    def written_out(self, batch: Batch) -> tuple[nn.Module, int]:
        """One document's network as modules alone, and the number of positions that it reads."""
        positions = int(batch.mask.sum())
        layers = [cast("nn.Conv1d", layer) for layer in self.convolutions]
        network = PooledConvolutions(layers, self.output, positions)
        return network, max(positions, *self.filters)

    @torch.no_grad()
    def _winners(self, embeddings: Tensor, batch: Batch) -> list[Tensor]:
        """For each width the winning windows ``(batch, filter)``.

        Two documents are read at a time: the values of all windows of a whole batch do not fit into
        a processor's cache.
        """
        parts = zip(embeddings.split(2), batch.mask.split(2), strict=True)
        starts = [[v.max(dim=2).indices for v in self._windows(*part)] for part in parts]
        return [torch.cat(column) for column in zip(*starts, strict=True)]

    def _windows(self, embeddings: Tensor, mask: Tensor) -> Iterator[Tensor]:
        """For each width ``(batch, filter, window)`` values; -inf for windows outside the text."""
        lengths = mask.sum(dim=1)
        for convolution in self._layers():
            values: Tensor = convolution(embeddings.transpose(1, 2))
            start = torch.arange(values.shape[2], device=values.device)
            outside = start > (lengths - convolution.kernel_size[0]).clamp(min=0)[:, None]
            yield values.masked_fill(outside[:, None, :], -torch.inf)

    def _layers(self) -> list[nn.Conv1d]:
        return [cast("nn.Conv1d", layer) for layer in self.convolutions]

    def _classify(self, pooled: Sequence[Tensor]) -> Tensor:
        logits: Tensor = self.output(self.dropout(relu(torch.cat(list(pooled), dim=1))))
        return logits


_INDEX = {character: FIRST + i for i, character in enumerate(_ALPHABET)}
