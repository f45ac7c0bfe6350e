"""The stages of a run of the paper, and the files that each of them writes."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from whyword.classifier import tokenised
from whyword.data.files import whole, write_text
from whyword.evaluation.experiment import word_deletion
from whyword.evaluation.results import summarise
from whyword.explainer import explain
from whyword.explanation import Explanation, ExplanationRecord
from whyword.paper.work import Work
from whyword.progress import as_phase
from whyword.survey.explanatory_power import NEIGHBOURS, epi_of_all
from whyword.survey.maps import project, top_level
from whyword.survey.vectors import document_vectors, inverse_document_frequencies
from whyword.training.performance import performance_on
from whyword.training.train import train_model

APART = ("misc",)
"""The top-level categories that are none of the paper's five."""

Stage = Callable[[Work], None]


def model(work: Work) -> None:
    """Train word vectors and the CNN (section 3.1)."""
    train_model(work.paper.recipe, work.train, work.directory / "model", progress=work.progress)


def accuracy(work: Work) -> None:
    """Measure the share of test documents that are classified correctly (section 3.1)."""
    found = performance_on(work.classifier, work.test, progress=work.progress)
    from whyword.render.confusion import draw_confusion

    with whole(work.directory / "confusion.svg") as draft:
        draw_confusion(found.confusion, work.classifier.classes, draft)
    work.write("accuracy.json", found.to_dict())


def figure1(work: Work) -> None:
    """Measure accuracy as words are deleted (section 3.3)."""
    from whyword.render.curves import draw_curves

    found = word_deletion(
        work.classifier,
        work.test,
        methods=work.paper.methods,
        settings=work.paper.deletion,
        minimum_words=work.paper.minimum_words,
        progress=lambda at: work.progress(at._replace(phase=f"Figure 1: {at.phase}")),
    )
    summary = summarise(found)
    del summary["phase_seconds"]
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure1.{ending}") as draft:
            draw_curves(summary, draft)
    work.write("figure1.json", summary)


def figure2(work: Work) -> None:
    """Explain one document by several methods for several targets (section 3.4)."""
    from whyword.render.heatmap import comparison_picture
    from whyword.render.labels import method_label

    figure, text = work.paper.figure2, work.figure2_text()
    columns = {
        method: explain(work.classifier, text, method=method, targets=list(figure.targets))
        for method in figure.methods
    }
    picture = comparison_picture({method_label(method): found for method, found in columns.items()})
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure2.{ending}") as draft:
            picture.save(draft)
    work.write("figure2.json", {method: found.to_dict() for method, found in columns.items()})


def _columns(work: Work) -> dict[str, Explanation]:
    """The explanations of Figure 2, by method."""
    columns = cast("dict[str, ExplanationRecord]", work.read("figure2.json"))
    return {method: Explanation.from_json(column) for method, column in columns.items()}


def vectors(work: Work) -> None:
    """Compute document vectors, as weighted sums of their words' vectors (section 3.5)."""
    idf = None
    if "tfidf" in work.paper.weightings:
        idf = inverse_document_frequencies(tokenised(work.classifier, work.train.texts))
    found = document_vectors(
        work.classifier,
        tokenised(work.classifier, work.test.texts),
        weightings=work.paper.weightings,
        idf=idf,
        progress=as_phase(work.progress, "Figure 3: document vectors"),
    )
    with whole(work.directory / "vectors.npz") as draft:
        np.savez(draft, **found)  # type: ignore[arg-type]


def figure3(work: Work) -> None:
    """Draw document vectors in two dimensions, coloured by top-level category (section 3.5)."""
    from whyword.render.scatter import draw_maps

    points = {name: project(found) for name, found in work.vectors().items()}
    groups = [top_level(label) for label in work.labels]
    for ending in ("svg", "png"):
        with whole(work.directory / f"figure3.{ending}") as draft:
            draw_maps(points, groups, draft, apart=APART)


def explanatory_power(work: Work) -> None:
    """Compute the sequel's index EPI: how well document vectors tell classes apart."""
    rows = epi_of_all(
        work.vectors(),
        work.test.single_labels(),
        neighbours=min(NEIGHBOURS, len(work.test) - len(work.test) // 2),
        progress=work.progress,
    )
    work.write("epi.json", rows)


def results(work: Work) -> None:
    """Write all numbers to one file, with no text but the words named in Figure 2's settings."""
    found = work.read("accuracy.json")
    work.write(
        "results.json",
        {
            "settings": work.identity,
            "accuracy": found["accuracy"],
            "documents": found["documents"],
            "figure1": work.read("figure1.json"),
            "figure2": {
                method: relevance_of(explanation, work.paper.figure2.words)
                for method, explanation in _columns(work).items()
            },
            "epi": work.read("epi.json"),
        },
    )


def report(work: Work) -> None:
    """Write numbers and figures to one page."""
    from whyword.render.paper import paper_page

    page = paper_page(
        work.read("results.json"),
        explanations=_columns(work),
        maps=(work.directory / "figure3.png").read_bytes(),
        took=work.took(),
    )
    write_text(work.directory / "report.html", page)


STAGES: dict[Stage, tuple[str, ...]] = {
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
"""The stages in their order, with the files that each of them writes."""


def relevance_of(explanation: Explanation, words: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each target the relevance of the words that occur, summed over occurrences."""
    surfaces = np.array([word.lower() for word in explanation.words])
    return {
        target: {
            word: float(row[surfaces == word].sum()) for word in words if (surfaces == word).any()
        }
        for target, row in zip(explanation.targets, explanation.relevance, strict=True)
    }
