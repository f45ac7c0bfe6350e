r"""The words in a chunk, the text between two white spaces: remembered, scanned, or asked of NLTK.

What NLTK's word tokeniser (Penn Treebank's rules) makes of one chunk:

- Brackets, quotes and symbols are split off; a comma or colon unless a digit follows; two dots or
  more; two hyphens.
- The dot at the end of a sentence is split off. Punkt looks at the last of ``.?!`` that stands
  before certain punctuation or white space; a dot there ends a sentence, but for initials and
  numbers.
- An apostrophe is split off at the end of a word, and at its start unless a clitic follows; the
  clitics 's, 'm, 'd, 'll, 're, 've and n't are split off at the end of a word.

Where these rules meet each other, at contractions ("cannot"), typographic quotes and dashes, NLTK
itself is asked.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import takewhile

from whyword.text.reference import is_kept, kept_words

SPACE = " \t\n\r\f\v"
"""The white space of ASCII, where a chunk ends."""

# What is remembered: 131,072 chunks of at most 32 code points: 19 MB of one word each, 93 MB if
# hostile texts fill it with as many words as fit.
# 20 Newsgroups has 105,316 such chunks beside its plain words.
_MOST, _LONGEST = 1 << 17, 32

_FIRST = re.compile(rf"[{SPACE}]?[^{SPACE}]+")

# Where NLTK is asked. What these begin with is looked at first.
_UNUSUAL = re.compile(
    r"(?=[\s':,CGLWDMcglwdm\x80-\U0010ffff])"
    r"(?:[\s«»“”„‒–—―]|'(?:'|(?i:[smdt]|ll|re|ve)')|[^\x00-\x7f]'|(?<!\w)'\w{0,2}[^\x00-\x7f]"
    r"|[:,](?:[:,]|[^\x00-\x7f])"
    r"|[CGLWDMcglwdm](?i:annot|imme|onna|otta|emme|anna|'ye|ore'n))"
)
_SPLIT_OFF = re.compile(r"[][(){}<>;@#$%&?!*\"`]|[:,](?!\d)|\.{2,}|--")
_APOSTROPHE = re.compile(r"'\Z|(?<!\w)'(?=\w)(?!(?:re|ve|ll|m|t|s|d|n)\b)", re.IGNORECASE)
_CLITIC = re.compile(r"(?<=[^'])(?:'(?:[smdSMD]|ll|LL|re|RE|ve|VE)|n't|N'T)\Z")

# Ends of sentences: inside a chunk, by Punkt; and at the end of a text, with closers, by the word
# tokeniser. The dots of an ellipsis stay together.
_INSIDE = re.compile(r"[.?!](?=[)\";}\]*:@'({\[?!])")
_AT_THE_END = re.compile(r"(?<!\.)\.(?=[])}>\"']*\Z)")

# "J. Smith": no sentence ends between an initial and a name.
_NAMED = re.compile(rf"[A-Za-z]\.[{SPACE}]+[A-Za-z]+[.,:;]? x")

Ranges = tuple[tuple[int, int], ...]


def kept_in_first(text: str) -> Ranges:
    """Spans of the kept words in the first chunk of ``text``.

    Args:
        text: A chunk and as much behind it as matters: nothing if the text ends there, one white
            space if it goes on in any way. White space may stand before the chunk.
    """
    return _remembered(text) if len(text) <= _LONGEST else _found(text)


def _found(text: str) -> Ranges:
    chunk = text.rstrip(SPACE)
    if not _UNUSUAL.search(chunk):
        dots = _sentence_ends(chunk, goes_on=len(chunk) < len(text)) if "." in chunk else ()
        if dots is not None:
            return tuple(_scanned(chunk, dots))
    if _NAMED.fullmatch(text):
        return ((0, 2),)
    first = _FIRST.match(text)
    end = first.end() if first else 0
    kept = kept_words(text if chunk == text else text + "x")
    return tuple(takewhile(lambda span: span[0] < end, kept))


def _sentence_ends(chunk: str, *, goes_on: bool) -> Sequence[int] | None:
    """The dots in a chunk that end a sentence; None if that is not plain."""
    if chunk.startswith(".'"):  # Punkt looks here twice
        return None
    if goes_on and chunk[-1] in ".?!":
        return (len(chunk) - 1,) if chunk[-1] == "." and chunk[-2:] != ".." else ()
    dots = []
    *_, last = (-1, *(match.start() for match in _INSIDE.finditer(chunk)))
    if last >= 0 and chunk[last] == "." and chunk[:last][-1:] != ".":
        # An initial or a number before these ends no sentence.
        before = chunk[:last][-2:]
        if chunk[last + 1] in ";:?!" and not (len(before) == 2 and before.isalpha()):
            return None
        dots.append(last)
    if not goes_on and (final := _AT_THE_END.search(chunk)):
        dots.append(final.start())
    return dots


def _scanned(chunk: str, dots: Sequence[int]) -> Iterator[tuple[int, int]]:
    for dot in dots:  # split off, as a semicolon is
        chunk = f"{chunk[:dot]};{chunk[dot + 1 :]}"
    for start, end in _between(_SPLIT_OFF, chunk):
        word = chunk[start:end]
        parts = _parts(word) if "'" in word else ((0, end - start),)
        for first, last in parts:
            if is_kept(word[first:last]):
                yield start + first, start + last


def _parts(word: str) -> list[tuple[int, int]]:
    """A word without its apostrophes at both ends and parted from its clitic."""
    parts = []
    for start, end in _between(_APOSTROPHE, word):
        clitic = _CLITIC.search(word[start:end])
        middle = start + clitic.start() if clitic else end
        parts += [(start, middle), (middle, end)]
    return parts


def _between(mark: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """What stands between the matches of ``mark``, where anything does."""
    ranges, position = [], 0
    for match in mark.finditer(text):
        start, end = match.span()
        if position < start:
            ranges.append((position, start))
        position = end
    if position < len(text):
        ranges.append((position, len(text)))
    return ranges


_remembered = lru_cache(_MOST)(_found)


def forget() -> None:
    """Forget every chunk, as after a start: for measurements."""
    _remembered.cache_clear()
