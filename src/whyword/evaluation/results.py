"""Results of a deletion experiment: curves, means, intervals, comparisons; as JSON and Parquet."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.parquet import pyarrow
from whyword.evaluation.deletion import Curves
from whyword.evaluation.experiment import ORACLE, RANDOM, Experiment, Panel
from whyword.evaluation.measurements import MetricSummary
from whyword.evaluation.statistics import (
    RESAMPLES,
    Bootstrap,
    ComparisonRecord,
    compare,
    interval,
)

FORMAT = 1


class Runs(TypedDict, total=False):
    """How many runs there were, and accuracy's standard deviation over them at each step.

    It is that of a sample, with n - 1 in the denominator.
    """

    runs: int
    std: list[float]


class Coverage(TypedDict, total=False):
    """How much of the way from the mean of the random baseline to the oracle's a method goes."""

    coverage: float
    coverage_interval: list[float]


class MethodCurve(Runs, Coverage):
    """One method in one panel, with `Runs` if it has several, and `Coverage` if it can be told.

    ``accuracy``, ``true_probability`` and ``target_probability`` are means over the runs after 0 to
    n steps; ``low`` and ``high`` are the ends of accuracy's 95 % bootstrap interval over documents;
    ``mean`` is accuracy's mean over all steps, and ``interval`` that of the mean; ``area`` is the
    area under accuracy by trapezoids, as a share.
    """

    accuracy: list[float]
    mean: float
    interval: list[float]
    area: float
    documents: int
    low: list[float]
    high: list[float]
    true_probability: list[float]
    target_probability: list[float]
    order: Literal["decreasing", "increasing"]


class PairOfMethods(ComparisonRecord):
    """How much higher the mean of the first method is than that of the second, in a panel."""

    panel: str
    first: str
    second: str


class Summary(TypedDict):
    """Every number of an experiment, as JSON values.

    ``panels`` has the names of the panels. Each has its methods under its own name: ``correct`` and
    ``wrong``, or, of an experiment in both orders, ``"correct, decreasing"`` and so on; `panel_of`
    takes any of them. ``comparisons`` has every pair of methods. ``metrics`` stands there if some
    were measured.
    """

    format: int
    settings: dict[str, object]
    phase_seconds: NotRequired[dict[str, float]]
    panels: list[str]
    correct: NotRequired[dict[str, MethodCurve]]
    wrong: NotRequired[dict[str, MethodCurve]]
    comparisons: list[PairOfMethods]
    metrics: NotRequired[dict[str, MetricSummary]]


def panel_of(summary: Mapping[str, object], name: str) -> dict[str, MethodCurve]:
    """The methods of a panel, by name.

    Args:
        summary: What `summarise` returned.
        name: One of its ``panels``.
    """
    return cast("dict[str, MethodCurve]", summary[name])


def summarise(experiment: Experiment, *, resamples: int = RESAMPLES) -> Summary:
    """Summarise an experiment: all its numbers as JSON values.

    Args:
        experiment: The experiment.
        resamples: Number of random draws for the bootstrap and the tests.
    """
    settings = {k: v for k, v in asdict(experiment.settings).items() if k != "fast"}
    panels: dict[str, dict[str, MethodCurve]] = {}
    comparisons: list[PairOfMethods] = []
    for panel in experiment.panels:
        bootstrap = Bootstrap(
            len(panel.documents), resamples=resamples, seed=experiment.settings.seed
        )
        panels[panel.name] = _panel(panel, bootstrap)
        means = {method: document_means(curves) for method, curves in panel.curves.items()}
        for one, other in combinations(means, 2):
            found = compare(means[one], means[other], bootstrap=bootstrap)
            comparisons.append(
                {"panel": panel.name, "first": one, "second": other, **found.to_dict()}
            )
    summary = {
        "format": FORMAT,
        "settings": settings,
        "phase_seconds": {phase: round(s, 2) for phase, s in experiment.seconds.items()},
        "panels": list(panels),
        **panels,
        "comparisons": comparisons,
    }
    return cast(Summary, summary)


def document_means(curves: Curves) -> Floats:
    """``(document,)``: the share of runs and steps at which the prediction is the true class."""
    found: Floats = curves.correct.mean(axis=(0, 2))
    return found


def _panel(panel: Panel, bootstrap: Bootstrap) -> dict[str, MethodCurve]:
    coverage = _coverage(panel, bootstrap)
    return {
        method: _method(panel, curves, bootstrap, coverage.get(method, {}))
        for method, curves in panel.curves.items()
    }


def _method(panel: Panel, curves: Curves, bootstrap: Bootstrap, coverage: Coverage) -> MethodCurve:
    accuracy = curves.accuracy
    low, high = bootstrap.interval(curves.correct.mean(axis=0))
    runs: Runs = {}
    if len(accuracy) > 1:
        runs = {"runs": len(accuracy), "std": accuracy.std(axis=0, ddof=1).tolist()}
    return {
        "accuracy": accuracy.mean(axis=0).tolist(),
        "mean": float(accuracy.mean()),
        "interval": bootstrap.interval(document_means(curves)).tolist(),
        "area": float((accuracy[:, 1:] + accuracy[:, :-1]).mean() / 2),
        "documents": len(curves.labels),
        "low": low.tolist(),
        "high": high.tolist(),
        "true_probability": curves.true_probability.mean(axis=(0, 1), dtype=float).tolist(),
        "target_probability": curves.target_probability.mean(axis=(0, 1), dtype=float).tolist(),
        **runs,
        "order": "decreasing" if panel.decreasing else "increasing",
        **coverage,
    }


def _coverage(panel: Panel, bootstrap: Bootstrap) -> dict[str, Coverage]:
    """Compute (random - method) / (random - oracle) of the means, with its interval."""
    if RANDOM not in panel.curves or ORACLE not in panel.curves:
        return {}
    means = {method: document_means(curves) for method, curves in panel.curves.items()}
    whole = means[RANDOM] - means[ORACLE]
    if not whole.mean():
        return {}
    wholes = bootstrap.means(whole)
    result: dict[str, Coverage] = {}
    for method, values in means.items():
        part = means[RANDOM] - values
        shares = np.divide(bootstrap.means(part), wholes, where=wholes != 0, out=0 * wholes)
        result[method] = {
            "coverage": float(part.mean() / whole.mean()),
            "coverage_interval": interval(shares).tolist(),
        }
    return result


def write_tables(experiment: Experiment, summary: Mapping[str, object], directory: Path) -> None:
    """Write ``curves.parquet`` and ``documents.parquet``.

    The first has a row for each panel, method and step; the second one for each panel, method and
    document, which is named. No text of a document is written.

    Args:
        experiment: The experiment.
        summary: Its summary, as `summarise` returns it.
        directory: The folder for the files.

    Raises:
        InputError: If pyarrow is not installed.
    """
    curves, documents = [], []
    for panel in experiment.panels:
        for method, record in panel_of(summary, panel.name).items():
            key = {"panel": panel.name, "order": record["order"], "method": method}
            std = record.get("std")
            for step, accuracy in enumerate(record["accuracy"]):
                curves.append(
                    {
                        **key,
                        "step": step,
                        "accuracy": accuracy,
                        "low": record["low"][step],
                        "high": record["high"][step],
                        "true_probability": record["true_probability"][step],
                        "target_probability": record["target_probability"][step],
                        "std": std[step] if std else None,
                    }
                )
            part = panel.documents
            means = document_means(panel.curves[method]).tolist()
            for name, document, mean in zip(part.names, part.documents, means, strict=True):
                documents.append({**key, "document": name, "words": len(document), "mean": mean})
    _write_parquet(curves, directory / "curves.parquet")
    _write_parquet(documents, directory / "documents.parquet")


def _write_parquet(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    pa, parquet = pyarrow("evaluate")
    parquet.write_table(pa.Table.from_pylist(rows), path)
