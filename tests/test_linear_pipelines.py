"""Pipelines of scikit-learn beyond vectorizer and classifier; each derived a second time."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC, NuSVC

from conformance_sklearn import PROBES, TARGETS, TEXTS
from documents import ADVERSARIAL
from whyword import Explanation, InputError, ModelError, explain
from whyword.models.linear import estimators
from whyword.models.linear.coefficients import of_coefficients
from whyword.models.linear.model import LinearClassifier
from whyword.text import Document, Span

TWO, THREE, LABELS = TARGETS.values()
HARD = [*PROBES, "The cat\n\t launched  Space; the APE sat. İstanbul cat-dog ", " ape", ADVERSARIAL]


def decision(pipeline: Pipeline, texts: Sequence[str]) -> NDArray[np.float64]:
    scores = pipeline.decision_function(texts)
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def check(pipeline: Pipeline, texts: Sequence[str] = HARD) -> list[Explanation]:
    """Scores are the pipeline's, and words and remainder add up to them."""
    explanations, expected = explain(pipeline, texts), decision(pipeline, texts)
    for e, scores in zip(explanations, expected, strict=True):
        np.testing.assert_allclose(e.scores, scores, atol=1e-10)
        np.testing.assert_allclose(e.relevance.sum(axis=1) + e.total_remainder, scores, atol=1e-10)
    return explanations


UNION = FeatureUnion(
    [
        ("words", TfidfVectorizer(ngram_range=(1, 2))),
        ("none", "drop"),
        ("parts", make_pipeline(CountVectorizer(analyzer="char_wb"), MaxAbsScaler())),
        ("topics", make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), Normalizer())),
    ],
    transformer_weights={"words": 2, "topics": 0.5},
)  # fmt: skip
SHAPES = {
    "char": [CountVectorizer(analyzer="char", ngram_range=(1, 3))],
    "char_wb": [TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), strip_accents="unicode")],
    "hashed characters": [HashingVectorizer(n_features=64, analyzer="char", ngram_range=(2, 4))],
    "union": [UNION],
    "union, scaled": [UNION, StandardScaler(with_mean=False)],
    "union of words, weighted": [
        make_union(TfidfVectorizer(), CountVectorizer(token_pattern=r"\w")),
        Normalizer("l1"),
    ],
    "topics": [TfidfVectorizer(), TruncatedSVD(4, random_state=0), Normalizer()],
    "centred topics": [
        TfidfVectorizer(), TruncatedSVD(4, random_state=0), StandardScaler(), Normalizer("max"),
        PCA(2, whiten=True), MinMaxScaler(),
    ],
    "nested": [make_pipeline(make_pipeline(CountVectorizer()), "passthrough"), MaxAbsScaler()],
    "union after words": [
        TfidfVectorizer(),
        make_union(SelectKBest(chi2, k=4), make_pipeline(TruncatedSVD(2)), "passthrough"),
    ],
    "single precision": [TfidfVectorizer(dtype=np.float32), TruncatedSVD(3, random_state=0)],
}  # fmt: skip


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("shape", SHAPES)
def test_words_and_remainder_are_the_decision_value(shape: str, y: NDArray[np.object_]) -> None:
    pipeline = make_pipeline(*SHAPES[shape], LinearSVC(random_state=0)).fit(TEXTS, y)
    if shape == "single precision":
        for e, scores in zip(explain(pipeline, HARD), decision(pipeline, HARD), strict=True):
            np.testing.assert_allclose(e.scores, scores, atol=1e-5)
        return
    check(pipeline)


def test_the_last_step_may_be_a_pipeline_and_all_may_be_a_search() -> None:
    last = make_pipeline(MaxAbsScaler(), SelectKBest(chi2, k=5), LogisticRegression())
    pipeline = Pipeline([("words", CountVectorizer()), ("rest", last)])
    check(pipeline.fit(TEXTS, THREE))
    searched = GridSearchCV(pipeline, {"words__ngram_range": [(1, 1), (1, 2)]}, cv=2)
    with pytest.raises(ModelError, match="GridSearchCV is not fitted"):
        explain(searched, "ape")
    found = check(searched.fit(TEXTS, THREE))
    same = explain(searched.best_estimator_, HARD)
    for one, other in zip(found, same, strict=True):
        np.testing.assert_array_equal(one.relevance, other.relevance)


def characters(
    text: str, low: int, high: int, *, padded: bool
) -> Iterator[tuple[str, list[int | None]]]:
    """N-grams of lower-cased ASCII text without double spaces, with the word of each letter."""
    number = 0
    words: list[int | None] = []
    for i, c in enumerate(text):
        words.append(None if c == " " else number)
        number += c == " " and i > 0
    runs = [(text, words)]
    if padded:
        pieces = text.split()
        runs = [(f" {w} ", [k] * (len(w) + 2)) for k, w in enumerate(pieces)]
    for run, owner in runs:
        for n in range(low, high + 1):
            if padded and n >= len(run):
                yield run, [w for c, w in zip(run, owner, strict=True) if c != " "]
                break
            for i in range(len(run) - n + 1):
                name = run[i : i + n]
                inside = [w for c, w in zip(name, owner[i : i + n], strict=True) if c != " "]
                yield name, inside or ([owner[i]] if padded else [])


@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 4), (3, 8)])
def test_characters_share_by_number(analyzer: str, ngrams: tuple[int, int]) -> None:
    """Every n-gram's weight by plain loops: its letters' words, in parts; spaces take nothing."""
    pipeline = make_pipeline(
        CountVectorizer(analyzer=analyzer, ngram_range=ngrams), LogisticRegression()
    ).fit(TEXTS, TWO)
    vocabulary, weights = pipeline[0].vocabulary_, pipeline[1].coef_[0]
    for text in ["the ape sat on ink", "ape", "a e", "of fire and earth"]:
        relevance, between = np.zeros(len(text.split())), 0.0
        for name, words in characters(text, *ngrams, padded=analyzer == "char_wb"):
            weight = weights[vocabulary[name]] if name in vocabulary else 0.0
            between += 0 if words else weight
            for word, parts in Counter(words).items():
                relevance[word] += weight * parts / len(words)
        e = explain(pipeline, text, targets=pipeline.classes_[1])
        assert e.words == text.split()
        np.testing.assert_allclose(e.relevance[0], relevance, atol=1e-12)
        np.testing.assert_allclose(e.remainder.get("between words", [0])[0], between, atol=1e-12)
        np.testing.assert_allclose(e.remainder["bias"], pipeline[1].intercept_)


def test_characters_that_are_no_word_keep_their_part() -> None:
    pipeline = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(2, 2)), LogisticRegression()
    ).fit(["ab! c", "ac b!", "! ab c", "cc ab"], [0, 1, 0, 1])
    weights = dict(zip(pipeline[0].get_feature_names_out(), pipeline[1].coef_[0], strict=True))
    e = explain(pipeline, Document("ab! c", (Span(0, 2), Span(4, 5))), targets="1")
    expected = [weights["ab"] + weights["b!"] / 2, weights[" c"]]
    np.testing.assert_allclose(e.relevance[0], expected)
    np.testing.assert_allclose(e.remainder["between words"], weights["b!"] / 2 + weights["! "])


def test_topics_by_hand() -> None:
    """Normalised topics: x V / |x V| · w, with the norm held constant."""
    pipeline = make_pipeline(
        TfidfVectorizer(), TruncatedSVD(3, random_state=0), Normalizer(), LogisticRegression()
    ).fit(TEXTS, THREE)
    vectorizer, topics, _, model = (step for _, step in pipeline.steps)
    text = "the ape and the fire"
    x = vectorizer.transform([text]).toarray()[0]
    norm = np.sqrt(sum((x @ topics.components_[k]) ** 2 for k in range(3)))
    e = explain(pipeline, text)
    for i, word in enumerate(e.words):
        column = vectorizer.vocabulary_[word]
        for c in range(3):
            weight = sum(topics.components_[k, column] * model.coef_[c, k] for k in range(3))
            expected = x[column] * weight / norm / e.words.count(word)
            np.testing.assert_allclose(e.relevance[c, i], expected, atol=1e-12)
    assert set(e.remainder) == {"bias", "padding"}


def test_a_scale_of_missing_words_is_named() -> None:
    pipeline = make_pipeline(CountVectorizer(), MinMaxScaler((1, 2)), LogisticRegression())
    dense = FunctionTransformer(lambda x: x.toarray())
    pipeline.steps.insert(1, ("dense", dense))
    e = check(pipeline.fit(TEXTS, TWO), ["ape", "fire the"])[0]
    missing = np.delete(pipeline[-1].coef_[0], pipeline[0].vocabulary_["ape"]).sum()
    np.testing.assert_allclose(e.remainder["absent features"], [-missing, missing])


FUNCTIONS = {
    "no more than one": lambda x: x.minimum(1),
    "to arrays": lambda x: x.toarray(),
    "powers": lambda x: np.log1p(x.toarray()) ** 2,
}
MIXING = {
    "by the sum": lambda x: x.toarray() / np.maximum(x.toarray().sum(axis=1, keepdims=True), 1),
    "sorted": lambda x: np.sort(x.toarray(), axis=1),
    "a row's winner": lambda x: x.toarray() * (x.toarray() == x.toarray().max(axis=1)[:, None]),
    "only long rows are turned": lambda x: (
        x.toarray()[:, ::-1] if (x.getnnz(axis=1) > 3).any() else x.toarray()
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_column_are_explained(name: str) -> None:
    step = FunctionTransformer(FUNCTIONS[name], accept_sparse=True)
    pipeline = make_pipeline(CountVectorizer(), step, LogisticRegression()).fit(TEXTS, TWO)
    for e in check(pipeline):
        for word, relevance in zip(e.words, e.relevance[1], strict=True):
            column = pipeline[0].vocabulary_.get(word.lower())
            if column is not None:
                value = step.transform(pipeline[0].transform([e.text]))[0, column]
                share = value / Counter(w.lower() for w in e.words)[word.lower()]
                np.testing.assert_allclose(relevance, share * pipeline[-1].coef_[0, column])


@pytest.mark.parametrize("name", MIXING)
def test_functions_that_mix_columns_are_refused(name: str) -> None:
    step = FunctionTransformer(MIXING[name], accept_sparse=True)
    pipeline = make_pipeline(CountVectorizer(), step, LogisticRegression()).fit(TEXTS, TWO)
    with pytest.raises(ModelError, match="step FunctionTransformer mixes features"):
        explain(pipeline, TEXTS[0] + " fire earth gas")


def test_a_function_is_proved_on_every_text() -> None:
    """One that turns around only what a made-up row and the first texts do not have."""

    def turned(x: csr_matrix) -> NDArray[np.float64] | NDArray[np.int64]:
        x = x.toarray()
        result: NDArray[np.float64] | NDArray[np.int64] = np.where(
            (x == 7).any(axis=1, keepdims=True), x[:, ::-1], x
        )
        return result

    pipeline = make_pipeline(
        CountVectorizer(), FunctionTransformer(turned, accept_sparse=True), LogisticRegression()
    ).fit(TEXTS, TWO)
    classifier = LinearClassifier(pipeline)
    explain(classifier, PROBES)
    with pytest.raises(ModelError, match="FunctionTransformer mixes features"):
        explain(classifier, "ape " * 7)


def test_a_linear_step_is_held_to_it_on_every_text() -> None:
    def bent(x: csr_matrix) -> NDArray[np.float64] | NDArray[np.int64]:
        topics = x.toarray() @ np.arange(3 * x.shape[1]).reshape(-1, 3)
        result: NDArray[np.float64] | NDArray[np.int64] = np.where(
            (x.toarray() == 7).any(axis=1, keepdims=True), topics**2, topics
        )
        return result

    step = FunctionTransformer(bent, accept_sparse=True)
    pipeline = make_pipeline(CountVectorizer(), step, RidgeClassifier()).fit(TEXTS, TWO)
    classifier = LinearClassifier(pipeline)
    explain(classifier, PROBES)
    with pytest.raises(ModelError, match="FunctionTransformer mixes features and is not linear"):
        explain(classifier, "ape " * 7)


def test_a_selection_is_held_to_it() -> None:
    class Turned(SelectKBest):  # type: ignore[misc] # scikit-learn has no types
        def transform(self, x: csr_matrix) -> csr_matrix:
            return super().transform(x)[:, ::-1]

    pipeline = make_pipeline(CountVectorizer(), Turned(chi2, k=5), LogisticRegression())
    with pytest.raises(ModelError, match="step Turned"):
        explain(pipeline.fit(TEXTS, TWO), TEXTS)


@pytest.mark.parametrize("kind", [SVC, NuSVC])
@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_machines_that_vote_are_refused(kind: type[ClassifierMixin], shape: str) -> None:
    model = kind(kernel="linear", decision_function_shape=shape)
    pipeline = make_pipeline(TfidfVectorizer(), model).fit(TEXTS, THREE)
    with pytest.raises(ModelError, match=r"vote, so that.*OneVsRestClassifier"):
        explain(pipeline, "ape")
    check(make_pipeline(TfidfVectorizer(), model).fit(TEXTS, TWO))


@pytest.mark.parametrize("kind", [Ridge, LinearRegression])
def test_numbers_are_no_classes(kind: type[ClassifierMixin]) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), kind()).fit(TEXTS, range(len(TEXTS)))
    with pytest.raises(ModelError, match=f"{kind.__name__} predicts numbers, not classes"):
        explain(pipeline, "ape")


@pytest.mark.parametrize("model", [RidgeClassifier(), OneVsRestClassifier(LogisticRegression())])
def test_labels_are_explained_as_labels(model: ClassifierMixin) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), model).fit(TEXTS, LABELS)
    predicted, scores = pipeline.predict(HARD), pipeline.decision_function(HARD)
    seen = set()
    for i, e in enumerate(explain(pipeline, HARD)):
        assert e.classes == ("0", "1", "2")
        np.testing.assert_allclose(e.scores, scores[i], atol=1e-12)
        assert e.predictions == tuple(str(k) for k in range(3) if predicted[i, k])
        assert e.predicted == (", ".join(e.predictions) or "none")
        assert Explanation.from_json(e.to_json()).predictions == e.predictions
        assert e.index() == (int(e.predictions[0]) if e.predictions else 0)
        seen.add(len(e.predictions))
    assert seen >= {0, 1, 2}
    with pytest.raises(InputError, match=r"Every label.*by itself"):
        explain(pipeline, "ape", targets="predicted")
    assert explain(pipeline, "ape", targets="1").targets == ("1",)
    assert "multilabel" not in json.loads(explain(_plain(), "ape").to_json())


def _plain() -> Pipeline:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, TWO)


def test_calibration_is_explained_before_it_where_it_decides_the_same() -> None:
    pipeline = make_pipeline(
        TfidfVectorizer(), CalibratedClassifierCV(LinearSVC(random_state=0), cv=3)
    ).fit(TEXTS, THREE)
    z = pipeline[0].transform(HARD)
    inside = [one.estimator for one in pipeline[1].calibrated_classifiers_]
    before = np.mean([one.decision_function(z) for one in inside], axis=0)
    same = pipeline.classes_[before.argmax(axis=1)] == pipeline.predict(HARD)
    assert 0 < same.sum() < len(HARD)
    classifier = LinearClassifier(pipeline)
    assert classifier.meaning == "mean of 3: decision value of LinearSVC, before calibration"
    for text, scores, agrees in zip(HARD, before, same, strict=True):
        if agrees:
            np.testing.assert_allclose(explain(classifier, text).scores, scores, atol=1e-10)
        else:
            with pytest.raises(ModelError, match=r"before calibration.*CalibratedClassifierCV"):
                explain(classifier, text)


class Other(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
    def decision_function(self, x: csr_matrix) -> NDArray[np.float64]:
        result: NDArray[np.float64] = super().decision_function(x) ** 3
        return result


def test_another_prediction_or_score_is_an_error() -> None:
    class Late(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
        def predict(self, x: csr_matrix) -> NDArray[np.object_]:
            found = super().predict(x)
            other = np.where(found == "rest", "elements", "rest")
            return np.where(x.getnnz(axis=1) > 5, other, found)

    pipeline = make_pipeline(TfidfVectorizer(), Late()).fit(TEXTS, TWO)
    classifier = LinearClassifier(pipeline)
    explain(classifier, "ape")
    with pytest.raises(ModelError, match=r"does not predict what Late\.predict says of 'the ape"):
        explain(classifier, ["ape", "the ape and fire on earth of gas hat"])
    cubed = make_pipeline(TfidfVectorizer(), Other()).fit(TEXTS, TWO)
    with pytest.raises(ModelError, match="scores found for the Other are not its own"):
        explain(cubed, "ape")


def test_votes_would_be_seen_without_their_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wrong: pairs' decision values taken for classes'."""
    pipeline = make_pipeline(TfidfVectorizer(), SVC(kernel="linear")).fit(TEXTS, THREE)
    monkeypatch.setitem(estimators._READERS, "SVC", of_coefficients)
    with pytest.raises(ModelError, match="are not its own"):
        explain(pipeline, TEXTS)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (LogisticRegression(), "Got a LogisticRegression that is no pipeline"),
        (
            make_pipeline(TfidfVectorizer(), TruncatedSVD(2), Binarizer(), LogisticRegression()),
            "step Binarizer is not linear, after a step that mixes",
        ),
        (
            make_pipeline(TfidfVectorizer(), TruncatedSVD(2), BernoulliNB()),
            "BernoulliNB binarizes features that are mixed",
        ),
        (
            make_pipeline(
                FeatureUnion([("length", FunctionTransformer(lambda t: [[len(x)] for x in t]))]),
                LogisticRegression(),
            ),
            "first step is FunctionTransformer",
        ),
        (
            make_pipeline(
                TfidfVectorizer(), OneVsRestClassifier(make_pipeline(PCA(2), BernoulliNB()))
            ),
            "BernoulliNB after PCA",
        ),
    ],
)  # fmt: skip
def test_refusals(pipeline: Pipeline, message: str) -> None:
    if hasattr(pipeline, "steps"):
        pipeline.fit(TEXTS, TWO)
    with pytest.raises(ModelError, match=message):
        explain(pipeline, TEXTS[:2])


def test_tables_and_files_are_refused(tmp_path: Path) -> None:
    table = make_pipeline(ColumnTransformer([("a", CountVectorizer(), 0)]), LogisticRegression())
    table.fit(np.array(TEXTS, dtype=object)[:, None], TWO)
    with pytest.raises(ModelError, match="ColumnTransformer, which reads tables"):
        explain(table, "ape")
    paths = [tmp_path / f"{i}.txt" for i in range(len(TEXTS))]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text)
    files = make_pipeline(CountVectorizer(input="filename"), LogisticRegression()).fit(paths, TWO)
    with pytest.raises(ModelError, match='input="filename" and reads files'):
        explain(files, "ape")


def test_words_are_found_where_the_vectorizer_finds_them() -> None:
    pattern = CountVectorizer(token_pattern=r"\b(cat|dog)\b")
    pipeline = make_pipeline(pattern, LogisticRegression()).fit(["cat", "dog cat"], [0, 1])
    e = explain(pipeline, "concat a cat")
    assert (e.words, e.spans) == (["cat"], (Span(9, 12),))
    turned = make_pipeline(CountVectorizer(preprocessor=lambda t: t[::-1]), LogisticRegression())
    with pytest.raises(InputError, match="character by character"):
        explain(turned.fit(TEXTS, TWO), "the ape")


def test_texts_together_give_what_each_gives_alone() -> None:
    pipeline = make_pipeline(UNION, LinearSVC(random_state=0)).fit(TEXTS, THREE)
    for e, text in zip(explain(pipeline, HARD), HARD, strict=True):
        np.testing.assert_allclose(e.relevance, explain(pipeline, text).relevance, atol=1e-12)
