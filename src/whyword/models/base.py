"""`NetworkClassifier`, the base class of the neural classifiers of this package."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from whyword.batch import Batch
from whyword.errors import InputError
from whyword.models.checks import strings
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

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents; those that are strings are tokenised."""
        return tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)
