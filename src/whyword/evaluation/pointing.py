"""The pointing game on hybrid documents (Poerner, Roth and Schütze 2018).

A hybrid document is made of sentences from documents of different classes. If a classifier predicts
one of these classes, the evidence is in the sentences of that class, so the most relevant word
should stand in one of them. Nobody has to mark words by hand.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whyword.data.arrays import Bools, Floats
from whyword.data.corpora import Corpus
from whyword.errors import InputError
from whyword.evaluation.again import Explain, explainers
from whyword.evaluation.measurements import Measurement
from whyword.explanation import Explanation
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress, Progress
from whyword.text import Span, Tokenizer, sentences

POINTING_GAME, CHANCE = "pointing_game", "chance"
"""The name of the metric, and the name of the row for words chosen at random."""

_BETWEEN = "\n"


@dataclass(frozen=True)
class HybridDocument:
    """Sentences from several documents, one after the other.

    Attributes:
        text: The sentences as they were written, with a line break between them.
        sentences: The span of each sentence.
        classes: For each sentence, the class of the document that it comes from.
    """

    text: str
    sentences: tuple[Span, ...]
    classes: tuple[str, ...]

    def class_at(self, position: int) -> str:
        """Return the class of the sentence at a code point; between two, that of the one before."""
        return self.classes[max(bisect_right(self._starts, position) - 1, 0)]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.sentences]


def hybrid_documents(
    corpus: Corpus,
    count: int,
    *,
    sentences_each: int = 10,
    shortest: int = 5,
    longest: int = 40,
    seed: int = 0,
) -> list[HybridDocument]:
    """Make hybrid documents of random sentences from different documents of a corpus.

    Ten sentences of at most 40 words stay within the 400 words that the paper's models read.

    Args:
        corpus: The corpus; its test part, if the classifier was trained on the rest.
        count: Number of hybrid documents to make.
        sentences_each: Sentences in each document, no two of them from the same source.
        shortest: Fewest words of a sentence, by the paper's tokeniser.
        longest: Most words of a sentence.
        seed: Seed of the random choice. A longer list begins with the documents of a shorter one.

    Raises:
        InputError: If too few documents have such a sentence, or documents have several labels.
    """
    rng, labels = np.random.default_rng(seed), corpus.single_labels()
    pool = _Sentences(corpus, shortest, longest)
    made = []
    for _ in range(count):
        chosen: list[tuple[str, str]] = []
        for document in rng.permutation(len(corpus)).tolist():
            if len(chosen) == sentences_each:
                break
            sentence = pool.draw(document, rng)
            if sentence is not None:
                chosen.append((sentence, corpus.classes[labels[document]]))
        if len(chosen) < sentences_each:
            raise InputError(
                f"Only {len(chosen)} documents have a sentence of {shortest} to {longest} words; "
                f"expected at least {sentences_each}."
            )
        made.append(_joined(chosen))
    return made


@dataclass(frozen=True)
class PointingGame:
    """How often the most relevant word stands in a sentence of the class explained.

    Attributes:
        hits: ``(document,)`` 1 for a hit, 0 for a miss, for the documents that count.
        chance: ``(document,)`` the share of the words of each that would be a hit.
        counts: ``(hybrid document,)`` False where the predicted class has no sentence.
    """

    hits: Floats
    chance: Floats
    counts: Bools

    @property
    def left_out(self) -> int:
        """The number of documents that do not count."""
        return int((~self.counts).sum())

    @property
    def accuracy(self) -> float:
        """The share of hits, from 0 to 1; higher is better."""
        return float(self.hits.mean())


def pointing_game(
    explanations: Sequence[Explanation], documents: Sequence[HybridDocument]
) -> PointingGame:
    """Play the pointing game with explanations of hybrid documents.

    The class explained is the predicted one. A document counts if one of the words that the model
    reads stands in a sentence of this class: that depends on the classifier alone, so that methods
    are compared on the same documents. The most relevant word has the highest signed relevance; of
    equal ones, the first counts.

    Args:
        explanations: One per document; its targets include the predicted class.
        documents: The hybrid documents.

    Raises:
        InputError: If the numbers differ, an explanation is of another text or lacks the predicted
            class, or no document counts.
    """
    if len(explanations) != len(documents):
        raise InputError(
            f"Got {len(explanations)} explanations of {len(documents)} hybrid documents."
        )
    hits, chance = [], []
    counts = np.zeros(len(documents), dtype=bool)
    for number, (explanation, document) in enumerate(zip(explanations, documents, strict=True)):
        if explanation.text != document.text:
            raise InputError(f"Explanation {number} is not of hybrid document {number}.")
        relevance = explanation.relevance[explanation.index(explanation.predicted)]
        right = [
            document.class_at(start) == explanation.predicted for start, _ in explanation.spans
        ]
        counts[number] = any(right)
        if counts[number]:
            hits.append(float(right[int(np.argmax(relevance))]))
            chance.append(sum(right) / len(right))
    if not hits:
        raise InputError(
            "In no hybrid document the predicted class has a sentence; the classifier and the "
            "corpus may have different classes."
        )
    return PointingGame(np.array(hits), np.array(chance), counts)


def play(
    classifier: Explainable,
    documents: Sequence[HybridDocument],
    methods: Sequence[str] | Mapping[str, Explain],
    *,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> list[Measurement]:
    """Explain hybrid documents by several methods, and play the game with each.

    Args:
        classifier: What `whyword.explain` takes.
        documents: The hybrid documents.
        methods: Keys of `whyword.methods.METHODS`, or functions by name.
        seed: Seed of the bootstrap.
        progress: Called in the phase "pointing game", after each method.

    Returns:
        One measurement per method, NaN for documents that do not count; and one named `CHANCE`,
        with the share of words that would be a hit.

    Raises:
        InputError: If there is no method, no such method, or no document counts.
    """
    model = as_classifier(classifier)
    games = {}
    for done, (name, explain) in enumerate(explainers(methods).items(), start=1):
        explanations = explain(model, [d.text for d in documents], targets="predicted")
        games[name] = pointing_game(explanations, documents)
        if progress:
            progress(Progress("pointing game", done, len(methods)))
    if not games:
        raise InputError("Got no method to play the pointing game with; expected at least one.")
    first = next(iter(games.values()))
    names = tuple(f"hybrid {number}" for number in range(len(documents)))
    rows = []
    found = [(name, game.hits, game.counts) for name, game in games.items()]
    for name, values, counts in [*found, (CHANCE, first.chance, first.counts)]:
        every = np.full(len(documents), np.nan)
        every[counts] = values
        rows.append(
            Measurement.of(name, POINTING_GAME, "higher", every, documents=names, seed=seed)
        )
    return rows


class _Sentences:
    """The sentences of a corpus; a document is split when it is first asked for."""

    def __init__(self, corpus: Corpus, shortest: int, longest: int) -> None:
        self.corpus, self.shortest, self.longest = corpus, shortest, longest
        self.tokenizer = Tokenizer(max_tokens=longest + 1)
        self.spans: dict[int, list[Span]] = {}

    def draw(self, document: int, rng: np.random.Generator) -> str | None:
        """Draw a random sentence of a document that has the right number of words, if any has."""
        text = self.corpus.texts[document]
        if document not in self.spans:
            self.spans[document] = list(sentences(text))
        spans = self.spans[document]
        for place in rng.permutation(len(spans)).tolist():
            start, end = spans[place]
            if self.shortest <= len(self.tokenizer(text[start:end])) <= self.longest:
                return text[start:end]
        return None


def _joined(chosen: Sequence[tuple[str, str]]) -> HybridDocument:
    spans, position = [], 0
    for sentence, _ in chosen:
        spans.append(Span(position, position + len(sentence)))
        position += len(sentence) + len(_BETWEEN)
    text = _BETWEEN.join(sentence for sentence, _ in chosen)
    return HybridDocument(text, tuple(spans), tuple(label for _, label in chosen))
