"""Deletion curves as pictures, with a panel for each group of documents, side by side."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyword.data.extras import require
from whyword.render.figure import new_figure, save
from whyword.render.labels import method_label
from whyword.render.palette import NEUTRAL, categorical

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BASELINES = {"random": (":", "o"), "oracle": ("--", "D")}
"""Line style and marker of the two curves that belong to no method: random and oracle."""

MARKERS = "ovs^Pd"


def draw_curves(
    summary: Mapping[str, object], path: str | Path, *, title: str = "", band: bool = True
) -> None:
    """Draw accuracy by number of deletions; the ending of the path chooses SVG, PNG or PDF.

    Args:
        summary: What `whyword.evaluation.results.summarise` returned.
        path: The file to write.
        title: Title above the panels.
        band: Whether to shade the 95 % bootstrap intervals.

    Raises:
        InputError: If matplotlib is not installed, or the picture cannot be written.
    """
    with _drawn(summary, title=title, band=band, ink="black") as figure:
        save(figure, Path(path), dpi=150)


def curves_svg(summary: Mapping[str, object], *, band: bool = True) -> str:
    """Draw the same as an SVG element for a page, in its text colour and without background.

    Args:
        summary: What `whyword.evaluation.results.summarise` returned.
        band: Whether to shade the 95 % bootstrap intervals.

    Raises:
        InputError: If matplotlib is not installed.
    """
    ink = "#010203"  # stands for the page's text colour
    buffer = io.StringIO()
    with _drawn(summary, title="", band=band, ink=ink) as figure:
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        panels = len(figure.axes)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(ink, "currentColor")
    # Metadata and the size in points go: the page's width decides about the size, down to where
    # letters can still be read.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[0-9.]+pt"', "", svg, count=2)
    return svg.replace("<svg", f'<svg style="min-width: {330 * panels}px"', 1)


@contextmanager
def _drawn(summary: Mapping[str, Any], *, title: str, band: bool, ink: str) -> "Iterator[Figure]":
    """Yield the figure, which must be saved inside the block: matplotlib's settings end with it."""
    matplotlib = require("matplotlib", extra="evaluate", what="A picture of curves")
    panels = summary["panels"]
    styles = _styles(list(dict.fromkeys(m for panel in panels for m in summary[panel])))
    fixed: Any = {"svg.fonttype": "none", "svg.hashsalt": "whyword"}
    inked = ("text.", "axes.label", "axes.edge", "xtick.", "ytick.", "legend.label")
    fixed |= {f"{name}color": ink for name in inked}
    fixed |= {"font.family": "sans-serif", "font.size": 10}
    with matplotlib.rc_context(fixed):
        figure = new_figure((5.0 * len(panels), 4.2))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for panel, ax in zip(panels, axes, strict=True):
            _draw(ax, panel, summary[panel], summary["settings"], styles, band=band)
        axes[0].set_ylabel("accuracy")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False
        )
        if title:
            figure.suptitle(title)
        yield figure


def _draw(
    ax: "Axes",
    panel: str,
    records: Mapping[str, Any],
    settings: Mapping[str, Any],
    styles: Mapping[str, dict[str, Any]],
    *,
    band: bool,
) -> None:
    first = next(iter(records.values()))
    for method, record in records.items():
        steps = range(len(record["accuracy"]))
        ax.plot(steps, record["accuracy"], label=method_label(method), **styles[method])
        if band:
            colour = styles[method]["color"]
            ax.fill_between(steps, record["low"], record["high"], color=colour, alpha=0.15, lw=0)
    what = "classified correctly" if panel.startswith("correct") else "classified wrongly"
    ax.set_title(f"{what}: {first['documents']:,} documents", fontsize=10)
    verb = "inserted" if settings["insertion"] else "deleted"
    ax.set_xlabel(f"words {verb}, {first['order']} relevance")
    ax.set_ylim(0, 1)
    ax.set_xlim(0, len(first["accuracy"]) - 1)
    ax.set_yticks([i / 10 for i in range(11)])
    ax.grid(color=NEUTRAL, alpha=0.25, lw=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _styles(methods: list[str]) -> dict[str, dict[str, Any]]:
    """Choose colour, line and marker for each method, so that they differ without colours, too."""
    colours, markers = iter(categorical(len(set(methods) - set(BASELINES)))), cycle(MARKERS)
    styles: dict[str, dict[str, Any]] = {}
    for method in methods:
        if method in BASELINES:
            line, marker = BASELINES[method]
            styles[method] = {"color": NEUTRAL, "linestyle": line, "marker": marker}
        else:
            styles[method] = {"color": next(colours), "linestyle": "-", "marker": next(markers)}
        styles[method] |= {"linewidth": 1.6, "markersize": 4.5, "markevery": 5}
    return styles
