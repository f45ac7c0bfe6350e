"""The deletion experiment: documents, methods, orders, curves.

Documents are split into those that the classifier gets right and those that it gets wrong. Each
group has a panel of its own, in which every method's curve runs over the same documents.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyword.classifier import Classifier, predict
from whyword.corpora import Corpus
from whyword.errors import InputError, did_you_mean
from whyword.evaluation.deletion import (
    STEPS,
    Curves,
    Ints,
    curves,
    deletion_order,
    random_orders,
)
from whyword.evaluation.oracle import BUDGET, Objective, oracle_orders
from whyword.evaluation.removal import OPERATORS, Operator
from whyword.explainer import stream
from whyword.methods import METHODS
from whyword.targets import PerText
from whyword.text import Document

Target = Literal["true", "predicted"]
Order = Literal["auto", "decreasing", "increasing", "both"]
Progress = Callable[[str, int, int], object]
"""Called with the name of a phase, the documents done, and their number."""

RANDOM, ORACLE = "random", "oracle"
METHODS_SHOWN = ("lrp", "sa", RANDOM, ORACLE)
MINIMUM_WORDS = 100
"""Shorter documents are left out, as in the paper (footnote 7)."""

Relevances = Sequence[NDArray[np.float64]]
Table = Callable[["Documents", Sequence[str]], Relevances]
"""From documents and the class explained in each to the relevance of their words."""


@dataclass(frozen=True)
class Settings:
    """What is done to the documents.

    Attributes:
        target: Explain the ``"true"`` class, as the paper does, or the ``"predicted"`` one.
        operator: How words are taken out.
        order: ``"decreasing"`` relevance, ``"increasing"``, ``"both"`` or ``"auto"``. That is, for
            deletions: decreasing, but increasing for wrongly classified documents if the target is
            the true class, which is the paper's; for insertions: increasing, least to most.
        steps: Deletions.
        insertion: Whether to begin with all words taken out, and put them back.
        runs: Of the random baseline.
        seed: Of the random baseline, and of the documents drawn by a limit.
        objective: What the oracle lowers or raises.
        budget: Of the oracle, where it is not exact: changed documents scored per document.
        fast: Whether to use a classifier's faster ways.
    """

    target: Target = "true"
    operator: Operator = "zero"
    order: Order = "auto"
    steps: int = STEPS
    insertion: bool = False
    runs: int = 10
    seed: int = 0
    objective: Objective = "margin"
    budget: int = BUDGET
    fast: bool = True

    def __post_init__(self) -> None:
        for name, value, options in (
            ("target", self.target, get_args(Target)),
            ("removal", self.operator, OPERATORS),
            ("order", self.order, get_args(Order)),
            ("objective", self.objective, get_args(Objective)),
        ):
            if value not in options:
                raise InputError(
                    f'Got the {name} "{value}"; expected one of: {", ".join(options)}.'
                )
        for name, number in (("deletions", self.steps), ("runs", self.runs)):
            if number < 1:
                raise InputError(f"Got {number} {name}; expected at least 1.")

    def panels(self) -> list[tuple[str, bool, bool]]:
        """Name, whether the documents are right, and whether relevance decreases, of each panel."""
        if self.order == "both":
            return [
                (f"{group}, {order}", group == "correct", order == "decreasing")
                for order in ("decreasing", "increasing")
                for group in ("correct", "wrong")
            ]
        if self.order != "auto":
            right = wrong = self.order == "decreasing"
        elif self.insertion:
            right = wrong = False
        else:
            right, wrong = True, self.target == "predicted"
        return [("correct", True, right), ("wrong", False, wrong)]

    def targets(self, documents: "Documents") -> Ints:
        """``(document,)``: the classes explained."""
        return documents.labels if self.target == "true" else documents.predicted


@dataclass(frozen=True, eq=False)
class Documents:
    """The documents that an experiment runs over.

    Attributes:
        names: One each.
        documents: The texts with their tokens.
        labels: ``(document,)`` true classes, as the classifier numbers them.
        predicted: ``(document,)`` what the classifier says.
    """

    names: tuple[str, ...]
    documents: tuple[Document, ...]
    labels: Ints
    predicted: Ints

    def __len__(self) -> int:
        return len(self.documents)

    def subset(self, chosen: Ints) -> "Documents":
        """Some of the documents."""
        return Documents(
            tuple(self.names[i] for i in chosen),
            tuple(self.documents[i] for i in chosen),
            self.labels[chosen],
            self.predicted[chosen],
        )


@dataclass(frozen=True, eq=False)
class Panel:
    """One group of documents in one order, with the curves of every method.

    Attributes:
        name: ``"correct"`` or ``"wrong"``, with the order where there are both.
        decreasing: Whether words go in decreasing order of relevance.
        documents: The documents.
        curves: Per method; the random baseline has an order for each run.
    """

    name: str
    decreasing: bool
    documents: Documents
    curves: Mapping[str, Curves]


@dataclass(frozen=True, eq=False)
class Experiment:
    """Panels, how they came about, and how long it took.

    Attributes:
        settings: What was done.
        panels: Those with documents.
        seconds: By phase.
    """

    settings: Settings
    panels: tuple[Panel, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)


class _Clock:
    """Adds up seconds by phase."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self.progress = progress
        self._last = time.perf_counter()

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now
        if self.progress:
            self.progress(phase, done, total)

    def phase(self, phase: str, total: int) -> Callable[[int], object]:
        """Takes the number of documents done."""
        return lambda done: self(phase, done, total)


def choose_documents(
    classifier: Classifier,
    corpus: Corpus,
    *,
    minimum_words: int = MINIMUM_WORDS,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Documents:
    """Tokenise and classify the documents that are long enough.

    Args:
        classifier: The model.
        corpus: Texts with labels.
        minimum_words: Documents with fewer tokens are left out.
        limit: At most so many, drawn at random; None for all.
        seed: Of the draw.
        progress: Told about the phases "reading" and "classifying".

    Raises:
        InputError: If the corpus has classes that the model has not, or no document is left.
    """
    unknown = sorted(set(corpus.classes) - set(classifier.classes))
    if unknown:
        raise InputError(f"The documents have classes that the model has not: {unknown}.")
    if limit is not None and limit < 1:
        raise InputError(f"Got the limit {limit}; expected at least 1.")
    candidates = np.arange(len(corpus))
    if limit is not None:
        candidates = np.random.default_rng(seed).permutation(candidates)
    total = len(corpus) if limit is None else limit
    tokenizer = getattr(classifier, "tokenizer", None)
    chosen: list[int] = []
    documents: list[Document] = []
    for read, i in enumerate(candidates.tolist(), start=1):
        text = corpus.texts[i]
        document = tokenizer(text) if tokenizer else classifier.encode([text]).documents[0]
        if len(document) >= minimum_words:
            chosen.append(i)
            documents.append(document)
        if progress:
            progress("reading", len(chosen) if limit else read, total)
        if len(chosen) == limit:
            break
    if not chosen:
        raise InputError(f"No document has {minimum_words} words or more; ask for fewer.")
    scores = predict(
        classifier,
        documents,
        progress=(lambda done: progress("classifying", done, len(chosen))) if progress else None,
    )
    labels = np.array([classifier.classes.index(name) for name in corpus.classes])
    return Documents(
        tuple(corpus.names[i] for i in chosen),
        tuple(documents),
        labels[corpus.labels[chosen]],
        scores.argmax(axis=1),
    )


def relevances(
    classifier: Classifier,
    documents: Sequence[Document],
    method: str,
    targets: Sequence[str],
    *,
    progress: Callable[[int], object] | None = None,
) -> list[NDArray[np.float64]]:
    """The relevance ``(word,)`` of each document's words for its own target."""
    found = stream(
        classifier, documents, method=method, targets=PerText(targets), progress=progress
    )
    return [explanation.relevance[0] for explanation in found]


def word_deletion(
    classifier: Classifier,
    corpus: Corpus,
    *,
    methods: Sequence[str] = METHODS_SHOWN,
    tables: Mapping[str, Table] | None = None,
    settings: Settings | None = None,
    minimum_words: int = MINIMUM_WORDS,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Delete words in the order of every method's relevance, and watch the predictions.

    Args:
        classifier: The model.
        corpus: Texts with labels.
        methods: Names in `whyword.methods.METHODS`, ``"random"`` (the baseline, over several runs)
            and ``"oracle"`` (`whyword.evaluation.oracle`).
        tables: Relevances from elsewhere, by the name of their curve; see
            `whyword.evaluation.tables`.
        settings: By default those of the paper's Figure 1.
        minimum_words: Documents with fewer tokens are left out.
        limit: At most so many documents, drawn at random; None for all.
        progress: Told about every phase.

    Raises:
        InputError: If there is no such method, no document is left, or a table does not fit.
    """
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
    clock = _Clock(progress)
    chosen = choose_documents(
        classifier,
        corpus,
        minimum_words=minimum_words,
        limit=limit,
        seed=settings.seed,
        progress=clock,
    )
    names = [classifier.classes[c] for c in settings.targets(chosen)]
    found: dict[str, Relevances] = {name: table(chosen, names) for name, table in tables.items()}
    for method in methods:
        if method not in (RANDOM, ORACLE):
            found[method] = relevances(
                classifier,
                chosen.documents,
                method,
                names,
                progress=clock.phase(method, len(chosen)),
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
                classifier,
                part.documents,
                settings.targets(part),
                np.full(len(part), decreasing),
                steps=settings.steps,
                objective=settings.objective,
                operator=settings.operator,
                fast=settings.fast,
                budget=settings.budget,
                progress=clock.phase(f"{ORACLE}, {name}", len(part)),
            )[None]
        panels.append(_panel(classifier, name, decreasing, part, orders, settings, clock))
    return Experiment(settings, tuple(panels), clock.seconds)


def _panel(
    classifier: Classifier,
    name: str,
    decreasing: bool,
    documents: Documents,
    orders: Mapping[str, Ints],
    settings: Settings,
    clock: _Clock,
) -> Panel:
    """Follow all orders together, ``(run, document, step)`` by method, and take them apart."""
    together = curves(
        classifier,
        documents.documents,
        np.concatenate(list(orders.values())),
        labels=documents.labels,
        targets=settings.targets(documents),
        operator=settings.operator,
        insertion=settings.insertion,
        fast=settings.fast,
        progress=clock.phase(f"deleting, {name}", len(documents)),
    )
    by_method, start = {}, 0
    for method, order in orders.items():
        by_method[method] = together.of(slice(start, start + len(order)))
        start += len(order)
    return Panel(name, decreasing, documents, by_method)
