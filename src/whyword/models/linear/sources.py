"""What steps of a pipeline make of texts, and where in the texts it comes from.

Up to the first step that mixes columns, a column stands for an n-gram; from there on all must be
linear. So what a classifier gets for a text is

    z = x M + o

with x the values of the n-grams' columns, a matrix M that is the same for every text, and an offset
o that no word has part in. Without a mixing step M is the identity and o is zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import scipy.sparse as sp

from whyword.text import Document


class Place(NamedTuple):
    """One occurrence of an n-gram that is a feature.

    Attributes:
        column: Where its value stands in x.
        sign: -1 if it is hashed to the negative.
        words: As in `whyword.models.linear.ngrams.NGram`.
    """

    column: int
    sign: float
    words: tuple[int, ...]


@dataclass(frozen=True)
class Values:
    """What steps make of texts.

    Attributes:
        z: What the last step returned, ``(text, out)``, as it returned it.
        x: ``(text, column)`` the columns of n-grams.
        offset: ``(text, out)`` o, or None for zero.
    """

    z: Any
    x: sp.csr_matrix
    offset: sp.csr_matrix | None = None


class Source(Protocol):
    """Steps from texts to features.

    Attributes:
        matrix: ``(column, out)`` M, or None for the identity.
        width: The number of columns of x.
        empty: What they make of an empty text, ``(1, out)``.
    """

    matrix: Any
    width: int
    empty: Any

    def run(self, texts: Sequence[str]) -> Values:
        """Send texts through.

        Raises:
            ModelError: If a step mixes features in a way that is not linear.
        """

    def document(self, text: str) -> Document:
        """The text with its words."""

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of n-grams; -1 as the column of those that are no features."""
