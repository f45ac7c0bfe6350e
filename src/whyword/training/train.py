"""Training from a corpus to a model in a folder, with the linear model beside it and a report.

If a run is killed, its folder can be given again: no step is done twice.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from whyword.data.corpora import Corpus
from whyword.data.digests import digest_of_corpus
from whyword.data.files import write_text
from whyword.data.memory import peak_memory
from whyword.data.run_folder import RunFolder
from whyword.models import store
from whyword.progress import OnProgress, ignore
from whyword.training.beside import best_of, with_linear
from whyword.training.clock import Clock
from whyword.training.kinds import Run
from whyword.training.label_performance import label_performance_on
from whyword.training.leaks import duplicates_of
from whyword.training.parts import joined
from whyword.training.performance import performance_on
from whyword.training.plan import validation_share
from whyword.training.recipe import AUTO, Recipe

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
    development: Corpus | None = None,
    about: str = "",
    progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Train a model and save it to ``directory`` with ``report.json``.

    A linear model is trained beside it, and saved in the folder ``linear`` of the directory: the
    report compares both on the validation part.

    Args:
        recipe: What is trained, and how.
        corpus: The training documents.
        directory: Folder for the model; made if need be.
        test: Documents to test on; the training never sees them.
        development: Documents that choose the epoch or the penalty. By default a share of the
            training documents does, which a network may learn from afterwards; see
            `TrainingConfig`.
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
    if test is not None and test.multilabel != corpus.multilabel:
        # Found out now, and not when the training has taken its time.
        test.single_labels() if test.multilabel else test.label_matrix_in(corpus.classes)
    identity = {**recipe.identity(), "corpus": digest_of_corpus(corpus)}
    if development is not None:
        identity["development"] = digest_of_corpus(development)
    every, last = joined(corpus, development), len(development or ())
    if recipe.training.validation is None:
        share = validation_share(len(corpus))
        recipe = replace(recipe, training=replace(recipe.training, validation=share))
    minutes = recipe.training.minutes
    clock = Clock(None if minutes is None else 60 * minutes)
    run = Run(every, last, folder.path, clock, progress or ignore)
    objective = run.objective(recipe)  # refuses weights of classes that are not there
    with folder.taken(identity):
        trained = (best_of if recipe.kind == AUTO else with_linear)(run, recipe)
        store.save(trained.model, folder.path, about=about)
        report = trained.report
        if advice := objective.advice(corpus.classes):
            report["advice"] = [*report.get("advice", []), advice]
        if test is not None:
            measured = label_performance_on if test.multilabel else performance_on
            report["test"] = measured(trained.model, test, progress=progress).to_dict()
            if trained.linear is not None:
                beside = measured(trained.linear, test, progress=progress).to_dict()
                report["linear"]["test"] = beside
        report["duplicates"] = duplicates_of(trained.model, recipe.training, every, last, test)
        report["peak_memory_bytes"] = peak_memory()
        write_text(folder.path / REPORT, json.dumps(report, indent=2) + "\n")
    return report
