"""The colours of heatmaps and groups, and how strong a colour a word gets."""

from colorsys import hls_to_rgb
from dataclasses import dataclass

import numpy as np

from whyword.data.arrays import Floats
from whyword.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Shades:
    """The colours of one theme, light or dark, as ``#rrggbb``.

    Attributes:
        positive: Background of a word with intensity 1.
        negative: Background of a word with intensity -1.
        ink: Colour of the text, readable on both and on ``paper``.
        paper: Background of the page, into which the colours fade.
    """

    positive: str
    negative: str
    ink: str
    paper: str


@dataclass(frozen=True)
class Palette:
    """The colours for both themes."""

    light: Shades
    dark: Shades


PALETTES = {
    # Keeps its two colours apart under all three types of colour blindness.
    "orange-blue": Palette(
        light=Shades(positive="#f5a35c", negative="#7db3f0", ink="#1c1b1a", paper="#ffffff"),
        dark=Shades(positive="#a34a00", negative="#1f5fa8", ink="#f1efec", paper="#1b1b1d"),
    ),
    # Red and blue, as in Figure 2 of the paper.
    "paper": Palette(
        light=Shades(positive="#ff8a80", negative="#8cb0ff", ink="#1c1b1a", paper="#ffffff"),
        dark=Shades(positive="#b02a25", negative="#2f55b5", ink="#f1efec", paper="#1b1b1d"),
    ),
}

DEFAULT_PALETTE = "orange-blue"


def palette_named(palette: str | Palette) -> Palette:
    """Return the palette of this name; a `Palette` is returned as it is.

    Raises:
        InputError: If there is no palette of this name.
    """
    if isinstance(palette, Palette):
        return palette
    if palette not in PALETTES:
        raise InputError(f'There is no palette "{palette}". {did_you_mean(palette, PALETTES)}')
    return PALETTES[palette]


# Okabe and Ito 2008, without black: told apart under all three types of colour blindness.
_DISTINCT = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a600")

NEUTRAL = "#9a9a9a"
"""Grey for documents outside the groups; it stands out neither on light nor on dark paper."""


def categorical(count: int) -> tuple[str, ...]:
    """Choose colours for groups, to be seen on light and dark paper.

    Up to seven can be told apart by the colour-blind; more go around the colour circle, light and
    dark in turn.
    """
    if count <= len(_DISTINCT):
        return _DISTINCT[:count]
    colours = []
    for i in range(count):
        channels = hls_to_rgb(i / count, (0.42, 0.62)[i % 2], (0.85, 0.75)[i % 2])
        colours.append("#" + "".join(f"{round(255 * channel):02x}" for channel in channels))
    return tuple(colours)


def intensities(relevance: Floats) -> Floats:
    """Compute how strongly each word is coloured: its share of the largest absolute relevance.

    Args:
        relevance: ``(..., word)`` relevance of the words, for each target.

    Returns:
        ``(..., word)`` intensities in [-1, 1]; all are 0 where no word has any relevance.

    Example:
        >>> intensities(np.array([2.0, -4.0, 0.0])).tolist()
        [0.5, -1.0, 0.0]
    """
    largest = np.abs(relevance).max(axis=-1, keepdims=True, initial=0.0)
    shares: Floats = np.zeros(np.shape(relevance))
    np.divide(relevance, largest, out=shares, where=largest > 0)
    return shares


def blend(colour: str, paper: str, intensity: float) -> str:
    """Mix a share of ``|intensity|`` of a colour with the rest of paper.

    Example:
        >>> blend("#ff0000", "#ffffff", 0.5)
        '#ff8080'
    """
    share = abs(intensity)
    mixed = (
        round(share * a + (1 - share) * b)
        for a, b in zip(_channels(colour), _channels(paper), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours by the WCAG formula, from 1 to 21; text needs 4.5.

    Example:
        >>> round(contrast("#000000", "#ffffff"), 2)
        21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
