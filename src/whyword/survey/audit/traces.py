"""Traces of a word's surroundings: whether it stands in an address, host, name or signature."""

import re
from collections import Counter
from collections.abc import Iterable

from whyword.text import Document

TRACES = {
    "address": "part of an e-mail address",
    "host": "looks like the name of a host",
    "name": "written with a capital within sentences",
    "signature": "in the last lines of texts",
}
"""Each trace with what it means."""

LAST_LINES = 5
"""The number of last lines, empty ones aside, that may be a signature: four, and one to open it."""

# Two labels or more, of two letters or more each: "cs.pitt.edu", not "e.g" or "U.S".
_HOST = re.compile(r"[^\W\d_][\w-]+(\.[^\W\d_][\w-]+)+")
_ADDRESS = re.compile(r"^[\w.@+-]+")
_SENTENCE_END = re.compile(r"[.!?:>|]\s*$|\n\s*\n\s*$|^\s*$")


def traces(document: Document, words: Iterable[int]) -> Counter[str]:
    """Count how many of these occurrences of a word show each trace.

    Args:
        document: The text with its words.
        words: The occurrences, as indices into the document's words.
    """
    text, found = document.text, Counter[str]()
    last_lines = _last_lines(text)
    for word in words:
        start, end = document.spans[word]
        surface = text[start:end]
        if _in_address(text, start, end):
            found["address"] += 1
        if _HOST.fullmatch(surface):
            found["host"] += 1
        elif surface[:1].isupper() and not _SENTENCE_END.search(text[max(start - 20, 0) : start]):
            found["name"] += 1
        if start >= last_lines:
            found["signature"] += 1
    return found


def _in_address(text: str, start: int, end: int) -> bool:
    """Whether the word is part of an address: the characters around it form one, with an @."""
    before = _ADDRESS.search(text[max(start - 80, 0) : start][::-1])
    after = _ADDRESS.search(text[end : end + 80])
    return any(run is not None and "@" in run[0] for run in (before, after))


def _last_lines(text: str) -> int:
    """Return where the text's last lines begin; a text with hardly more lines has none."""
    starts = [match.start() for match in re.finditer(r"^.*\S", text, flags=re.MULTILINE)]
    return starts[-LAST_LINES] if len(starts) > 2 * LAST_LINES else len(text)
