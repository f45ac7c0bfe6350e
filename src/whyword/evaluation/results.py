"""Results of a deletion experiment: curves, means, intervals, comparisons; as JSON and Parquet."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.parquet import pyarrow
from whyword.evaluation.deletion import Curves
from whyword.evaluation.experiment import ORACLE, RANDOM, Experiment, Panel
from whyword.evaluation.statistics import RESAMPLES, Bootstrap, compare, interval

FORMAT = 1


def summarise(experiment: Experiment, *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Summarise an experiment: all its numbers as JSON values.

    Each panel has a record for each method. It holds ``accuracy``, ``true_probability`` and
    ``target_probability`` after 0 to n steps, as means over the runs; ``low`` and ``high``, the
    ends of accuracy's 95 % bootstrap interval over documents; ``mean``, accuracy's mean over all
    steps, with its ``interval``; ``area``, the area under accuracy by trapezoids, as a share;
    ``documents``, their number; ``order``; and for several runs ``runs`` and ``std``, accuracy's
    standard deviation over them at each step (n - 1 in the denominator). With a random baseline and
    an oracle it also holds ``coverage``: how much of the way from the baseline's mean to the
    oracle's the method goes.

    ``comparisons`` has every pair of methods: the difference of their means, its interval, the
    p-value of the paired sign-flip test, and the number of documents on which each is higher.

    Args:
        experiment: The experiment.
        resamples: Number of random draws for the bootstrap and the tests.
    """
    settings = {k: v for k, v in asdict(experiment.settings).items() if k != "fast"}
    result: dict[str, Any] = {
        "format": FORMAT,
        "settings": settings,
        "phase_seconds": {phase: round(s, 2) for phase, s in experiment.seconds.items()},
        "panels": [panel.name for panel in experiment.panels],
    }
    comparisons = []
    for panel in experiment.panels:
        bootstrap = Bootstrap(
            len(panel.documents), resamples=resamples, seed=experiment.settings.seed
        )
        result[panel.name] = _panel(panel, bootstrap)
        means = {method: document_means(curves) for method, curves in panel.curves.items()}
        for one, other in combinations(means, 2):
            found = compare(means[one], means[other], bootstrap=bootstrap)
            comparisons.append(
                {"panel": panel.name, "first": one, "second": other, **asdict(found)}
            )
    result["comparisons"] = comparisons
    return result


def document_means(curves: Curves) -> Floats:
    """``(document,)``: the share of runs and steps at which the prediction is the true class."""
    found: Floats = curves.correct.mean(axis=(0, 2))
    return found


def _panel(panel: Panel, bootstrap: Bootstrap) -> dict[str, Any]:
    coverage = _coverage(panel, bootstrap)
    return {
        method: {
            **_method(curves, bootstrap),
            "order": "decreasing" if panel.decreasing else "increasing",
            **coverage.get(method, {}),
        }
        for method, curves in panel.curves.items()
    }


def _method(curves: Curves, bootstrap: Bootstrap) -> dict[str, Any]:
    accuracy = curves.accuracy
    low, high = bootstrap.interval(curves.correct.mean(axis=0))
    record: dict[str, Any] = {
        "accuracy": accuracy.mean(axis=0).tolist(),
        "mean": float(accuracy.mean()),
        "interval": bootstrap.interval(document_means(curves)).tolist(),
        "area": float((accuracy[:, 1:] + accuracy[:, :-1]).mean() / 2),
        "documents": len(curves.labels),
        "low": low.tolist(),
        "high": high.tolist(),
        "true_probability": curves.true_probability.mean(axis=(0, 1), dtype=float).tolist(),
        "target_probability": curves.target_probability.mean(axis=(0, 1), dtype=float).tolist(),
    }
    if len(accuracy) > 1:
        record |= {"runs": len(accuracy), "std": accuracy.std(axis=0, ddof=1).tolist()}
    return record


def _coverage(panel: Panel, bootstrap: Bootstrap) -> dict[str, dict[str, Any]]:
    """Compute (random - method) / (random - oracle) of the means, with its interval."""
    if RANDOM not in panel.curves or ORACLE not in panel.curves:
        return {}
    means = {method: document_means(curves) for method, curves in panel.curves.items()}
    whole = means[RANDOM] - means[ORACLE]
    if not whole.mean():
        return {}
    wholes = bootstrap.means(whole)
    result = {}
    for method, values in means.items():
        part = means[RANDOM] - values
        shares = np.divide(bootstrap.means(part), wholes, where=wholes != 0, out=0 * wholes)
        result[method] = {
            "coverage": float(part.mean() / whole.mean()),
            "coverage_interval": interval(shares).tolist(),
        }
    return result


def write_tables(experiment: Experiment, summary: Mapping[str, Any], directory: Path) -> None:
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
        for method, record in summary[panel.name].items():
            key = {"panel": panel.name, "order": record["order"], "method": method}
            columns = ("accuracy", "low", "high", "true_probability", "target_probability")
            std = record.get("std")
            for step, values in enumerate(zip(*(record[c] for c in columns), strict=True)):
                curves.append(
                    {
                        **key,
                        "step": step,
                        **dict(zip(columns, values, strict=True)),
                        "std": std[step] if std else None,
                    }
                )
            part = panel.documents
            means = document_means(panel.curves[method]).tolist()
            for name, document, mean in zip(part.names, part.documents, means, strict=True):
                documents.append({**key, "document": name, "words": len(document), "mean": mean})
    _write_parquet(curves, directory / "curves.parquet")
    _write_parquet(documents, directory / "documents.parquet")


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    pa, parquet = pyarrow("evaluate")
    parquet.write_table(pa.Table.from_pylist(rows), path)
