"""The deletion experiment: every method orders the words of each document, which are then deleted.

Documents are split into those that the classifier gets right and those that it gets wrong. Each
group has a panel of its own, in which every method's curve is that of the same documents.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from whyword.classifier import Classifier, FollowsDeletions
from whyword.data.arrays import Floats, Ints
from whyword.data.corpora import Corpus
from whyword.errors import InputError, did_you_mean
from whyword.evaluation.deletion import Curves, curves, deletion_order, random_orders
from whyword.evaluation.documents import MINIMUM_WORDS, Documents, choose_documents, for_batches
from whyword.evaluation.oracle import oracle_orders
from whyword.evaluation.settings import Settings
from whyword.explainer import stream
from whyword.methods import METHODS
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress, Progress, as_phase
from whyword.targets import Class, PerText
from whyword.text import Document

RANDOM, ORACLE = "random", "oracle"
METHODS_SHOWN = ("lrp", "sa", RANDOM, ORACLE)

Relevances = Sequence[Floats]
Table = Callable[[Documents, Sequence[str]], Relevances]
"""A function from documents, and the class explained in each, to the relevance of their words."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One group of documents in one order, with the curves of every method.

    Attributes:
        name: ``"correct"`` or ``"wrong"``; if the settings ask for both orders, with the order.
        decreasing: Whether words are deleted in decreasing order of relevance.
        documents: The documents of the group.
        curves: The curves of each method, by name; the random baseline has an order for each run.
    """

    name: str
    decreasing: bool
    documents: Documents
    curves: Mapping[str, Curves]


@dataclass(frozen=True, eq=False)
class Experiment:
    """The results of a deletion experiment.

    Attributes:
        settings: The settings that it ran with.
        documents: All documents that were chosen.
        panels: The panels; a group without documents has none.
        seconds: How long each phase took, by name.
    """

    settings: Settings
    documents: Documents
    panels: tuple[Panel, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)


class _Clock:
    """A progress callback that adds up the seconds of each phase."""

    def __init__(self, progress: OnProgress | None) -> None:
        self.seconds: dict[str, float] = {}
        self.progress = progress
        self._last = time.perf_counter()

    def __call__(self, at: Progress) -> None:
        now = time.perf_counter()
        self.seconds[at.phase] = self.seconds.get(at.phase, 0.0) + now - self._last
        self._last = now
        if self.progress:
            self.progress(at)


def relevances(
    classifier: Classifier,
    documents: Sequence[Document],
    method: str,
    targets: Sequence[str],
    *,
    progress: OnProgress | None = None,
) -> list[Floats]:
    """Explain each document for its own class; return the relevance ``(word,)`` of its words."""
    found: dict[int, Floats] = {}

    def explain(chosen: list[int]) -> None:
        own = PerText([Class(targets[i]) for i in chosen])
        part = [documents[i] for i in chosen]
        for i, e in zip(chosen, stream(classifier, part, method=method, targets=own), strict=True):
            found[i] = e.relevance[0]

    for_batches(
        explain,
        documents,
        batch_size=16,
        # Closed forms do all of the work themselves, and so may run in several threads.
        parallel=METHODS[method].closed and isinstance(classifier, FollowsDeletions),
        phase=method,
        progress=progress,
    )
    return [found[i] for i in range(len(documents))]


def word_deletion(
    classifier: Explainable,
    corpus: Corpus,
    *,
    methods: Sequence[str] = METHODS_SHOWN,
    tables: Mapping[str, Table] | None = None,
    settings: Settings | None = None,
    minimum_words: int = MINIMUM_WORDS,
    limit: int | None = None,
    progress: OnProgress | None = None,
) -> Experiment:
    """Delete words in the order of each method's relevance, and watch the predictions.

    Args:
        classifier: What `whyword.explain` takes.
        corpus: Texts with labels.
        methods: Names in `whyword.methods.METHODS`, ``"random"`` (words in random order, several
            runs) and ``"oracle"`` (`whyword.evaluation.oracle`).
        tables: Relevances from elsewhere, by the name that their curve gets; see
            `whyword.evaluation.tables`.
        settings: What is deleted and how; by default as in the paper's Figure 1.
        minimum_words: Documents with fewer tokens are left out.
        limit: Most documents to use, drawn at random; None for all.
        progress: Called in every phase; see `whyword.progress`.

    Raises:
        InputError: If there is no such method, no document is left, a table does not fit, or the
            model has one class only.
    """
    model = as_classifier(classifier)
    settings = settings or Settings()
    tables = tables or {}
    for method in methods:
        if method not in (*METHODS, ORACLE):
            names = [*METHODS, ORACLE]
            raise InputError(f'There is no method "{method}". {did_you_mean(method, names)}')
    if twice := [name for name in tables if name in methods]:
        raise InputError(f'"{twice[0]}" names a method and a table; give the table another name.')
    if settings.insertion and ORACLE in methods:
        raise InputError(
            "The oracle deletes words; it says nothing about insertions. Leave it out."
        )
    if not methods and not tables:
        raise InputError("Got no method and no table of relevances; expected at least one.")
    if len(model.classes) < 2:
        raise InputError(
            f"The model has {len(model.classes)} class, which it predicts whatever is "
            "deleted; expected two classes or more."
        )
    clock = _Clock(progress)
    chosen = choose_documents(
        model,
        corpus,
        minimum_words=minimum_words,
        limit=limit,
        seed=settings.seed,
        progress=clock,
    )
    names = [model.classes[c] for c in settings.targets(chosen)]
    found: dict[str, Relevances] = {name: table(chosen, names) for name, table in tables.items()}
    for method in methods:
        if method not in (RANDOM, ORACLE):
            found[method] = relevances(
                model,
                chosen.documents,
                method,
                names,
                progress=clock,
            )
    panels = []
    for name, right, decreasing in settings.panels():
        where = np.flatnonzero((chosen.predicted == chosen.labels) == right)
        if not len(where):
            continue
        part = chosen.subset(where)
        orders = {
            method: np.stack(
                [
                    deletion_order(relevance[i], steps=settings.steps, decreasing=decreasing)
                    for i in where.tolist()
                ]
            )[None]
            for method, relevance in found.items()
        }
        if RANDOM in methods:
            orders[RANDOM] = random_orders(
                [len(document) for document in part.documents],
                runs=settings.runs,
                steps=settings.steps,
                seed=settings.seed,
            )
        if ORACLE in methods:
            orders[ORACLE] = oracle_orders(
                model,
                part.documents,
                settings.targets(part),
                np.full(len(part), decreasing),
                steps=settings.steps,
                objective=settings.objective,
                operator=settings.operator,
                fast=settings.fast,
                budget=settings.budget,
                progress=as_phase(clock, f"{ORACLE}, {name}"),
            )[None]
        panels.append(_panel(model, name, decreasing, part, orders, settings, clock))
    return Experiment(settings, chosen, tuple(panels), clock.seconds)


def _panel(
    classifier: Classifier,
    name: str,
    decreasing: bool,
    documents: Documents,
    orders: Mapping[str, Ints],
    settings: Settings,
    clock: _Clock,
) -> Panel:
    """Follow the orders of all methods, ``(run, document, step)`` each, in one go."""
    together = curves(
        classifier,
        documents.documents,
        np.concatenate(list(orders.values())),
        labels=documents.labels,
        targets=settings.targets(documents),
        operator=settings.operator,
        insertion=settings.insertion,
        fast=settings.fast,
        progress=as_phase(clock, f"deleting, {name}"),
    )
    by_method, start = {}, 0
    for method, order in orders.items():
        by_method[method] = together.of(slice(start, start + len(order)))
        start += len(order)
    return Panel(name, decreasing, documents, by_method)
