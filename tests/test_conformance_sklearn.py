"""Every estimator of scikit-learn is explained right, or refused by a name that helps."""

import re
from collections.abc import Sequence

import pytest
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

import conformance_sklearn as conformance
from conformance_sklearn import Row
from whyword import Document
from whyword.models.linear import model as linear
from whyword.models.linear.estimators import linear_form
from whyword.models.linear.form import Form
from whyword.models.linear.model import LinearClassifier
from whyword.models.linear.probing import Probe

HELP = re.compile(r"expected|explain|call|choose|take it out")


@pytest.fixture(scope="module")
def table() -> list[Row]:
    return conformance.rows()


def test_each_is_explained_or_refused_and_nothing_else(table: Sequence[Row]) -> None:
    possible = {conformance.EXPLAINED, conformance.REFUSED, conformance.NONE}
    assert [row for row in table if row.verdict not in possible] == []
    verdicts = [row.verdict for row in table]
    assert verdicts.count(conformance.EXPLAINED) > 100
    assert verdicts.count(conformance.REFUSED) > 80


def test_refusals_name_the_estimator_and_say_what_to_do(table: Sequence[Row]) -> None:
    for row in table:
        if row.verdict == conformance.REFUSED:
            name = re.match(r"\w+", row.name)
            assert name is not None
            assert name[0] in row.note, row
            assert HELP.search(row.note), row


def test_what_is_linear_is_explained(table: Sequence[Row]) -> None:
    verdict = {row.name: row.verdict for row in table}
    for name in (
        "LogisticRegression", "LogisticRegressionCV", "LinearSVC", "SGDClassifier", "Perceptron",
        "RidgeClassifier", "RidgeClassifierCV", "LinearDiscriminantAnalysis", "MultinomialNB",
        "ComplementNB", "BernoulliNB", "NearestCentroid", "OneVsRestClassifier",
        "SelfTrainingClassifier", "OutputCodeClassifier", "GridSearchCV(LinearSVC())",
        "ComplementNB(norm=True)", 'NearestCentroid(priors="empirical")',
        "NearestCentroid(shrink_threshold=0.1)", "BernoulliNB(binarize=0.3)",
        "CalibratedClassifierCV(LinearSVC(), ensemble=False)",
        "StackingClassifier(..., passthrough=True)",
        'OneVsRestClassifier(SVC(kernel="linear"))',
    ):  # fmt: skip
        for target in ("two classes", "three classes"):
            assert verdict[f"{name}, {target}"] == conformance.EXPLAINED
    for name in ("RidgeClassifier", "OneVsRestClassifier", "MultiOutputClassifier"):
        assert verdict[f"{name}, labels"] == conformance.EXPLAINED
    for name in ("TruncatedSVD", "MinMaxScaler", "StandardScaler", "FeatureUnion", "SelectKBest"):
        assert verdict[f"{name} as a step"] == conformance.EXPLAINED
    for name in ("SVC", "NuSVC"):
        assert verdict[f'{name}(kernel="linear"), two classes'] == conformance.EXPLAINED
        assert verdict[f'{name}(kernel="linear"), three classes'] == conformance.REFUSED


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    model = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression())
    return model.fit(conformance.TEXTS, conformance.TARGETS["three classes"])


def test_the_table_sees_wrong_words(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> None:
    assert conformance.judge("", pipeline).verdict == conformance.EXPLAINED
    positions = linear.LinearClassifier._positions

    def shifted(
        self: LinearClassifier, document: Document, x: csr_matrix
    ) -> list[tuple[int, int, float]]:
        n = max(len(document), 1)
        return [(f, (word + 1) % n, share) for f, word, share in positions(self, document, x)]

    monkeypatch.setattr(linear.LinearClassifier, "_positions", shifted)
    assert "words do not have" in conformance.judge("", pipeline).verdict


def test_the_table_sees_wrong_scores(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> None:
    form = linear_form

    def other(model: ClassifierMixin) -> Form:
        found = form(model)
        found.biases[0] += 0.1
        return found

    monkeypatch.setattr(linear, "linear_form", other)
    assert conformance.judge("", pipeline).verdict == conformance.REFUSED  # seen by the library
    monkeypatch.setattr(linear.LinearClassifier, "_check", lambda *_: None)
    fresh = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression())
    fresh.fit(conformance.TEXTS, conformance.TARGETS["three classes"])
    assert "wrong: scores" in conformance.judge("", fresh).verdict


def test_the_table_sees_steps_that_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proof, a function that turns columns around passes, and gives the wrong words."""
    name = "FunctionTransformer(lambda x: x[:, ::-1])"
    assert conformance._step(name, conformance.STEPS[name]).verdict == conformance.EXPLAINED
    monkeypatch.setattr(Probe, "stays_apart", lambda *_: True)
    monkeypatch.setattr(Probe, "own_columns", lambda *_: True)
    assert "wrong" in conformance._step(name, conformance.STEPS[name]).verdict
