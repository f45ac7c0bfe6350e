"""The confusion matrix of a classifier as a picture: which class is taken for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from whyword.data.arrays import Ints
from whyword.render.figure import new_figure, plain, save
from whyword.render.lines import neutral


def draw_confusion(
    confusion: Ints, classes: Sequence[str], path: str | Path, *, title: str = ""
) -> None:
    """Write the confusion matrix as a picture; the ending chooses SVG, PNG or PDF.

    Each row is a true class; a shade shows a share of its row.

    Args:
        confusion: ``(true class, predicted class)`` numbers of documents.
        classes: Names of the classes.
        path: The file to write.
        title: Title of the picture; by default the accuracy.

    Raises:
        InputError: If the file cannot be written, there is no such format, or matplotlib is not
            installed.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.36 * len(classes)
    figure = new_figure((side, side), what="A picture of the confusions", extra="train")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [plain(neutral(name)) for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title or f"accuracy {np.trace(confusion) / max(confusion.sum(), 1):.2%}")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        count = confusion[row, column]
        axes.text(column, row, count, ha="center", va="center", color=colour, size=7)
    save(figure, Path(path), dpi=150)
