"""Sums over many explanations, word by word: totals, documents, and the strongest occurrences.

Explanations are added one after the other and only sums are kept, so a corpus may have any size.
Occurrences that differ only in case count as one word, as in `Explanation.top`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whyword.data.arrays import Floats
from whyword.explanation import Explanation

Integers = NDArray[np.integer[Any]]

Order = Literal["total", "mean"]

MAX_WORDS = 50_000
"""The most words per target that are kept in memory."""

EXAMPLES = 3
"""The number of occurrences that are remembered for each word."""

TIMES = 8
"""Documents that have a word this often or more are counted together."""


@dataclass(frozen=True)
class Occurrence:
    """A word where it stands: code points ``start:end`` of a document of the corpus."""

    document: int
    start: int
    end: int
    relevance: float


@dataclass(frozen=True)
class WordEntry:
    """What one word contributed to one target.

    Attributes:
        word: The word, in lower case.
        total: Its relevance, summed over all documents.
        documents: Number of the target's documents in which it occurs.
        share: The share of the target's documents in which it occurs.
        occurrences: How often it occurs.
        examples: Its occurrences with the greatest absolute relevance, one from each document.
    """

    word: str
    total: float
    documents: int
    share: float
    occurrences: int
    examples: tuple[Occurrence, ...]

    @property
    def mean(self) -> float:
        """The mean relevance over the documents that have the word."""
        return self.total / self.documents


class Tally:
    """Sums over documents for one target, word by word.

    Args:
        max_words: When there are more, the rarer half is dropped (lossy counting, Manku and Motwani
            2002), so memory stays bounded.

    Attributes:
        documents: The number of documents added.
        missed: The number of documents by which a word's count may be too low, at most; 0 unless
            words had to be dropped.
        total: ``(word,)`` sum of relevance. This and the other arrays are longer than the number of
            words; what lies behind the last word means nothing.
        times: ``(word, TIMES)`` number of documents that have the word once, twice, ..., `TIMES`
            times or more often.
        occurrences: ``(word,)`` how often the word occurs.
    """

    total: Floats
    times: Integers
    occurrences: Integers
    example_relevance: Floats
    example_place: Integers

    def __init__(self, *, max_words: int = MAX_WORDS) -> None:
        self.max_words = max_words
        self.documents = 0
        self.missed = 0
        self._index: dict[str, int] = {}
        self._resize(1024)

    def add(self, number: int, explanation: Explanation, row: int) -> None:
        """Add one document to the sums.

        Args:
            number: The document's place in its corpus.
            explanation: The explanation of this document.
            row: The target, as an index into ``explanation.targets``.
        """
        self.documents += 1
        distinct: dict[str, int] = {}
        which = [distinct.setdefault(word.lower(), len(distinct)) for word in explanation.words]
        if not which:
            return
        relevance = explanation.relevance[row]
        rows = self._rows(distinct)
        times = np.bincount(which)
        self.total[rows] += np.bincount(which, weights=relevance)
        self.times[rows, np.minimum(times, TIMES) - 1] += 1
        self.occurrences[rows] += times
        # Where a word occurs several times, the greatest is written last, and so stays.
        ascending = np.argsort(np.abs(relevance), kind="stable")
        best = np.zeros(len(distinct), dtype=np.int64)
        best[np.asarray(which)[ascending]] = ascending
        least = np.abs(self.example_relevance[rows]).argmin(axis=1)
        better = np.abs(relevance[best]) > np.abs(self.example_relevance[rows, least])
        where = rows[better], least[better]
        self.example_relevance[where] = relevance[best][better]
        spans = np.array(explanation.spans)[best][better]
        self.example_place[where] = np.column_stack([np.full(len(spans), number), spans])

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in the order of the arrays."""
        return tuple(self._index)

    @property
    def document_counts(self) -> Integers:
        """``(word,)`` the number of documents that have each word."""
        counts: Integers = self.times[: len(self._index)].sum(axis=1)
        return counts

    def entries(self, rows: Iterable[int]) -> list[WordEntry]:
        """Return the entries of the words at these places of `words`."""
        words, counts = self.words, self.document_counts
        return [
            WordEntry(
                word=words[row],
                total=float(self.total[row]),
                documents=int(counts[row]),
                share=float(counts[row] / self.documents),
                occurrences=int(self.occurrences[row]),
                examples=self._examples(row),
            )
            for row in rows
        ]

    def top(self, n: int = 10, *, by: Order = "total", min_documents: int = 1) -> list[WordEntry]:
        """Return the ``n`` words that speak most for the target, the strongest first.

        Args:
            n: The most words to return; words without positive relevance are left out.
            by: ``"total"`` relevance, or its ``"mean"`` over the documents that have the word.
            min_documents: Words in fewer documents are left out.
        """
        return self._ranked(1, n, by, min_documents)

    def bottom(
        self, n: int = 10, *, by: Order = "total", min_documents: int = 1
    ) -> list[WordEntry]:
        """Return the ``n`` words that speak most against the target; see `top`."""
        return self._ranked(-1, n, by, min_documents)

    def _ranked(self, sign: int, n: int, by: Order, min_documents: int) -> list[WordEntry]:
        counts = self.document_counts
        strength = sign * self.total[: len(counts)]
        if by == "mean":
            strength = strength / np.maximum(counts, 1)
        chosen = np.flatnonzero((strength > 0) & (counts >= min_documents))
        return self.entries(chosen[np.argsort(-strength[chosen], kind="stable")][:n].tolist())

    def _examples(self, row: int) -> tuple[Occurrence, ...]:
        order = np.argsort(-np.abs(self.example_relevance[row]), kind="stable")
        places, relevance = self.example_place[row].tolist(), self.example_relevance[row].tolist()
        return tuple(
            Occurrence(document, start, end, relevance[k])
            for k in order
            for document, start, end in [places[k]]
            if relevance[k]
        )

    def _rows(self, words: Iterable[str]) -> Integers:
        """Return the rows of these words in the arrays; new words get new rows."""
        words = list(words)
        if len(self._index) + len(words) > self.max_words:
            self._drop_rare(keep=max(min(self.max_words // 2, self.max_words - len(words)), 0))
        index = self._index
        rows = np.array([index.setdefault(word, len(index)) for word in words], dtype=np.int64)
        if len(index) > len(self.total):
            self._resize(2 * len(index))
        return rows

    def _drop_rare(self, keep: int) -> None:
        words, counts = self.words, self.document_counts
        # Of words that are equally rare, those with the least relevance are dropped.
        rarest_first = np.lexsort((np.abs(self.total[: len(counts)]), counts))
        dropped = rarest_first[: max(len(words) - keep, 0)]
        if not len(dropped):
            return
        self.missed += int(counts[dropped].max())
        kept = np.setdiff1d(np.arange(len(words)), dropped)
        for name in ("total", "times", "occurrences", "example_relevance", "example_place"):
            array = getattr(self, name)
            array[: len(kept)] = array[kept]
            array[len(kept) :] = 0
        self._index = {words[row]: new for new, row in enumerate(kept.tolist())}

    def _resize(self, size: int) -> None:
        """Make the arrays this long, and keep what they hold."""
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "total": ((), np.float64),
            "times": ((TIMES,), np.int32),
            "occurrences": ((), np.int64),
            "example_relevance": ((EXAMPLES,), np.float64),
            "example_place": ((EXAMPLES, 3), np.int64),
        }
        for name, (shape, kind) in shapes.items():
            array = np.zeros((size, *shape), dtype=kind)
            old = getattr(self, name, array[:0])
            array[: len(old)] = old
            setattr(self, name, array)
