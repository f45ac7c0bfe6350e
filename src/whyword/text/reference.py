"""NLTK's sentences and words, and the paper's filter: what the tokens of a text are."""

import re
import unicodedata
from collections.abc import Iterator

from whyword.text.document import Span
from whyword.text.importing import tokenizers

# What the word tokeniser may have turned into `` or ''.
_QUOTE = re.compile(r"\"|``|''")

_KEPT = re.compile(r"[-'.]*[A-Za-z][-'.A-Za-z]*")

# Typographic apostrophes, one code point for one: "don’t" is read as "don't".
_APOSTROPHES = {0x2018: "'", 0x2019: "'", 0x02BC: "'"}

# Code points given to NLTK at once.
_PIECE = 50_000


def sentences(text: str, start: int = 0) -> Iterator[Span]:
    """Spans of the sentences of ``text[start:]``, by NLTK's untrained Punkt, found lazily.

    Example:
        >>> [text[start:end] for text in ["One. Two!"] for start, end in sentences(text)]
        ['One.', 'Two!']
    """
    tokenizer, _words = tokenizers()
    for offset, piece in pieces(text, start):
        for first, last in tokenizer.span_tokenize(piece):
            yield Span(offset + first, offset + last)


def pieces(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Cut a huge text at white space, because NLTK gives up on sentences of megabytes.

    Yields:
        Where a piece begins, and the piece with plain apostrophes.
    """
    while start < len(text):
        stop = start + _PIECE
        if stop < len(text):
            cut = max(text.rfind(space, start, stop) for space in " \n\t")
            stop = cut + 1 if cut > start else stop
        piece = text[start:stop]
        yield start, piece if piece.isascii() else piece.translate(_APOSTROPHES)
        start = stop


def kept_words(piece: str) -> Iterator[tuple[int, int]]:
    """Spans of the tokens of a piece that pass the paper's filter, found lazily."""
    sentence_tokenizer, word_tokenizer = tokenizers()
    for start, end in sentence_tokenizer.span_tokenize(piece):
        sentence, position = piece[start:end], 0
        for token in word_tokenizer.tokenize(sentence):
            # NLTK inserts spaces and rewrites double quotes: the token itself stands further on
            if token in ("``", "''"):
                quote = _QUOTE.search(sentence, position)
                position = quote.end() if quote else position
                continue
            found = sentence.find(token, position)
            if found < 0:
                continue
            position = found + len(token)
            if is_kept(token):
                yield start + found, start + position


def is_kept(token: str) -> bool:
    """Whether a token is kept: letters, apostrophes, hyphens and dots, at least one letter.

    Arras et al. 2016, footnote 5.
    """
    if token.isascii():
        return _KEPT.fullmatch(token) is not None
    # A combining mark belongs to the letter that it follows.
    return any(c.isalpha() for c in token) and all(
        c.isalpha() or c in "'.-" or unicodedata.category(c)[0] == "M" for c in token
    )
