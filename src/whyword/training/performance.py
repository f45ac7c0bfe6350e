"""The performance of a classifier: accuracy, and precision, recall and F1 of each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from whyword.classifier import Classifier, is_multilabel, predict
from whyword.data.arrays import Ints
from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.errors import InputError
from whyword.progress import OnProgress


class ClassRecord(TypedDict):
    """A `ClassPerformance` as JSON values."""

    name: str
    documents: int
    precision: float
    recall: float
    f1: float


class PerformanceRecord(TypedDict):
    """A `Performance` as JSON values."""

    accuracy: float
    macro_f1: float
    documents: int
    classes: list[ClassRecord]
    confusion: list[list[int]]


@dataclass(frozen=True)
class ClassPerformance:
    """The performance on one class: its number of documents, precision, recall and F1."""

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
class Performance:
    """Accuracy, numbers for each class, and ``confusion[true, predicted]`` counts."""

    accuracy: float
    classes: tuple[ClassPerformance, ...]
    confusion: Ints

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1, in which a rare class counts as much as a frequent one."""
        return float(np.mean([entry.f1 for entry in self.classes]))

    @classmethod
    def of(cls, labels: Ints, predicted: Ints, classes: Sequence[str]) -> "Performance":
        """Compare predictions with the truth.

        Args:
            labels: ``(document,)`` true classes.
            predicted: ``(document,)`` predicted classes.
            classes: Names of the classes.
        """
        metrics = require("sklearn.metrics", extra="train", what="A report on test documents")
        every = list(range(len(classes)))
        columns = metrics.precision_recall_fscore_support(
            labels, predicted, labels=every, zero_division=0
        )
        return cls(
            accuracy=float(np.mean(labels == predicted)),
            classes=tuple(
                ClassPerformance(name, int(n), float(precision), float(recall), float(f1))
                for name, precision, recall, f1, n in zip(classes, *columns, strict=True)
            ),
            confusion=metrics.confusion_matrix(labels, predicted, labels=every),
        )

    def to_dict(self) -> PerformanceRecord:
        """Return everything as JSON values."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "documents": int(self.confusion.sum()),
            "classes": [entry.to_dict() for entry in self.classes],
            "confusion": self.confusion.tolist(),
        }


def performance_on(
    model: Classifier, corpus: Corpus, *, progress: OnProgress | None = None
) -> Performance:
    """Classify a corpus, and compare the predictions with its labels.

    Args:
        model: The classifier.
        corpus: The documents.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If the model lacks a class of the corpus; if it gives labels, or documents have
            some, for which there is `whyword.training.label_performance`.
    """
    if is_multilabel(model):
        raise InputError("The model gives labels; expected one that gives each text one class.")
    labels = corpus.labels_in(model.classes)
    predicted = predict(model, corpus.texts, progress=progress).argmax(axis=1)
    return Performance.of(labels, predicted, model.classes)
