"""What a training minimises, and by what its models are compared on the validation part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from whyword.data.arrays import Bools, Ints, Reals, Singles
from whyword.training.class_weights import ClassWeights, documents_of, weights_of
from whyword.training.thresholds import best_threshold, thresholds_of

IMBALANCE = 10
"""How many times more documents the largest class has than the rarest before a report says so."""


class Objective:
    """The loss, and the quality by which models are compared.

    Documents have one class each, or several labels, or none. For one class the loss is the cross
    entropy of softmax, for labels the mean over them of the binary cross entropy of sigmoid. Label
    smoothing spreads a share of the probability over all classes; over "has it" and "has it not" if
    they are labels. A weight of a class multiplies the loss of its documents, for a label that of
    the documents that have it; weights are scaled so that their mean over all documents is 1.

    Args:
        labels: ``(document,)`` int64 classes; ``(document, class)`` bool if they are labels.
        classes: Names of the classes.
        class_weights: The weights of the classes.
        label_smoothing: Share of the probability spread over all classes.
        development: Number of documents at the end that no one learns from.

    Attributes:
        multilabel: Whether documents have labels.
        class_weights: ``(class,)`` the weights before scaling; None if all count the same.

    Raises:
        InputError: If a class that has a weight is not there.
    """

    def __init__(
        self,
        labels: Ints | Bools,
        classes: Sequence[str],
        *,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        development: int = 0,
    ) -> None:
        self.labels, self.label_smoothing = labels, label_smoothing
        self.multilabel = labels.ndim == 2
        trained = labels[: len(labels) - development]
        self.counts, self._documents = documents_of(trained, len(classes)), len(trained)
        self.class_weights = weights_of(class_weights, trained, classes)

    @property
    def chosen_by(self) -> str:
        """The name of the quality.

        "accuracy"; with weights "balanced accuracy", the mean recall of the classes; for labels
        "micro F1", of all decisions at the threshold, the same for all labels, that is best.
        """
        if self.multilabel:
            return "micro F1"
        return "accuracy" if self.class_weights is None else "balanced accuracy"

    def loss(self, logits: Tensor, rows: Ints) -> Tensor:
        """The mean loss of documents.

        Args:
            logits: ``(batch, class)`` their scores.
            rows: ``(batch,)`` the indices of the documents.
        """
        labels = torch.from_numpy(self.labels[rows]).to(logits.device)
        weights = self._weights(rows)
        scaled = None if weights is None else torch.from_numpy(weights).to(logits.device)
        if self.multilabel:
            smoothed = labels * (1 - self.label_smoothing) + self.label_smoothing / 2
            return binary_cross_entropy_with_logits(logits, smoothed.to(logits), weight=scaled)
        if scaled is None:
            return cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        each = cross_entropy(logits, labels, label_smoothing=self.label_smoothing, reduction="none")
        return (each * scaled).mean()

    def _weights(self, rows: Ints) -> Singles | None:
        """The weight of each document, ``(batch,)``, or of each label of it, ``(batch, class)``."""
        if self.class_weights is None:
            return None
        labels, weights = self.labels[rows], self.class_weights
        if self.multilabel:
            without = self._documents - self.counts
            scale = self._documents / (self.counts * weights + without)
            found = np.where(labels, weights, 1.0) * scale
        else:
            found = weights[labels] * self._documents / (self.counts @ weights)
        return found.astype(np.float32)

    def quality(self, scores: Reals, rows: Ints) -> float:
        """How good scores are, from 0 to 1; see `chosen_by`.

        Args:
            scores: ``(document, class)`` scores.
            rows: ``(document,)`` the indices of the documents.
        """
        if self.multilabel:
            return best_threshold(scores.ravel(), self.labels[rows].ravel().astype(bool))[1]
        predicted = scores.argmax(axis=1)
        right = predicted == self.labels[rows]
        if self.class_weights is None:
            return float(np.mean(right))
        of_class = [right[self.labels[rows] == label] for label in np.unique(self.labels[rows])]
        return float(np.mean([each.mean() for each in of_class]))

    def right(self, scores: Reals, rows: Ints) -> Singles:
        """How right the decision on each document is, ``(document,)``; 1 is wholly right.

        The mean is accuracy, balanced accuracy if classes have weights, and for labels, each at its
        own threshold, the share of the decisions that are right.

        Args:
            scores: ``(document, class)`` scores.
            rows: ``(document,)`` the indices of the documents.
        """
        given = self.labels[rows]
        if self.multilabel:
            labels = given.astype(bool)
            decided = scores > thresholds_of(scores, labels)
            return np.asarray((decided == labels).mean(axis=1), dtype=np.float32)
        found = np.asarray(scores.argmax(axis=1) == given, dtype=np.float32)
        if self.class_weights is not None:
            count = np.bincount(given, minlength=len(self.class_weights))
            found *= len(given) / (count[given] * np.count_nonzero(count))
        return found

    def named(self, report: dict[str, Any]) -> dict[str, Any]:
        """A report whose "validation_accuracy" says what it is, with "chosen_by" and "advice".

        There is advice if a class is rare and nothing is done about it.
        """
        found = {**report, "chosen_by": self.chosen_by}
        if self.chosen_by != "accuracy":
            name = f"validation_{self.chosen_by.replace(' ', '_').lower()}"
            found[name] = found.pop("validation_accuracy")
            history = dict(found["history"])
            found["history"] = {name: history.pop("validation_accuracy"), **history}
        return found

    def advice(self, classes: Sequence[str]) -> str | None:
        """A sentence on what to do about rare classes; None if there are none, or it was done.

        Args:
            classes: Names of the classes.
        """
        there = np.flatnonzero(self.counts)
        if self.class_weights is not None or not len(there):
            return None
        rare = there[self.counts[there].argmin()]
        most, least = int(self.counts.max()), int(self.counts[rare])
        if most <= IMBALANCE * least:
            return None
        return (
            f'The class "{classes[rare]}" has {least} training documents and the largest has '
            f"{most}: look at the class's F1, and if it is low, train with --class-weights "
            "balanced, or find more documents of it."
        )
