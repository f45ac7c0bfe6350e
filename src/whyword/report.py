"""How well a trained classifier classifies: accuracy, a table per class, a confusion picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class ClassReport:
    """One class: its documents, and how they were told from the others."""

    name: str
    documents: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Report:
    """Accuracy, per-class numbers, and ``confusion[true, predicted]`` counts."""

    accuracy: float
    classes: tuple[ClassReport, ...]
    confusion: NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "accuracy": self.accuracy,
            "documents": int(self.confusion.sum()),
            "classes": [asdict(entry) for entry in self.classes],
            "confusion": self.confusion.tolist(),
        }


def report(labels: Labels, predicted: Labels, classes: Sequence[str]) -> Report:
    """Compare predictions with the truth.

    Args:
        labels: ``(document,)`` true classes.
        predicted: ``(document,)`` predicted classes.
        classes: Their names.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    every = list(range(len(classes)))
    columns = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    return Report(
        accuracy=float(np.mean(labels == predicted)),
        classes=tuple(
            ClassReport(name, int(n), float(precision), float(recall), float(f1))
            for name, precision, recall, f1, n in zip(classes, *columns, strict=True)
        ),
        confusion=confusion_matrix(labels, predicted, labels=every),
    )


def draw_confusion(result: Report, path: str | Path, *, title: str = "") -> None:
    """Write the confusion matrix as a picture; the ending chooses SVG, PNG or PDF.

    Rows are true classes; shades are shares of a row.

    Raises:
        InputError: If it cannot be written, or there is no such format.
    """
    from matplotlib.figure import Figure

    from whyword.render.figure import save

    names = [entry.name for entry in result.classes]
    counts = result.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.36 * len(names)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title or f"accuracy {result.accuracy:.2%}")
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, size=7)
    save(figure, Path(path), dpi=150)
