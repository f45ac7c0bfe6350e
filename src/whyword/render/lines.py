"""Text for a terminal: made harmless and encodable, and wrapped without changing a character."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

Styled = tuple[str, Style | None]
"""A piece of text, and the style in which it is printed."""

TAB = 8

# Controls but for tab and newline, marks that reorder what follows, and half surrogate pairs. A
# carriage return is harmless right before a newline only.
_DRIVING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)
_ATOMS = re.compile(r"[^ \t\n]+|[ \t\n]")


def neutral(text: str) -> str:
    r"""Make everything visible that could drive a terminal; tabs and newlines stay.

    Each character gives one character, so that spans of the text are spans of the result.

    Example:
        >>> neutral("a\x1b[31m b\u202e c")
        'a␛[31m b� c'
    """
    return _DRIVING.sub(lambda found: _visible(ord(found[0])), text)


def encodable(text: str, encoding: str) -> str:
    """Replace characters that the terminal's encoding lacks: printing them would raise an error."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def wrapped(pieces: Sequence[Styled], width: int | None) -> Iterator[Segment]:
    """Make segments of the pieces, with newlines added where lines are wider than ``width``.

    Nothing else is added, and nothing is dropped: a space stays at the end of its line.
    """
    breaks = set(_breaks("".join(text for text, _style in pieces), width)) if width else set()
    position = 0
    for text, style in pieces:
        start = 0
        for index, character in enumerate(text):
            # newlines carry no style: a background would fill the rest of the line
            if character == "\n" or position + index in breaks:
                yield Segment(text[start:index], style)
                yield Segment("\n")
                start = index + (character == "\n")
        yield Segment(text[start:], style)
        position += len(text)


def _breaks(text: str, width: int) -> Iterator[int]:
    """Return where to add newlines. One cell is left for the space after a line's last word."""
    width = max(width - 1, 1)
    column = 0
    for atom in _ATOMS.finditer(text):
        for offset, size in _sizes(atom[0], column, width):
            if atom[0] == "\n":
                column = 0
                continue
            limit = width + atom[0].isspace()
            if column and column + size > limit:
                yield atom.start() + offset
                column = 0
            column += size


def _sizes(atom: str, column: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield offset and cells of an atom: one whole, or parts if it is too wide for any line."""
    if atom == "\t":
        yield 0, TAB - column % TAB
    elif cell_len(atom) <= width:
        yield 0, cell_len(atom)
    else:
        offset = 0
        for part in chop_cells(atom, width):
            yield offset, cell_len(part)
            offset += len(part)


def _visible(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"
