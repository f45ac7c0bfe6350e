"""Training of a network: a plan, word vectors, one attempt for each rate of theirs, and a refit.

Each attempt has a folder of its own in the run's folder. The validation part chooses one, and what
it chose is trained again on all documents.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from whyword.classifier import Classifier
from whyword.data.corpora import Corpus
from whyword.data.vectors import WordVectors
from whyword.models import store
from whyword.models.base import NetworkClassifier
from whyword.progress import OnProgress, Progress, as_phase
from whyword.text import Document, Tokenizer
from whyword.training.checkpoint import History
from whyword.training.clock import Clock
from whyword.training.loop import refit, train
from whyword.training.parts import parts_of
from whyword.training.plan import Plan, Size, plan
from whyword.training.recipe import Recipe
from whyword.training.thresholds import fold, thresholds_of
from whyword.training.validation import Validated
from whyword.training.vectors import vectors_of_run

ATTEMPTS = "attempts"
"""The folder of the attempts, in that of the run."""

_OF_VECTORS = 0.35
"""The share of the time that learning word vectors may take."""


def train_network(
    recipe: Recipe,
    corpus: Corpus,
    development: int,
    directory: Path,
    clock: Clock,
    progress: OnProgress,
) -> tuple[Classifier, dict[str, Any], Validated]:
    """Train a network.

    Args:
        recipe: What is trained, and how; its kind is one of `whyword.models.store.KINDS`.
        corpus: The training documents, and after them the development part, if there is one.
        development: Number of documents in the development part.
        directory: The run's folder.
        clock: The time for all of it.
        progress: Called after each step; see `whyword.progress`.

    Returns:
        The model, its part of the report, and what the validation part says of all epochs of all
        attempts.
    """
    whole = _tokenise(corpus, progress)
    learned = whole[: len(whole) - development]
    chosen = plan(recipe, Size.of(learned))
    run = _Network(chosen, corpus, whole, development, directory, progress)
    reasons, vector_seconds = list(chosen.reasons), 0.0
    if recipe.reads_words:
        run.vectors, vector_seconds = vectors_of_run(
            chosen.recipe,
            learned,
            directory,
            progress,
            clock.share(_OF_VECTORS),
            chosen.vector_scale,
            reasons,
        )
    attempts: dict[float, tuple[NetworkClassifier, History, Validated]] = {}
    for done, rate in enumerate(chosen.vector_rates):
        left = len(chosen.vector_rates) - done + run.refits
        attempts[rate] = run.attempt(rate, clock.share(1 / left))
    accuracies = {rate: max(found.validation_accuracy) for rate, (_, found, _) in attempts.items()}
    best = max(accuracies, key=lambda rate: accuracies[rate])
    model, history, validated = attempts[best]
    if len(attempts) > 1:
        tried = ", ".join(f"{rate:g}: {found:.2%}" for rate, found in accuracies.items())
        reasons.append(
            f"Word vectors are learned with the task, at {best:g} times the learning rate, which "
            f"was best on the validation part ({tried})."
        )
    seconds = sum(found.seconds for _, found, _ in attempts.values())
    epochs, told = history.best_epoch, asdict(history)
    if run.refits:
        model, again = run.refit(best, epochs, clock.share(1.0))
        if corpus.multilabel:
            fold(model, thresholds_of(validated.scores, corpus.labels[run.held_out].astype(bool)))
        told["refit_loss"], seconds = again.refit_loss, seconds + again.seconds
    if clock.has_run_out:
        reasons.append("The time that was given ended the training early; more may be better.")
    found = chosen.recipe
    return (
        model,
        {
            "kind": found.kind,
            "settings": model.settings(),
            "vectors": run.vectors and _of_vectors(found, run.vectors),
            "training": {
                **asdict(replace(found.training, vector_rate=best)),
                "suppress": list(found.training.suppress),
            },
            "validation_accuracy": accuracies[best],
            "epochs": epochs,
            "history": told,
            "attempts": {f"{rate:g}": found for rate, found in accuracies.items()},
            "reasons": reasons,
            "training_seconds": round(seconds, 1),
            "vector_seconds": round(vector_seconds, 1),
        },
        Validated(
            validated.scores, np.concatenate([found.right for _, _, found in attempts.values()])
        ),
    )


class _Network:
    """The documents of a training, and its attempts."""

    def __init__(
        self,
        chosen: Plan,
        corpus: Corpus,
        whole: list[Document],
        development: int,
        directory: Path,
        progress: OnProgress,
    ) -> None:
        recipe = chosen.recipe
        self.recipe, self.corpus = recipe, corpus
        self.directory, self.progress = directory, progress
        assert recipe.tokenizer is not None
        self.tokenizer = recipe.tokenizer
        self.documents = [document.first(self.tokenizer.max_tokens) for document in whole]
        self.development = development
        self.vectors: WordVectors | None = None
        assert recipe.training.validation is not None
        parts = parts_of(
            corpus.labels,
            recipe.training.validation,
            chronological=corpus.chronological,
            seed=recipe.training.seed,
            development=development,
        )
        self.held_out = parts.held_out
        self.refits = recipe.training.refit and parts.refits

    def build(self) -> NetworkClassifier:
        """The untrained network."""
        network = store.KINDS[self.recipe.kind]
        return store.build(
            network,
            self.vectors,
            self.corpus.classes,
            self.tokenizer,
            self.recipe.settings,
            multilabel=self.corpus.multilabel,
        )

    def attempt(
        self, rate: float, seconds: float | None
    ) -> tuple[NetworkClassifier, History, Validated]:
        """Train with a rate of the vectors, and keep the best epoch."""
        return train(
            self.build,
            self.documents,
            self.corpus.labels,
            replace(self.recipe.training, vector_rate=rate, refit=False),
            self.directory / ATTEMPTS / f"{rate:g}",
            chronological=self.corpus.chronological,
            development=self.development,
            seconds=seconds,
            progress=as_phase(self.progress, f"train {rate:g}"),
        )

    def refit(
        self, rate: float, epochs: int, seconds: float | None
    ) -> tuple[NetworkClassifier, History]:
        """Train once more, on all documents."""
        return refit(
            self.build,
            self.documents,
            self.corpus.labels,
            replace(self.recipe.training, vector_rate=rate),
            self.directory,
            epochs=epochs,
            chronological=self.corpus.chronological,
            development=self.development,
            seconds=seconds,
            progress=self.progress,
        )


def _tokenise(corpus: Corpus, progress: OnProgress) -> list[Document]:
    documents, tokenizer = [], Tokenizer(max_tokens=None)
    for text in corpus.texts:
        documents.append(tokenizer(text))
        progress(Progress("reading", len(documents), len(corpus)))
    return documents


def _of_vectors(recipe: Recipe, vectors: WordVectors) -> dict[str, object]:
    source = recipe.vectors or "training documents"
    return {"from": source, "words": len(vectors.words), **recipe.skip_gram}
