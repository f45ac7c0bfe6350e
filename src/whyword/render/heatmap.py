"""Heatmaps as still pictures: of texts, or of one text by several methods and targets.

The second kind is Figure 2 of the paper.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.style import Style

from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.balance import balance
from whyword.render.labels import method_line
from whyword.render.lines import TAB, Styled, neutral, wrapped
from whyword.render.numbers import minus, number
from whyword.render.palette import (
    DEFAULT_PALETTE,
    Palette,
    Shades,
    blend,
    intensities,
    palette_named,
)
from whyword.render.picture import CELL, LINE, Box, Label, Picture

MARGIN = 16.0

_VISIBLE = re.compile(r"\S+")


def heatmap_picture(
    explanations: Sequence[Explanation],
    *,
    target: str | None = None,
    palette: str | Palette = DEFAULT_PALETTE,
    dark: bool = False,
    width: int = 88,
) -> Picture:
    """Draw texts one below the other, each with its target, method, and words + remainder = score.

    Args:
        explanations: One explanation per text.
        target: One of their targets; by default the predicted class of each text.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.
        dark: Whether to use the palette's dark colours.
        width: Width of the lines, in characters.

    Raises:
        InputError: If there is no explanation, the target was not explained, or there is no such
            palette.
    """
    if not explanations:
        raise InputError("Got no explanations; expected at least one to show.")
    sheet = _Sheet(_shades(palette, dark))
    y = MARGIN
    for explanation in explanations:
        a = balance(explanation, target)
        sheet.line(MARGIN, y, f"for {a.target}", bold=True)
        y = sheet.text(MARGIN, y + 1.5 * LINE, explanation, a.target, width)
        sheet.line(MARGIN, y + LINE / 2, _sum(explanation, a.target))
        sheet.line(MARGIN, y + 1.5 * LINE, method_line(explanation))
        y += 3.5 * LINE
    return sheet.picture(
        2 * MARGIN + width * CELL,
        y - LINE + MARGIN,
        f"Heatmap of {len(explanations)} texts" if len(explanations) > 1 else "Heatmap of a text",
    )


def comparison_picture(
    columns: Mapping[str, Explanation],
    *,
    targets: Sequence[str] | None = None,
    palette: str | Palette = DEFAULT_PALETTE,
    dark: bool = False,
    width: int = 84,
) -> Picture:
    """Draw one text with a row for each target and a column for each method (paper's Figure 2).

    Each heatmap has its own scale: its strongest colour is its largest absolute relevance.

    Args:
        columns: The explanation of each column, by its heading.
        targets: The targets of the rows; by default those of the first explanation.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette; ``"paper"`` is the red
            and blue of the paper.
        dark: Whether to use the palette's dark colours.
        width: Width of the lines, in characters.

    Raises:
        InputError: If there is nothing to show, the texts differ, a target was not explained, or
            there is no such palette.
    """
    explanations, targets = list(columns.values()), shown_targets(columns, targets)
    sheet = _Sheet(_shades(palette, dark))
    left = MARGIN + 2 * LINE
    step = width * CELL + 2 * LINE
    for column, heading in enumerate(columns):
        middle = (width - cell_len(heading)) / 2 * CELL
        sheet.line(left + column * step + middle, MARGIN, heading, bold=True)
    y = MARGIN + 1.5 * LINE
    for target in targets:
        bottoms = []
        for column, explanation in enumerate(explanations):
            x = left + column * step
            end = sheet.text(x, y, explanation, target, width)
            sheet.line(x, end + LINE / 4, _sum(explanation, target))
            bottoms.append(end)
        sheet.turned(MARGIN + LINE / 2, (y + max(bottoms)) / 2, target)
        y = max(bottoms) + 2.5 * LINE
    return sheet.picture(
        left + len(columns) * step - 2 * LINE + MARGIN,
        y - LINE + MARGIN / 2,
        f"Heatmaps of a text by {', '.join(columns)} for {', '.join(targets)}",
    )


def shown_targets(columns: Mapping[str, Explanation], targets: Sequence[str] | None) -> list[str]:
    """Return the targets that are the rows of a comparison.

    Raises:
        InputError: If there is nothing to show, the texts differ, or a target was not explained.
    """
    explanations = list(columns.values())
    if not explanations:
        raise InputError("Got no explanations; expected at least one to show.")
    if any(explanation.text != explanations[0].text for explanation in explanations):
        raise InputError("Got explanations of different texts; expected those of one text.")
    shown = list(explanations[0].targets if targets is None else targets)
    if not shown:
        raise InputError("Got no targets; expected at least one to show.")
    for explanation in explanations:
        for target in shown:
            explanation.index(target)
    return shown


@dataclass
class _Sheet:
    """A picture in the making: boxes and labels are put on it one by one."""

    shades: Shades
    boxes: list[Box] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def line(self, x: float, y: float, text: str, *, bold: bool = False) -> None:
        """Put a caption with its top at ``y``; headings are bold, other captions are pale."""
        colour = self.shades.ink if bold else blend(self.shades.ink, self.shades.paper, 0.62)
        text = neutral(" ".join(text.split()))
        self.labels.append(Label(x, y + 0.72 * LINE, text, cell_len(text), colour, bold=bold))

    def turned(self, x: float, y: float, text: str) -> None:
        """Put a heading that reads upwards, with its middle at this point."""
        text = neutral(" ".join(text.split()))
        self.labels.append(Label(x, y, text, cell_len(text), self.shades.ink, True, True))

    def text(self, left: float, top: float, e: Explanation, target: str, width: int) -> float:
        """Put the text with its words coloured, and return where it ends."""
        faint = blend(self.shades.ink, self.shades.paper, 0.62)
        line = column = 0
        for text, style in _lines(_styled(e, target, self.shades), width):
            if text == "\n":
                line, column = line + 1, 0
                continue
            behind = style.bgcolor if style else None
            if style and behind and behind.triplet and text.strip():
                self.boxes.append(
                    Box(
                        left + column * CELL,
                        top + line * LINE + 1,
                        cell_len(text) * CELL,
                        LINE - 2,
                        behind.triplet.hex,
                    )
                )
            colour = faint if style and style.dim else self.shades.ink
            for start, size, visible in _visible(text, column):
                self.labels.append(
                    Label(left + start * CELL, top + (line + 0.72) * LINE, visible, size, colour)
                )
            column += _cells(text, column)
        return top + (line + 1) * LINE

    def picture(self, width: float, height: float, title: str) -> Picture:
        """Return the picture of all boxes and labels, at least this wide."""
        ends = [label.x + label.cells * CELL for label in self.labels if not label.turned]
        width = max(width, max(ends, default=0) + MARGIN)
        return Picture(width, height, self.shades.paper, self.boxes, self.labels, title)


def _shades(palette: str | Palette, dark: bool) -> Shades:
    found = palette_named(palette)
    return found.dark if dark else found.light


def _styled(e: Explanation, target: str, shades: Shades) -> list[Styled]:
    """Cut the text at its words, and drop empty lines before and after it."""
    text, position = neutral(e.text), 0
    pieces: list[Styled] = []
    for (start, end), share in zip(
        e.spans, intensities(e.relevance[e.index(target)]).tolist(), strict=True
    ):
        strongest = shades.positive if share > 0 else shades.negative
        pieces.append((text[position:start], None))
        pieces.append(
            (
                text[start:end],
                Style(bgcolor=blend(strongest, shades.paper, share)) if share else None,
            )
        )
        position = end
    pieces.append((text[position:].rstrip(), Style(dim=True) if e.truncated else None))
    if e.spans:
        pieces[0] = (re.sub(r"^(\s*\n)+", "", pieces[0][0]), None)
    return pieces


def _lines(pieces: Sequence[Styled], width: int) -> "list[Styled]":
    return [(segment.text, segment.style) for segment in wrapped(pieces, width) if segment.text]


def _visible(text: str, column: int) -> "list[tuple[int, int, str]]":
    """Yield column, cells and text of everything that is not white space."""
    found = []
    for match in _VISIBLE.finditer(text):
        start = column + _cells(text[: match.start()], column)
        found.append((start, cell_len(match[0]), match[0]))
    return found


def _cells(text: str, column: int) -> int:
    """Return the number of cells that a text takes from this column on; a tab's depends on it."""
    start = column
    for part in re.split("(\t)", text):
        column += TAB - column % TAB if part == "\t" else cell_len(part)
    return column - start


def _sum(explanation: Explanation, target: str) -> str:
    a = balance(explanation, target)
    if not a.decomposed:
        return f"score {number(a.score, plus=False)}"
    equation = a.equation()
    return minus(
        f"words {equation.words} + remainder {equation.remainder} {equation.sign} "
        f"score {equation.score}"
    )
