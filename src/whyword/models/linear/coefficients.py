"""Reads the weights and biases of classifiers that hold them, or numbers to compute them from."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from whyword.data.arrays import Floats
from whyword.errors import ModelError
from whyword.models.linear.form import Form, not_linear
from whyword.models.linear.matrices import dense


@dataclass(frozen=True)
class Weights:
    """A linear classifier that holds only its classes, weights and biases."""

    classes_: tuple[str, ...]
    coef_: Floats
    intercept_: Floats
    multilabel: bool = False
    """Whether every class is a label of its own, given if its score is above 0."""

    def fit(self, x: Any, y: Any) -> Self:
        """Does nothing; scikit-learn expects the method."""
        return replace(self)


def of_coefficients(model: Any) -> Form:
    """The form of a classifier with ``coef_`` and ``intercept_``, as most linear ones have."""
    weights = np.atleast_2d(np.asarray(dense(model.coef_), dtype=np.float64))
    biases = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    classes = model.classes_
    binarizer = getattr(model, "_label_binarizer", None)
    several = getattr(binarizer, "y_type_", "").startswith("multilabel")
    several = several or (isinstance(model, Weights) and model.multilabel)
    return Form(
        weights,
        np.broadcast_to(biases, len(weights)).copy(),
        [1] * len(weights) if several else classes,
        f"decision value of {type(model).__name__}",
        getattr(model, "decision_function", None),
        tuple(str(name) for name in classes) if several else None,
    )


def of_support_vectors(model: Any) -> Form:
    """The form of a support vector machine of two classes with a linear kernel."""
    name = type(model).__name__
    if model.kernel != "linear":
        raise not_linear(f'{name}(kernel="{model.kernel}")')
    if len(model.classes_) > 2:
        raise ModelError(
            f"The {name} of {len(model.classes_)} classes lets every two of them vote, so that no "
            "scores of classes add up from features; expected LinearSVC, or "
            f'OneVsRestClassifier({name}(kernel="linear")).'
        )
    return of_coefficients(model)


def of_naive_bayes(model: Any) -> Form:
    """The form of naive Bayes: log probabilities of the features, log priors of the classes."""
    weights = np.asarray(model.feature_log_prob_, dtype=np.float64)
    biases = np.asarray(model.class_log_prior_, dtype=np.float64)
    name, threshold = type(model).__name__, None
    if hasattr(model, "norm") and len(model.classes_) > 1:  # ComplementNB
        biases = np.zeros(len(model.classes_))
    if hasattr(model, "binarize"):  # BernoulliNB: of values 0 and 1, where absence counts too
        absent = np.log1p(-np.exp(weights))
        weights, biases = weights - absent, biases + absent.sum(axis=1)
        threshold = model.binarize
    own = model.predict_joint_log_proba
    meaning = f"joint log-likelihood of {name}"
    return Form(weights, biases, model.classes_, meaning, own, threshold=threshold)


def of_centroids(model: Any) -> Form:
    """The form of nearest centroids: minus the squared distance, without what classes share."""
    if model.metric != "euclidean":
        raise not_linear(f'NearestCentroid(metric="{model.metric}")')
    centroids, scale = np.asarray(model.centroids_, dtype=np.float64), np.ones(1)
    priors, added = np.asarray(model.class_prior_), np.zeros(len(centroids))
    if not np.isclose(priors, 1 / len(priors)).all():  # then scikit-learn scales the features
        added = 2 * np.log(priors)
        deviation = np.asarray(model.within_class_std_dev_).ravel()
        scale = np.where(deviation == 0, 1, deviation)
    biases = -np.square(centroids / scale).sum(axis=1) + added
    meaning = "negative squared distance to the centroid, but for what all classes share"
    return Form(2 * centroids / scale**2, biases, model.classes_, meaning)
