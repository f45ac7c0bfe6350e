"""Heatmaps as HTML: a page that needs nothing but its own file, and a fragment for notebooks.

The server side of the two lives here and in ``templates/``: the target shown first is there
without JavaScript, the others come from a JSON block per text.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.account import (
    Account,
    account,
    decimals_for,
    method_line,
    not_shared,
    number,
)
from whyword.render.palette import DEFAULT_PALETTE, Palette, intensities, palette_named

STEPS = 10_000
"""Intensities reach the page as whole numbers of this fraction."""

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
    script = _file("whyword.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            items=[_Item.of(explanation) for explanation in explanations],
            palette=palette_named(palette),
            style=Markup(_file("whyword.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            steps=STEPS,
            **values,
        )
    )


@dataclass(frozen=True)
class _Piece:
    """A stretch of the text: a word, what stands between words, or the tail never read."""

    text: str
    kind: str
    intensity: int = 0
    tip: str = ""


@dataclass(frozen=True)
class _Row:
    """One class or contrast in the switcher; ``target`` is None if it was not explained."""

    name: str
    score: str
    left: float
    width: float
    target: int | None
    predicted: bool


@dataclass(frozen=True)
class _Item:
    """Everything the template shows of one explanation."""

    explanation: Explanation
    snippet: str
    method: str
    shown: dict[str, Any]
    targets: list[dict[str, Any]]
    rows: list[_Row]
    pieces: list[_Piece]
    ranks: list[tuple[str, str]]
    signed: bool
    unknown: bool
    not_shared: str

    @classmethod
    def of(cls, explanation: Explanation) -> "_Item":
        accounts = [account(explanation, target) for target in explanation.targets]
        steps = np.rint(intensities(explanation.relevance) * STEPS).astype(int)
        targets = [_target(a, row.tolist()) for a, row in zip(accounts, steps, strict=True)]
        index = explanation.index()
        signed = bool((steps < 0).any()) or accounts[index].decomposed
        return cls(
            explanation=explanation,
            snippet=" ".join(explanation.text[:200].split())[:60] or "(empty)",
            method=method_line(explanation),
            shown=targets[index],
            targets=targets,
            rows=_rows(explanation),
            pieces=list(_pieces(explanation, accounts[index], steps[index].tolist())),
            ranks=[("top", "Words for"), ("bottom", "Words against")]
            if signed
            else [("top", "Words")],
            signed=signed,
            unknown=not all(explanation.known or ()),
            not_shared="" if accounts[index].decomposed else not_shared(explanation),
        )


def _target(a: Account, steps: list[int]) -> dict[str, Any]:
    """What the page's script needs to show a target; numbers for people are formatted here."""
    equation = a.equation()
    longest = max([abs(value) for _word, value in (*a.top, *a.bottom)], default=0.0)
    decimals = decimals_for(longest)

    def ranked(entries: Sequence[tuple[str, float]]) -> list[tuple[str, str, float]]:
        return [
            (word, _minus(number(value, decimals)), _percent(abs(value), longest))
            for word, value in entries
        ]

    return {
        "name": a.target,
        "words": _minus(equation.words),
        "remainder": _minus(equation.remainder),
        "sign": equation.sign,
        "score": _minus(equation.score if a.decomposed else number(a.score, plus=False)),
        "items": [f"{name} {_minus(value)}" for name, value in equation.items],
        "bars": _bars(a) if a.decomposed else [],
        "top": ranked(a.top),
        "bottom": ranked(a.bottom),
        "largest": a.largest,
        "decimals": a.decimals,
        "shares": a.decomposed,
        "total": a.score,
        "most": _minus(number(a.largest, a.decimals)),
        "least": _minus(number(-a.largest, a.decimals)),
        "intensities": steps,
    }


def _bars(a: Account) -> list[tuple[float, float]]:
    """Left edge and width, in percent, of: words for, words against, remainder, score.

    They follow each other like a walk: up by the positive words, down by the negative ones, and by
    the remainder on to the score.
    """
    steps = [
        (0.0, a.positive),
        (a.positive, a.words),
        (a.words, a.words + a.remainder),
        (0.0, a.score),
    ]
    return _spread(steps)


def _spread(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Left edge and width of each range, in percent of zero and all of them together."""
    low = min(0.0, *(min(r) for r in ranges))
    high = max(0.0, *(max(r) for r in ranges))
    return [
        (_percent(min(r) - low, high - low), _percent(abs(r[1] - r[0]), high - low)) for r in ranges
    ]


def _rows(explanation: Explanation) -> list[_Row]:
    """Targets, and classes that were not explained, by descending score."""
    entries: list[tuple[str, float, int | None]] = [
        (name, float(score), index)
        for index, (name, score) in enumerate(
            zip(explanation.targets, explanation.target_scores, strict=True)
        )
    ]
    entries += [
        (name, float(score), None)
        for name, score in zip(explanation.classes, explanation.scores, strict=True)
        if name not in explanation.targets
    ]
    entries.sort(key=lambda entry: -entry[1])
    bars = _spread([(0.0, score) for _name, score, _index in entries])
    return [
        _Row(
            name=name,
            score=_minus(number(score, plus=False)),
            left=left,
            width=width,
            target=index,
            predicted=name == explanation.predicted,
        )
        for (name, score, index), (left, width) in zip(entries, bars, strict=True)
    ]


def _pieces(explanation: Explanation, a: Account, steps: list[int]) -> Iterator[_Piece]:
    """The text, cut at the words' spans; joined together again it is the text."""
    text, position = explanation.text, 0
    known = explanation.known or (True,) * len(steps)
    for (start, end), step, is_known in zip(explanation.spans, steps, known, strict=True):
        if start > position:
            yield _Piece(text[position:start], "between")
        kind = "p" if step > 0 else "n" if step < 0 else ""
        yield _Piece(
            text[start:end],
            " ".join(filter(None, ["w", kind, "" if is_known else "u"])),
            abs(step),
            _minus(number(step / STEPS * a.largest, a.decimals)),
        )
        position = end
    if position < len(text):
        yield _Piece(text[position:], "tail" if explanation.truncated else "between")


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole > 0 else 0.0


def _minus(text: str) -> str:
    """A typographic minus."""
    return text.replace("-", "−")


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
