"""A model of one kind, trained: by each library and loop that the kinds need."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whyword.classifier import Classifier
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.progress import OnProgress, as_phase
from whyword.training.checkpoint import History
from whyword.training.clock import Clock
from whyword.training.network import train_network
from whyword.training.objective import Objective
from whyword.training.recipe import Recipe
from whyword.training.validation import PenaltyHistory, Validated


@dataclass(eq=False)
class Run:
    """What all models of a run have in common.

    Attributes:
        corpus: The training documents, and after them the development part, if there is one.
        development: Number of documents in the development part.
        directory: Folder of the run.
        clock: The time for all of it.
        progress: Called after each step.
    """

    corpus: Corpus
    development: int
    directory: Path
    clock: Clock
    progress: OnProgress

    def objective(self, recipe: Recipe) -> Objective:
        """What a model of the run is judged by."""
        return Objective(
            self.corpus.labels,
            self.corpus.classes,
            class_weights=recipe.training.class_weights,
            development=self.development,
        )


@dataclass(eq=False)
class Trained:
    """A trained model.

    Attributes:
        model: The model.
        report: Its part of the report.
        validated: What the validation part says of it.
        linear: The linear model beside it, if there is one.
    """

    model: Classifier
    report: dict[str, Any]
    validated: Validated
    linear: Classifier | None = None


def train_kind(run: Run, recipe: Recipe, directory: Path) -> Trained:
    """Train a model of the kind that the recipe names.

    Args:
        run: The documents.
        recipe: What is trained, and how; its share of validation documents is set.
        directory: Folder for what a training leaves. The model is not yet saved there.
    """
    trained = _TRAINERS.get(recipe.kind, _network)(run, recipe, directory)
    trained.report = run.objective(recipe).named(trained.report)
    return trained


_Trainer = Callable[[Run, Recipe, Path], Trained]


def _network(run: Run, recipe: Recipe, directory: Path) -> Trained:
    """Train a network on tokens and word vectors."""
    model, report, validated = train_network(
        recipe, run.corpus, run.development, directory, run.clock, run.progress
    )
    return Trained(model, report, validated)


def _linear(run: Run, recipe: Recipe, _: Path) -> Trained:
    """Train a linear model; scikit-learn does all of it, without tokens and vectors of ours."""
    from whyword.training.linear import train_linear

    settings: dict[str, Any] = dict(recipe.settings)
    assert recipe.training.validation is not None
    model, history = train_linear(
        run.corpus,
        **settings,
        validation=recipe.training.validation,
        seed=recipe.training.seed,
        development=run.development,
        class_weights=recipe.training.class_weights,
        progress=as_phase(run.progress, "linear model"),
    )
    about = {"kind": recipe.kind, "settings": dict(recipe.settings), "vectors": None}
    report = {**about, **_of_penalties(history), "vector_seconds": 0.0}
    return Trained(model, report, history.validated)


def _transformer(run: Run, recipe: Recipe, directory: Path) -> Trained:
    """Train a transformer: its head on a frozen encoder, or all of it."""
    from whyword.training.transformer import train_head, train_whole

    settings: dict[str, Any] = dict(recipe.settings)
    about: dict[str, Any] = {"kind": recipe.kind, "settings": dict(settings), "vectors": None}
    assert recipe.training.validation is not None
    if settings.pop("full", False):
        model, history, validated = train_whole(
            run.corpus,
            recipe.training,
            directory,
            development=run.development,
            seconds=run.clock.share(1.0),
            progress=run.progress,
            **settings,
        )
        about |= {"training": asdict(recipe.training), **_of_epochs(history)}
    else:
        model, chosen = train_head(
            run.corpus,
            validation=recipe.training.validation,
            seed=recipe.training.seed,
            development=run.development,
            class_weights=recipe.training.class_weights,
            progress=run.progress,
            **settings,
        )
        about |= _of_penalties(chosen)
        validated = chosen.validated
    return Trained(model, {**about, "vector_seconds": 0.0}, validated)


_TRAINERS: Mapping[str, _Trainer] = {store.LINEAR: _linear, store.TRANSFORMER: _transformer}
"""The functions that train kinds of models which are no networks of whyword's own."""


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
