"""Heatmaps in the terminal.

The text is written as it is, except for characters that would drive the terminal; rich's markup,
tab expansion and trimming never see it. Without colours positive words are bold and negative ones
underlined; without any style (a pipe, a file) the lists of words carry the signs.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from whyword.explanation import Explanation
from whyword.render.account import Account, account, method_line, not_shared, number
from whyword.render.palette import (
    DEFAULT_PALETTE,
    Palette,
    Shades,
    blend,
    intensities,
    palette_named,
)

TAB = 8
FAINT = 0.05
"""Weaker intensities are not coloured, stronger ones in steps of this size."""

BOLD, DIM = Style(bold=True), Style(dim=True)
Piece = tuple[str, Style | None]

# Controls but for tab and newline, marks that reorder what follows, and half surrogate pairs. A
# carriage return is harmless right before a newline only.
_DRIVING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)
_ATOMS = re.compile(r"\S+|\s")


def render(
    explanation: Explanation,
    *,
    target: str | None = None,
    palette: str | Palette = DEFAULT_PALETTE,
    width: int | None = None,
    dark: bool | None = None,
) -> "Heatmap":
    """Something that rich can print: scores, heatmap, top words, and the sum.

    Args:
        explanation: What to show.
        target: One of its targets; by default the predicted class.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.
        width: Where to wrap lines, in cells; by default the console's width, or no wrapping where
            the console is printed to with ``soft_wrap=True``.
        dark: Whether the terminal is dark; by default what its ``COLORFGBG`` says, else dark.

    Raises:
        InputError: If the target was not explained, or there is no such palette.
    """
    colours = palette_named(palette)
    row = explanation.index(target)
    is_dark = _is_dark() if dark is None else dark
    return Heatmap(explanation, row, colours.dark if is_dark else colours.light, width)


def to_text(
    explanation: Explanation, *, target: str | None = None, width: int | None = None
) -> str:
    """The same without colours or escape codes; lines are wrapped only if a width is given.

    Raises:
        InputError: If the target was not explained.
    """
    console = Console(file=StringIO(), force_terminal=False, no_color=True, width=width or 80)
    with console.capture() as capture:
        console.print(render(explanation, target=target), soft_wrap=width is None, crop=False)
    return capture.get()


def print_explanations(
    explanations: Sequence[Explanation],
    *,
    target: str | None = None,
    palette: str | Palette = DEFAULT_PALETTE,
    console: Console | None = None,
) -> None:
    """Print one explanation after the other, by default on stdout.

    Lines are wrapped in a terminal, and left alone in a pipe or file.

    Raises:
        InputError: If the target was not explained, or there is no such palette.
    """
    console = console or Console()
    for index, explanation in enumerate(explanations):
        if index:
            console.print()
        shown = render(explanation, target=target, palette=palette)
        console.print(shown, soft_wrap=not console.is_terminal, crop=False)


def neutral(text: str) -> str:
    r"""The text with everything that could drive a terminal made visible; tabs and newlines stay.

    Example:
        >>> neutral("a\x1b[31m b\u202e c")
        'a␛[31m b⟨U+202E⟩ c'
    """
    return _DRIVING.sub(lambda found: _visible(ord(found[0])), text)


@dataclass(frozen=True)
class Heatmap:
    """One target's heatmap with its numbers, printable by rich.

    Attributes:
        explanation: What is shown.
        row: The target's row.
        shades: The colours.
        width: Where to wrap; None takes the console's width.
    """

    explanation: Explanation
    row: int
    shades: Shades
    width: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments, which rich writes unchanged."""
        coloured = console.color_system is not None and not console.no_color
        width = None if options.no_wrap else (self.width or options.max_width)
        a = account(self.explanation, self.explanation.targets[self.row])
        parts = [
            _scores(self.explanation),
            [("\n\n", None)],
            self._text(coloured),
            [("\n", None)] if self.explanation.text.endswith("\n") else [("\n\n", None)],
            self._notes(a, coloured),
            _ranked(a),
            _sum(a, self.explanation),
        ]
        pieces = [(_encodable(text, options.encoding), style) for p in parts for text, style in p]
        yield from _wrapped(pieces, width)

    def _text(self, coloured: bool) -> "Iterator[Piece]":
        """The text, piece by piece; joined together they are `neutral` of it."""
        e, position = self.explanation, 0
        steps = intensities(e.relevance[self.row]).tolist()
        known = e.known or (True,) * len(steps)
        for (start, end), intensity, is_known in zip(e.spans, steps, known, strict=True):
            yield neutral(e.text[position:start]), None
            yield neutral(e.text[start:end]), self._style(intensity, is_known, coloured)
            position = end
        yield neutral(e.text[position:]), DIM if e.truncated else None

    def _style(self, intensity: float, known: bool, coloured: bool) -> Style | None:
        strength = round(intensity / FAINT) * FAINT
        plain = None if known else Style(italic=True)
        if abs(strength) < FAINT:
            return plain
        if not coloured:
            return Style(bold=strength > 0, underline=strength < 0) + plain
        strongest = self.shades.positive if strength > 0 else self.shades.negative
        behind = blend(strongest, self.shades.paper, strength)
        return Style(color=self.shades.ink, bgcolor=behind) + plain

    def _notes(self, a: Account, coloured: bool) -> "Iterator[Piece]":
        """How to read the heatmap."""
        e = self.explanation
        if e.truncated:
            yield f"The model read the first {len(e.spans)} words, not the dimmed rest.\n", DIM
        if e.known and not all(e.known):
            unknown = [w for w, k in zip(e.words, e.known, strict=True) if not k]
            yield f"Unknown to the model: {_list(unknown)}.\n", DIM
        if coloured and a.largest:
            yield number(-a.largest, a.decimals) + " ", DIM
            for intensity in (-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1):
                yield "  ", self._style(intensity, True, True)
            yield f" {number(a.largest, a.decimals)} for {_label(a.target)}\n", DIM


def _scores(e: Explanation, shown: int = 4) -> Iterator[Piece]:
    """The classes with the highest scores, and how many there are besides."""
    order = sorted(range(len(e.classes)), key=lambda index: -e.scores[index])
    for rank, index in enumerate(order[:shown]):
        text = f"{_label(e.classes[index])} {number(e.scores[index], plus=False)}"
        yield ("" if rank == 0 else "   ") + text, DIM if rank else BOLD
    if len(order) > shown:
        yield f"   and {len(order) - shown} more", DIM


def _ranked(a: Account) -> Iterator[Piece]:
    """Top words for and against the target."""
    for name, words in ((f"for {_label(a.target)}", a.top), ("against", a.bottom)):
        if words:
            yield name + ":", BOLD
            shown = (f"{_label(word)} {number(value, a.decimals)}" for word, value in words)
            yield "  " + "  ".join(shown) + "\n", None


def _sum(a: Account, e: Explanation) -> Iterator[Piece]:
    """Words + remainder = score, or why there is no such sum; and the method."""
    if a.decomposed:
        words, remainder, score, sign, items = a.equation()
        sign = "=" if sign == "=" else "~"
        yield f"words {words} + remainder {remainder} {sign} score {score}", BOLD
        if len(items) > 1 or a.remainder:
            yield " (remainder: " + ", ".join(f"{name} {value}" for name, value in items) + ")", DIM
    else:
        yield f"score {number(a.score, plus=False)}. {not_shared(e)}", BOLD
    yield "\n", None
    yield method_line(e) + "\n", DIM


def _wrapped(pieces: Sequence[Piece], width: int | None) -> Iterator[Segment]:
    """Segments of the pieces, with newlines added where lines are wider than ``width``.

    Nothing else is added and nothing taken away: a space stays at the end of its line.
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
    """Where to add newlines. One cell is left for the space after a line's last word."""
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
    """Offset and cells of an atom, in parts if it does not fit any line."""
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
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def _label(text: str) -> str:
    """A name on one line."""
    return neutral(" ".join(text.split()))


def _list(words: Iterable[str], shown: int = 8) -> str:
    distinct = list(dict.fromkeys(_label(word) for word in words))
    rest = len(distinct) - shown
    return ", ".join(distinct[:shown]) + (f" and {rest} more" if rest > 0 else "")


def _encodable(text: str, encoding: str) -> str:
    """Without characters that the terminal's encoding lacks: printing them would raise."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _is_dark() -> bool:
    """Whether the terminal says that its background is dark; most do not say and are."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background not in ("7", "15")
