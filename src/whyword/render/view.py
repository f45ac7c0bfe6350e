"""Explanations prepared for the HTML templates: texts cut into pieces, numbers formatted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from whyword.explanation import Explanation
from whyword.render.balance import Balance, balance
from whyword.render.labels import method_line, not_shared
from whyword.render.numbers import decimals_for, minus, number
from whyword.render.palette import intensities

STEPS = 10_000
"""The number of steps of intensity: on a page, intensities are whole numbers of steps."""


@dataclass(frozen=True)
class Piece:
    """A piece of the text: a word, text between words, or the end that the model never read."""

    text: str
    kind: str
    intensity: int = 0
    tip: str = ""


@dataclass(frozen=True)
class Row:
    """One class or contrast in the switcher; ``target`` is None if it was not explained."""

    name: str
    score: str
    left: float
    width: float
    target: int | None
    predicted: bool


@dataclass(frozen=True)
class Item:
    """Everything that the templates show of one explanation."""

    explanation: Explanation
    snippet: str
    method: str
    shown: dict[str, Any]
    targets: list[dict[str, Any]]
    rows: list[Row]
    pieces: list[Piece]
    ranks: list[tuple[str, str]]
    signed: bool
    unknown: bool
    not_shared: str

    @classmethod
    def of(cls, explanation: Explanation, *, steps: int = STEPS) -> Self:
        """Prepare an explanation for the templates.

        Args:
            explanation: The explanation to show.
            steps: Number of steps of intensity.
        """
        balances = [balance(explanation, target) for target in explanation.targets or (None,)]
        rounded = np.rint(intensities(explanation.relevance) * steps).astype(int)
        targets = [_target(a, row.tolist()) for a, row in zip(balances, rounded, strict=True)]
        index = explanation.index()
        signed = balances[index].signed
        return cls(
            explanation=explanation,
            snippet=" ".join(explanation.text[:200].split())[:60] or "(empty)",
            method=method_line(explanation),
            shown=targets[index],
            targets=targets,
            rows=_rows(explanation),
            pieces=list(_pieces(explanation, balances[index], rounded[index].tolist(), steps)),
            ranks=[("top", "Words for"), ("bottom", "Words against")]
            if signed
            else [("top", "Words")],
            signed=signed,
            unknown=not all(explanation.known or ()),
            not_shared="" if balances[index].decomposed else not_shared(explanation),
        )


def _target(a: Balance, steps: list[int]) -> dict[str, Any]:
    """Prepare what the page's script needs to show a target; numbers are formatted here."""
    equation = a.equation()
    longest = max([abs(value) for _word, value in (*a.top, *a.bottom)], default=0.0)
    decimals = decimals_for(longest)

    def ranked(entries: Sequence[tuple[str, float]]) -> list[tuple[str, str, float]]:
        return [
            (word, minus(number(value, decimals)), _percent(abs(value), longest))
            for word, value in entries
        ]

    return {
        "name": a.target,
        "words": minus(equation.words),
        "remainder": minus(equation.remainder),
        "sign": equation.sign,
        "score": minus(equation.score if a.decomposed else number(a.score, plus=False)),
        "items": [f"{name} {minus(value)}" for name, value in equation.items],
        "bars": _bars(a) if a.decomposed else [],
        "top": ranked(a.top),
        "bottom": ranked(a.bottom),
        "largest": a.largest,
        "decimals": a.decimals,
        "shares": a.decomposed,
        "total": a.score,
        "most": minus(number(a.largest, a.decimals)),
        "least": minus(number(-a.largest, a.decimals)),
        "intensities": steps,
    }


def _bars(a: Balance) -> list[tuple[float, float]]:
    """Return left edge and width, in percent, of: words for, words against, remainder, score.

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
    """Return left edge and width of each range, in percent of the span of zero and all ranges."""
    low = min(0.0, *(min(r) for r in ranges))
    high = max(0.0, *(max(r) for r in ranges))
    return [
        (_percent(min(r) - low, high - low), _percent(abs(r[1] - r[0]), high - low)) for r in ranges
    ]


def _rows(explanation: Explanation) -> list[Row]:
    """Return the targets, and the classes that were not explained, by descending score."""
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
        Row(
            name=name,
            score=minus(number(score, plus=False)),
            left=left,
            width=width,
            target=index,
            predicted=name in explanation.predictions,
        )
        for (name, score, index), (left, width) in zip(entries, bars, strict=True)
    ]


def _pieces(
    explanation: Explanation, a: Balance, rounded: list[int], steps: int
) -> Iterator[Piece]:
    """Cut the text at the words' spans; the pieces, joined together, are the text."""
    text, position = explanation.text, 0
    known = explanation.known or (True,) * len(rounded)
    for (start, end), step, is_known in zip(explanation.spans, rounded, known, strict=True):
        if start > position:
            yield Piece(text[position:start], "between")
        kind = "p" if step > 0 else "n" if step < 0 else ""
        yield Piece(
            text[start:end],
            " ".join(filter(None, ["w", kind, "" if is_known else "u"])),
            abs(step),
            minus(number(step / steps * a.largest, a.decimals)),
        )
        position = end
    if position < len(text):
        yield Piece(text[position:], "tail" if explanation.truncated else "between")


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole > 0 else 0.0
