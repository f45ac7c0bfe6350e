"""Training from a corpus to a model in a folder: tokens, vectors, network, ``report.json``.

If a run is killed, its folder can be given again: no step is done twice.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whyword.classifier import Classifier
from whyword.data.corpora import Corpus
from whyword.data.digests import digest_of_corpus
from whyword.data.files import write_text
from whyword.data.memory import peak_memory
from whyword.data.run_folder import RunFolder
from whyword.models import store
from whyword.progress import OnProgress, Progress, ignore
from whyword.text import Document, Tokenizer
from whyword.training.checkpoint import History
from whyword.training.leaks import duplicates_of
from whyword.training.loop import train
from whyword.training.performance import performance_on
from whyword.training.recipe import Recipe
from whyword.training.validation import PenaltyHistory
from whyword.training.vectors import vectors_of_run

NOTE = "run.json"
"""The file that says which run a folder belongs to."""

REPORT = "report.json"

LEAVES = ("model.json", "config.json", "vectors.json", "checkpoint.safetensors", REPORT)
"""The files by which the folder of a run or of a model is known."""


def train_model(
    recipe: Recipe,
    corpus: Corpus,
    directory: str | Path,
    *,
    test: Corpus | None = None,
    about: str = "",
    progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Train a model and save it to ``directory`` with ``report.json``.

    Args:
        recipe: What is trained, and how.
        corpus: The training documents.
        directory: Folder for the model; made if need be.
        test: Documents to test on; the training never sees them.
        about: One line about the model, for people.
        progress: Called after each step; see `whyword.progress`.

    Returns:
        The contents of ``report.json``.

    Raises:
        InputError: If the corpora's classes differ, the folder is in use, or it holds a run with
            another recipe or on another corpus, or something else.
        ModelError: If vectors or a base cannot be read.
    """
    folder = RunFolder(Path(directory), NOTE, LEAVES)
    tell = progress or ignore
    with folder.taken({**recipe.identity(), "corpus": digest_of_corpus(corpus)}):
        model, report = _TRAINERS.get(recipe.kind, _network)(recipe, corpus, folder.path, tell)
        store.save(model, folder.path, about=about)
        if test is not None:
            report["test"] = performance_on(model, test, progress=tell).to_dict()
        accuracy = report["test"]["accuracy"] if test is not None else 0.0
        report["duplicates"] = duplicates_of(model, recipe.training, corpus, test, accuracy)
        report["peak_memory_bytes"] = peak_memory()
        write_text(folder.path / REPORT, json.dumps(report, indent=2) + "\n")
    return report


Trainer = Callable[[Recipe, Corpus, Path, OnProgress], tuple[Classifier, dict[str, Any]]]
"""A function that trains a model, and returns it with its part of the report."""


def _network(
    recipe: Recipe, corpus: Corpus, directory: Path, progress: OnProgress
) -> tuple[Classifier, dict[str, Any]]:
    """Train a network on tokens and word vectors."""
    whole = _tokenise(corpus, Tokenizer(max_tokens=None), progress)
    network = store.KINDS[recipe.kind]
    vectors, vector_seconds = None, 0.0
    if recipe.reads_words:
        vectors, vector_seconds = vectors_of_run(recipe, whole, directory, progress)
    tokenizer = recipe.tokenizer or network.default_tokenizer
    documents = [document.first(tokenizer.max_tokens) for document in whole]
    model, history = train(
        lambda: store.build(network, vectors, corpus.classes, tokenizer, recipe.settings),
        documents,
        corpus.labels,
        recipe.training,
        directory,
        chronological=corpus.chronological,
        progress=progress,
    )
    source = recipe.vectors or "training documents"
    return model, {
        "kind": recipe.kind,
        "settings": model.settings(),
        "vectors": vectors and {"from": source, "words": len(vectors.words), **recipe.skip_gram},
        "training": {**asdict(recipe.training), "suppress": list(recipe.training.suppress)},
        **_of_epochs(history),
        "vector_seconds": round(vector_seconds, 1),
    }


def _linear(
    recipe: Recipe, corpus: Corpus, _: Path, progress: OnProgress
) -> tuple[Classifier, dict[str, Any]]:
    """Train a linear model; scikit-learn does all of it, without tokens and vectors of ours."""
    from whyword.training.linear import train_linear

    settings: dict[str, Any] = dict(recipe.settings)
    model, history = train_linear(
        corpus,
        **settings,
        validation=recipe.training.validation,
        seed=recipe.training.seed,
        progress=progress,
    )
    about = {"kind": recipe.kind, "settings": dict(recipe.settings), "vectors": None}
    return model, {**about, **_of_penalties(history), "vector_seconds": 0.0}


def _transformer(
    recipe: Recipe, corpus: Corpus, directory: Path, progress: OnProgress
) -> tuple[Classifier, dict[str, Any]]:
    """Train a transformer: its head on a frozen encoder, or all of it."""
    from whyword.training.transformer import train_head, train_whole

    settings: dict[str, Any] = dict(recipe.settings)
    about: dict[str, Any] = {"kind": recipe.kind, "settings": dict(settings), "vectors": None}
    if settings.pop("full", False):
        model, history = train_whole(
            corpus, recipe.training, directory, progress=progress, **settings
        )
        about |= {"training": asdict(recipe.training), **_of_epochs(history)}
    else:
        model, chosen = train_head(
            corpus,
            validation=recipe.training.validation,
            seed=recipe.training.seed,
            progress=progress,
            **settings,
        )
        about |= _of_penalties(chosen)
    return model, {**about, "vector_seconds": 0.0}


_TRAINERS: Mapping[str, Trainer] = {store.LINEAR: _linear, store.TRANSFORMER: _transformer}
"""The functions that train kinds of models which are no networks of whyword's own."""


def _tokenise(corpus: Corpus, tokenizer: Tokenizer, progress: OnProgress) -> list[Document]:
    documents = []
    for text in corpus.texts:
        documents.append(tokenizer(text))
        progress(Progress("reading", len(documents), len(corpus)))
    return documents


def _of_epochs(history: History) -> dict[str, Any]:
    return {
        "validation_accuracy": max(history.validation_accuracy),
        "epochs": history.best_epoch,
        "history": asdict(history),
        "training_seconds": round(history.seconds, 1),
    }


def _of_penalties(history: PenaltyHistory) -> dict[str, Any]:
    return {
        "validation_accuracy": max(history.validation_accuracy.values()),
        "penalty": history.penalty,
        "history": {"validation_accuracy": history.validation_accuracy},
        "training_seconds": round(history.seconds, 1),
    }
