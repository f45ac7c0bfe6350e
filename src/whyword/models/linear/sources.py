"""`Source`: the steps from texts to features, with the places in the texts they come from.

Up to the first step that mixes columns, a column stands for an n-gram; from there on all must be
linear. So what a classifier gets for a text is

    z = x M + o

with x the values of the n-grams' columns, a matrix M that is the same for every text, and an offset
o that no word has a part in. Without a mixing step M is the identity and o is zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import scipy.sparse as sp

from whyword.text import Document


class Place(NamedTuple):
    """One occurrence of an n-gram that is a feature.

    Attributes:
        column: The column of x that holds its value.
        sign: 1, or -1 if a hashing vectorizer counts it negatively.
        words: The words that it stands on, as in `whyword.models.linear.ngrams.NGram`.
    """

    column: int
    sign: float
    words: tuple[int, ...]


@dataclass(frozen=True)
class Values:
    """The values of texts after some steps: z = x M + o.

    Attributes:
        z: ``(text, out)`` what the last step returned.
        x: ``(text, column)`` the values of the n-grams' columns.
        offset: ``(text, out)`` the offset o; None for zero.
    """

    z: Any
    x: sp.csr_matrix
    offset: sp.csr_matrix | None = None


class Source(Protocol):
    """Steps from texts to features.

    Attributes:
        matrix: ``(column, out)`` the matrix M; None for the identity.
        width: Number of columns of x.
        empty: ``(1, out)`` what the steps return for an empty text.
    """

    matrix: Any
    width: int
    empty: Any

    def run(self, texts: Sequence[str]) -> Values:
        """Send texts through the steps.

        Raises:
            ModelError: If a step mixes features in a way that is not linear.
        """

    def document(self, text: str) -> Document:
        """The text as a document, with its words."""

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of n-grams; those that are no features have the column -1."""
