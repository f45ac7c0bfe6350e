"""Heatmaps in the terminal.

The text is written as it is, except for characters that would drive the terminal; rich's markup,
tab expansion and trimming never see it. Without colours, positive words are bold and negative ones
underlined; without any style (in a pipe or a file), the lists of words show the signs.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style

from whyword.explanation import Explanation
from whyword.render.balance import Balance, balance
from whyword.render.labels import method_line, not_shared
from whyword.render.lines import Styled, encodable, neutral, wrapped
from whyword.render.numbers import number
from whyword.render.palette import (
    DEFAULT_PALETTE,
    Palette,
    Shades,
    blend,
    intensities,
    palette_named,
)

FAINT, FAINT_WITHOUT_COLOUR = 0.08, 0.2
"""Intensities below these get no style: with colours, and without."""

CELLS = 32
"""Width of a list of words, in cells of the terminal."""

BOLD, DIM = Style(bold=True), Style(dim=True)


def terminal_heatmap(
    explanation: Explanation,
    *,
    target: str | None = None,
    palette: str | Palette = DEFAULT_PALETTE,
    width: int | None = None,
    dark: bool | None = None,
) -> "Heatmap":
    """Make an object that rich can print: scores, heatmap, top words, and the sum.

    Args:
        explanation: The explanation to show.
        target: One of its targets; by default the predicted class.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.
        width: Width at which lines are wrapped, in cells; by default the console's width. Printing
            with ``soft_wrap=True`` does not wrap.
        dark: Whether the terminal is dark; by default what the variable ``COLORFGBG`` says, and
            dark if there is none.

    Raises:
        InputError: If the target was not explained, or there is no such palette.
    """
    colours = palette_named(palette)
    numbers = balance(explanation, target, words=6)
    is_dark = _is_dark() if dark is None else dark
    return Heatmap(explanation, numbers, colours.dark if is_dark else colours.light, width)


def heatmap_text(
    explanation: Explanation, *, target: str | None = None, width: int | None = None
) -> str:
    """Return the same as text without escape codes; lines are wrapped only if a width is given.

    Raises:
        InputError: If the target was not explained.
    """
    console = Console(file=StringIO(), force_terminal=False, no_color=True, width=width or 80)
    with console.capture() as capture:
        console.print(
            terminal_heatmap(explanation, target=target), soft_wrap=width is None, crop=False
        )
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
        if len(explanations) > 1:
            console.print(f"{index + 1} / {len(explanations)}", style="dim", highlight=False)
        shown = terminal_heatmap(explanation, target=target, palette=palette)
        console.print(shown, soft_wrap=not console.is_terminal, crop=False)


@dataclass(frozen=True)
class Heatmap:
    """The heatmap of one target with its numbers, printable by rich.

    Attributes:
        explanation: The explanation that is shown.
        balance: The numbers of the target.
        shades: The colours.
        width: Width at which lines are wrapped; None takes the console's width.
    """

    explanation: Explanation
    balance: Balance
    shades: Shades
    width: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments for rich, which writes them unchanged."""
        coloured = console.color_system is not None and not console.no_color
        width = None if options.no_wrap else (self.width or options.max_width)
        parts = [
            _scores(self.explanation),
            self._text(coloured),
            self._legend(coloured, console.is_terminal),
            self._words(coloured),
            _sum(self.balance, self.explanation),
        ]
        pieces = [(encodable(text, options.encoding), style) for p in parts for text, style in p]
        yield from wrapped(pieces, width)

    def _text(self, coloured: bool) -> Iterator[Styled]:
        """Return the text between empty lines; its pieces, joined together, are `neutral` of it."""
        e, text, position = self.explanation, neutral(self.explanation.text), 0
        steps = intensities(e.relevance[e.index(self.balance.target)]).tolist()
        known = e.known or (True,) * len(steps)
        yield "\n", None
        for (start, end), intensity, is_known in zip(e.spans, steps, known, strict=True):
            yield text[position:start], None
            yield text[start:end], self._style(intensity, coloured, is_known)
            position = end
        yield text[position:], DIM if e.truncated else None
        yield "\n" if text.endswith("\n") else "\n\n", None

    def _style(self, intensity: float, coloured: bool, known: bool = True) -> Style:
        italic = not known
        if abs(intensity) < (FAINT if coloured else FAINT_WITHOUT_COLOUR):
            return Style(italic=italic)
        if not coloured:
            return Style(italic=italic, bold=intensity > 0, underline=intensity < 0)
        strongest = self.shades.positive if intensity > 0 else self.shades.negative
        behind = blend(strongest, self.shades.paper, intensity)
        return Style(italic=italic, color=self.shades.ink, bgcolor=behind)

    def _legend(self, coloured: bool, styled: bool) -> Iterator[Styled]:
        """Return the line that says how to read the heatmap."""
        e, a = self.explanation, self.balance
        if e.truncated:
            yield f"The model read the first {len(e.spans)} words, not the dimmed rest.\n", DIM
        if e.known and not all(e.known):
            unknown = [w for w, k in zip(e.words, e.known, strict=True) if not k]
            yield f"Unknown to the model: {_list(unknown)}.\n", DIM
        if coloured and a.largest:
            yield number(-a.largest, a.decimals) + " " if a.signed else "0 ", DIM
            for quarter in range(-4 if a.signed else 0, 5):
                yield "  ", self._style(quarter / 4, True)
            yield f" {number(a.largest, a.decimals)}\n", DIM
        elif styled and a.largest:
            yield "bold: for" + (", underlined: against\n" if a.signed else "\n"), DIM
        yield "\n", None

    def _words(self, coloured: bool) -> Iterator[Styled]:
        """Return lists of the top words for and against the target, side by side."""
        a = self.balance
        heading = f"for {_label(a.target)}"
        columns = [(heading, a.top), ("against", a.bottom)] if a.signed else [(heading, a.top)]
        if not (a.top or a.bottom):
            return
        longest = max(abs(value) for _word, value in a.top + a.bottom)
        widths = (max(CELLS, cell_len(heading)) + 2, 0)
        for (name, _words), width in zip(columns, widths, strict=False):
            yield name + " " * (width - cell_len(name)), BOLD
        yield "\n", None
        for entries in zip_longest(*(words for _name, words in columns)):
            for entry, width in zip(entries, widths, strict=False):
                word, value = entry or ("", 0.0)
                figure = f"{number(value, a.decimals):>8} " if entry else ""
                label = _label(word)
                label = set_cell_size(label, min(cell_len(label), CELLS - len(figure)))
                yield figure, None
                yield label, self._style(value / longest, coloured)
                yield " " * (width - len(figure) - cell_len(label)), None
            yield "\n", None
        yield "\n", None


def _scores(e: Explanation, shown: int = 4) -> Iterator[Styled]:
    """Return the classes with the highest scores, and the number of the others."""
    order = sorted(range(len(e.classes)), key=lambda index: -e.scores[index])
    for rank, index in enumerate(order[:shown]):
        text = f"{_label(e.classes[index])} {number(e.scores[index], plus=False)}"
        yield ("" if rank == 0 else "   ") + text, DIM if rank else BOLD
    if len(order) > shown:
        yield f"   and {len(order) - shown} more", DIM
    yield "\n", None


def _sum(a: Balance, e: Explanation) -> Iterator[Styled]:
    """Return words + remainder = score, or why there is no such sum; and the method."""
    if a.decomposed:
        words, remainder, score, sign, items = a.equation()
        sign = sign.replace("≈", "~")
        yield f"words {words} + remainder {remainder} {sign} score {score}", BOLD
        if items and a.remainder:
            yield " (remainder: " + ", ".join(f"{name} {value}" for name, value in items) + ")", DIM
    else:
        yield f"score {number(a.score, plus=False)}", BOLD
        yield f". {not_shared(e)}", None
    yield "\n", None
    yield method_line(e) + "\n", DIM


def _label(text: str) -> str:
    """Write a name on one line."""
    return neutral(" ".join(text.split()))


def _list(words: Iterable[str], shown: int = 8) -> str:
    distinct = list(dict.fromkeys(_label(word) for word in words))
    rest = len(distinct) - shown
    return ", ".join(distinct[:shown]) + (f" and {rest} more" if rest > 0 else "")


def _is_dark() -> bool:
    """Whether the terminal's background is dark; most terminals do not say so, but are dark."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background not in ("7", "15")
