"""The documents of an experiment: which are chosen, and whose names, classes and predictions."""

from collections.abc import Sequence

import numpy as np
import pytest
from torch import Tensor

from models import random_cnn, random_text
from whyword import InputError
from whyword.batch import Batch
from whyword.data.corpora import Corpus
from whyword.evaluation.documents import Documents, choose_documents
from whyword.models.cnn.model import WordCNN
from whyword.text import Document

MODEL = random_cnn(5, filters={2: 20}, classes=("a", "b", "c"))
CLASSES = ("c", "a", "b")
"""In another order than the model's."""


def corpus() -> Corpus:
    """Texts of 1 to 30 words, named by their number of words."""
    rng = np.random.default_rng(0)
    sizes = rng.permutation(np.arange(1, 31))
    return Corpus(
        tuple(random_text(rng, size) for size in sizes),
        rng.integers(0, 3, len(sizes)),
        CLASSES,
        tuple(f"{size} words" for size in sizes),
    )


def test_long_enough_documents_in_the_order_of_the_corpus() -> None:
    source = corpus()
    found = choose_documents(MODEL, source, minimum_words=12)
    kept = [i for i, text in enumerate(source.texts) if len(text.split()) >= 12]
    assert [document.text for document in found.documents] == [source.texts[i] for i in kept]
    assert found.names == tuple(source.names[i] for i in kept)
    for label, i in zip(found.labels, kept, strict=True):
        assert MODEL.classes[label] == CLASSES[source.labels[i]]
    for document, predicted in zip(found.documents, found.predicted, strict=True):
        assert MODEL(MODEL.encode([document])).argmax() == predicted


def test_a_limit_draws_at_random_by_the_seed() -> None:
    source = corpus()
    drawn = [choose_documents(MODEL, source, minimum_words=5, limit=8, seed=s) for s in (1, 1, 2)]
    assert [len(documents) for documents in drawn] == [8, 8, 8]
    assert drawn[0].names == drawn[1].names
    assert set(drawn[0].names) != set(drawn[2].names)
    first = choose_documents(MODEL, source, minimum_words=5).names[:8]
    assert set(drawn[0].names) != set(first) != set(drawn[2].names)
    for name, document in zip(drawn[0].names, drawn[0].documents, strict=True):
        assert name == f"{len(document)} words"


def test_a_subset_keeps_what_belongs_together() -> None:
    found = choose_documents(MODEL, corpus(), minimum_words=1)
    places = np.array([7, 0, 20])
    part = found.subset(places)
    assert part.names == tuple(found.names[i] for i in places)
    assert part.documents == tuple(found.documents[i] for i in places)
    np.testing.assert_array_equal(part.labels, found.labels[places])
    np.testing.assert_array_equal(part.predicted, found.predicted[places])
    assert (found.labels != found.predicted).any()


class WithoutTokenizer:
    """A classifier that offers no more than it has to."""

    def __init__(self, model: WordCNN) -> None:
        self.model, self.classes = model, model.classes

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        return self.model.encode(texts)

    def embed(self, batch: Batch) -> Tensor:
        return self.model.embed(batch)

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        return self.model.score(embeddings, batch)

    def __call__(self, batch: Batch) -> Tensor:
        result: Tensor = self.model(batch)
        return result


def test_words_are_the_classifiers_own() -> None:
    plain = choose_documents(MODEL, corpus(), minimum_words=10)
    other = choose_documents(WithoutTokenizer(MODEL), corpus(), minimum_words=10)
    assert other.documents == plain.documents
    np.testing.assert_array_equal(other.predicted, plain.predicted)


def test_classes_that_the_model_has_not_are_refused() -> None:
    strange = Corpus(("alpha beta", "beta"), np.array([0, 1]), ("a", "z"), ("one", "two"))
    with pytest.raises(InputError, match=r"classes that the model has not: \['z'\]"):
        choose_documents(MODEL, strange, minimum_words=1)


def test_documents_are_drawn_at_random_and_keep_their_order() -> None:
    documents = Documents(
        tuple(map(str, range(50))),
        tuple(random_cnn().documents(["alpha"] * 50)),
        np.arange(50),
        np.arange(50),
    )
    drawn = documents.drawn(20, seed=1)
    assert len(drawn) == 20
    assert drawn.labels.tolist() == sorted(set(drawn.labels.tolist()))
    assert drawn.labels.tolist() != list(range(20))
    assert drawn.names == tuple(map(str, drawn.labels))
    assert documents.drawn(20, seed=2).names != drawn.names
    assert documents.drawn(99).names == documents.names
