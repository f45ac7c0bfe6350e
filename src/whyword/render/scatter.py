"""Maps of documents as still pictures, like Figure 3 of the paper."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.arrays import Floats
from whyword.errors import InputError
from whyword.render.figure import new_figure, plain, save
from whyword.render.labels import weighting_label
from whyword.render.lines import neutral
from whyword.render.palette import NEUTRAL, categorical


def draw_maps(
    maps: Mapping[str, Floats],
    groups: Sequence[str],
    path: str | Path,
    *,
    apart: Sequence[str] = (),
    columns: int = 4,
) -> None:
    """Draw a panel for each weighting, all on one equal axis scale, and a legend.

    Args:
        maps: ``(document, 2)`` points for each weighting.
        groups: The group of each document, which chooses its colour.
        path: The file to write, in .svg, .png or .pdf. Points are pixels also in SVG and PDF:
            thousands of circles would make files of many megabytes.
        apart: Groups that are drawn in grey, below the others.
        columns: Number of panels next to each other.

    Raises:
        InputError: If there is nothing to draw, the numbers of documents disagree, there is no such
            format, the file cannot be written, or matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise InputError(f'Got the picture "{path}"; expected a name in .svg, .png or .pdf.')
    if not maps or any(len(points) != len(groups) for points in maps.values()):
        raise InputError(
            f"Got panels of {[len(points) for points in maps.values()]} points for {len(groups)} "
            "documents; expected a point for each."
        )
    colours = colour_of(groups, apart=apart)
    cells = len(maps) + 1
    columns = min(columns, cells)
    rows = math.ceil(cells / columns)
    if len(maps) == 1:
        figure = new_figure((9.6, 6.0))
        axes = figure.subplots(1, 2, width_ratios=(6, 3.6))
    else:
        figure = new_figure((3.2 * columns, 3.4 * rows))
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    centred = {name: points - points.mean(axis=0) for name, points in maps.items()}
    limit = 1.05 * max(float(abs(points).max(initial=0.0)) for points in centred.values()) or 1.0
    of_document = np.array([colours[group] for group in groups])
    # In random order no group covers another; groups that are apart are drawn first, below.
    order = np.random.default_rng(0).permutation(len(groups))
    order = order[np.argsort(~np.isin(np.array(groups)[order], list(apart)), kind="stable")]
    for panel, (name, points) in zip(axes, centred.items(), strict=False):
        panel.scatter(
            *points[order].T, s=4, c=of_document[order], linewidths=0, alpha=0.7, rasterized=True
        )
        panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
        panel.set_title(weighting_label(name), size=11)
    for panel in axes[len(maps) :]:
        panel.set_axis_off()
    _legend(axes[len(maps)], colours)
    save(figure, path, dpi=200)


def colour_of(groups: Sequence[str], *, apart: Sequence[str] = ()) -> dict[str, str]:
    """Return a colour for each group, in the order of names; groups apart are grey, and last."""
    names = sorted(set(groups) - set(apart))
    colours = dict(zip(names, categorical(len(names)), strict=True))
    return colours | dict.fromkeys(sorted(set(apart) & set(groups)), NEUTRAL)


def _legend(panel: Any, colours: Mapping[str, str]) -> None:
    # Names go in last: matplotlib leaves out labels that begin with an underscore.
    dots = [panel.scatter([], [], s=36, c=colour, linewidths=0) for colour in colours.values()]
    legend = panel.legend(
        dots,
        ["class"] * len(dots),
        loc="center",
        frameon=False,
        ncols=1 if len(colours) <= 8 else 2,
        fontsize=8 + 3 * (len(colours) <= 8),
    )
    for text, name in zip(legend.get_texts(), colours, strict=True):
        text.set_text(plain(neutral(name)))
