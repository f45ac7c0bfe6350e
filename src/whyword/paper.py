"""The paper in one run: a model, its accuracy, Figures 1 to 3, EPI, and a report of it all.

Arras et al. 2016 throughout; EPI is that of its sequel of 2017. A folder holds the run: every stage
leaves files there, each of them whole or not at all. A run that was stopped goes on with the first
stage that lacks one, and ends with the same numbers: what is random comes from seeds.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from whyword import __version__, corpora, recipe
from whyword.classifier import Classifier
from whyword.corpora import Corpus, Split
from whyword.document_vectors import (
    FIGURE_3,
    Vectors,
    document_vectors,
    inverse_document_frequencies,
    tokenised,
)
from whyword.errors import InputError
from whyword.evaluation.documents import MINIMUM_WORDS
from whyword.evaluation.experiment import ORACLE, RANDOM, word_deletion
from whyword.evaluation.results import summarise
from whyword.evaluation.settings import Settings
from whyword.evaluation.vectors import NEIGHBOURS, epi, gap
from whyword.explainer import explain
from whyword.explanation import Explanation
from whyword.files import whole, write_text
from whyword.maps import project, top_level
from whyword.models.store import load
from whyword.recipe import Progress, Recipe
from whyword.report import draw_confusion
from whyword.training import peak_memory

FORMAT = 1
APART = ("misc",)
"""Top-level categories that are none of the paper's five."""


@dataclass(frozen=True)
class Figure2:
    """One document, explained for several targets.

    Attributes:
        document: How its name in the test part ends.
        targets: The classes, one row each.
        methods: The columns.
        words: Whose relevance the results give.
    """

    document: str = "sci.space/61393"
    targets: tuple[str, ...] = ("sci.space", "sci.med", "rec.motorcycles")
    methods: tuple[str, ...] = ("lrp", "sa")
    words: tuple[str, ...] = ("ride", "sick", "astronauts")


@dataclass(frozen=True)
class Paper:
    """What is run.

    Attributes:
        recipe: Of the model.
        model: A name or folder of a model to take instead of training one.
        limit: So many test documents, drawn at random; None for all.
        methods: Curves of Figure 1.
        deletion: How words are deleted in Figure 1.
        minimum_words: Figure 1 leaves out shorter documents.
        figure2: The document of Figure 2.
        weightings: Panels of Figure 3 and rows of EPI; the others are compared with the first.
    """

    recipe: Recipe = field(default_factory=Recipe)
    model: str | None = None
    limit: int | None = None
    methods: tuple[str, ...] = ("lrp", "sa", RANDOM, ORACLE, "shapley_lrp")
    deletion: Settings = field(default_factory=Settings)
    minimum_words: int = MINIMUM_WORDS
    figure2: Figure2 = field(default_factory=Figure2)
    weightings: tuple[str, ...] = FIGURE_3

    def identity(self) -> dict[str, Any]:
        """What decides the results, as JSON values."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        found["deletion"].pop("fast")
        if self.model is not None:
            found.pop("recipe")
        return {"format": FORMAT, "whyword": __version__, **found}


def run(
    paper: Paper,
    directory: str | Path,
    *,
    corpus: Callable[[Split], Corpus] = corpora.news20,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run every stage that lacks one of its files.

    Args:
        paper: What to run.
        directory: Where everything goes; made if need be. Figure 2 and the report hold the text of
            a document.
        corpus: The training and the test part.
        progress: As in `whyword.recipe`.

    Returns:
        What ``results.json`` says.

    Raises:
        InputError: If the folder cannot be written or holds a run with other settings, Figure 2's
            document is not in the corpus, the model has no word vectors, or a library is not
            installed.
    """
    work = _Work(paper, Path(directory), corpus, progress or _silent)
    work.claim()
    for stage, files in STAGES.items():
        if stage is model and paper.model is not None:
            continue
        if not all((work.directory / file).exists() for file in files):
            work.clock(stage)
    return work.read("results.json")


class _Work:
    """The stages, what they share, and what they leave in the folder."""

    def __init__(
        self,
        paper: Paper,
        directory: Path,
        corpus: Callable[[Split], Corpus],
        progress: Progress,
    ) -> None:
        self.paper = paper
        self.directory = directory
        self.corpus = corpus
        self.progress = progress

    # What is in the folder

    def claim(self) -> None:
        """Make the folder, or see that it is this run's."""
        identity = self.paper.identity()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if not (self.directory / "settings.json").exists():
                self.write("settings.json", identity)
        except OSError as error:
            raise InputError(f"Cannot write to {self.directory}: {error.strerror}.") from error
        earlier = self.read("settings.json")
        if different := [key for key in identity if earlier.get(key) != identity[key]]:
            raise InputError(
                f"{self.directory} holds a run with another {' and another '.join(different)}; "
                "give another folder."
            )

    def clock(self, stage: Callable[["_Work"], None]) -> None:
        """Run a stage, and note what it took."""
        started = time.perf_counter()
        stage(self)
        path = self.directory / "took.json"
        took = self.read("took.json") if path.exists() else {}
        seconds = round(time.perf_counter() - started, 1)
        took[stage.__name__] = {"seconds": seconds, "peak_memory_bytes": peak_memory()}
        self.write("took.json", took)

    def read(self, name: str) -> dict[str, Any]:
        """A JSON object of the folder."""
        try:
            found: dict[str, Any] = json.loads((self.directory / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read {self.directory / name}: {error}.") from error
        return found

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """A JSON object, whole or not at all."""
        write_text(self.directory / name, json.dumps(values, indent=1, allow_nan=False) + "\n")

    # What several stages need

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
        """The model trained or given."""
        found: Classifier = load(self.paper.model or self.directory / "model")
        return found

    @cached_property
    def labels(self) -> list[str]:
        """The true class of each test document."""
        return [self.test.classes[label] for label in self.test.labels]

    def vectors(self) -> dict[str, Vectors]:
        """Document vectors by weighting."""
        with np.load(self.directory / "vectors.npz", allow_pickle=False) as stored:
            return {name: stored[name] for name in self.paper.weightings}

    def phase(self, name: str, total: int) -> Callable[[int], object]:
        """Progress of a phase that counts documents."""
        return lambda done: self.progress(name, done, total, {})


def model(work: _Work) -> None:
    """Section 3.1: vectors and the CNN."""
    recipe.run(
        work.paper.recipe, work.corpus("train"), work.directory / "model", progress=work.progress
    )


def accuracy(work: _Work) -> None:
    """Section 3.1: the share of test documents that are classified correctly."""
    found = recipe.evaluate(work.classifier, work.test, progress=work.progress)
    with whole(work.directory / "confusion.svg") as draft:
        draw_confusion(found, draft)
    work.write("accuracy.json", found.to_dict())


def figure1(work: _Work) -> None:
    """Section 3.3: accuracy as words are deleted."""
    from whyword.render.curves import draw_curves

    found = word_deletion(
        work.classifier,
        work.test,
        methods=work.paper.methods,
        settings=work.paper.deletion,
        minimum_words=work.paper.minimum_words,
        progress=lambda phase, done, total: work.progress(f"Figure 1: {phase}", done, total, {}),
    )
    summary = summarise(found)
    del summary["phase_seconds"]
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure1.{ending}") as draft:
            draw_curves(summary, draft)
    work.write("figure1.json", summary)


def figure2(work: _Work) -> None:
    """Section 3.4: one document, by several methods for several targets."""
    from whyword.render.heatmap import comparison

    figure, corpus = work.paper.figure2, work.whole_test
    texts = [
        text
        for text, name in zip(corpus.texts, corpus.names, strict=True)
        if name.endswith(figure.document)
    ]
    if not texts:
        raise InputError(f"No test document is called {figure.document}; Figure 2 shows it.")
    columns = {
        method: explain(work.classifier, texts[0], method=method, targets=list(figure.targets))
        for method in figure.methods
    }
    picture = comparison({method.upper(): found for method, found in columns.items()})
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure2.{ending}") as draft:
            picture.save(draft)
    work.write("figure2.json", {method: found.to_dict() for method, found in columns.items()})


def vectors(work: _Work) -> None:
    """Section 3.5: documents as weighted sums of their words' vectors."""
    idf = None
    if "tfidf" in work.paper.weightings:
        idf = inverse_document_frequencies(tokenised(work.classifier, work.corpus("train").texts))
    found = document_vectors(
        work.classifier,
        tokenised(work.classifier, work.test.texts),
        weightings=work.paper.weightings,
        idf=idf,
        progress=work.phase("Figure 3: document vectors", len(work.test)),
    )
    with whole(work.directory / "vectors.npz") as draft:
        np.savez(draft, allow_pickle=False, **found)


def figure3(work: _Work) -> None:
    """Section 3.5: these vectors in two dimensions, coloured by top-level category."""
    from whyword.render.plots import draw_maps

    points = {name: project(found) for name, found in work.vectors().items()}
    groups = [top_level(label) for label in work.labels]
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure3.{ending}") as draft:
            draw_maps(points, groups, draft, apart=APART)


def explanatory_power(work: _Work) -> None:
    """The sequel's index: how well these vectors tell classes apart."""
    neighbours = min(NEIGHBOURS, len(work.test) - len(work.test) // 2)
    found = {}
    for done, (name, stored) in enumerate(work.vectors().items(), start=1):
        found[name] = epi(stored, work.test.labels, neighbours=neighbours)
        work.progress("EPI", done, len(work.paper.weightings), {"EPI": found[name].mean})
    first, *_ = found
    rows = {name: index.to_dict() for name, index in found.items()}
    for name, index in found.items():
        if name != first:
            difference, error = gap(found[first], index)
            rows[name] |= {f"below_{first}": difference, "standard_error": error}
    work.write("epi.json", rows)


def results(work: _Work) -> None:
    """All numbers in one file: no text but the words of Figure 2 that the settings name."""
    report = work.read("accuracy.json")
    work.write(
        "results.json",
        {
            "settings": work.paper.identity(),
            "accuracy": report["accuracy"],
            "documents": report["documents"],
            "figure1": work.read("figure1.json"),
            "figure2": {
                method: relevance_of(Explanation.from_json(found), work.paper.figure2.words)
                for method, found in work.read("figure2.json").items()
            },
            "epi": work.read("epi.json"),
        },
    )


def report(work: _Work) -> None:
    """Numbers and figures on one page."""
    from whyword.render.paper import paper_page

    figure2 = work.read("figure2.json").items()
    page = paper_page(
        work.read("results.json"),
        explanations={method: Explanation.from_json(found) for method, found in figure2},
        maps=(work.directory / "figure3.png").read_bytes(),
        took=work.read("took.json"),
    )
    write_text(work.directory / "report.html", page)


STAGES: dict[Callable[[_Work], None], tuple[str, ...]] = {
    model: ("model/report.json",),
    accuracy: ("accuracy.json", "confusion.svg"),
    figure1: ("figure1.json", "figure1.svg", "figure1.png"),
    figure2: ("figure2.json", "figure2.svg", "figure2.png"),
    vectors: ("vectors.npz",),
    figure3: ("figure3.svg", "figure3.png"),
    explanatory_power: ("epi.json",),
    results: ("results.json",),
    report: ("report.html",),
}
"""In their order, with the files that each leaves."""


def relevance_of(explanation: Explanation, words: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each target the relevance of those of the words that occur, over all occurrences."""
    surfaces = np.array([word.lower() for word in explanation.words])
    return {
        target: {
            word: float(row[surfaces == word].sum()) for word in words if (surfaces == word).any()
        }
        for target, row in zip(explanation.targets, explanation.relevance, strict=True)
    }


def _silent(phase: str, done: int, total: int, latest: Mapping[str, float]) -> None:
    """Report nothing."""
