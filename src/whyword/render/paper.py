"""The report of a run of the paper's experiments: numbers and figures on one page."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from whyword.explanation import Explanation
from whyword.render.curves import curves_svg
from whyword.render.evaluation import panels
from whyword.render.html import comparison_rows
from whyword.render.labels import method_label, weighting_label
from whyword.render.numbers import minus
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.templating import rendered
from whyword.render.view import STEPS


def paper_page(
    results: Mapping[str, object],
    *,
    explanations: Mapping[str, Explanation],
    maps: bytes,
    took: Mapping[str, object],
    title: str = "Explaining Predictions of Non-Linear Classifiers in NLP, again",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file; it holds the text of Figure 2's document.

    Args:
        results: The contents of ``results.json``, which `whyword.paper` writes.
        explanations: The columns of Figure 2, by method.
        maps: Figure 3 as PNG.
        took: Seconds and memory that each stage took.
        title: The page's title.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If matplotlib is not installed, or there is no such palette.
    """
    columns = {method_label(method): explanation for method, explanation in explanations.items()}
    return rendered(
        "paper.html",
        palette=palette,
        styles=("whyword.css", "evaluation.css"),
        title=title,
        steps=STEPS,
        headings=list(columns),
        rows=comparison_rows(columns),
        maps=f"data:image/png;base64,{b64encode(maps).decode()}",
        **_numbers(results),
        **_stages(took),
    )


def _numbers(results: Mapping[str, Any]) -> dict[str, Any]:
    settings = results["settings"]
    return {
        "accuracy": f"{results['accuracy']:.2%}",
        "documents": f"{results['documents']:,}",
        "model": settings["model"],
        "kind": None if settings["model"] else settings["recipe"]["kind"],
        "target": settings["deletion"]["target"],
        "curves": Markup(curves_svg(results["figure1"])),
        "panels": panels(results["figure1"]),
        "document": settings["figure2"]["document"],
        "weightings": [_weighting(name, row) for name, row in results["epi"].items()],
        "compared": weighting_label(next(iter(results["epi"]))),
    }


def _stages(took: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        (
            stage.replace("_", " "),
            f"{row['seconds']:,.0f} s",
            f"{row['peak_memory_bytes'] / 1e9:.2f} GB",
        )
        for stage, row in took.items()
    ]
    seconds = sum(row["seconds"] for row in took.values())
    return {"took": rows, "total": f"{seconds / 60:.0f} minutes"}


def _weighting(name: str, row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": weighting_label(name),
        "mean": f"{row['mean']:.4f}",
        "std": f"{row['std']:.4f}",
        "k": str(row["k"]),
        "below": (
            minus(f"{row['below_first']:z.4f} ± {row['standard_error']:.4f}")
            if "below_first" in row
            else ""
        ),
    }
