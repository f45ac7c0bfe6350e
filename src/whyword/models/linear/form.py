"""What a linear classifier is: weights, biases, and what its scores mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whyword.data.arrays import Floats
from whyword.errors import ModelError
from whyword.models.linear.matrices import close, dense, sparse


@dataclass(frozen=True)
class Form:
    """A classifier as scores that are linear in features: z · weights + biases.

    Attributes:
        weights: ``(score, feature)``.
        biases: ``(score,)``.
        classes: What it predicts: for each score; or two for one score, which is for the second.
            Where every score is a label of its own, what it predicts if the label holds.
        meaning: What the scores are, in words.
        own: The scores as the classifier itself computes them from features, or None if it does
            not.
        labels: The labels' names if every score is a label that holds above 0, whatever the others
            are; else None.
        threshold: Features count as 1 above it and as 0 below; None for their values.
        decides: Whether it is known to predict by these scores, and not only seen to.
    """

    weights: Floats
    biases: Floats
    classes: Sequence[Any]
    meaning: str
    own: Callable[[Any], Any] | None = None
    labels: tuple[str, ...] | None = None
    threshold: float | None = None
    decides: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, or of the labels."""
        return self.labels or tuple(str(name) for name in self.classes)

    @property
    def single(self) -> "Form":
        """Of two classes, the one score that speaks for the second."""
        if len(self.weights) == 1:
            return self
        own = self.own
        return replace(
            self,
            weights=self.weights[1:] - self.weights[:1],
            biases=self.biases[1:] - self.biases[:1],
            own=None if own is None else lambda z: (s := as_columns(own(z)))[:, 1] - s[:, 0],
        )

    def both(self) -> "Form":
        """One score for each class, also of two."""
        if self.labels or len(self.weights) > 1:
            return self
        return replace(
            self,
            weights=np.vstack([-self.weights, self.weights]),
            biases=np.concatenate([-self.biases, self.biases]),
            own=None,
        )

    def scores(self, z: Any) -> Floats:
        """``(text, score)`` of features."""
        values = sparse(z) if self.threshold is None else sparse(sparse(z) > self.threshold)
        return np.asarray(values @ self.weights.T) + self.biases

    def check(self, model: Any, z: Any, scores: Floats, texts: Sequence[str]) -> None:
        """Hold scores against the classifier's own, and against what it predicts.

        Args:
            model: The classifier.
            z: ``(text, feature)`` what it gets.
            scores: ``(text, score)`` what is shown.
            texts: The texts, for the error.

        Raises:
            ModelError: If they differ by more than rounding; of equal scores either may win.
        """
        name = type(model).__name__
        if self.own is not None and not close(scores, own := as_columns(self.own(z)), sparse(z)):
            raise ModelError(
                f"The scores found for the {name} are not its own (apart by up to "
                f"{abs(scores - own).max() if scores.shape == own.shape else 'their number'}); "
                "it cannot be explained as a linear classifier."
            )
        self.check_predictions(name, model.predict(z), scores, texts)

    def check_predictions(
        self, name: str, predicted: Any, scores: Floats, texts: Sequence[str]
    ) -> None:
        """Hold scores ``(text, score)`` against what ``predict`` returned for the texts.

        Raises:
            ModelError: If they would predict something else.
        """
        expected = np.asarray(predicted.toarray() if hasattr(predicted, "toarray") else predicted)
        slack = 1e-6 * (1 + abs(scores).max(initial=0))
        classes = np.asarray(self.classes)
        if self.labels:
            holds = np.broadcast_to(expected == classes, scores.shape)
            right = (((scores > 0) == holds) | (abs(scores) <= slack)).all(axis=1)
        else:
            both = np.hstack([-scores, scores]) if scores.shape[1] == 1 else scores
            is_it = np.broadcast_to(expected[..., None] == classes, both.shape)
            right = np.where(is_it, both, -np.inf).max(axis=1) >= both.max(axis=1) - slack
        if not right.all():
            wrong = texts[int(np.argmin(right))]
            raise ModelError(
                f"What would be explained ({self.meaning}) does not predict what {name}.predict "
                f"says of {wrong[:40]!r}; expected a classifier that decides by these scores, such "
                "as the estimator inside."
            )


def as_columns(scores: Any) -> Floats:
    """``(text, score)``, also of one score."""
    found = dense(scores)
    return found[:, None] if found.ndim == 1 else found


def not_linear(name: str) -> ModelError:
    """The error for a classifier whose scores no weights give."""
    return ModelError(
        f"The {name} is not linear in the features; expected for example LinearSVC, "
        "LogisticRegression, SGDClassifier, LinearDiscriminantAnalysis or MultinomialNB."
    )
