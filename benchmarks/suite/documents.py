"""The texts that are explained: 20 Newsgroups' test documents, or generated ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whyword.data.corpora import news20
from whyword.errors import InputError
from whyword.text import Document, Span

SAMPLE = 2000
"""How many documents are kept."""


@dataclass(frozen=True)
class Texts:
    """Texts, and in words where they are from."""

    texts: tuple[str, ...]
    source: str

    def long(self, words: int, count: int) -> list[str]:
        """The first texts with at least so many words; fewer if there are no more."""
        found = (text for text in self.texts if len(text.split()) >= words)
        return [text for text, _ in zip(found, range(count), strict=False)]


def texts(vocabulary: Sequence[str]) -> Texts:
    """Test documents of 20 Newsgroups if scikit-learn has them, else random words.

    Args:
        vocabulary: The words of generated documents.
    """
    try:
        corpus = news20("test", download=False).sample(SAMPLE)
    except InputError:
        return Texts(tuple(_generated(vocabulary)), "random words, as frequent as in texts")
    order = np.random.default_rng(0).permutation(len(corpus))
    read = (corpus.texts[i] for i in order)
    return Texts(tuple(text for text in read if text.strip()), "test documents of 20 Newsgroups")


def _generated(vocabulary: Sequence[str], seed: int = 0) -> list[str]:
    """Texts whose words have Zipf's frequencies and whose lengths scatter as those of postings."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(vocabulary) + 1)
    weights /= weights.sum()
    found = []
    for length in rng.lognormal(5.0, 1.0, SAMPLE).astype(int).clip(10, 5000):
        words = rng.choice(len(vocabulary), length, p=weights)
        found.append(" ".join(vocabulary[i] + ".,    "[i % 6] for i in words))
    return found


def of_words(words: Sequence[str]) -> Document:
    """A document of these words, which keeps them all."""
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    spans = tuple(Span(int(e) - len(w), int(e)) for w, e in zip(words, ends, strict=True))
    return Document(" ".join(words), spans)
