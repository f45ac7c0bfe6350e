"""From a corpus to a trained model in a folder: tokens, vectors, network, report.

The folder can be given again after a kill: what is done is not done twice.
"""

import inspect
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from whyword.classifier import Classifier, predict
from whyword.data import vectors as word_vectors
from whyword.data.corpora import Corpus
from whyword.data.files import make_folder, write_text
from whyword.data.vectors import WordVectors
from whyword.errors import InputError, did_you_mean
from whyword.models import folder, store
from whyword.models.base import NetworkClassifier
from whyword.models.words import WordClassifier
from whyword.progress import OnProgress, Progress, ignore
from whyword.text import Document, Tokenizer
from whyword.training.loop import History, TrainingConfig, peak_memory, train
from whyword.training.report import Report, report

OTHERS: dict[str, tuple[str, ...]] = {
    store.LINEAR: ("ngrams",),
    store.TRANSFORMER: ("base", "full", "max_length"),
}
"""Architectures beside the networks, and their settings."""

FINE_TUNING: dict[str, Any] = {"learning_rate": 5e-5, "epochs": 3, "refit": False}
"""Defaults where a whole transformer is trained."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out, apart from the corpus.

    Attributes:
        kind: The architecture, a key of `store.KINDS`, ``"linear"`` or ``"transformer"``.
        settings: Its keyword arguments, as JSON values.
        vectors: A file of word vectors, or a folder of a model that has some; None learns them from
            the training documents.
        skip_gram: Arguments of `whyword.data.vectors.learn`.
        tokenizer: How the classifier reads texts; None leaves it to the architecture. Vectors are
            learned from whole documents.
        training: How the network is trained; its seed is also that of the vectors.

    Raises:
        InputError: If there is no such architecture, or it has no such setting.
    """

    kind: str = "cnn"
    settings: Mapping[str, object] = field(default_factory=dict)
    vectors: str | None = None
    skip_gram: Mapping[str, object] = field(default_factory=dict)
    tokenizer: Tokenizer | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        kinds = (*store.KINDS, *OTHERS)
        if self.kind not in kinds:
            raise InputError(
                f'There is no architecture "{self.kind}". {did_you_mean(self.kind, kinds)}'
            )
        known = OTHERS.get(self.kind) or inspect.signature(store.KINDS[self.kind]).parameters
        if unknown := [name for name in self.settings if name not in known]:
            raise InputError(f"The architecture {self.kind} has no {' and no '.join(unknown)}.")
        if self.kind == store.TRANSFORMER and not self.settings.get("base"):
            raise InputError(
                "A transformer needs a base, a folder or the name of a pretrained model: "
                "whyword train --model transformer --base DIR."
            )
        if self.kind in OTHERS and self.training.suppress:
            raise InputError(
                "Only networks of words or characters learn to ignore some; choose another --model."
            )

    @classmethod
    def from_options(
        cls,
        kind: str,
        settings: Mapping[str, object],
        *,
        vectors: str | None = None,
        window: int | None = None,
        sample: float | None = None,
        vector_epochs: int | None = None,
        dimension: int | None = None,
        **training: object,
    ) -> Self:
        """A recipe from flat options; None stands for the default."""
        skip_gram = {
            "window": window,
            "sample": sample,
            "epochs": vector_epochs,
            "dimension": dimension,
        }
        return cls(
            kind=kind,
            settings=_given(settings),
            vectors=vectors,
            skip_gram=_given(skip_gram),
            training=TrainingConfig(
                **{**(FINE_TUNING if settings.get("full") else {}), **_given(training)}
            ),
        )


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def run(
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
        recipe: What to do.
        corpus: The training documents.
        directory: Where the model goes; made if need be.
        test: Documents to report on; the training never sees them.
        about: One line about the model, for people.
        progress: Called after each step; see `whyword.progress`.

    Returns:
        What ``report.json`` says.

    Raises:
        InputError: If the corpora's classes differ, or the folder holds a run with another recipe.
    """
    directory = Path(directory)
    make_folder(directory)
    report_progress = progress or ignore
    model: Classifier
    if recipe.kind == store.LINEAR:
        model, summary = _train_linear(recipe, corpus, report_progress)
    elif recipe.kind == store.TRANSFORMER:
        model, summary = _train_transformer(recipe, corpus, directory, report_progress)
    else:
        model, summary = _train_network(recipe, corpus, directory, report_progress)
    store.save(model, directory, about=about)
    if test is not None:
        result = evaluate(model, test, progress=report_progress)
        summary["test"] = result.to_dict()
    summary["peak_memory_bytes"] = peak_memory()
    write_text(directory / "report.json", json.dumps(summary, indent=2) + "\n")
    return summary


def _train_network(
    recipe: Recipe, corpus: Corpus, directory: Path, progress: OnProgress
) -> tuple[NetworkClassifier, dict[str, Any]]:
    """Tokens, vectors, network."""
    whole = _tokenise(corpus, Tokenizer(max_tokens=None), progress)
    network = store.KINDS[recipe.kind]
    vectors, vector_seconds = None, 0.0
    if issubclass(network, WordClassifier):
        vectors, vector_seconds = _learn_or_load(recipe, whole, directory, progress)
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
    return model, {
        "kind": recipe.kind,
        "settings": model.settings(),
        "vectors": _about(vectors, recipe),
        "training": {**asdict(recipe.training), "suppress": list(recipe.training.suppress)},
        **_numbers(history),
        "vector_seconds": round(vector_seconds, 1),
    }


def _train_linear(
    recipe: Recipe, corpus: Corpus, progress: OnProgress
) -> tuple[Classifier, dict[str, Any]]:
    """No tokens, no vectors: scikit-learn does all of it."""
    from whyword.training.linear import train_linear

    settings: dict[str, Any] = dict(recipe.settings)
    model, history = train_linear(
        corpus,
        **settings,
        validation=recipe.training.validation,
        seed=recipe.training.seed,
        progress=progress,
    )
    return model, {
        "kind": recipe.kind,
        "settings": dict(recipe.settings),
        "vectors": None,
        "validation_accuracy": max(history.validation_accuracy.values()),
        "penalty": history.penalty,
        "history": {"validation_accuracy": history.validation_accuracy},
        "training_seconds": round(history.seconds, 1),
        "vector_seconds": 0.0,
    }


def _train_transformer(
    recipe: Recipe, corpus: Corpus, directory: Path, progress: OnProgress
) -> tuple[Classifier, dict[str, Any]]:
    """A head on a frozen encoder, or everything."""
    from whyword.training import transformer as training

    settings: dict[str, Any] = dict(recipe.settings)
    summary: dict[str, Any] = {"kind": recipe.kind, "settings": dict(settings), "vectors": None}
    if settings.pop("full", False):
        model, history = training.train_whole(
            corpus, recipe.training, directory, progress=progress, **settings
        )
        summary |= {"training": asdict(recipe.training), **_numbers(history)}
    else:
        model, fitted = training.train_head(
            corpus,
            validation=recipe.training.validation,
            seed=recipe.training.seed,
            progress=progress,
            **settings,
        )
        summary |= {
            "validation_accuracy": max(fitted.validation_accuracy.values()),
            "penalty": fitted.penalty,
            "history": {"validation_accuracy": fitted.validation_accuracy},
            "training_seconds": round(fitted.seconds, 1),
        }
    return model, {**summary, "vector_seconds": 0.0}


def evaluate(model: Classifier, corpus: Corpus, *, progress: OnProgress | None = None) -> Report:
    """Classify a corpus and compare with its labels.

    Raises:
        InputError: If the corpus has classes that the model has not.
    """
    labels = corpus.labels_in(model.classes)
    tokenizer = getattr(model, "tokenizer", None)
    documents = _tokenise(corpus, tokenizer, progress or ignore) if tokenizer else corpus.texts
    return report(labels, predict(model, documents).argmax(axis=1), model.classes)


def _tokenise(corpus: Corpus, tokenizer: Tokenizer, progress: OnProgress) -> list[Document]:
    documents = []
    for text in corpus.texts:
        documents.append(tokenizer(text))
        progress(Progress("reading", len(documents), len(corpus)))
    return documents


def _learn_or_load(
    recipe: Recipe, documents: list[Document], directory: Path, progress: OnProgress
) -> tuple[WordVectors, float]:
    """The vectors and the seconds they took; from the folder if an earlier run got that far."""
    started = time.perf_counter()
    identity = {"vectors": recipe.vectors, **recipe.skip_gram, "documents": len(documents)}
    identity["seed"] = recipe.training.seed
    made_from = directory / "vectors.json"
    earlier = json.loads(made_from.read_text(encoding="utf-8")) if made_from.exists() else {}
    if earlier.get("recipe") == identity:
        return folder.saved_vectors(directory), earlier["seconds"]
    words = [document.words for document in documents]
    if recipe.vectors and Path(recipe.vectors).is_dir():
        vectors = folder.saved_vectors(recipe.vectors)
    elif recipe.vectors:
        vocabulary = {word for document in words for word in document}
        vectors = word_vectors.read_vectors(
            recipe.vectors, vocabulary=vocabulary | {word.lower() for word in vocabulary}
        )
    else:
        skip_gram: dict[str, Any] = dict(recipe.skip_gram)
        vectors = word_vectors.learn(
            words, seed=recipe.training.seed, progress=progress, **skip_gram
        )
    folder.save_vectors(vectors, directory)
    # Written last: a kill before this line learns the same vectors again.
    seconds = time.perf_counter() - started
    done = {"recipe": identity, "seconds": seconds}
    write_text(made_from, json.dumps(done) + "\n")
    return vectors, seconds


def _about(vectors: WordVectors | None, recipe: Recipe) -> dict[str, Any] | None:
    if vectors is None:
        return None
    source = recipe.vectors or "training documents"
    return {"from": source, "words": len(vectors.words), **recipe.skip_gram}


def _numbers(history: History) -> dict[str, Any]:
    return {
        "validation_accuracy": max(history.validation_accuracy),
        "epochs": history.best_epoch,
        "history": asdict(history),
        "training_seconds": round(history.seconds, 1),
    }
