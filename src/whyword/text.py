"""`Document`, a text and its tokens as spans of code points, and the paper's `Tokenizer`.

The tokenizer is the paper's preprocessing (Arras et al. 2016, section 3.2): NLTK finds sentences
and words; kept are tokens of letters, apostrophe, hyphen and dot with at least one letter, the
first 400 of a text.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from whyword.errors import InputError

if TYPE_CHECKING:
    from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

# What the word tokeniser may have turned into `` or ''.
_QUOTE = re.compile(r"\"|``|''")

# Typographic apostrophes, one code point for one: "don’t" is read as "don't".
_APOSTROPHES = {0x2018: "'", 0x2019: "'", 0x02BC: "'"}

_LETTER = re.compile(r"[^\W\d_]")

# Code points given to NLTK at once.
_PIECE = 50_000


class Span(NamedTuple):
    """A half-open range of code points: ``text[start:end]``."""

    start: int
    end: int


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
        return Document(self.text, self.spans[:tokens], truncated=True)


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


@dataclass(frozen=True)
class Tokenizer:
    """The paper's preprocessing, with spans on the original text.

    Attributes:
        max_tokens: Number of tokens kept per document (the paper's 400); None keeps all.
        skip_headers: Whether to read only what follows the first blank line, as scikit-learn's
            ``remove=("headers",)`` does with newsgroup postings. Spans still count from the start.

    Raises:
        InputError: If a setting is of another type, or ``max_tokens`` below 1.
    """

    max_tokens: int | None = 400
    skip_headers: bool = False

    def __post_init__(self) -> None:
        most = self.max_tokens
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise InputError(f"Got max_tokens {most!r}; expected a whole number, or None for all.")
        if not isinstance(self.skip_headers, bool):
            raise InputError(f"Got skip_headers {self.skip_headers!r}; expected True or False.")

    def __call__(self, text: str) -> Document:
        """Tokenise one text.

        Raises:
            InputError: If ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise InputError(f"Got {type(text).__name__}; expected a text (str).")
        spans: list[Span] = []
        for span in _kept_spans(text, body_start(text) if self.skip_headers else 0):
            if len(spans) == self.max_tokens:
                return Document(text, tuple(spans), truncated=True)
            spans.append(span)
        return Document(text, tuple(spans))

    def to_json(self) -> dict[str, object]:
        """The settings of the tokenizer, as JSON values."""
        return asdict(self)


def characters(text: str) -> Document:
    """A document whose tokens are the characters that are not white space."""
    spans = (Span(i, i + 1) for i, character in enumerate(text) if not character.isspace())
    return Document(text, tuple(spans))


def body_start(text: str) -> int:
    r"""Where a posting's body begins: after the first blank line; at the end if there is none.

    Example:
        >>> body_start("From: a@b\nSubject: c\n\nHello")
        22
    """
    _head, _blank, body = text.partition("\n\n")
    return len(text) - len(body)


def sentences(text: str, start: int = 0) -> Iterator[Span]:
    """Spans of the sentences of ``text[start:]``, by NLTK's untrained Punkt, found lazily.

    Example:
        >>> [text[start:end] for text in ["One. Two!"] for start, end in sentences(text)]
        ['One.', 'Two!']
    """
    tokenizer, _ = _nltk()
    for piece_start, piece in _pieces(text, start):
        for first, last in tokenizer.span_tokenize(piece):
            yield Span(piece_start + first, piece_start + last)


def _kept_spans(text: str, offset: int) -> Iterator[Span]:
    """Spans of the tokens from ``offset`` on that pass the paper's filter, found lazily."""
    _, words = _nltk()
    for start, end in sentences(text, offset):
        sentence = text[start:end].translate(_APOSTROPHES)
        if not _LETTER.search(sentence):
            continue
        position = 0
        for token in words.tokenize(sentence):
            # NLTK inserts spaces and rewrites double quotes: the token itself stands further on
            if token in ("``", "''"):
                quote = _QUOTE.search(sentence, position)
                position = quote.end() if quote else position
                continue
            found = sentence.find(token, position)
            if found < 0:
                continue
            position = found + len(token)
            if _is_kept(token):
                yield Span(start + found, start + position)


def _pieces(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Cut a huge text at white space, because NLTK gives up on sentences of megabytes."""
    while start < len(text):
        stop = start + _PIECE
        if stop < len(text):
            cut = max(text.rfind(space, start, stop) for space in " \n\t")
            stop = cut + 1 if cut > start else stop
        yield start, text[start:stop].translate(_APOSTROPHES)
        start = stop


def _is_kept(token: str) -> bool:
    """Whether a token is kept: letters, apostrophes, hyphens and dots, at least one letter.

    Arras et al. 2016, footnote 5.
    """
    if token.isalpha():
        return True
    # A combining mark belongs to the letter that it follows.
    return any(c.isalpha() for c in token) and all(
        c.isalpha() or c in "'.-" or unicodedata.category(c)[0] == "M" for c in token
    )


_importing = Lock()


def _nltk() -> "tuple[PunktSentenceTokenizer, NLTKWordTokenizer]":
    with _importing:  # no other thread is to meet the stand-ins for packages
        return _tokenizers()


@cache
def _tokenizers() -> "tuple[PunktSentenceTokenizer, NLTKWordTokenizer]":
    # Neither needs NLTK's data downloads. The untrained sentence tokeniser knows no abbreviations;
    # that changes only where a final dot is split off: on 20 Newsgroups 4,972 test documents have
    # 100 tokens or more, the paper counts 4,963.
    with _without_packages("nltk", "nltk.tokenize"):
        from nltk.tokenize.destructive import NLTKWordTokenizer
        from nltk.tokenize.punkt import PunktSentenceTokenizer
    return PunktSentenceTokenizer(), NLTKWordTokenizer()


@contextmanager
def _without_packages(*packages: str) -> Iterator[None]:
    """A block that imports modules of packages without running the packages' own files.

    `import nltk` imports all of it, and with it scipy and scikit-learn where they are installed:
    almost a second, of which the two tokenisers are a fiftieth. Empty packages stand in for it, and
    are gone after the block with all that was imported, so that NLTK is imported whole by whoever
    does so later.
    """
    if packages[0] in sys.modules:
        yield
        return
    try:
        for name in packages:
            spec = find_spec(name)  # of a package inside of one: imports that one, a stand-in
            if spec is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.modules[name] = module_from_spec(spec)
        yield
    finally:
        for name in list(sys.modules):
            if name.partition(".")[0] == packages[0]:
                del sys.modules[name]
