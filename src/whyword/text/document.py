"""A text and its tokens as spans of code points."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from whyword.errors import InputError


class Span(NamedTuple):
    """A half-open range of code points: ``text[start:end]``."""

    start: int
    end: int


def spans_of(ranges: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Ranges as spans: ``Span(*range)``, but no Python function is called for each word."""
    return tuple(map(partial(tuple.__new__, Span), ranges))


@dataclass(frozen=True)
class Document:
    """A text and its tokens.

    Attributes:
        text: The original text, never changed.
        spans: One code-point span per token, in text order, without overlap.
        truncated: True if the tokeniser left out tokens after the last span.

    Raises:
        InputError: If a span is empty, overlaps the one before, or leaves the text.
    """

    text: str
    spans: tuple[Span, ...]
    truncated: bool = False

    def __post_init__(self) -> None:
        check_spans(self.text, self.spans)

    @classmethod
    def unchecked(
        cls, text: str, spans: tuple[Span, ...], *, truncated: bool = False
    ) -> "Document":
        """A document whose spans are right by the way they were found: from left to right."""
        document = object.__new__(cls)
        document.__dict__.update(text=text, spans=spans, truncated=truncated)
        return document

    @property
    def words(self) -> list[str]:
        """Every token as it stands in the text."""
        return [self.text[start:end] for start, end in self.spans]

    def __len__(self) -> int:
        return len(self.spans)

    def first(self, tokens: int | None) -> "Document":
        """The same text with no more than its first ``tokens`` tokens (None: all)."""
        if tokens is None or len(self) <= tokens:
            return self
        return Document.unchecked(self.text, self.spans[:tokens], truncated=True)


def check_spans(text: str, spans: tuple[Span, ...]) -> None:
    """Raise `InputError` unless ``spans`` are ordered, disjoint, non-empty ranges of ``text``."""
    position = 0
    for index, (start, end) in enumerate(spans):
        if not position <= start < end <= len(text):
            raise InputError(
                f"Word {index} has the span {start}:{end}; expected a non-empty range within "
                f"{position}:{len(text)}, after the word before it and inside the text."
            )
        position = end


def characters(text: str) -> Document:
    """A document whose tokens are the characters that are not white space."""
    ranges = ((i, i + 1) for i, character in enumerate(text) if not character.isspace())
    return Document.unchecked(text, spans_of(ranges))
