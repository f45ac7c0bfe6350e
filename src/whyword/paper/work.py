"""A run of the paper in progress: its folder, and the data that its stages share."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from whyword.classifier import Classifier
from whyword.data.arrays import Singles
from whyword.data.corpora import Corpus, Split
from whyword.data.digests import digest_of_corpus
from whyword.data.extras import require
from whyword.data.files import read_object, write_text
from whyword.data.memory import peak_memory
from whyword.errors import InputError
from whyword.evaluation.results import Summary
from whyword.models.store import load
from whyword.paper.settings import Paper
from whyword.progress import OnProgress
from whyword.survey.explanatory_power import EpiRecord
from whyword.survey.vectors import document_vectors

SETTINGS, TOOK = "settings.json", "took.json"


class Cost(TypedDict):
    """What a stage took, in all attempts, and the memory held by then."""

    seconds: float
    peak_memory_bytes: int


class Results(TypedDict):
    """The numbers of a run, as they stand in ``results.json``.

    ``figure2`` has, by method and target, the relevance of the words that the settings name, and
    ``epi`` the explanatory power index by weighting.
    """

    settings: dict[str, object]
    accuracy: float
    documents: int
    figure1: Summary
    figure2: dict[str, dict[str, dict[str, float]]]
    epi: dict[str, EpiRecord]


class Work:
    """A run in progress.

    Args:
        paper: The settings of the run.
        directory: Folder for all results.
        corpus: Function that returns the training or the test part.
        progress: Called after each step; see `whyword.progress`.
    """

    def __init__(
        self,
        paper: Paper,
        directory: Path,
        corpus: Callable[[Split], Corpus],
        progress: OnProgress,
    ) -> None:
        self.paper = paper
        self.directory = directory
        self.corpus = corpus
        self.progress = progress

    def check(self) -> None:
        """Check now what would otherwise stop the run at a late stage.

        Raises:
            InputError: If something would.
        """
        for library in ("matplotlib", "sklearn"):
            require(library, extra="train,evaluate", what="The paper's run")
        if self.paper.model is None:
            require("gensim", extra="train,evaluate", what="Training")
        self.figure2_text()
        if self.paper.model is not None:
            document_vectors(
                self.classifier, ["a"], weightings=self.paper.weightings, idf={"": 0.0}
            )
            self.test.labels_in(self.classifier.classes)
        self.test.single_labels()

    @cached_property
    def identity(self) -> dict[str, object]:
        """Describe all that decides the results, as JSON values, with digests of the corpus."""
        parts = {"train": self.train, "test": self.whole_test}
        digests = {name: digest_of_corpus(part) for name, part in parts.items()}
        return {**self.paper.identity(), "corpus": digests}

    def has(self, name: str) -> bool:
        """Whether the folder has a file of that name."""
        return (self.directory / name).exists()

    def read(self, name: str) -> dict[str, object]:
        """Read a JSON object of the folder.

        Raises:
            InputError: If there is none.
        """
        return read_object(self.directory / name)

    def write(self, name: str, values: Mapping[str, object]) -> None:
        """Write a JSON object to the folder, whole or not at all."""
        write_text(self.directory / name, json.dumps(values, indent=1, allow_nan=False) + "\n")

    def took(self) -> dict[str, Cost]:
        """What each stage took so far."""
        return cast("dict[str, Cost]", self.read(TOOK)) if self.has(TOOK) else {}

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Note how many seconds a stage took, in all attempts, and the peak of memory by then."""
        started = time.perf_counter()
        try:
            yield
        finally:
            took = self.took()
            earlier = took.get(stage, {"seconds": 0.0, "peak_memory_bytes": 0})
            seconds = earlier["seconds"] + time.perf_counter() - started
            memory = max(earlier["peak_memory_bytes"], peak_memory())
            took[stage] = {"seconds": round(seconds, 1), "peak_memory_bytes": memory}
            self.write(TOOK, took)

    @cached_property
    def train(self) -> Corpus:
        """The training part."""
        return self.corpus("train")

    @cached_property
    def whole_test(self) -> Corpus:
        """The test part."""
        return self.corpus("test")

    @cached_property
    def test(self) -> Corpus:
        """The test part, or what the limit leaves of it."""
        return self.whole_test.sample(self.paper.limit)

    @cached_property
    def classifier(self) -> Classifier:
        """The model, which was trained or given."""
        found: Classifier = load(self.paper.model or self.directory / "model")
        return found

    @property
    def labels(self) -> list[str]:
        """The true class of each test document."""
        return [self.test.classes[label] for label in self.test.single_labels()]

    def figure2_text(self) -> str:
        """Return the text of Figure 2's document.

        Raises:
            InputError: If the document is not in the test part.
        """
        name = self.paper.figure2.document
        for text, other in zip(self.whole_test.texts, self.whole_test.names, strict=True):
            if other.endswith(name):
                return text
        raise InputError(f"No test document is called {name}; Figure 2 shows it.")

    def vectors(self) -> dict[str, Singles]:
        """Read the document vectors of each weighting."""
        with np.load(self.directory / "vectors.npz", allow_pickle=False) as stored:
            return {name: stored[name] for name in self.paper.weightings}
