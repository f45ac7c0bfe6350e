"""A table of metrics and methods, for the terminal and for the report."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from whyword.render.labels import method_label
from whyword.render.numbers import minus

NOTHING = "–"
"""The sign shown where a number is not defined."""


class MetricTable:
    """A table of metrics and methods, printable by rich.

    Args:
        metrics: What `whyword.evaluation.measurements.summarise` returned.
    """

    def __init__(self, metrics: Mapping[str, object]) -> None:
        self.metrics = metrics

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table for rich."""
        table = Table(
            "", title="metrics, and how much higher a method is than the first",
            title_justify="left", box=None, padding=(0, 1, 0, 0),
        )  # fmt: skip
        for heading in ("mean", "95 %", "difference", "95 %"):
            table.add_column(heading, justify="right")
        for group in metric_groups(self.metrics):
            # In the terminal's 80 columns there is no column to spare for it.
            table.add_row(Text(group["metric"], "bold"), "", Text(_direction(group["better"])))
            for row in group["rows"]:
                method, *numbers, _ = row.values()
                table.add_row(Text("  " + method_label(method)), *(Text(cell) for cell in numbers))
        yield table


def metric_groups(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Prepare the metrics for a table: name, ``better``, and ``rows`` of text, one per method."""
    return [
        {
            "metric": metric,
            "better": found["better"],
            "rows": [_row(method, record) for method, record in found["methods"].items()],
        }
        for metric, found in metrics.items()
    ]


def _direction(better: str) -> str:
    return f"{better} is better"


def _row(method: str, record: Mapping[str, Any]) -> dict[str, str]:
    compared = record.get("difference") or {}
    return {
        "method": method,
        "mean": short(record["mean"]),
        "interval": _range(record["low"], record["high"]),
        "difference": short(compared.get("difference"), signed=True) if compared else "",
        "difference_interval": (
            _range(compared["low"], compared["high"], signed=True) if compared else ""
        ),
        "documents": f"{record['texts']:,}",
    }


def short(value: float | None, *, signed: bool = False) -> str:
    """Write a number with three decimals, fewer if it is large; with its sign if asked for."""
    if value is None:
        return NOTHING
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return minus(f"{value:{'+' if signed else ''}z,.{decimals}f}")


def _range(low: float | None, high: float | None, *, signed: bool = False) -> str:
    if low is None or high is None:
        return ""
    return f"{short(low, signed=signed)} to {short(high, signed=signed)}"
