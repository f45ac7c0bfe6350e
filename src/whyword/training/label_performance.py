"""The performance of a classifier that gives labels: precision, recall, F1 of each and of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from whyword.classifier import Classifier, is_multilabel, predict
from whyword.data.arrays import Bools, Ints
from whyword.data.corpora import Corpus
from whyword.errors import InputError
from whyword.progress import OnProgress
from whyword.training.performance import ClassPerformance, ClassRecord


class LabelPerformanceRecord(TypedDict):
    """A `LabelPerformance` as JSON values."""

    subset_accuracy: float
    micro_f1: float
    macro_f1: float
    documents: int
    classes: list[ClassRecord]


@dataclass(frozen=True, eq=False)
class LabelPerformance:
    """How well labels are predicted.

    Attributes:
        subset_accuracy: Share of the documents all of whose labels are right, with none too many.
        micro_f1: F1 of all decisions together.
        macro_f1: Mean of the labels' F1.
        documents: Number of documents.
        classes: Precision, recall and F1 of each label, and how many documents have it; 0 where
            nothing is there to divide by.
    """

    subset_accuracy: float
    micro_f1: float
    macro_f1: float
    documents: int
    classes: tuple[ClassPerformance, ...]

    @classmethod
    def of(cls, given: Bools, predicted: Bools, classes: Sequence[str]) -> "LabelPerformance":
        """Compare predictions with the truth.

        Args:
            given: ``(document, label)`` the labels that documents have.
            predicted: ``(document, label)`` those predicted.
            classes: Names of the labels.
        """
        hits, found, there = (m.sum(axis=0) for m in (given & predicted, predicted, given))
        f1 = _share(2 * hits, found + there)
        precision, recall = _share(hits, found), _share(hits, there)
        return cls(
            subset_accuracy=float((given == predicted).all(axis=1).mean()),
            micro_f1=float(2 * hits.sum() / max(found.sum() + there.sum(), 1)),
            macro_f1=float(np.mean(f1)),
            documents=len(given),
            classes=tuple(
                ClassPerformance(name, int(there[c]), precision[c], recall[c], f1[c])
                for c, name in enumerate(classes)
            ),
        )

    def to_dict(self) -> LabelPerformanceRecord:
        """Return everything as JSON values."""
        return {
            "subset_accuracy": self.subset_accuracy,
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "documents": self.documents,
            "classes": [entry.to_dict() for entry in self.classes],
        }


def label_performance_on(
    model: Classifier, corpus: Corpus, *, progress: OnProgress | None = None
) -> LabelPerformance:
    """Give labels to the documents of a corpus, those with scores above 0, and compare.

    Args:
        model: A classifier that gives labels.
        corpus: The documents.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If the model lacks a label of the corpus; if it gives one class, or documents
            have one class each.
    """
    given = corpus.label_matrix_in(model.classes)
    if not is_multilabel(model):
        raise InputError("The model gives one class; expected one that gives labels.")
    return LabelPerformance.of(
        given, predict(model, corpus.texts, progress=progress) > 0, model.classes
    )


def _share(part: Ints, whole: Ints) -> list[float]:
    """Quotients, 0 where there is nothing to divide by."""
    found: list[float] = (part / np.maximum(whole, 1)).tolist()
    return found
