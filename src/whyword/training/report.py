"""How well a trained classifier classifies: accuracy, and numbers for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from whyword.data.arrays import Ints
from whyword.data.extras import require


class ClassRecord(TypedDict):
    """A `ClassReport` as JSON values."""

    name: str
    documents: int
    precision: float
    recall: float
    f1: float


class ReportRecord(TypedDict):
    """A `Report` as JSON values."""

    accuracy: float
    documents: int
    classes: list[ClassRecord]
    confusion: list[list[int]]


@dataclass(frozen=True)
class ClassReport:
    """One class: its documents, and how they were told from the others."""

    name: str
    documents: int
    precision: float
    recall: float
    f1: float

    def to_dict(self) -> ClassRecord:
        """The numbers of the class as JSON values."""
        return {
            "name": self.name,
            "documents": self.documents,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True, eq=False)
class Report:
    """Accuracy, per-class numbers, and ``confusion[true, predicted]`` counts."""

    accuracy: float
    classes: tuple[ClassReport, ...]
    confusion: Ints

    def to_dict(self) -> ReportRecord:
        """The report as JSON values."""
        return {
            "accuracy": self.accuracy,
            "documents": int(self.confusion.sum()),
            "classes": [entry.to_dict() for entry in self.classes],
            "confusion": self.confusion.tolist(),
        }


def report(labels: Ints, predicted: Ints, classes: Sequence[str]) -> Report:
    """Compare predictions with the truth.

    Args:
        labels: ``(document,)`` true classes.
        predicted: ``(document,)`` predicted classes.
        classes: Their names.
    """
    metrics = require("sklearn.metrics", extra="train", what="A report on test documents")
    every = list(range(len(classes)))
    columns = metrics.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=0
    )
    return Report(
        accuracy=float(np.mean(labels == predicted)),
        classes=tuple(
            ClassReport(name, int(n), float(precision), float(recall), float(f1))
            for name, precision, recall, f1, n in zip(classes, *columns, strict=True)
        ),
        confusion=metrics.confusion_matrix(labels, predicted, labels=every),
    )
