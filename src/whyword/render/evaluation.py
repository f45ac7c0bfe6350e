"""The report of a deletion experiment, as one HTML file that needs no other file."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from whyword.render.curves import curves_svg
from whyword.render.labels import method_label
from whyword.render.metrics import metric_groups
from whyword.render.numbers import interval, minus, number
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.templating import rendered
from whyword.render.view import STEPS

STEPS_SHOWN = (1, 5, 10, 20, 50)


def evaluation_page(
    summary: Mapping[str, object],
    *,
    title: str = "Are the explanations right?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make a page of curves and tables; it sends no request, and follows the reader's theme.

    Args:
        summary: What `whyword.evaluation.results.summarise` returned; what ``whyword evaluate``
            adds to it is shown among the settings.
        title: The page's title.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If matplotlib is not installed, or there is no such palette.
    """
    return rendered(
        "evaluation.html",
        palette=palette,
        styles=("whyword.css", "evaluation.css"),
        title=title,
        steps=STEPS,
        figure=Markup(curves_svg(summary)),
        panels=panels(summary),
        metrics=_metrics(summary),
        comparisons=_comparisons(summary),
        settings=_settings(summary),
    )


def panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Prepare what the template ``panel.html`` shows, for each group of documents."""
    return [_panel(name, summary[name]) for name in summary["panels"]]


def _panel(name: str, records: Mapping[str, Any]) -> dict[str, Any]:
    first = next(iter(records.values()))
    steps = [k for k in STEPS_SHOWN if k < len(first["accuracy"])]
    group = "Classified correctly" if name.startswith("correct") else "Classified wrongly"
    return {
        "title": f"{group}: {first['documents']:,} documents, {first['order']} relevance",
        "steps": steps,
        "rows": [
            {
                "method": method_label(method),
                "mean": f"{record['mean']:.3f}",
                "interval": interval(*record["interval"]),
                "values": [f"{record['accuracy'][k]:.3f}" for k in steps],
                "probability": f"{_mean(record['target_probability']):.3f}",
                "coverage": minus(f"{record['coverage']:z.1%}") if "coverage" in record else "",
            }
            for method, record in records.items()
        ],
    }


def _comparisons(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_comparison(entry) for entry in summary["comparisons"]]


def _comparison(entry: Mapping[str, Any]) -> dict[str, str]:
    return {
        "panel": entry["panel"],
        "methods": f"{method_label(entry['first'])} − {method_label(entry['second'])}",
        "difference": minus(number(entry["difference"], 3)),
        "interval": interval(entry["low"], entry["high"], plus=True),
        "p": f"{entry['p_value']:.3f}" if entry["p_value"] >= 0.001 else "< 0.001",
        "wins": f"{entry['wins']:,}",
        "losses": f"{entry['losses']:,}",
    }


def _metrics(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = metric_groups(summary.get("metrics", {}))
    for group in groups:
        group["rows"] = [{**row, "method": method_label(row["method"])} for row in group["rows"]]
    return groups


def _settings(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    outside = ("model", "corpus", "command", "seconds", "peak_memory_bytes")
    found = {name: summary[name] for name in outside if name in summary}
    return [(name, str(value)) for name, value in (found | dict(summary["settings"])).items()]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
