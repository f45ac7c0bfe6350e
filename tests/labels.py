"""A small corpus of documents with several labels, each told by its own words."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.corpora import Corpus
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe

TOPICS = {
    "bikes": ("ride", "helmet", "wheel"),
    "cats = dogs, etc": ("purr", "bark", "paw"),
    "space": ("orbit", "moon", "rocket"),
}
SHARES = (0.5, 0.15, 0.4)
FILLERS = ("the", "a", "of", "and", "to", "is")


def small(folder: Path, **training: Any) -> Recipe:
    """A recipe for a small word CNN on random vectors, which are written to a file."""
    words = [*FILLERS, *(word for own in TOPICS.values() for word in own)]
    rows = np.random.default_rng(0).normal(size=(len(words), 20))
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(words, rows, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vectors.txt").write_text("\n".join([f"{len(words)} 20", *lines]))
    return Recipe(
        settings={"filters": {"1": 24}, "word_dropout": 0.0, "dropout": 0.0},
        vectors=str(folder / "vectors.txt"),
        training=TrainingConfig(**{"epochs": 4, "batch_size": 8, "learning_rate": 0.02} | training),
    )


def labelled(n: int = 160, seed: int = 0) -> Corpus:
    """Documents with any number of the three labels; some have none."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 3)) < SHARES
    texts = []
    for row in labels:
        words = list(rng.choice(FILLERS, 4))
        for has, own in zip(row, TOPICS.values(), strict=True):
            words += list(rng.choice(own, 2)) if has else []
        texts.append(" ".join(rng.permutation(words)))
    return Corpus(tuple(texts), labels, tuple(TOPICS), tuple(f"d{i}" for i in range(n)))


def names_of(corpus: Corpus) -> list[list[str]]:
    """The labels of each document by name."""
    assert corpus.multilabel
    return [[corpus.classes[c] for c in np.flatnonzero(row)] for row in corpus.labels]


def write_json_lines(corpus: Corpus, path: Path) -> str:
    """Write a corpus of labels as lines of JSON, and return the file's name."""
    lines = [
        json.dumps({"text": text, "label": names})
        for text, names in zip(corpus.texts, names_of(corpus), strict=True)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)
