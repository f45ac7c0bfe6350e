"""Pictures of a run, as small SVG files."""

from pathlib import Path
from typing import Any

from suite.results import Curve, Results

OURS, THEIRS = "#2a6f97", "#b5651d"
PEERS = ("captum", "zennit", "lxt", "shap", "KernelSHAP", "Partition", "NLTK")


def draw(results: Results, folder: Path) -> list[Path]:
    """Write all pictures that the results suffice for, and return their paths."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "whyword", "font.size": 8})
    found = []
    if shown := [name for name in results.groups if name in ("cnn 8", "bert 1")]:
        found.append(_peers(results, shown, folder / "benchmarks-peers.svg"))
    if results.curves:
        found.append(_growth(results.curves, folder / "benchmarks-growth.svg"))
    if results.memory:
        found.append(_memory(results, folder / "benchmarks-memory.svg"))
    return found


def _bars(axes: Any, values: dict[str, float], title: str, unit: str) -> None:
    names = list(values)[::-1]
    colours = [THEIRS if name.startswith(PEERS) else OURS for name in names]
    bars = axes.barh(names, [values[name] for name in names], color=colours)
    axes.bar_label(bars, [f"{values[name]:.3g}" for name in names], padding=2)
    axes.set_xscale("log")
    axes.set_title(title, loc="left")
    axes.set_xlabel(unit)
    axes.margins(x=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def _peers(results: Results, groups: list[str], path: Path) -> Path:
    import matplotlib.pyplot as plt

    counts = [len(results.groups[name].rows) for name in groups]
    figure, axes = plt.subplots(
        len(groups), figsize=(7.5, 0.2 * sum(counts) + 1.2), height_ratios=counts, squeeze=False
    )
    for ax, name in zip(axes[:, 0], groups, strict=True):
        group = results.groups[name]
        values = {task: row.ratio for task, row in group.rows.items()}
        _bars(ax, values, group.title, f"multiples of: {group.reference}")
    return _save(figure, path)


def _growth(curves: list[Curve], path: Path) -> Path:
    import matplotlib.pyplot as plt

    kinds = list(dict.fromkeys(curve.over for curve in curves))
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(2.6 * len(kinds), 2.8), squeeze=False, sharey=True
    )
    for ax, over in zip(axes[0], kinds, strict=True):
        for curve in (c for c in curves if c.over == over):
            label = f"{curve.name.split(',')[0]}: {curve.exponent:.2f}"
            ax.loglog(curve.sizes, curve.milliseconds, "o-", markersize=3, label=label)
        ax.set_xlabel(over)
        ax.legend(frameon=False, title="exponent")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("milliseconds")
    return _save(figure, path)


def _memory(results: Results, path: Path) -> Path:
    import matplotlib.pyplot as plt

    groups = list(results.memory.values())
    counts = [len(group.peak) for group in groups]
    figure, axes = plt.subplots(
        len(groups), figsize=(7.5, 0.2 * sum(counts) + 2), height_ratios=counts, squeeze=False
    )
    for ax, group in zip(axes[:, 0], groups, strict=True):
        values = {task: max(peak, 1) / 1e6 for task, peak in group.peak.items()}
        _bars(ax, values, group.title, "megabytes above the model")
    return _save(figure, path)


def _save(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    return path
