"""`Form`: a linear classifier as weights and biases, with the meaning of its scores."""

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
        weights: ``(score, feature)`` the weights.
        biases: ``(score,)`` the biases.
        classes: The class predicted for each score; or two classes for one score, which speaks for
            the second. If every score is a label, the value predicted if the label is given.
        meaning: What the scores are, in words, such as "decision value of LinearSVC".
        own: The classifier's own function from features to scores; None if it has none.
        labels: Names of the labels if every score is a label of its own, given above 0; else None.
        threshold: Features above it count as 1 and others as 0; None if their values count.
        decides: Whether the classifier is known to predict by these scores; if not, every batch is
            checked.
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
        """The form of two classes with one score, which speaks for the second class."""
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
        """The form with one score for each class, also if there are two."""
        if self.labels or len(self.weights) > 1:
            return self
        return replace(
            self,
            weights=np.vstack([-self.weights, self.weights]),
            biases=np.concatenate([-self.biases, self.biases]),
            own=None,
        )

    def scores(self, z: Any) -> Floats:
        """Scores ``(text, score)`` of features ``(text, feature)``."""
        values = sparse(z) if self.threshold is None else sparse(sparse(z) > self.threshold)
        return np.asarray(values @ self.weights.T) + self.biases

    def check(self, model: Any, z: Any, scores: Floats, texts: Sequence[str]) -> None:
        """Compare scores with the classifier's own, and with what it predicts.

        Args:
            model: The classifier.
            z: ``(text, feature)`` the features that it reads.
            scores: ``(text, score)`` the scores to check.
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
        """Compare scores ``(text, score)`` with what ``predict`` returned for the texts.

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
    """Scores as a matrix ``(text, score)``, also if there is one score per text."""
    found = dense(scores)
    return found[:, None] if found.ndim == 1 else found


def not_linear(name: str) -> ModelError:
    """The error for a classifier that is not linear."""
    return ModelError(
        f"The {name} is not linear in the features; expected for example LinearSVC, "
        "LogisticRegression, SGDClassifier, LinearDiscriminantAnalysis or MultinomialNB."
    )
