"""Still pictures of coloured text, saved as SVG, or by matplotlib as PNG and PDF."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from whyword.errors import InputError
from whyword.render.figure import new_figure, save

CELL, LINE, SIZE = 8.4, 22.0, 14.0
"""Width of a character, distance of two lines, and size of the letters, in pixels."""

FAMILY = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"

# Characters that XML cannot hold in any form, apart from those that `neutral` makes visible.
_UNHOLDABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Box:
    """A coloured rectangle; numbers are pixels from the upper left corner of the picture."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Label:
    """One line of text.

    Attributes:
        x: Left edge in pixels; the middle, if the line is turned.
        y: Base line in pixels; the middle, if the line is turned.
        text: The text itself.
        cells: Width in characters; the text is stretched or squeezed to fit.
        colour: Colour of the letters.
        bold: Whether the line is a heading.
        turned: Whether the line reads upwards.
    """

    x: float
    y: float
    text: str
    cells: int
    colour: str
    bold: bool = False
    turned: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture: boxes, and labels on top of them.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        paper: Colour of the background.
        boxes: Rectangles behind the text.
        labels: The lines of text.
        title: What the picture shows, for readers who cannot see it.
    """

    width: float
    height: float
    paper: str
    boxes: Sequence[Box]
    labels: Sequence[Label]
    title: str

    def svg(self) -> str:
        """Return one self-contained SVG, in which words fit their boxes with any font."""
        width, height = f"{self.width:g}", f"{self.height:g}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label={_attribute(self.title)} '
            f'font-family="{FAMILY}" font-size="{SIZE:g}">',
            f'<rect width="100%" height="100%" fill="{self.paper}"/>',
            *(
                f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" '
                f'rx="3" fill="{box.colour}"/>'
                for box in self.boxes
            ),
            *map(_text, self.labels),
            "</svg>\n",
        ]
        return "\n".join(parts)

    def save(self, path: str | Path) -> None:
        """Write the picture as SVG, PNG or PDF, by the ending of the path.

        Raises:
            InputError: If there is no such format, the file cannot be written, or matplotlib is
                needed and not installed.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in (".svg", ".png", ".pdf"):
            raise InputError(f'Got the picture "{path}"; expected a name in .svg, .png or .pdf.')
        if ending != ".svg":
            return self._draw(path)
        try:
            path.write_text(self.svg(), encoding="utf-8")
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error.strerror}.") from error

    def _draw(self, path: Path) -> None:
        # One unit is one point and stands for one pixel.
        figure = new_figure(
            (self.width / 72, self.height / 72),
            layout=None,
            what=f"A heatmap in {path.suffix}, unlike one in .svg,",
        )
        from matplotlib.patches import Rectangle

        figure.set_facecolor(self.paper)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        axes.set_axis_off()
        for box in self.boxes:
            axes.add_patch(
                Rectangle((box.x, box.y), box.width, box.height, color=box.colour, linewidth=0)
            )
        for label in self.labels:
            axes.text(
                label.x,
                label.y,
                # Its PDF writer fails on a byte order mark within a word.
                label.text.replace("\ufeff", ""),
                color=label.colour,
                family="DejaVu Sans Mono",  # comes with matplotlib; 0.602 of its size wide
                size=CELL / 0.602,
                weight="bold" if label.bold else "normal",
                rotation=90 if label.turned else 0,
                ha="center" if label.turned else "left",
                va="center" if label.turned else "baseline",
                parse_math=False,
            )
        with warnings.catch_warnings():
            # Its font has neither emoji nor all scripts; they show as boxes.
            warnings.filterwarnings("ignore", message=".*Glyph.*missing from")
            save(figure, path, dpi=144)


def _text(label: Label) -> str:
    weight = ' font-weight="bold"' if label.bold else ""
    place = f'x="{label.x:g}" y="{label.y:g}"'
    if label.turned:
        place = (
            f'text-anchor="middle" dominant-baseline="central" '
            f'transform="translate({label.x:g} {label.y:g}) rotate(-90)"'
        )
    fit = f'textLength="{label.cells * CELL:g}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text {place} {fit}{weight} fill="{label.colour}" xml:space="preserve">'
        f"{escape(_holdable(label.text))}</text>"
    )


def _attribute(text: str) -> str:
    return quoteattr(_holdable(text))


def _holdable(text: str) -> str:
    return _UNHOLDABLE.sub("\ufffd", text)
