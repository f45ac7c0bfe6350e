"""Hybrid documents and the pointing game."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from documents import explanation_of
from models import Bag
from whyword import InputError, explain
from whyword.data.corpora import Corpus
from whyword.evaluation.pointing import (
    CHANCE,
    POINTING_GAME,
    HybridDocument,
    PointingGame,
    hybrid_documents,
    play,
    pointing_game,
)
from whyword.progress import Progress
from whyword.text import Span, Tokenizer


def corpus(
    classes: tuple[str, str] = ("a", "b"),
    documents: int = 6,
    sentence: str = "{label} one two {number} three four. No.",
) -> Corpus:
    """Documents with one sentence of six words, and one of a single word."""
    texts, labels = [], []
    for number in range(documents):
        labels.append(number % len(classes))
        words = "zero first second third fourth fifth sixth".split()
        texts.append(sentence.format(label=classes[labels[-1]], number=words[number]))
    return Corpus(tuple(texts), np.array(labels), tuple(classes), tuple(texts))


def hybrid(*sentences: tuple[str, str]) -> HybridDocument:
    """A hybrid document of pairs of sentence and class."""
    spans, position = [], 0
    for text, _ in sentences:
        spans.append(Span(position, position + len(text)))
        position += len(text) + 1
    text = "\n".join(text for text, _ in sentences)
    return HybridDocument(text, tuple(spans), tuple(label for _, label in sentences))


def test_each_word_knows_where_it_comes_from() -> None:
    document = hybrid(("alpha beta", "a"), ("gamma", "b"), ("delta", "a"))
    assert [document.text[start:end] for start, end in document.sentences] == [
        "alpha beta",
        "gamma",
        "delta",
    ]
    found = {
        document.text[start:end]: document.class_at(start)
        for start, end in Tokenizer()(document.text).spans
    }
    assert found == {"alpha": "a", "beta": "a", "gamma": "b", "delta": "a"}
    assert document.class_at(len("alpha beta")) == "a"  # the line break belongs to what it ends


def test_sentences_come_whole_from_different_documents() -> None:
    source = corpus(documents=7)
    for document in hybrid_documents(source, 20, sentences_each=5, seed=3):
        sentences = [document.text[start:end] for start, end in document.sentences]
        assert len(set(sentences)) == 5
        assert document.text == "\n".join(sentences)
        for sentence, label in zip(sentences, document.classes, strict=True):
            assert sentence.startswith(f"{label} one two")  # never the sentence of one word
            assert sentence.endswith("three four.")
            place = next(i for i, text in enumerate(source.texts) if text.startswith(sentence))
            assert source.classes[source.labels[place]] == label


def test_the_same_seed_makes_the_same_documents() -> None:
    source = corpus()
    first = hybrid_documents(source, 6, sentences_each=3, seed=1)
    assert first == hybrid_documents(source, 6, sentences_each=3, seed=1)
    assert first[:2] == hybrid_documents(source, 2, sentences_each=3, seed=1)
    assert first != hybrid_documents(source, 6, sentences_each=3, seed=2)


def test_too_few_sentences_are_refused() -> None:
    with pytest.raises(InputError, match="Only 6 documents have a sentence of 5 to 40 words"):
        hybrid_documents(corpus(), 1)
    with pytest.raises(InputError, match="Only 0 documents have a sentence of 7 to 40 words"):
        hybrid_documents(corpus(), 1, shortest=7)
    assert hybrid_documents(corpus(), 1, sentences_each=6, shortest=6, longest=6)
    with pytest.raises(InputError, match="Only 0 documents"):
        hybrid_documents(corpus(), 1, sentences_each=6, shortest=2, longest=5)


def played(relevance: Sequence[int], predicted: str = "a") -> PointingGame:
    """A game of one document: alpha and beta are of class a, gamma of b."""
    document = hybrid(("alpha beta", "a"), ("gamma", "b"))
    scores = {label: float(label == predicted) for label in "abc"}
    rows = np.array(
        [relevance if label == predicted else (9, 9, 9) for label in "abc"], dtype=float
    )
    explanation = explanation_of(
        document.text,
        relevance=rows,
        remainder={"rest": np.array(list(scores.values())) - rows.sum(axis=1)},
    )
    return pointing_game([explanation], [document])


def test_a_hit_is_a_most_relevant_word_of_the_class_explained() -> None:
    assert played((0, 2, 1)).accuracy == 1
    assert played((0, 1, 2)).accuracy == 0
    assert played((-1, -2, -3)).accuracy == 1  # the highest, not the largest
    assert played((0, 1, 2), predicted="b").accuracy == 1
    assert played((0, 5, 5)).accuracy == 1  # the first of equals
    assert played((5, 0, 5), predicted="b").accuracy == 0


def test_chance_is_the_share_of_the_right_words() -> None:
    assert played((0, 1, 2)).chance == pytest.approx([2 / 3])
    assert played((0, 1, 2), predicted="b").chance == pytest.approx([1 / 3])


def test_documents_without_the_predicted_class_do_not_count() -> None:
    with pytest.raises(InputError, match="In no hybrid document"):
        played((0, 1, 2), predicted="c")
    model = Bag({"alpha": (1.0, 0.0, 0.0), "gamma": (0.0, 3.0, 0.0)}, (0.0, 0.0, 0.0))
    documents = [
        hybrid(("alpha", "a"), ("beta", "b")),
        hybrid(("alpha", "b"), ("beta", "c")),  # predicted a
        hybrid(("alpha alpha", "a"), ("gamma", "b")),
    ]
    explanations = explain(model, [document.text for document in documents], targets="predicted")
    game = pointing_game(explanations, documents)
    assert game.left_out == 1
    np.testing.assert_array_equal(game.hits, [1, 1])
    np.testing.assert_allclose(game.chance, [1 / 2, 1 / 3])


def test_a_class_that_the_model_does_not_read_does_not_count() -> None:
    model = Bag({"alpha": (1.0, 0.0)}, (0.0, 5.0))
    model.tokenizer = Tokenizer(max_tokens=1)
    document = hybrid(("alpha", "a"), ("beta", "b"))  # predicted b, of which nothing is read
    with pytest.raises(InputError, match="In no hybrid document"):
        pointing_game([explain(model, document.text)], [document])


def test_a_linear_model_points_at_the_word_that_decides() -> None:
    """By hand: the score of a is 2 + 2 - 1, that of b is 3."""
    model = Bag({"alpha": (2.0, 0.0), "beta": (-1.0, 3.0)}, (0.5, 0.0))
    document = hybrid(("alpha alpha zeta", "a"), ("beta", "b"))
    for method in ("lrp", "gradient_x_input", "integrated_gradients", "occlusion"):
        explanation = explain(model, document.text, method=method, targets="predicted")
        assert explanation.predicted == "a"
        assert pointing_game([explanation], [document]).accuracy == 1


def test_what_does_not_belong_together_is_refused() -> None:
    document = hybrid(("alpha", "a"), ("gamma", "b"))
    other = explanation_of("alpha gamma")
    with pytest.raises(InputError, match="Explanation 0 is not of hybrid document 0"):
        pointing_game([other], [document])
    with pytest.raises(InputError, match="2 explanations of 1"):
        pointing_game([other, other], [document])
    model = Bag({"alpha": (1.0, 0.0)}, (0.0, 0.0))
    with pytest.raises(InputError, match='"a" was not explained'):
        pointing_game([explain(model, document.text, targets="b")], [document])


def test_several_methods_play_on_the_same_documents() -> None:
    model = Bag({"alpha": (1.0, 0.0, 0.0), "gamma": (0.0, 3.0, 0.0)}, (0.0, 0.0, 0.0))
    documents = [
        hybrid(("alpha", "b"), ("beta", "c")),  # predicted a
        hybrid(("alpha", "a"), ("beta", "b")),
        hybrid(("beta alpha alpha", "a"), ("gamma", "b")),
    ]
    told: list[Progress] = []

    rows = play(model, documents, ["lrp", "sa"], progress=told.append)
    assert [(row.method, row.metric) for row in rows] == [
        ("lrp", POINTING_GAME),
        ("sa", POINTING_GAME),
        (CHANCE, POINTING_GAME),
    ]
    np.testing.assert_array_equal(rows[0].values, [np.nan, 1, 1])
    np.testing.assert_allclose(rows[2].values, [np.nan, 1 / 2, 1 / 4])
    assert rows[0].mean == 1
    assert rows[0].documents == ("hybrid 0", "hybrid 1", "hybrid 2")
    assert told == [Progress("pointing game", done, 2) for done in (1, 2)]
    games = [
        pointing_game(explain(model, [d.text for d in documents], method=m), documents)
        for m in ("lrp", "sa")
    ]
    for row, game in zip(rows, games, strict=False):
        np.testing.assert_array_equal(row.values[game.counts], game.hits)
    with pytest.raises(InputError, match="no method to play"):
        play(model, documents, [])
    with pytest.raises(InputError, match='There is no method "lpr"'):
        play(model, documents, ["lpr"])


@pytest.mark.corpus
def test_hybrid_documents_of_20_newsgroups(news20: Mapping[str, Corpus]) -> None:
    documents = hybrid_documents(news20["test"], 5)
    for document in documents:
        assert len(document.sentences) == 10
        assert len(Tokenizer(max_tokens=None)(document.text)) <= 410  # a dot more or less
        assert set(document.classes) <= set(news20["test"].classes)
