"""Linear pipelines of scikit-learn: exact, on the original text."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.decomposition import NMF
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

import whyword
from documents import ADVERSARIAL
from whyword import InputError, ModelError, explain
from whyword.classifier import Classifier
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.models.linear.model import LinearClassifier
from whyword.models.linear.ngrams import Analyzer
from whyword.text import Document, Span
from whyword.training.linear import train_linear
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

TEXTS = [
    "the cat sat on the mat",
    "dogs and cats are Ärger",
    "a dog barked at the cat",
    "space launch tomorrow",
    "the launch of space ship",
    "space space dog",
]
TWO = ["n", "n", "n", "p", "p", "p"]
THREE = [0, 0, 0, 1, 1, 2]
PROBES = [
    *TEXTS,
    "The cat\n launched Space; the DOG sat. İstanbul cat-dog",
    "",
    "ĳs ¼ cat",
    ADVERSARIAL,
]
DENSE = FunctionTransformer(lambda x: getattr(x, "toarray", lambda: x)(), accept_sparse=True)

VECTORIZERS = {
    "tfidf": TfidfVectorizer(ngram_range=(1, 2)),
    "count": CountVectorizer(stop_words="english", strip_accents="unicode"),
    "hashing": HashingVectorizer(n_features=16, ngram_range=(1, 3)),
    "cased": TfidfVectorizer(sublinear_tf=True, lowercase=False, token_pattern=r"\b(\w+)-?"),
    "binary": CountVectorizer(binary=True, ngram_range=(2, 2), max_df=3),
}
BETWEEN = {
    "nothing": [],
    "tfidf": [TfidfTransformer()],
    "selection": [SelectKBest(chi2, k=5)],
    "scaled": [MaxAbsScaler()],
    "centred": [DENSE, StandardScaler()],
}
MODELS = {
    "svm": LinearSVC(),
    "logistic": LogisticRegression(),
    "sgd": SGDClassifier(random_state=0),
    "lda": LinearDiscriminantAnalysis(),
    "ridge": RidgeClassifier(),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(),
    "bernoulli": BernoulliNB(),
}


def decision(pipeline: Pipeline, texts: Sequence[str]) -> NDArray[np.float64]:
    """``(text, class)`` as scikit-learn has it; of two classes, for and against the second."""
    if hasattr(pipeline, "decision_function"):
        scores = pipeline.decision_function(texts)
    else:
        scores = pipeline[-1].predict_joint_log_proba(pipeline[:-1].transform(texts))
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def possible(vectorizer: str, between: str, model: str) -> bool:
    """Naive Bayes and chi2 need values that are not negative; selection needs five features."""
    negative = vectorizer == "hashing" or between == "centred"
    needs_positive = model in ("multinomial", "complement") or between == "selection"
    return not (negative and needs_positive) and (vectorizer, between) != ("binary", "selection")


CASES = [case for case in product(VECTORIZERS, BETWEEN, MODELS) if possible(*case)]


@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(("vectorizer", "between", "model"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_words_and_remainder_make_the_decision_function(
    vectorizer: str, between: str, model: str, labels: Sequence[int | str]
) -> None:
    steps = [VECTORIZERS[vectorizer], *BETWEEN[between]]
    steps += [DENSE] if model == "lda" else []
    pipeline = make_pipeline(*steps, MODELS[model]).fit(TEXTS, labels)
    expected = decision(pipeline, PROBES)
    for i, e in enumerate(explain(pipeline, PROBES)):
        assert e.classes == tuple(map(str, pipeline.classes_))
        np.testing.assert_allclose(e.scores, expected[i], atol=1e-9)
        np.testing.assert_allclose(e.relevance.sum(axis=1) + e.total_remainder, e.scores, atol=1e-9)


def test_shares_by_hand() -> None:
    """Counts of 'b' and of 'a b', a b twice, weights known."""
    pipeline = make_pipeline(
        CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w"), LogisticRegression()
    ).fit(["a b", "b b c", "c a"], ["x", "y", "y"])
    vocabulary, weights = pipeline[0].vocabulary_, pipeline[1].coef_[0]
    e = explain(pipeline, "A b, B! ~ a b", targets="y")
    w = {name: weights[column] for name, column in vocabulary.items()}
    pair = w["a b"] / 2
    again = w["b b"] / 2
    expected = [
        w["a"] + pair,
        w["b"] + pair + again,
        w["b"] + again,
        w["a"] + pair,
        w["b"] + pair,
    ]
    np.testing.assert_allclose(e.relevance[0], expected)
    assert e.words == ["A", "b", "B", "a", "b"]
    np.testing.assert_allclose(e.remainder["bias"], pipeline[1].intercept_)
    opposite = explain(pipeline, "A b, B! ~ a b", targets="x")
    np.testing.assert_allclose(opposite.relevance, -e.relevance)


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("accents", [None, "ascii", "unicode"])
def test_any_text_is_found_again(accents: str | None, text: str) -> None:
    analyzer = Analyzer(
        CountVectorizer(ngram_range=(1, 2), strip_accents=accents, token_pattern=r"\w+")
    )
    document = analyzer.document(text)
    ngrams = analyzer.ngrams(document)
    assert all(0 <= word < len(document) for ngram in ngrams for word in ngram.words)
    if accents is None and text.lower() == text:
        assert [n.name for n in ngrams if len(n.words) == 1] == document.words


def test_methods_agree_on_a_linear_model() -> None:
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC()).fit(TEXTS, THREE)
    assert isinstance(LinearClassifier(pipeline), Classifier)
    exact = explain(pipeline, PROBES)
    for method in ("gradient_x_input", "integrated_gradients"):
        for e, other in zip(exact, explain(pipeline, PROBES, method=method), strict=True):
            np.testing.assert_allclose(other.relevance, e.relevance, atol=1e-9)
    for e in explain(pipeline, PROBES, method="sa"):
        assert (e.relevance >= 0).all()
    single = make_pipeline(TfidfVectorizer(), LinearSVC()).fit(TEXTS, THREE)
    left_out = explain(single, TEXTS[0], method="occlusion")
    np.testing.assert_allclose(left_out.relevance, explain(single, TEXTS[0]).relevance, atol=1e-12)


def test_documents_of_another_tokenizer_keep_their_words() -> None:
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, TWO)
    text = "the cat sat"
    halves = Document(text, (Span(0, 7), Span(8, 11)))
    e = explain(pipeline, halves)
    whole = explain(pipeline, text)
    assert e.words == ["the cat", "sat"]
    np.testing.assert_allclose(e.relevance[:, 0], whole.relevance[:, :2].sum(axis=1))
    with_gap = explain(pipeline, Document(text, (Span(0, 3),)))
    assert with_gap.remainder["between words"].any()


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([CountVectorizer(analyzer=str.split), LogisticRegression()], "a function as its analyzer"),
        ([CountVectorizer(), NMF(2), LogisticRegression()], "NMF mixes features"),
        ([CountVectorizer(), RandomForestClassifier(3)], "RandomForestClassifier is not linear"),
        ([DENSE, LogisticRegression()], "first step is FunctionTransformer"),
        ([LogisticRegression()], "fewer than two steps"),
    ],
)
def test_what_is_not_linear_in_words_is_refused(
    steps: Sequence[BaseEstimator], message: str
) -> None:
    texts = TEXTS if hasattr(steps[0], "build_analyzer") else np.eye(6)
    pipeline = make_pipeline(*steps).fit(texts, TWO)
    with pytest.raises(ModelError, match=message):
        explain(pipeline, "a cat")


def test_unfitted_pipelines_are_refused() -> None:
    with pytest.raises(ModelError, match="not fitted"):
        explain(make_pipeline(CountVectorizer(), LogisticRegression()), "a")
    hashed = make_pipeline(HashingVectorizer(), LogisticRegression())
    with pytest.raises(ModelError, match="not fitted"):
        explain(hashed, "a")


def test_functions_that_lose_the_words_are_refused() -> None:
    pipeline = make_pipeline(CountVectorizer(preprocessor=lambda t: t[::2]), LogisticRegression())
    with pytest.raises(InputError, match="character by character"):
        explain(pipeline.fit(TEXTS, TWO), "the cat")
    stemming = make_pipeline(
        CountVectorizer(tokenizer=lambda t: ["stem:" + w for w in t.split()], token_pattern=None),
        LogisticRegression(),
    ).fit(TEXTS, TWO)
    with pytest.raises(InputError, match="does not stand in the text"):
        explain(stemming, "the cat")
    with pytest.raises(InputError, match="expected a text"):
        explain(make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, TWO), [3])  # type: ignore[list-item]


@pytest.fixture
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    words = [["cat", "dog", "mat"], ["space", "ship", "launch"], ["car", "road", "wheel"]]
    texts = [" ".join([*rng.choice(words[y], 5), "the"]) for y in labels]
    return Corpus(tuple(texts), labels, ("animals", "space", "cars"), tuple(map(str, range(60))))


def test_it_trains_and_is_saved_without_a_pickle(corpus: Corpus, tmp_path: Path) -> None:
    chosen = Recipe(kind="linear")
    report = train_model(chosen, corpus, tmp_path, test=corpus, about="a test")
    assert report["test"]["accuracy"] == 1
    assert report["validation_accuracy"] == 1
    left = [file for file in tmp_path.iterdir() if not file.name.startswith(".")]
    assert {file.suffix for file in left} == {".json", ".safetensors"}
    loaded = whyword.load(tmp_path)
    original, _ = train_linear(corpus)
    before, after = explain(original, corpus.texts[:5]), explain(loaded, corpus.texts[:5])
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one.relevance, other.relevance, atol=1e-6)
        assert one.classes == other.classes
    assert explain(loaded, "a ship on the road").predicted in ("space", "cars")


def test_damaged_linear_models_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    train_model(Recipe(kind="linear"), corpus, tmp_path)
    (tmp_path / "vocabulary.json").write_text('["cat"]')
    with pytest.raises(ModelError, match="damaged"):
        whyword.load(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        whyword.load(tmp_path)


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    for steps in ([CountVectorizer()], [TfidfVectorizer(), MaxAbsScaler()]):
        pipeline = make_pipeline(*steps, LogisticRegression()).fit(TEXTS, TWO)
        with pytest.raises(ModelError, match="can be saved"):
            store.save(LinearClassifier(pipeline), tmp_path)


def test_settings_of_training(corpus: Corpus) -> None:
    _, history = train_linear(corpus, ngrams=1)
    assert history.penalty in history.validation_accuracy
    with pytest.raises(InputError, match="Got ngrams 0; expected a whole number"):
        train_linear(corpus, ngrams=0)
    with pytest.raises(InputError, match="no filters"):
        Recipe(kind="linear", settings={"filters": {}})
