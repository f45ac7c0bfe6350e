"""Document vectors: the paper's sums, derived again, and their laws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from models import random_cnn, random_text
from whyword import InputError
from whyword.batch import SPECIAL, Batch
from whyword.classifier import tokenised
from whyword.explainer import explain
from whyword.models.cnn.model import WordCNN
from whyword.models.recurrent import LSTMClassifier
from whyword.survey.vectors import (
    FIGURE_3,
    Weighting,
    document_vectors,
    inverse_document_frequencies,
    unit,
)
from whyword.text import Document

ALL = (*FIGURE_3, "gradient_x_input", "gradient_x_input-elementwise")


def texts_of(seed: int, count: int = 5) -> list[str]:
    rng = np.random.default_rng(seed)
    texts = [random_text(rng, int(n)) for n in rng.integers(1, 9, count)]
    return [*texts, "unknown words", "", "alpha unknown beta"]


def derived(model: WordCNN, text: str, idf: Mapping[str, float]) -> dict[str, NDArray[np.float64]]:
    """Every weighting of one text by loops, from the reference's relevance and gradient."""
    words = text.split()
    vectors = model.vectors.table()[model.vectors.ids(words)].astype(float)
    kernels = [
        (w.detach().double().numpy(), b.detach().double().numpy()) for w, b in model.layers.kernels
    ]
    output = (
        model.output.weight.detach().double().numpy(),
        model.output.bias.detach().double().numpy(),
    )
    scores = reference.forward(vectors, kernels, output)[0]
    target = int(np.argmax(scores))
    relevance = reference.lrp(vectors, kernels, output, target)[1]
    gradient = reference.gradient(vectors, kernels, output, target)
    sums = {name: np.zeros(vectors.shape[1]) for name in ALL}
    for t, (word, w) in enumerate(zip(words, vectors, strict=True)):
        r, g = relevance[t], gradient[t]
        sums["lrp-elementwise"] += r * w
        sums["lrp"] += r.sum() * w
        sums["sum"] += w
        sums["tfidf"] += idf.get(word, idf[""]) * w
        sums["sa-elementwise"] += g**2 * w
        sums["sa"] += (g**2).sum() * w
        sums["sa-l2"] += math.sqrt((g**2).sum()) * w
        sums["gradient_x_input-elementwise"] += g * w * w
        sums["gradient_x_input"] += (g * w).sum() * w
    return {name: d / (np.linalg.norm(d) or 1) for name, d in sums.items()}


@pytest.mark.parametrize("seed", range(4))
def test_vectors_are_the_sums_of_the_paper(seed: int) -> None:
    model, texts = random_cnn(seed, filters={2: 9, 3: 4}).double(), texts_of(seed)
    idf = inverse_document_frequencies(tokenised(model, texts[:3]))
    found = document_vectors(model, texts, weightings=ALL, idf=idf, batch_size=3)
    assert tuple(found) == ALL
    for i, text in enumerate(texts):
        for name, expected in derived(model, text, idf).items():
            np.testing.assert_allclose(found[name][i], expected, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("name", ALL)
def test_lengths_are_one_or_zero(name: str) -> None:
    texts = texts_of(1)
    lengths = np.linalg.norm(
        document_vectors(random_cnn(1), texts, weightings=[name])[name], axis=1
    )
    np.testing.assert_allclose(lengths, [1] * 5 + [0, 0, 1], atol=1e-6)


@given(seed=st.integers(0, 30), batch_size=st.integers(1, 9))
@settings(max_examples=10, deadline=None)
def test_a_batch_gives_what_one_by_one_gives(seed: int, batch_size: int) -> None:
    model, texts = random_cnn(seed).double(), texts_of(seed)
    together = document_vectors(model, texts, weightings=ALL[:3], batch_size=batch_size)
    for i, text in enumerate(texts):
        alone = document_vectors(model, [text], weightings=ALL[:3])
        for name in ALL[:3]:
            np.testing.assert_allclose(together[name][i], alone[name][0], atol=1e-6)


def test_methods_run_together_give_what_they_give_alone() -> None:
    model, texts = random_cnn(3), texts_of(3)
    together = document_vectors(model, texts, weightings=ALL)
    for name in ALL:
        alone = document_vectors(model, texts, weightings=[name])[name]
        np.testing.assert_allclose(together[name], alone, atol=1e-5)


def test_words_alike_in_weight_give_the_plain_sum() -> None:
    """TF-IDF of words that all are in one document of two is the sum; so is repeating a text."""
    model, texts = random_cnn(0), ["alpha beta gamma", "delta kappa"]
    found = document_vectors(model, texts, weightings=["sum", "tfidf"])
    np.testing.assert_allclose(found["tfidf"], found["sum"], atol=1e-6)
    twice = document_vectors(model, [f"{t} {t}" for t in texts], weightings=["sum"])["sum"]
    np.testing.assert_allclose(twice, found["sum"], atol=1e-6)


def test_scaling_the_scores_changes_nothing() -> None:
    model, texts = random_cnn(4).double(), texts_of(4)
    names = ["sa", "sa-elementwise", "gradient_x_input-elementwise"]
    before = document_vectors(model, texts, weightings=names)
    with torch.no_grad():
        model.output.weight *= 7
        model.output.bias.mul_(7)
    for name, after in document_vectors(model, texts, weightings=names).items():
        np.testing.assert_allclose(after, before[name], atol=1e-6)


def test_other_models_by_their_embeddings() -> None:
    torch.manual_seed(0)
    model = LSTMClassifier(random_cnn(0).vectors, ("a", "b"), hidden=4).eval().double()
    text = "alpha gamma beta"
    e = explain(model, text, targets="predicted", components=True)
    table = model.vectors.table()[model.vectors.ids(e.words)].astype(float)
    assert e.components is not None
    expected = unit((e.components[0] * table).sum(axis=0))
    found = document_vectors(model, [text])["lrp-elementwise"][0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_idf_counts_documents_whatever_the_case() -> None:
    documents = tokenised(random_cnn(0), ["Alpha alpha beta", "ALPHA gamma", "delta"])
    idf = inverse_document_frequencies(documents)
    assert idf["alpha"] == math.log(4 / 3)
    assert idf["beta"] == math.log(4 / 2)
    assert idf[""] == math.log(4)


def test_unit_of_tiny_and_zero() -> None:
    np.testing.assert_allclose(
        unit(np.array([[3e-200, 4e-200], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]]
    )


def test_what_cannot_be_is_refused() -> None:
    model = random_cnn(0)
    for name, message in (
        ("lpr", 'Did you mean "lrp"'),
        ("tfidf-elementwise", "There is no weighting"),
        ("occlusion-elementwise", "no components"),
    ):
        with pytest.raises(InputError, match=message):
            document_vectors(model, ["alpha"], weightings=[name])
    with pytest.raises(InputError, match="batch_size 0"):
        document_vectors(model, ["alpha"], batch_size=0)
    with pytest.raises(InputError, match="training mode"):
        document_vectors(random_cnn(0).train(), ["alpha"])
    assert Weighting.named("sa-l2").settings == {"norm": "l2"}
    assert document_vectors(model, [])["lrp-elementwise"].shape == (0, 0)


def test_a_linear_model_has_no_vectors() -> None:
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    pipeline.fit(["good film", "bad film"], ["up", "down"])
    with pytest.raises(InputError, match="have no vectors"):
        document_vectors(pipeline, ["good"])


@pytest.mark.parametrize("weighting", ["sum", "tfidf"])
@pytest.mark.parametrize("none", [-1, SPECIAL])
def test_positions_without_a_word_do_not_count(
    monkeypatch: pytest.MonkeyPatch, weighting: str, none: int
) -> None:
    """As those of a transformer's special tokens."""
    model = random_cnn(0)
    idf = {"alpha": 5.0, "beta": 1.0, "gamma": 2.0, "": 3.0}
    options: dict[str, Any] = {"weightings": [weighting], "idf": idf}
    expected = document_vectors(model, ["beta gamma"], **options)[weighting]
    encode = model.encode

    def with_special_token(texts: Sequence[str | Document]) -> Batch:
        batch = encode(texts)
        words = batch.words.clone()
        words[:, 0] = none
        return replace(batch, words=words)

    monkeypatch.setattr(model, "encode", with_special_token)
    found = document_vectors(model, ["alpha beta gamma"], **options)[weighting]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_vectors_of_a_transformer_by_every_weighting() -> None:
    pytest.importorskip("transformers")
    from transformers_small import model, tokenizer
    from whyword.models.transformer.model import TransformerClassifier

    classifier = TransformerClassifier(model("bert"), tokenizer("wordpiece"))
    texts = ["the shuttle reached its orbit", "café", "it's good", ""]
    found = document_vectors(classifier, texts, weightings=FIGURE_3)
    for weighting, vectors in found.items():
        assert vectors.shape == (4, 32), weighting
        np.testing.assert_allclose(np.linalg.norm(vectors[:3], axis=1), 1, atol=1e-5)
        assert not vectors[3].any()
