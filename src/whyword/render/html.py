"""Heatmaps as HTML: a page that needs nothing but its own file, and a fragment for notebooks.

The templates, style and script are in ``templates/``. The target shown first is there without
JavaScript; the script takes the others from a JSON block per text.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.palette import DEFAULT_PALETTE, Palette, palette_named
from whyword.render.view import STEPS, Item

# HTML can hold neither NUL nor half a surrogate pair, and UTF-8 not the latter.
_UNHOLDABLE = re.compile("[\0\ud800-\udfff]")


def page(
    explanations: Sequence[Explanation],
    *,
    title: str = "Which words decided?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """One self-contained HTML file: no request leaves it, and it works from a disk.

    Text is reproduced character by character, except that NUL shows as ``␀`` and a lone surrogate
    as U+FFFD: HTML cannot hold them. The file is UTF-8.

    Args:
        explanations: One per text; all their targets can be switched between.
        title: The page's title.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there is no explanation, or no such palette.
    """
    return _render("page.html", explanations, palette, title=title)


def fragment(
    explanations: Sequence[Explanation], *, palette: str | Palette = DEFAULT_PALETTE
) -> str:
    """The same for a notebook's output: one element with its style and script.

    Args:
        explanations: One per text.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there is no explanation, or no such palette.
    """
    return _render("fragment.html", explanations, palette)


def _render(
    template: str, explanations: Sequence[Explanation], palette: str | Palette, **values: str
) -> str:
    if not explanations:
        raise InputError("Got no explanations; expected at least one to show.")
    script = template_file("whyword.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template(template)
        .render(
            items=[Item.of(explanation) for explanation in explanations],
            palette=palette_named(palette),
            style=Markup(template_file("whyword.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            steps=STEPS,
            **values,
        )
    )


def _holdable(value: object) -> object:
    """Escape a value so that the browser shows every character of it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = _UNHOLDABLE.sub(lambda c: "␀" if c[0] == "\0" else "\ufffd", value)
    # A parser turns a carriage return into a newline, unless it is written as a reference.
    return Markup(str(escape(text)).replace("\r", "&#13;"))


@cache
def template_file(name: str) -> str:
    """A file of ``templates/``."""
    return resources.files("whyword.render").joinpath("templates", name).read_text("utf-8")


@cache
def environment() -> Environment:
    """Templates that escape what they show, and know no undefined names."""
    return Environment(
        loader=FunctionLoader(template_file),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_holdable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
