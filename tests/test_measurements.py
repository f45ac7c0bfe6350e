"""Numbers of metrics: means over the texts that have one, differences, Parquet, and as tables."""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from whyword.evaluation.measurements import Measurement, difference, summarise, write_tables
from whyword.render.metrics import MetricTable, metric_groups, short

NAN = math.nan


def measured(
    method: str, values: Sequence[float] | NDArray[np.float64], metric: str = "srg", **options: Any
) -> Measurement:
    return Measurement.of(method, metric, "higher", np.array(values, dtype=float), **options)


def test_texts_without_a_value_are_left_out() -> None:
    row = measured("lrp", [1, NAN, 3, 5])
    assert row.mean == 3
    assert 1 <= row.low < 3 < row.high <= 5
    assert row.to_dict()["texts"] == 3
    values = np.random.default_rng(0).normal(size=30)
    assert measured("lrp", values, seed=1).low == measured("lrp", values, seed=1).low
    assert measured("lrp", values, seed=1).low != measured("lrp", values, seed=2).low


def test_differences_are_paired_text_by_text() -> None:
    first, other = measured("lrp", [1, 2, NAN, 4]), measured("sa", [0, NAN, 7, 1])
    found = difference(other, first)
    assert found is not None
    assert found["to"] == "lrp"
    assert found["difference"] == pytest.approx(-2)  # of -1 and -3
    assert found["low"] == pytest.approx(-3)
    assert found["high"] == pytest.approx(-1)
    assert (found["wins"], found["losses"]) == (0, 2)
    there, back = difference(measured("sa", [5]), first), difference(first, measured("sa", [5]))
    assert there is not None
    assert there["difference"] == 4  # the first text alone
    assert back is not None
    assert back["difference"] == -4
    assert difference(measured("sa", [NAN, NAN]), first) is None


def test_a_summary_compares_with_the_first_method_of_each_metric() -> None:
    rows = [
        measured("lrp", [1, 2]),
        measured("sa", [0, 0]),
        measured("sa", [NAN, NAN], metric="loo"),
        measured("random", [3, 3], metric="loo"),
    ]
    found = json.loads(json.dumps(summarise(rows), allow_nan=False))
    assert list(found) == ["srg", "loo"]
    assert found["srg"]["better"] == "higher"
    methods = found["srg"]["methods"]
    assert list(methods) == ["lrp", "sa"]
    assert "difference" not in methods["lrp"]
    assert methods["sa"]["difference"]["difference"] == -1.5
    assert methods["lrp"] == {"texts": 2, "mean": 1.5, "low": 1.0, "high": 2.0}
    assert found["loo"]["methods"]["sa"]["mean"] is None
    assert found["loo"]["methods"]["random"]["difference"] is None


def test_parquet_has_means_and_documents(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        measured("lrp", [1, 2], documents=("one", "two")),
        measured("sa", [0, NAN], documents=("one", "two")),
        measured("lrp", [1, 2], metric="nameless"),
    ]
    write_tables(rows, summarise(rows), tmp_path)
    means = parquet.read_table(tmp_path / "metrics.parquet").to_pylist()
    assert [(row["metric"], row["method"]) for row in means] == [
        ("srg", "lrp"),
        ("srg", "sa"),
        ("nameless", "lrp"),
    ]
    assert means[0]["mean"] == 1.5
    assert means[0]["difference"] is None
    assert means[1]["difference"] == -1
    assert means[1]["texts"] == 1
    documents = parquet.read_table(tmp_path / "metric_documents.parquet").to_pylist()
    assert [row["document"] for row in documents] == ["one", "two", "one", "two"]
    assert [row["value"] for row in documents[:3]] == [1, 2, 0]
    assert math.isnan(documents[3]["value"])


def test_numbers_are_written_as_people_read_them() -> None:
    assert short(0.12345) == "0.123"
    assert short(-1.5, signed=True) == "−1.500"
    assert short(2.0, signed=True) == "+2.000"
    assert short(12.345) == "12.3"
    assert short(12345.6) == "12,346"
    assert short(-0.0001) == "0.000"
    assert short(None) == "–"


def test_a_table_names_metric_direction_and_methods() -> None:
    summary = summarise([measured("lrp", [1, 2]), measured("[bold]sa", [0, 0])])
    (group,) = metric_groups(summary)
    assert group["better"] == "higher"
    assert [row["difference"] for row in group["rows"]] == ["", "−1.500"]
    assert group["rows"][0]["interval"] == "1.000 to 2.000"
    printed = io.StringIO()
    Console(width=80, file=printed).print(MetricTable(summary))
    lines = printed.getvalue().splitlines()
    assert "srg                              higher is better".split() == lines[2].split()
    assert lines[4].split()[:2] == ["[bold]sa", "0.000"]
    assert "−2.000 to −1.000" in lines[4]
