"""What a recipe leaves open, chosen by the size of the corpus: the settings, and why.

A recipe that was tuned on long postings learns nothing from ten-word questions: see
``docs/training.md`` for what was measured, on validation documents alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whyword.models import store
from whyword.models.cnn.model import WordCNN
from whyword.text import Document, Tokenizer
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe

_PLENTY = 2_000_000
"""Words from which on a corpus is large: vectors of 300 components, the paper's filters."""

_QUESTION, _SENTENCE, _PARAGRAPH, _POST = 15, 30, 60, 100
"""Median words below which documents are as short as questions, sentences, paragraphs or posts."""

_RATES = (1.0, 0.1)
"""The rates at which vectors are learned with the task, of which the validation part chooses."""

_SCALE = 0.1
"""Root mean square of the components of vectors to begin with, where text is scarce.

An optimiser moves components by about its learning rate, whatever their size: small ones are soon
what the task makes of them, large ones stay near to what skip-gram learned.
"""

_FEW = 200
"""Documents that the validation part should have, if that is not more than a quarter of all."""


@dataclass(frozen=True)
class Size:
    """The size of a corpus.

    Attributes:
        documents: Number of documents to learn from.
        words: Number of their words in all.
        median: Median number of words in a document.
    """

    documents: int
    words: int
    median: float

    @classmethod
    def of(cls, documents: Sequence[Document]) -> "Size":
        """The size of documents, which are not truncated."""
        lengths = [len(document) for document in documents]
        return cls(len(lengths), sum(lengths), float(np.median(lengths)) if lengths else 0.0)

    @property
    def is_large(self) -> bool:
        """Whether the corpus has plenty of text."""
        return self.words >= _PLENTY

    def __str__(self) -> str:
        return (
            f"{self.documents:,} documents of {self.median:,.0f} words (median), "
            f"{self.words:,} words"
        )


@dataclass(frozen=True)
class Plan:
    """A recipe with nothing left open.

    Attributes:
        recipe: The recipe; its tokenizer is set, and all of skip-gram's settings.
        vector_scale: Root mean square of the components of learned vectors to begin with; None
            leaves them as skip-gram left them.
        vector_rates: Learning rates of the vectors, of which the validation part chooses one.
        reasons: What was chosen and why, a sentence each.
    """

    recipe: Recipe
    vector_scale: float | None
    vector_rates: tuple[float, ...]
    reasons: tuple[str, ...]


def plan(recipe: Recipe, size: Size) -> Plan:
    """Choose what a recipe for a network leaves open. What is given stays as it is given.

    Args:
        recipe: The recipe; its kind is one of `whyword.models.store.KINDS`.
        size: The size of the training part of the corpus.
    """
    reasons = [f"The corpus has {size}."]
    tokenizer, training = _tokenizer(recipe, size, reasons), recipe.training
    planned: dict[str, Any] = {}
    if training.validation is None:
        planned["validation"] = validation_share(size.documents)
    rates: tuple[float, ...] = (0.0,)
    settings: Mapping[str, object] = recipe.settings
    skip_gram: Mapping[str, object] = recipe.skip_gram
    if recipe.reads_words:
        planned |= _steps(training, size, reasons)
        settings = _settings(recipe, size, reasons)
        if recipe.vectors is None:
            skip_gram = _skip_gram(recipe, size, reasons)
        rates = _RATES if training.vector_rate is None else (training.vector_rate,)
    found = replace(
        recipe,
        settings=settings,
        skip_gram=skip_gram,
        tokenizer=tokenizer,
        training=replace(training, **planned),
    )
    return Plan(found, None if size.is_large else _SCALE, rates, tuple(reasons))


def validation_share(documents: int) -> float:
    """The share of the documents to hold out: a tenth, and more of a small corpus."""
    return min(max(0.1, _FEW / max(documents, 1)), 0.25)


def _tokenizer(recipe: Recipe, size: Size, reasons: list[str]) -> Tokenizer:
    """The tokeniser, which reads more of a document where most are longer than usual."""
    if recipe.tokenizer is not None:
        return recipe.tokenizer
    usual = store.KINDS[recipe.kind].default_tokenizer
    if not recipe.reads_words or usual.max_tokens is None:
        return usual
    if size.median <= usual.max_tokens:
        return usual
    most = min(100 * round(2 * size.median / 100), 2000)
    reasons.append(
        f"Most documents are longer than the usual {usual.max_tokens} words: the first {most} of "
        "each are read."
    )
    return replace(usual, max_tokens=most)


def _steps(training: TrainingConfig, size: Size, reasons: list[str]) -> dict[str, int]:
    """Batches and epochs: about as many steps for few documents as for many."""
    batch = training.batch_size or (32 if size.is_large else 50)
    found = {"batch_size": batch}
    if training.epochs is None:
        each = max(-(-size.documents // batch), 1)
        steps = 1000 if size.median < _PARAGRAPH else 600
        found["epochs"] = min(max(-(-steps // each), 10 if size.is_large else 6), 60)
        reasons.append(
            f"{found['epochs']} epochs of {each:,} steps with {batch} documents each, because "
            f"a network needs about {steps:,} steps however few documents there are."
        )
    return found


def _settings(recipe: Recipe, size: Size, reasons: list[str]) -> dict[str, object]:
    """Filters of a CNN, and the share of words that are dropped."""
    found = dict(recipe.settings)
    if "word_dropout" not in found:
        is_short = size.median < _QUESTION
        found["word_dropout"] = 0.1 if is_short else 0.3
        said = f"{found['word_dropout']:.0%} of the words are dropped in training"
        why = ": of short texts more would leave too little." if is_short else "."
        reasons.append(said + why)
    if recipe.kind == WordCNN.kind and "filters" not in found and not size.is_large:
        is_long = size.median >= _POST
        found["filters"] = {"1": 400, "2": 400} if is_long else {"1": 100, "2": 100, "3": 100}
        reasons.append(
            "400 filters of each width from 1 to 2 words: in a long text many words are evidence, "
            "and a filter passes on one."
            if is_long
            else "100 filters of each width from 1 to 3 words: for more there is little text."
        )
    return found


def _skip_gram(recipe: Recipe, size: Size, reasons: list[str]) -> dict[str, object]:
    """Settings of skip-gram, by the number of words."""
    if size.is_large:
        chosen: dict[str, object] = {"dimension": 300, "window": 40, "sample": 1e-4, "epochs": 10}
    else:
        chosen = {
            "dimension": 100,
            "window": 3 if size.median < _SENTENCE else 10,
            "sample": 1e-3,
            "epochs": min(max(round(5e6 / max(size.words, 1)), 5), 100),
        }
    found = {**chosen, **recipe.skip_gram}
    reasons.append(
        f"Word vectors of {found['dimension']} components begin with skip-gram: "
        f"{found['epochs']} passes, {found['window']} words to each side."
    )
    return found
