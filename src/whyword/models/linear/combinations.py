"""Reads classifiers made of other classifiers, and pipelines in place of a classifier.

Each function takes the combination, and a function that reads the classifiers inside.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from whyword.data.arrays import Floats
from whyword.errors import ModelError
from whyword.models.linear.form import Form, as_columns, not_linear
from whyword.models.linear.matrices import dense
from whyword.models.linear.pipelines import flat
from whyword.models.linear.probing import as_matrix

Read = Callable[[Any], Form]
"""A function from a fitted classifier to its form: weights, biases and what they mean."""


def of_one_against_rest(model: Any, read: Read) -> Form:
    """The form of one classifier for each class or label, against all others."""
    forms = [_single(estimator, read) for estimator in model.estimators_]
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


def of_codes(model: Any, read: Read) -> Form:
    """The form of the nearest code: minus the squared distance, without what codes share."""
    if not all(hasattr(estimator, "decision_function") for estimator in model.estimators_):
        raise ModelError(
            f"The {type(model).__name__} compares probabilities with its codes, which are not "
            "linear; expected estimators with a decision_function, such as LinearSVC."
        )
    forms = [_single(estimator, read) for estimator in model.estimators_]
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


def of_outputs(model: Any, read: Read) -> Form:
    """The form of several outputs, each with a classifier of two classes: they are labels."""
    for classes in model.classes_:
        if len(classes) != 2:
            raise ModelError(
                f"The {type(model).__name__} with an output of {len(classes)} classes decides "
                "several questions at once; explain one output's estimator at a time, behind the "
                "same vectorizer."
            )
    forms = [_single(estimator, read) for estimator in model.estimators_]
    labels = tuple(
        f"{i}" if list(classes) == [0, 1] else f"{i}: {classes[1]}"
        for i, classes in enumerate(model.classes_)
    )
    return _stacked(forms, [c[1] for c in model.classes_], forms[0].meaning, labels)


def of_calibrated(model: Any, read: Read) -> Form:
    """The form of calibrated classifiers: the mean of their scores before calibration."""
    forms = [read(one.estimator) for one in model.calibrated_classifiers_]
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


def of_stack(model: Any, read: Read) -> Form:
    """The form of a stack: linear in scores that are linear in features."""
    if set(model.stack_method_) != {"decision_function"}:
        methods = " and ".join(sorted(set(model.stack_method_) - {"decision_function"}))
        raise ModelError(
            f"The {type(model).__name__} learns from {methods}, which is not linear; expected "
            'stack_method="decision_function".'
        )
    forms = [read(one) for one in model.estimators_]
    weights = np.vstack([form.weights for form in forms])
    biases = np.concatenate([form.biases for form in forms])
    if _threshold(forms) is not None:
        raise not_linear(type(model).__name__)
    if model.passthrough:
        weights = np.vstack([weights, np.eye(weights.shape[1])])
        biases = np.concatenate([biases, np.zeros(weights.shape[1])])
    last = read(model.final_estimator_)
    return Form(
        last.weights @ weights,
        last.biases + last.weights @ biases,
        model.classes_,
        f"{last.meaning} on top of {', '.join(sorted({form.meaning for form in forms}))}",
        getattr(model, "decision_function", None),
    )


def of_pipeline(model: Any, read: Read) -> Form:
    """The form of a pipeline in place of a classifier; all its steps have to be linear."""
    *steps, last = flat(model)
    if any(
        hasattr(step, part) for step in steps[:1] for part in ("build_analyzer", "transformer_list")
    ):
        raise ModelError(
            "The estimators are pipelines that read texts, each with its own "
            f"{type(steps[0]).__name__}; expected one before the classifier that combines them."
        )
    form = read(last)
    for step in reversed(steps):
        if form.threshold is not None:
            raise not_linear(type(last).__name__ + " after " + type(step).__name__)
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


def _single(estimator: Any, read: Read) -> Form:
    """The one score of an estimator of two classes; a constant if it knows one class."""
    if type(estimator).__name__ != "_ConstantPredictor":
        return read(estimator).single
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


def _threshold(forms: list[Form]) -> float | None:
    found = {form.threshold for form in forms}
    if len(found) > 1:
        raise ModelError(
            "Its estimators binarize features at different thresholds; expected the same."
        )
    return found.pop()
