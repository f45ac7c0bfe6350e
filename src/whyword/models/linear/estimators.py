"""`linear_form`: the weights and biases of a fitted scikit-learn classifier.

The tables here say which classifier is read by which function, and which are refused though they
look linear.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sklearn.base import is_regressor

from whyword.errors import ModelError
from whyword.models.linear.coefficients import (
    Weights,
    of_centroids,
    of_coefficients,
    of_naive_bayes,
    of_support_vectors,
)
from whyword.models.linear.combinations import (
    Read,
    of_calibrated,
    of_codes,
    of_one_against_rest,
    of_outputs,
    of_pipeline,
    of_stack,
)
from whyword.models.linear.form import Form, not_linear
from whyword.models.linear.pipelines import unfitted, unwrapped


def linear_form(model: Any) -> Form:
    """The weights and biases of a fitted classifier.

    The scores of naive Bayes are joint log-likelihoods, which are linear in counts. Those of a
    calibrated classifier are the decision values before calibration.

    Raises:
        ModelError: If it is not fitted, or not linear; the message names it.
    """
    model = unwrapped(model)
    name = type(model).__name__
    kinds = [kind.__name__ for kind in type(model).__mro__]
    for kind in kinds:
        if kind in _REFUSED:
            raise ModelError(f"The {name} {_REFUSED[kind]}.")
    if hasattr(model, "steps"):
        return of_pipeline(model, linear_form)
    if hasattr(model, "fit") and hasattr(model, "get_params") and is_regressor(model):
        raise ModelError(
            f"The {name} predicts numbers, not classes; expected a classifier, such as "
            "RidgeClassifier or LogisticRegression."
        )
    if not hasattr(model, "classes_"):
        raise unfitted(model)
    for kind in kinds:
        if kind in _READERS:
            return _known(model, _READERS[kind](model))
        if kind in _COMBINATIONS:
            return _known(model, _COMBINATIONS[kind](model, linear_form))
    if isinstance(model, Weights) or all(
        hasattr(model, part) for part in ("coef_", "intercept_", "decision_function")
    ):
        return _known(model, of_coefficients(model))
    raise not_linear(name)


def _known(model: Any, form: Form) -> Form:
    """The form; only classes of scikit-learn are known to predict by their scores."""
    return replace(form, decides=form.decides and type(model).__module__.startswith("sklearn."))


_READERS: dict[str, Read] = {
    "SVC": of_support_vectors,
    "NuSVC": of_support_vectors,
    "MultinomialNB": of_naive_bayes,
    "ComplementNB": of_naive_bayes,
    "BernoulliNB": of_naive_bayes,
    "NearestCentroid": of_centroids,
}
_COMBINATIONS: dict[str, Callable[[Any, Read], Form]] = {
    "OneVsRestClassifier": of_one_against_rest,
    "MultiOutputClassifier": of_outputs,
    "CalibratedClassifierCV": of_calibrated,
    "StackingClassifier": of_stack,
    "OutputCodeClassifier": of_codes,
}

_VOTES = (
    "combines votes or probabilities, so that no scores of classes add up from features; explain "
    "the estimators inside, or choose OneVsRestClassifier"
)

_REFUSED = {
    "OneVsOneClassifier": _VOTES,
    "VotingClassifier": _VOTES,
    "BaggingClassifier": _VOTES,
    "AdaBoostClassifier": _VOTES,
    "ClassifierChain": "feeds the labels that it predicts to the next estimator, which is not "
    "linear; expected MultiOutputClassifier",
    "FixedThresholdClassifier": "decides at another threshold than its scores; explain the "
    "classifier inside",
    "TunedThresholdClassifierCV": "decides at another threshold than its scores; explain the "
    "classifier inside",
    "DummyClassifier": "reads no features; expected a classifier that does",
    "CategoricalNB": "reads categories, not values of features; expected MultinomialNB or "
    "BernoulliNB",
}
"""Classifiers that look linear, or have linear ones inside, but are not; and why."""
