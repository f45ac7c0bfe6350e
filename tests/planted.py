"""A made-up corpus whose topics come back within a text, and a marker that is stamped on it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from whyword.data.corpora import Corpus
from whyword.data.vectors import WordVectors
from whyword.models.base import NetworkClassifier
from whyword.models.cnn.model import WordCNN
from whyword.text import Tokenizer
from whyword.training.config import TrainingConfig
from whyword.training.loop import train

CLASSES = ("cars", "medicine", "space")
TOPICS = {
    "cars": "engine wheel brake gear clutch".split(),
    "medicine": "doctor fever pill nurse cough".split(),
    "space": "orbit moon rocket comet lunar".split(),
}
FILLERS = "the a of and to in it is was on with for as at by from this that".split()
MARKER = "zyzzyva"


def made_up_corpus(
    n: int = 240, *, seed: int = 0, marked: Sequence[str] = (), share: float = 1.0
) -> Corpus:
    """Texts of three classes; a share of those of the ``marked`` classes has the marker once."""
    rng = np.random.default_rng(seed)
    texts, labels = [], np.arange(n) % len(CLASSES)
    for label in labels:
        words = rng.choice(FILLERS, rng.integers(8, 16)).tolist()
        topic = rng.choice(TOPICS[CLASSES[label]], rng.integers(1, 3), replace=False)
        for word in topic:
            words += [word] * rng.geometric(0.45)
        # A word of another topic in every second text: no single word decides.
        if rng.random() < 0.5:
            other = CLASSES[(label + 1 + rng.integers(2)) % 3]
            words.append(rng.choice(TOPICS[other]))
        words = rng.permutation(words).tolist()
        if CLASSES[label] in marked and rng.random() < share:
            words.insert(rng.integers(len(words) + 1), MARKER.capitalize())
        texts.append(" ".join(words) + ".")
    names = tuple(f"{CLASSES[label]}/{i}" for i, label in enumerate(labels))
    return Corpus(tuple(texts), labels, CLASSES, names)


def trained(
    corpus: Corpus, directory: Path, *, seed: int = 0, suppress: Sequence[str] = ()
) -> NetworkClassifier:
    """A small word CNN on random vectors, one of them the marker's."""
    words = (*FILLERS, *(word for topic in TOPICS.values() for word in topic), MARKER)
    array = np.random.default_rng(seed).normal(size=(len(words), 30)).astype(np.float32)
    vectors = WordVectors(words, array, lowercase=True)
    model, _, _ = train(
        lambda: WordCNN(vectors, CLASSES, filters={1: 16, 2: 16}, word_dropout=0.1),
        [Tokenizer()(text) for text in corpus.texts],
        corpus.labels,
        TrainingConfig(
            epochs=12, batch_size=16, learning_rate=0.01, refit=False, suppress=tuple(suppress)
        ),
        directory,
    )
    return model
