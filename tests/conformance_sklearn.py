"""Every classifier and transformer of scikit-learn in a pipeline: explained, or refused by name.

``rows()`` is the table that the tests check and the documentation prints. An explanation counts as
right if its scores are those that `reference` computes with scikit-learn alone, if it predicts what
the pipeline predicts, and if every word's relevance is what the score loses without the word's
feature.
"""

import warnings
from collections.abc import Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin, TransformerMixin, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, Normalizer
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.utils import all_estimators

from whyword import Explanation, InputError, ModelError, explain
from whyword.models.linear.model import LinearClassifier

EXPLAINED, REFUSED, NONE = "explained", "refused", "no such pipeline"


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        name: The estimator, and what it was fitted on.
        verdict: "explained", "refused", "no such pipeline" if scikit-learn does not fit it on
            texts, or what is wrong.
        note: What the scores are; or the refusal.
    """

    name: str
    verdict: str
    note: str


def _texts(seed: int = 0) -> tuple[list[str], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    own = [["ape", "bee", "cow", "dog"], ["earth", "fire", "gas"], ["hat", "ink", "jar", "key"]]
    common = ["on", "the", "and", "of"]
    texts, labels = [], []
    for i in range(36):
        kind = i % 3
        chosen = [
            *rng.choice(own[kind], 3),
            *rng.choice(common, 3),
            rng.choice(own[(kind + 1) % 3]),
        ]
        texts.append(" ".join(rng.permutation(chosen)))
        labels.append(kind)
    return texts, np.array(labels)


TEXTS, THREE = _texts()
NAMES = np.array(["animals", "elements", "things"], dtype=object)
TARGETS = {
    "two classes": np.where(THREE == 1, "elements", "rest").astype(object),
    "three classes": NAMES[THREE],
    "labels": np.array([["the" in t, "ape" in t, "ink" in t or "gas" in t] for t in TEXTS], int),
}
PROBES = [*TEXTS[:6], "the ape the ape sat unseen", "fire", "", "cow and ink of earth on fire"]

LINEAR = LinearSVC(random_state=0)
GIVEN = {
    "CalibratedClassifierCV": {"estimator": LINEAR, "cv": 3},
    "ClassifierChain": {"estimator": LINEAR},
    "FixedThresholdClassifier": {"estimator": LogisticRegression()},
    "MultiOutputClassifier": {"estimator": LINEAR},
    "OneVsOneClassifier": {"estimator": LINEAR},
    "OneVsRestClassifier": {"estimator": LINEAR},
    "OutputCodeClassifier": {"estimator": LINEAR},
    "RadiusNeighborsClassifier": {"radius": 100.0},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "StackingClassifier": {"estimators": [("a", LINEAR), ("b", LogisticRegression())], "cv": 3},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression(), "cv": 3},
    "VotingClassifier": {"estimators": [("a", LINEAR), ("b", LogisticRegression())]},
    "ColumnTransformer": {"transformers": [("a", MaxAbsScaler(), [0, 1, 2])]},
    "FeatureUnion": {"transformer_list": [("a", TruncatedSVD(2)), ("b", SelectKBest(chi2, k=3))]},
    "RFE": {"estimator": LINEAR},
    "RFECV": {"estimator": LINEAR, "cv": 3},
    "SelectFromModel": {"estimator": LINEAR},
    "SequentialFeatureSelector": {"estimator": LINEAR, "n_features_to_select": 3, "cv": 2},
    "SelectKBest": {"k": 5},
    "SelectPercentile": {"percentile": 60},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 5},
    "SelectFdr": {"alpha": 0.5},
    "SelectFwe": {"alpha": 0.5},
    "SparseCoder": {"dictionary": np.eye(4, 15)},
    "VarianceThreshold": {"threshold": 0.01},
    "CategoricalNB": {"min_categories": 2},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.5, "solver": "eigen"},
    "OneHotEncoder": {"handle_unknown": "ignore"},
    "OrdinalEncoder": {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    "StackingRegressor": {"estimators": [("a", Ridge())]},
    "VotingRegressor": {"estimators": [("a", Ridge())]},
}
MORE = {
    'SVC(kernel="linear")': SVC(kernel="linear"),
    'NuSVC(kernel="linear")': NuSVC(kernel="linear", nu=0.3),
    'OneVsRestClassifier(SVC(kernel="linear"))': OneVsRestClassifier(SVC(kernel="linear")),
    "OneVsRestClassifier(MultinomialNB())": OneVsRestClassifier(MultinomialNB()),
    "MultiOutputClassifier(BernoulliNB())": MultiOutputClassifier(BernoulliNB()),
    "ComplementNB(norm=True)": ComplementNB(norm=True),
    "BernoulliNB(binarize=0.3)": BernoulliNB(binarize=0.3),
    'NearestCentroid(metric="manhattan")': NearestCentroid(metric="manhattan"),
    "NearestCentroid(shrink_threshold=0.1)": NearestCentroid(shrink_threshold=0.1),
    'NearestCentroid(priors="empirical")': NearestCentroid(priors="empirical"),
    "CalibratedClassifierCV(LinearSVC(), ensemble=False)": CalibratedClassifierCV(
        LINEAR, ensemble=False, cv=3
    ),
    'CalibratedClassifierCV(MultinomialNB(), method="isotonic")': CalibratedClassifierCV(
        MultinomialNB(), method="isotonic", cv=3
    ),
    "GridSearchCV(LinearSVC())": GridSearchCV(LINEAR, {"C": [0.1, 1]}, cv=2),
    "GridSearchCV(make_pipeline(TruncatedSVD(), LinearSVC()))": GridSearchCV(
        make_pipeline(TruncatedSVD(3, random_state=0), LINEAR), {"linearsvc__C": [0.1, 1]}, cv=2
    ),
    "OneVsRestClassifier(make_pipeline(MaxAbsScaler(), TruncatedSVD(), LinearSVC()))": (
        OneVsRestClassifier(make_pipeline(MaxAbsScaler(), TruncatedSVD(3, random_state=0), LINEAR))
    ),
    "StackingClassifier(..., stack_method='decision_function')": StackingClassifier(
        [("a", LINEAR), ("b", LogisticRegression())], stack_method="decision_function", cv=3
    ),
    "StackingClassifier(..., passthrough=True)": StackingClassifier(
        [("a", LINEAR)], stack_method="decision_function", passthrough=True, cv=3
    ),
    'VotingClassifier(voting="soft")': VotingClassifier(
        [("a", LogisticRegression()), ("b", MultinomialNB())], voting="soft"
    ),
}
STEPS = {
    "PCA(whiten=True)": PCA(4, whiten=True),
    "FunctionTransformer(np.log1p)": FunctionTransformer(np.log1p),
    "FunctionTransformer(lambda x: x.sqrt())": FunctionTransformer(lambda x: x.sqrt()),
    "FunctionTransformer(lambda x: x > 0.2)": FunctionTransformer(lambda x: x > 0.2),
    "FunctionTransformer(lambda x: x[:, ::-1])": FunctionTransformer(lambda x: x[:, ::-1]),
    "FunctionTransformer(lambda x: x[:, :3])": FunctionTransformer(lambda x: x[:, :3]),
    "FunctionTransformer(lambda x: x / x.sum())": FunctionTransformer(
        lambda x: csr_matrix(x / np.maximum(x.sum(axis=1), 1))
    ),
}
DENSE = FunctionTransformer(lambda x: x.toarray() if issparse(x) else x)


def rows() -> list[Row]:
    """The whole table."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, kind in all_estimators(type_filter="classifier"):
            for target, y in TARGETS.items():
                found.append(_classifier(f"{name}, {target}", kind(**_settings(name, kind)), y))
        for name, model in MORE.items():
            for target, y in TARGETS.items():
                found.append(_classifier(f"{name}, {target}", model, y))
        for name, kind in all_estimators(type_filter="transformer"):
            try:
                step = kind(**_settings(name, kind))
            except TypeError as error:
                found.append(Row(f"{name} as a step", NONE, str(error)))
                continue
            found.append(_step(f"{name} as a step", step))
        found += [_step(f"{name} as a step", step) for name, step in STEPS.items()]
    return found


def reference(
    pipeline: Pipeline, texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """``(text, score)`` by scikit-learn alone, and its predictions as ``(text, score)`` bool."""
    model, z = pipeline[-1], pipeline[:-1].transform(texts)
    scores, predicted = _scores(model, z), np.asarray(pipeline.predict(texts))
    if predicted.ndim == 2:
        positive = [c[1] for c in model.classes_] if isinstance(model.classes_, list) else 1
        return scores, predicted == positive
    if scores.shape[1] == 1:
        scores = np.hstack([-scores, scores])
    return scores, predicted[:, None] == np.asarray(model.classes_)


def _scores(model: ClassifierMixin, z: csr_matrix) -> NDArray[np.float64]:  # noqa: PLR0911 one for each kind
    result: NDArray[np.float64]
    if hasattr(model, "best_estimator_"):
        return _scores(model.best_estimator_, z)
    if hasattr(model, "calibrated_classifiers_"):
        inside = [one.estimator for one in model.calibrated_classifiers_]
        result = np.mean([_scores(one, z) for one in inside], axis=0)
        return result
    if isinstance(model, MultiOutputClassifier):
        return np.hstack([_for_second(one, z) for one in model.estimators_])
    if isinstance(model, OneVsRestClassifier) and not hasattr(model, "decision_function"):
        return np.hstack([_for_second(one, z) for one in model.estimators_])
    if isinstance(model, OutputCodeClassifier):
        values = np.hstack([_for_second(one, z) for one in model.estimators_])
        distances = pairwise_distances(values, model.code_book_) ** 2
        result = (values**2).sum(axis=1)[:, None] - distances
        return result
    if isinstance(model, NearestCentroid):
        if np.allclose(model.class_prior_, model.class_prior_[0]):
            distances = pairwise_distances(z, model.centroids_) ** 2
            square = np.asarray((z.multiply(z) if issparse(z) else z * z).sum(axis=1)).ravel()
            result = square[:, None] - distances
            return result
        scale = np.where(model.within_class_std_dev_ == 0, 1, model.within_class_std_dev_)
        scaled = (z.toarray() if issparse(z) else z) / scale
        distances = pairwise_distances(scaled, model.centroids_ / scale) ** 2
        result = (scaled**2).sum(axis=1)[:, None] - distances + 2 * np.log(model.class_prior_)
        return result
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(z))
    else:
        scores = model.predict_joint_log_proba(z)
    return scores[:, None] if scores.ndim == 1 else scores


def _for_second(model: ClassifierMixin, z: csr_matrix) -> NDArray[np.float64]:
    scores = _scores(model, z)
    return scores if scores.shape[1] == 1 else scores[:, 1:] - scores[:, :1]


def _settings(name: str, kind: type[ClassifierMixin]) -> dict[str, Any]:
    settings = dict(GIVEN.get(name, {}))
    known = signature(kind).parameters
    if "n_components" in known:
        one = name in ("CCA", "PLSCanonical", "PLSRegression", "PLSSVD")
        settings["n_components"] = 1 if one else 3
    if name == "LinearDiscriminantAnalysis":
        settings["n_components"] = 1
    if "random_state" in known:
        settings["random_state"] = 0
    if "n_estimators" in known:
        settings["n_estimators"] = 5
    return settings


def _fitted(*steps: ClassifierMixin, y: NDArray[np.int64] | NDArray[np.object_]) -> str | Pipeline:
    """The pipeline, with dense values if it does not take sparse ones; or why there is none."""
    for between in ([], [DENSE]):
        pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), *between, *steps)
        try:
            fitted = pipeline.fit(TEXTS, y)
            fitted.predict(PROBES)
            return fitted
        except Exception as error:  # scikit-learn's own, which are many
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
    return reason


def _classifier(
    name: str, model: ClassifierMixin, y: NDArray[np.int64] | NDArray[np.object_]
) -> Row:
    pipeline = _fitted(model, y=y)
    return Row(name, NONE, pipeline) if isinstance(pipeline, str) else judge(name, pipeline)


def _step(name: str, step: TransformerMixin) -> Row:
    if is_classifier(step) and not hasattr(step, "transform"):
        return Row(name, NONE, "")
    pipeline = _fitted(step, LogisticRegression(C=10), y=THREE)
    return Row(name, NONE, pipeline) if isinstance(pipeline, str) else judge(name, pipeline)


def judge(name: str, pipeline: Pipeline) -> Row:
    """One row: explain, and derive everything a second time."""
    try:
        explanations = explain(pipeline, PROBES)
        meaning = LinearClassifier(pipeline).meaning
    except (ModelError, InputError) as error:
        return Row(name, REFUSED, str(error))
    except Exception as error:
        return Row(name, f"crashed: {type(error).__name__}", str(error))
    return Row(name, wrong(pipeline, explanations) or EXPLAINED, meaning)


def wrong(pipeline: Pipeline, explanations: Sequence[Explanation]) -> str | None:
    """What is wrong with explanations of the probes; None if nothing is."""
    scores, predicted = reference(pipeline, PROBES)
    base, rest = _linear_part(pipeline)
    for i, (text, e) in enumerate(zip(PROBES, explanations, strict=True)):
        if not np.allclose(e.scores, scores[i], rtol=1e-10, atol=1e-10):
            return f"wrong: scores {e.scores} for {scores[i]}"
        if not np.allclose(e.relevance.sum(axis=1) + e.total_remainder, e.scores, atol=1e-10):
            return "wrong: words and remainder are not the score"
        expected = {name for name, is_it in zip(e.classes, predicted[i], strict=True) if is_it}
        best = max(e.scores)
        tie = sum(s > best - 1e-9 for s in e.scores) > 1 and not e.multilabel
        if set(e.predictions) != expected and not tie:
            return f"wrong: {e.predictions} predicted for {expected}"
        lost = _lost(pipeline, base[i], rest)
        words = text.split()
        relevance = np.zeros_like(e.relevance)
        for w, word in enumerate(words):
            column = pipeline[0].vocabulary_.get(word)
            if column is not None:
                relevance[:, w] = lost[column] / words.count(word)
        if not np.allclose(e.relevance, relevance, atol=1e-10):
            return "wrong: words do not have what the score loses without them"
    return None


def _linear_part(
    pipeline: Pipeline,
) -> tuple[list[tuple[NDArray[np.float64] | csr_matrix, NDArray[np.int64]]], list[ClassifierMixin]]:
    """Values of the vocabulary's columns for the probes, and what is linear after them.

    Steps that leave columns in their places, and selections, give values of n-grams; the first
    other step and what comes after it are taken as part of the classifier.
    """
    columns = np.arange(len(pipeline[0].vocabulary_))
    values, steps = pipeline[0].transform(PROBES), [step for _, step in pipeline.steps[1:-1]]
    while steps:
        found = steps[0].transform(values)
        if hasattr(steps[0], "get_support"):
            columns = columns[steps[0].get_support()]
        elif not _in_place(steps[0], values, found):
            break
        values, steps = found, steps[1:]
    rows = [values[i : i + 1] for i in range(len(PROBES))]
    return [(row, columns) for row in rows], [*steps, pipeline[-1]]


def _dense(values: csr_matrix | NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy."""
    return values.copy() if isinstance(values, np.ndarray) else values.toarray()


def _in_place(
    step: TransformerMixin,
    values: csr_matrix | NDArray[np.float64],
    found: csr_matrix | NDArray[np.float64],
) -> bool:
    """Whether a change of one column changes this column alone, but for a norm's common factor."""
    if isinstance(step, Normalizer | TfidfTransformer):
        return True
    if found.shape != values.shape:
        return False
    was = _dense(found)
    for column in range(values.shape[1]):
        changed = _dense(values)
        changed[:, column] = 0
        now = step.transform(csr_matrix(changed) if issparse(values) else changed)
        differs = (now.toarray() if issparse(now) else now) != was
        if np.delete(differs, column, axis=1).any():
            return False
    return True


def _lost(
    pipeline: Pipeline, base: tuple[csr_matrix, NDArray[np.int64]], rest: Sequence[ClassifierMixin]
) -> NDArray[np.float64]:
    """``column of the vocabulary -> (score,)`` what scores lose with the value of one column."""
    row, columns = base
    dense = row.toarray() if issparse(row) else np.array(row, float)
    without = np.repeat(dense, len(columns) + 1, axis=0)
    without[np.arange(len(columns)), np.arange(len(columns))] = 0
    z = csr_matrix(without) if issparse(row) else without
    for step in rest[:-1]:
        z = step.transform(z)
    scores = _scores(rest[-1], z)
    if scores.shape[1] == 1 and not isinstance(pipeline.classes_, list):
        scores = np.hstack([-scores, scores])
    lost = np.zeros((len(pipeline[0].vocabulary_), scores.shape[1]))
    lost[columns] = np.where(dense.T != 0, scores[-1] - scores[:-1], 0)
    return lost


__all__ = ["EXPLAINED", "NONE", "REFUSED", "Row", "judge", "rows"]
