"""Fitted scikit-learn classifiers as what they are: weights and biases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.base import is_regressor

from whyword.data.arrays import Floats
from whyword.errors import ModelError
from whyword.models.linear.form import Form, as_columns
from whyword.models.linear.matrices import dense
from whyword.models.linear.steps import as_matrix, unfitted
from whyword.models.linear.vectorizers import flat, unwrapped


@dataclass(frozen=True)
class Weights:
    """A linear classifier that is nothing but its numbers."""

    classes_: tuple[str, ...]
    coef_: Floats
    intercept_: Floats

    def fit(self, x: Any, y: Any) -> Self:
        """There is nothing to fit; scikit-learn asks for the method."""
        return replace(self)


def linear_form(model: Any) -> Form:
    """The weights and biases of a fitted classifier.

    Naive Bayes scores are joint log-likelihoods, which are linear in counts. Of what is calibrated,
    the scores are the decision values before calibration.

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
        return _of_pipeline(model)
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
    if isinstance(model, Weights) or all(
        hasattr(model, part) for part in ("coef_", "intercept_", "decision_function")
    ):
        return _known(model, _of_coefficients(model))
    raise _not_linear(name)


def _known(model: Any, form: Form) -> Form:
    """A class of somebody else's may predict by something else."""
    return replace(form, decides=form.decides and type(model).__module__.startswith("sklearn."))


def _of_coefficients(model: Any) -> Form:
    weights = np.atleast_2d(np.asarray(dense(model.coef_), dtype=np.float64))
    biases = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    classes = model.classes_
    binarizer = getattr(model, "_label_binarizer", None)
    several = getattr(binarizer, "y_type_", "").startswith("multilabel")
    return Form(
        weights,
        np.broadcast_to(biases, len(weights)).copy(),
        [1] * len(weights) if several else classes,
        f"decision value of {type(model).__name__}",
        getattr(model, "decision_function", None),
        tuple(str(name) for name in classes) if several else None,
    )


def _of_support_vectors(model: Any) -> Form:
    name = type(model).__name__
    if model.kernel != "linear":
        raise _not_linear(f'{name}(kernel="{model.kernel}")')
    if len(model.classes_) > 2:
        raise ModelError(
            f"The {name} of {len(model.classes_)} classes lets every two of them vote, so that no "
            "scores of classes add up from features; expected LinearSVC, or "
            f'OneVsRestClassifier({name}(kernel="linear")).'
        )
    return _of_coefficients(model)


def _of_naive_bayes(model: Any) -> Form:
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


def _of_centroids(model: Any) -> Form:
    """Minus the squared distance, without the square of the features, which all classes share."""
    if model.metric != "euclidean":
        raise _not_linear(f'NearestCentroid(metric="{model.metric}")')
    centroids, scale = np.asarray(model.centroids_, dtype=np.float64), np.ones(1)
    priors, added = np.asarray(model.class_prior_), np.zeros(len(centroids))
    if not np.isclose(priors, 1 / len(priors)).all():  # then scikit-learn scales the features
        added = 2 * np.log(priors)
        deviation = np.asarray(model.within_class_std_dev_).ravel()
        scale = np.where(deviation == 0, 1, deviation)
    biases = -np.square(centroids / scale).sum(axis=1) + added
    meaning = "negative squared distance to the centroid, but for what all classes share"
    return Form(2 * centroids / scale**2, biases, model.classes_, meaning)


def _of_one_against_rest(model: Any) -> Form:
    forms = [_single(estimator) for estimator in model.estimators_]
    labels = None
    if model.multilabel_:
        labels = tuple(str(name) for name in model.classes_)
    kinds = sorted({form.meaning for form in forms})
    return _stacked(
        forms,
        [1] * len(forms) if labels else model.classes_,
        f"{kinds[0]}, one against the rest",
        labels,
    )


def _of_codes(model: Any) -> Form:
    """The nearest code: minus the squared distance, without what all codes share."""
    if not all(hasattr(estimator, "decision_function") for estimator in model.estimators_):
        raise ModelError(
            f"The {type(model).__name__} compares probabilities with its codes, which are not "
            "linear; expected estimators with a decision_function, such as LinearSVC."
        )
    forms = [_single(estimator) for estimator in model.estimators_]
    codes = np.asarray(model.code_book_, dtype=np.float64)
    weights = np.vstack([form.weights for form in forms])
    biases = np.concatenate([form.biases for form in forms])
    return Form(
        2 * codes @ weights,
        2 * codes @ biases - np.square(codes).sum(axis=1),
        model.classes_,
        "negative squared distance to the code, but for what all classes share",
        threshold=_threshold(forms),
    )


def _of_outputs(model: Any) -> Form:
    for classes in model.classes_:
        if len(classes) != 2:
            raise ModelError(
                f"The {type(model).__name__} with an output of {len(classes)} classes decides "
                "several questions at once; explain one output's estimator at a time, behind the "
                "same vectorizer."
            )
    forms = [_single(estimator) for estimator in model.estimators_]
    labels = tuple(
        f"{i}" if list(classes) == [0, 1] else f"{i}: {classes[1]}"
        for i, classes in enumerate(model.classes_)
    )
    return _stacked(forms, [c[1] for c in model.classes_], forms[0].meaning, labels)


def _single(estimator: Any) -> Form:
    """The one score of an estimator of two classes; of one that knows one class, a constant."""
    if type(estimator).__name__ != "_ConstantPredictor":
        return linear_form(estimator).single
    value = np.asarray(estimator.y_, dtype=np.float64).ravel()
    return Form(
        np.zeros((1, estimator.n_features_in_)), value, [0, 1], "", estimator.decision_function
    )


def _stacked(
    forms: list[Form], classes: Sequence[Any], meaning: str, labels: tuple[str, ...] | None
) -> Form:
    own = [form.own for form in forms]

    def scores(z: Any) -> Floats:
        return np.hstack([as_columns(one(z)) for one in own if one is not None])

    return Form(
        np.vstack([form.weights for form in forms]),
        np.concatenate([form.biases for form in forms]),
        classes,
        meaning,
        scores if None not in own else None,
        labels,
        _threshold(forms),
        all(form.decides for form in forms),
    )


def _of_calibrated(model: Any) -> Form:
    forms = [linear_form(one.estimator) for one in model.calibrated_classifiers_]
    first = forms[0]
    if any(list(form.classes) != list(model.classes_) for form in forms):
        raise ModelError(
            f"The {type(model).__name__} has estimators that were fitted without some of the "
            "classes; calibrate on more texts, or explain the estimators one by one."
        )
    own = [form.own for form in forms]

    def mean(z: Any) -> Floats:
        found: Floats = np.mean([as_columns(one(z)) for one in own if one is not None], axis=0)
        return found

    several = f"mean of {len(forms)}: " if len(forms) > 1 else ""
    return Form(
        np.mean([form.weights for form in forms], axis=0),
        np.mean([form.biases for form in forms], axis=0),
        model.classes_,
        f"{several}{first.meaning}, before calibration",
        mean if None not in own else None,
        threshold=_threshold(forms),
        decides=False,
    )


def _of_stack(model: Any) -> Form:
    """Linear in scores that are linear in features."""
    if set(model.stack_method_) != {"decision_function"}:
        methods = " and ".join(sorted(set(model.stack_method_) - {"decision_function"}))
        raise ModelError(
            f"The {type(model).__name__} learns from {methods}, which is not linear; expected "
            'stack_method="decision_function".'
        )
    forms = [linear_form(one) for one in model.estimators_]
    weights = np.vstack([form.weights for form in forms])
    biases = np.concatenate([form.biases for form in forms])
    if _threshold(forms) is not None:
        raise _not_linear(type(model).__name__)
    if model.passthrough:
        weights = np.vstack([weights, np.eye(weights.shape[1])])
        biases = np.concatenate([biases, np.zeros(weights.shape[1])])
    last = linear_form(model.final_estimator_)
    return Form(
        last.weights @ weights,
        last.biases + last.weights @ biases,
        model.classes_,
        f"{last.meaning} on top of {', '.join(sorted({form.meaning for form in forms}))}",
        getattr(model, "decision_function", None),
    )


def _of_pipeline(model: Any) -> Form:
    """A pipeline in place of a classifier: all its steps have to be linear."""
    *steps, last = flat(model)
    if any(
        hasattr(step, part) for step in steps[:1] for part in ("build_analyzer", "transformer_list")
    ):
        raise ModelError(
            "The estimators are pipelines that read texts, each with its own "
            f"{type(steps[0]).__name__}; expected one before the classifier that combines them."
        )
    form = linear_form(last)
    for step in reversed(steps):
        if form.threshold is not None:
            raise _not_linear(type(last).__name__ + " after " + type(step).__name__)
        matrix, offset = as_matrix(step)
        form = replace(
            form,
            weights=dense(matrix @ form.weights.T).T,
            biases=form.biases + form.weights @ offset,
        )
    inside = form.own

    def scores(z: Any) -> Any:
        for step in steps:
            z = step.transform(z)
        return inside(z) if inside is not None else None

    return replace(form, own=None if inside is None else scores)


def _threshold(forms: list[Form]) -> float | None:
    found = {form.threshold for form in forms}
    if len(found) > 1:
        raise ModelError(
            "Its estimators binarize features at different thresholds; expected the same."
        )
    return found.pop()


def _not_linear(name: str) -> ModelError:
    return ModelError(
        f"The {name} is not linear in the features; expected for example LinearSVC, "
        "LogisticRegression, SGDClassifier, LinearDiscriminantAnalysis or MultinomialNB."
    )


_READERS: dict[str, Callable[[Any], Form]] = {
    "SVC": _of_support_vectors,
    "NuSVC": _of_support_vectors,
    "MultinomialNB": _of_naive_bayes,
    "ComplementNB": _of_naive_bayes,
    "BernoulliNB": _of_naive_bayes,
    "NearestCentroid": _of_centroids,
    "OneVsRestClassifier": _of_one_against_rest,
    "MultiOutputClassifier": _of_outputs,
    "CalibratedClassifierCV": _of_calibrated,
    "StackingClassifier": _of_stack,
    "OutputCodeClassifier": _of_codes,
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
"""Classifiers that have linear ones inside, or look like one, and are none."""
