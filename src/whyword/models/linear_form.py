"""Fitted scikit-learn classifiers as what they are: weights and biases."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from whyword.errors import ModelError


@dataclass(frozen=True)
class Weights:
    """A linear classifier that is nothing but its numbers."""

    classes_: tuple[str, ...]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def fit(self, x: Any, y: Any) -> Self:
        """There is nothing to fit; scikit-learn asks for the method."""
        return replace(self)


def linear_form(model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights ``(score, feature)`` and biases ``(score,)`` of a fitted classifier.

    Naive Bayes scores are joint log-likelihoods, which are linear in counts.

    Raises:
        ModelError: If it is not fitted, or not linear.
    """
    name = type(model).__name__
    if not hasattr(model, "classes_"):
        raise ModelError(f"The {name} is not fitted; call pipeline.fit first.")
    if hasattr(model, "coef_") and hasattr(model, "intercept_"):
        weights = np.atleast_2d(np.asarray(_dense(model.coef_), dtype=np.float64))
        biases = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
        return weights, np.broadcast_to(biases, len(weights)).copy()
    if name in ("MultinomialNB", "ComplementNB", "BernoulliNB"):
        weights = np.asarray(model.feature_log_prob_)
        biases = np.asarray(model.class_log_prior_, dtype=np.float64)
        if name == "ComplementNB" and len(model.classes_) > 1:
            biases = np.zeros(len(model.classes_))
        if name == "BernoulliNB":  # of values 0 and 1, where absence counts too
            absent = np.log1p(-np.exp(weights))
            weights, biases = weights - absent, biases + absent.sum(axis=1)
        return weights, biases
    raise ModelError(
        f"A {name} is not linear in the features; expected for example LinearSVC, "
        "LogisticRegression, SGDClassifier, LinearDiscriminantAnalysis or MultinomialNB."
    )


def _dense(array: Any) -> Any:
    return array.toarray() if hasattr(array, "toarray") else array
