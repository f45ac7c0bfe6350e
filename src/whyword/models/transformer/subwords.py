"""Finds the words of the original text that subword tokens belong to.

A word here is what a reader takes for one: letters and digits, with apostrophes, hyphens and dots
inside; a run of other characters; or one ideograph. Where a token reaches across several of these,
they are one word together, so that no token's relevance has to be split.
"""

import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

from whyword.text import Document, Span

_Offsets = Sequence[tuple[int, int]]
"""Start and end of each token in code points, as fast tokenizers return them."""


def words_of(text: str, offsets: _Offsets) -> tuple[tuple[Span, ...], list[int]]:
    """The words that tokens cover.

    Args:
        text: The original text.
        offsets: Start and end of each token, in order.

    Returns:
        The words' spans, and the index of each token's word; -1 for tokens of white space alone.

    Example:
        >>> words_of("It's so-so!", [(0, 2), (2, 4), (4, 7), (7, 10), (10, 11)])
        ((Span(start=0, end=4), Span(start=5, end=10), Span(start=10, end=11)), [0, 0, 1, 1, 2])
    """
    pieces = [match.span() for match in _pattern().finditer(text)]
    starts = [start for start, _ in pieces]
    touched = _touched(text, offsets, pieces, starts)
    leader = list(range(len(pieces)))  # of the pieces that a token reaches across
    read: set[int] = set()
    for first, last in touched:
        if first >= 0:
            read.update(range(first, last + 1))
            for piece in range(first + 1, last + 1):
                leader[piece] = min(leader[piece], leader[first])
    for piece in range(len(pieces)):
        leader[piece] = leader[leader[piece]]
    words: dict[int, Span] = {}
    for piece in sorted(read):
        start, end = pieces[piece]
        chief = leader[piece]
        words[chief] = Span(words[chief].start if chief in words else start, end)
    place = {chief: index for index, chief in enumerate(words)}
    return tuple(words.values()), [place[leader[f]] if f >= 0 else -1 for f, _ in touched]


def words_in(document: Document, offsets: _Offsets) -> list[int]:
    """The index of each token's word in a document: the first that it overlaps; -1 if none."""
    spans = list(document.spans)
    touched = _touched(document.text, offsets, spans, [start for start, _ in spans])
    return [first for first, _ in touched]


def _touched(
    text: str, offsets: _Offsets, spans: Sequence[tuple[int, int]], starts: Sequence[int]
) -> list[tuple[int, int]]:
    """Indices of the first and last span that each token overlaps; (-1, -1) if none."""
    found: list[tuple[int, int]] = []
    for token_start, token_end in offsets:
        start, end = token_start, token_end
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start == end:
            # A later byte of a character may have no code point of its own.
            goes_on = token_start == token_end > 0 and found and found[-1][0] >= 0
            last = found[-1][1] if goes_on else -1
            inside = goes_on and spans[last][0] < token_end <= spans[last][1]
            found.append((last, last) if inside else (-1, -1))
            continue
        first = max(bisect_right(starts, start) - 1, 0)
        if first < len(spans) and spans[first][1] <= start:
            first += 1
        last = bisect_right(starts, end - 1) - 1
        found.append((first, last) if first <= last else (-1, -1))
    return found


@cache
def _pattern() -> re.Pattern[str]:
    # Combining marks belong to the letter before them, but are not among re's letters.
    marks = "".join(
        re.escape(c)
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c)[0] == "M"
    )
    ideograph = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    letter = rf"[^\W{ideograph}]"
    return re.compile(
        rf"[{ideograph}][{marks}]*"
        rf"|{letter}(?:{letter}|[{marks}]|['’.-](?={letter}))*"
        rf"|[^\w\s]+"
    )
