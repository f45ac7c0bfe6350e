"""What all pages share: the templates, their environment, and the rule that forbids requests."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from whyword.render.palette import Palette, palette_named

# HTML can hold neither NUL nor half a surrogate pair, and UTF-8 not the latter.
_UNHOLDABLE = re.compile("[\0\ud800-\udfff]")


def rendered(
    template: str,
    *,
    palette: str | Palette,
    styles: tuple[str, ...] = ("whyword.css",),
    scripts: tuple[str, ...] = ("whyword.js",),
    **values: Any,
) -> str:
    """Fill in a template. Only the scripts named here may run in the page.

    Args:
        template: Name of a file in ``templates/``.
        palette: A name in `whyword.render.palette.PALETTES`, or a palette.
        styles: Names of style sheets in ``templates/``.
        scripts: Names of scripts in ``templates/``.
        values: The variables of the template.

    Raises:
        InputError: If there is no such palette.
    """
    script = "\n".join(_file(name) for name in scripts)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            palette=palette_named(palette),
            style=Markup("\n".join(_file(name) for name in styles)),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
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
def _file(name: str) -> str:
    return resources.files("whyword.render").joinpath("templates", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_holdable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
