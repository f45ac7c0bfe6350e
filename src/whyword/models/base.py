"""What all neural classifiers share: classes, a tokeniser, and settings that rebuild them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from whyword.classifier import Batch
from whyword.data.expected import Expected, integer
from whyword.errors import InputError
from whyword.text import Document, Tokenizer


def integer_keys(filters: Mapping[str, int]) -> dict[int, int]:
    """Filters per width as networks take them, from JSON, whose keys are strings.

    Raises:
        InputError: If they are no such mapping.
    """
    try:
        return {int(width): count for width, count in filters.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"Got filters={filters!r}; expected {FILTERS.text}.") from error


def _are_filters(filters: object) -> bool:
    numbers = integer(1)
    return isinstance(filters, Mapping) and all(
        numbers.holds(number) for pair in filters.items() for number in pair
    )


FILTERS = Expected("numbers of filters by width, all integers of at least 1", _are_filters)


class NetworkClassifier(nn.Module, ABC):
    """A network that is a `whyword.classifier.Classifier`, can be trained, saved and loaded.

    Args:
        classes: Names of the classes, at least two, all different.
        tokenizer: Turns texts into documents.

    Raises:
        InputError: If the classes are fewer than two or not all different.
    """

    kind: str
    """Name of the architecture, as in ``whyword train --model``."""

    default_tokenizer = Tokenizer()
    """How it reads texts unless told otherwise."""

    unknown_id: int
    """The id that stands for what the network does not know."""

    def __init__(self, classes: Sequence[str], *, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        if len(set(classes)) != len(classes) or len(classes) < 2:
            raise InputError(
                f"Got the classes {list(classes)}; expected two or more, no two alike."
            )
        self.classes = tuple(classes)
        self.tokenizer = tokenizer or self.default_tokenizer

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The keyword arguments that rebuild the network, as JSON values."""

    @classmethod
    def arguments(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments that `settings` stands for."""
        return dict(settings)

    @abstractmethod
    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise (what is not yet a Document), look up ids, pad."""

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """Input vectors, ``(batch, position, dimension)``; zero on padding."""

    @abstractmethod
    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits from vectors ``(batch, position, dimension)``."""

    def forward(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents as they are."""
        return self.score(self.embed(batch), batch)

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts, tokenised where they are not yet."""
        return tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)
