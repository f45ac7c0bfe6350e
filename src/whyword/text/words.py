r"""The words that NLTK finds in a text, at the speed of reading.

What NLTK makes of a *chunk*, the text between two white spaces of ASCII, depends on the chunk, on
the white space behind it, and on whether its final dot ends a sentence:

- The word tokeniser puts spaces around punctuation, by patterns that see white space at most as the
  edge of a word. Three see more. A quote at the start of a chunk is written `` or '' by what stands
  before, but split off either way. An apostrophe at the end is split off before a blank, and not
  always before another white space. And the dot at the end of a *sentence* is split off, with
  closing quotes and brackets between it and the end.
- Punkt looks for the end of a sentence at the last of ``.?!`` in a chunk that has white space or
  punctuation behind it, and sees this chunk and the next one. Untrained, it knows no abbreviation:
  a sentence ends at every dot but those of initials, numbers and ellipses. Closers that stand alone
  behind it ("Go. ) He") are the sentence's.

So a chunk is settled alone, unless it ends in the dot of an initial or one that closers follow, has
white space of Unicode inside, or is followed by nothing but closers up to the end of the text.
Those are read together with what follows.
"""

import re
from collections.abc import Iterator

from whyword.text.chunks import SPACE, kept_in_first
from whyword.text.reference import pieces

# What Punkt and the word tokeniser count to the sentence before it.
_CLOSERS = "\"')]}>«»‘’“”"
_CLOSERS_AND_SPACE = (
    f"{_CLOSERS}{SPACE}\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    + ("".join(map(chr, range(0x2000, 0x200B))))
)

# Behind a final dot: nothing, or a chunk that is neither closers alone nor begins with white space
# of Unicode. Closers before "--" count as alone.
_ENDS = rf"(?=[{SPACE}]*\Z|[{SPACE}]+(?:[{re.escape(_CLOSERS)}]*+[^-\s{re.escape(_CLOSERS)}]|-))"
_ENDS_PLAINLY = re.compile(_ENDS)

# A word of ASCII letters and hyphens (1), between marks that are always split off; or another chunk
# with a letter, without (2) or with (3) white space of Unicode.
_MARKS = r"[])}>\"*;?!]*+"
_LETTERS = r"(?![CGLWcglw](?i:annot|imme|onna|otta|emme|anna))[A-Za-z]++"
_WORD_OR_CHUNK = re.compile(
    rf"(?<![^{SPACE}])(?:"
    rf"[(\[{{<>\"*]*+({_LETTERS}(?:-{_LETTERS})*+)"
    rf"(?={_MARKS}[,:]?{_MARKS}(?:[{SPACE}]|\Z)"
    rf"|(?<=[A-Za-z][A-Za-z])\.(?:{_ENDS}|[)\]}}\"]++(?:[{SPACE}]|\Z)))"
    rf"|((?>\S*?[^\W\d_]\S*+))(?=[{SPACE}]|\Z)"
    rf"|([^{SPACE}]*?[^\W\d_][^{SPACE}]*+))"
)
_NEXT_CHUNK = re.compile(rf"\s*[^{SPACE}]*")

# Punkt's initials: a letter and a dot, by themselves or behind what Punkt splits off.
_INITIAL = re.compile(r"(?:^|[-,&#`'\")\]}({\[*@:;?!«»“”]|\.\.)(?:[^\W\d]|[^\x00-\x7f])\.$")


def words(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Spans of the tokens of ``text[start:]`` that pass the paper's filter, found lazily."""
    for offset, piece in pieces(text, start):
        if offset == 0:
            yield from _words(piece)
        else:
            for first, last in _words(piece):
                yield offset + first, offset + last


def _words(piece: str) -> Iterator[tuple[int, int]]:
    content = len(piece.rstrip(_CLOSERS_AND_SPACE))
    for match in _WORD_OR_CHUNK.finditer(piece):
        if match.lastindex == 1:
            yield match.span(1)
            continue
        start, end = match.span()
        stop, goes_on = end + 1, ""
        if match.lastindex == 3 or (piece[end - 1] == "." and _needs_next(piece, start, end)):
            following = _NEXT_CHUNK.match(piece, end)
            stop, goes_on = following.end() if following else end, " x"
        # Punkt counts a single white space that the text begins with to the first chunk.
        start -= start == 1
        more = stop < content
        text = piece[start:stop] + goes_on if more else piece[start:].rstrip(SPACE)
        for first, last in kept_in_first(text):
            yield start + first, start + last


def _needs_next(piece: str, start: int, end: int) -> bool:
    """Whether the next chunk says if a sentence ends with the final dot of a chunk, and where."""
    initial = _INITIAL.search(piece[max(start, end - 4) : end])
    return initial is not None or not _ENDS_PLAINLY.match(piece, end)
