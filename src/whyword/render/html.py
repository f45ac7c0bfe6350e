"""Heatmaps as HTML: a page that needs no other file, and a fragment for notebooks.

The templates, style and script are in ``templates/``. The target shown first needs no JavaScript;
the script takes the others from a JSON block for each text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.heatmap import shown_targets
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.templating import rendered
from whyword.render.view import STEPS, Item


def heatmap_page(
    explanations: Sequence[Explanation],
    *,
    title: str = "Which words decided?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file: it sends no request, and can be opened from a disk.

    Text is reproduced character by character, except that NUL shows as ``␀`` and a lone surrogate
    as U+FFFD: HTML cannot hold them. The file is UTF-8.

    Args:
        explanations: One explanation per text; the reader can switch between all their targets.
        title: The page's title.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there is no explanation, or no such palette.
    """
    return _render("page.html", explanations, palette, title=title)


def heatmap_fragment(
    explanations: Sequence[Explanation], *, palette: str | Palette = DEFAULT_PALETTE
) -> str:
    """Make the same for a notebook's output: one element with its style and script.

    Args:
        explanations: One explanation per text.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there is no explanation, or no such palette.
    """
    return _render("fragment.html", explanations, palette)


def comparison_page(
    columns: Mapping[str, Explanation],
    *,
    targets: Sequence[str] | None = None,
    title: str = "Which words decided?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make a page with one text, a row for each target and a column for each method.

    This is the paper's Figure 2; `whyword.render.comparison_picture` draws it as a picture.

    Args:
        columns: The explanation of each column, by its heading.
        targets: The targets of the rows; by default those of the first explanation.
        title: The page's title.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there is nothing to show, the texts differ, a target was not explained, or
            there is no such palette.
    """
    return rendered(
        "comparison.html",
        palette=palette,
        headings=list(columns),
        rows=comparison_rows(columns, targets),
        steps=STEPS,
        title=title,
    )


def comparison_rows(
    columns: Mapping[str, Explanation], targets: Sequence[str] | None = None
) -> list[tuple[str, list[Item]]]:
    """Prepare what ``comparison-table.html`` shows: for each target an item for each column."""
    return [
        (target, [Item.of(explanation.only(target)) for explanation in columns.values()])
        for target in shown_targets(columns, targets)
    ]


def _render(
    template: str, explanations: Sequence[Explanation], palette: str | Palette, **values: Any
) -> str:
    if not explanations:
        raise InputError("Got no explanations; expected at least one to show.")
    items = [Item.of(explanation) for explanation in explanations]
    return rendered(template, palette=palette, items=items, steps=STEPS, **values)


page, fragment = heatmap_page, heatmap_fragment
"""Short names, as in ``whyword.render.html.page``."""
