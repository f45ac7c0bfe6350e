"""Results of metrics: means with intervals, and differences of methods, as JSON and Parquet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.parquet import pyarrow
from whyword.evaluation.statistics import Bootstrap, ComparisonRecord, compare

TABLES = ("metrics.parquet", "metric_documents.parquet")

Better = Literal["higher", "lower", "near zero"]


class MetricNumbers(TypedDict):
    """What a metric found of one method: on how many texts it is defined, and its mean over them.

    The mean and the ends of its bootstrap interval are None if it is defined on no text.
    """

    texts: int
    mean: float | None
    low: float | None
    high: float | None


class MeasurementRecord(MetricNumbers):
    """A `Measurement` as JSON values, without those of single texts."""

    method: str
    metric: str
    better: Better


class Difference(ComparisonRecord):
    """How much higher a method is than the one whose name is ``to``."""

    to: str


class MethodSummary(MetricNumbers):
    """One method in a `MetricSummary`; all but the first are compared with the first."""

    difference: NotRequired[Difference | None]


class MetricSummary(TypedDict):
    """One metric: which values speak for a method, and what it found, by method."""

    better: Better
    methods: dict[str, MethodSummary]


@dataclass(frozen=True, eq=False)
class Measurement:
    """One metric of one method.

    Attributes:
        method: Name of the method.
        metric: Name of the metric.
        better: Which values speak for the method.
        values: ``(text,)``, NaN where the metric is not defined.
        mean: Mean over the texts where it is defined; NaN if there are none.
        low: Lower end of the mean's bootstrap interval (95 %).
        high: Upper end of this interval.
        documents: Names of the texts, if they have names.
    """

    method: str
    metric: str
    better: Better
    values: Floats
    mean: float
    low: float
    high: float
    documents: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        method: str,
        metric: str,
        better: Better,
        values: Floats,
        *,
        documents: tuple[str, ...] = (),
        seed: int = 0,
    ) -> "Measurement":
        """Make a measurement of values: with mean and interval over those that are defined."""
        defined = values[np.isfinite(values)]
        mean = low = high = float("nan")
        if len(defined):
            mean = float(defined.mean())
            low, high = Bootstrap(len(defined), seed=seed).interval(defined).tolist()
        return cls(method, metric, better, values, mean, low, high, documents)

    def to_dict(self) -> MeasurementRecord:
        """The measurement as JSON values, without those of single texts."""
        return {
            "method": self.method,
            "metric": self.metric,
            "better": self.better,
            **self.numbers(),
        }

    def numbers(self) -> MetricNumbers:
        """Mean and interval as JSON values; None for what is not defined."""
        return {
            "texts": int(np.isfinite(self.values).sum()),
            "mean": _if_finite(self.mean),
            "low": _if_finite(self.low),
            "high": _if_finite(self.high),
        }


def _if_finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def summarise(measurements: Sequence[Measurement], *, seed: int = 0) -> dict[str, MetricSummary]:
    """Summarise measurements as JSON values: for each metric a record, with one for each method.

    The record of a metric has ``better`` and ``methods``; that of a method has the numbers of
    `Measurement.to_dict`. Every method but the metric's first has a ``difference`` too: its mean
    less the first's, over the texts where both are defined, as `difference` returns it.

    Args:
        measurements: Measurements on the same texts, metric by metric.
        seed: Seed of the bootstrap.
    """
    summary: dict[str, MetricSummary] = {}
    first: dict[str, Measurement] = {}
    for row in measurements:
        found = cast(MethodSummary, row.numbers())
        methods = summary.setdefault(row.metric, {"better": row.better, "methods": {}})["methods"]
        reference = first.setdefault(row.metric, row)
        if row is not reference:
            found["difference"] = difference(row, reference, seed=seed)
        methods[row.method] = found
    return summary


def difference(row: Measurement, other: Measurement, *, seed: int = 0) -> Difference | None:
    """Compare two methods by one metric, text by text: difference, interval and p-value.

    Args:
        row: Measurement of the method.
        other: Measurement of the method to compare with. If one of them has more texts, its first
            ones count.
        seed: Seed of the bootstrap and the test.

    Returns:
        What `whyword.evaluation.statistics.compare` finds, with the other's name as ``"to"``; None
        if there is no text with both.
    """
    texts = min(len(row.values), len(other.values))
    ours, theirs = row.values[:texts], other.values[:texts]
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        return None
    bootstrap = Bootstrap(int(both.sum()), seed=seed)
    found = compare(ours[both], theirs[both], bootstrap=bootstrap, seed=seed)
    return {"to": other.method, **found.to_dict()}


def write_tables(
    measurements: Sequence[Measurement], summary: Mapping[str, MetricSummary], directory: Path
) -> None:
    """Write ``metrics.parquet`` and ``metric_documents.parquet``.

    The first has a row for each metric and method, the second one for each metric, method and
    document with a name. No text of a document is written.

    Args:
        measurements: The measurements.
        summary: Their summary, as `summarise` returns it.
        directory: The folder for the files.

    Raises:
        InputError: If pyarrow is not installed.
    """
    pa, parquet = pyarrow("evaluate")
    means, documents = [], []
    for metric, by_method in summary.items():
        for method, record in by_method["methods"].items():
            compared = record.get("difference")
            means.append(
                {
                    "metric": metric,
                    "better": by_method["better"],
                    "method": method,
                    **{name: value for name, value in record.items() if name != "difference"},
                    "difference": compared["difference"] if compared else None,
                    "difference_low": compared["low"] if compared else None,
                    "difference_high": compared["high"] if compared else None,
                    "p_value": compared["p_value"] if compared else None,
                }
            )
    for found in measurements:
        key = {"metric": found.metric, "method": found.method}
        for name, value in zip(found.documents, found.values.tolist(), strict=False):
            documents.append({**key, "document": name, "value": value})
    for file, rows in zip(TABLES, (means, documents), strict=True):
        parquet.write_table(pa.Table.from_pylist(rows), directory / file)


def remove_tables(directory: Path) -> None:
    """Remove the files of `write_tables`, if they are there."""
    for file in TABLES:
        (directory / file).unlink(missing_ok=True)
