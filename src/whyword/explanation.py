"""`Explanation`: a plain record of which words drove which scores, with no torch in it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NotRequired, Self, TypedDict

import numpy as np

from whyword.data import fast_json
from whyword.data.arrays import Floats
from whyword.errors import InputError, did_you_mean
from whyword.text import Span, check_spans


class WordRecord(TypedDict):
    """One word of an `ExplanationRecord`: its surface, its span, and its relevance by target."""

    text: str
    start: int
    end: int
    known: bool
    relevance: dict[str, float]


class ExplanationRecord(TypedDict):
    """An `Explanation` as JSON values.

    ``scores`` has the name of each class; ``targets`` has the score of each target, and
    ``remainder`` what no word received of it, item by item in ``remainder_items``.
    """

    text: str
    method: str
    settings: dict[str, object]
    scores: dict[str, float]
    predicted: str
    targets: dict[str, float]
    words: list[WordRecord]
    remainder: dict[str, float]
    remainder_items: dict[str, dict[str, float]]
    truncated: bool
    multilabel: NotRequired[bool]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The relevance of every word of one text, for one or more targets.

    A target is a class, or the contrast of two. For each, the words' relevances and the remainder
    add up to the target's score.

    Attributes:
        text: The original text.
        spans: ``(start, end)`` code points of every word.
        classes: Names of all the classes.
        scores: ``(class,)`` the classifier's scores (logits).
        targets: Names of what was explained: classes, or contrasts such as ``"a - b"``.
        target_scores: ``(target,)`` the score of each target.
        relevance: ``(target, word)`` how much each word drove the target's score; by most methods,
            negative relevance speaks against the target.
        remainder: The part of the score that no word received, item by item: ``(target,)`` each.
            Methods that share out the score name where the rest went ("padding", "special tokens",
            ...); for the others there is one item, "not decomposed".
        method: Name of the method.
        settings: Settings of the method, such as ``epsilon``, as JSON values.
        known: One bool per word, False for words that the model has no vector for; None if all
            are known.
        truncated: True if the text goes on after the last word that the model reads.
        components: ``(target, word, dimension)`` relevance per vector component, if asked for.
        multilabel: Whether every class is a label of its own, given if its score is above 0.

    Raises:
        InputError: If shapes disagree, a span does not fit the text, or a number is not finite.
    """

    text: str
    spans: tuple[Span, ...]
    classes: tuple[str, ...]
    scores: Floats
    targets: tuple[str, ...]
    target_scores: Floats
    relevance: Floats
    remainder: Mapping[str, Floats]
    method: str
    settings: Mapping[str, object] = field(default_factory=dict)
    known: tuple[bool, ...] | None = None
    truncated: bool = False
    components: Floats | None = None
    multilabel: bool = False

    def __post_init__(self) -> None:
        check_spans(self.text, self.spans)
        if self.known is not None and len(self.known) != len(self.spans):
            raise InputError(f"known has {len(self.known)} entries; expected {len(self.spans)}.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        targets = (len(self.targets),)
        expected: dict[str, tuple[Floats, tuple[int, ...]]] = {
            "scores": (self.scores, (len(self.classes),)),
            "target_scores": (self.target_scores, targets),
            "relevance": (self.relevance, (*targets, len(self.spans))),
            **{f"remainder[{k!r}]": (v, targets) for k, v in self.remainder.items()},
        }
        for name, (array, shape) in expected.items():
            if np.shape(array) != shape:
                raise InputError(f"{name} has the shape {np.shape(array)}; expected {shape}.")
            if not np.isfinite(array).all():
                raise InputError(f"{name} has NaN or infinite numbers; expected finite ones.")

    @property
    def words(self) -> list[str]:
        """Every word as it stands in the text."""
        return [self.text[start:end] for start, end in self.spans]

    @property
    def predictions(self) -> tuple[str, ...]:
        """The class with the highest score (the first of equals), or all labels above 0."""
        if self.multilabel:
            return tuple(name for name, s in zip(self.classes, self.scores, strict=True) if s > 0)
        return (self.classes[int(np.argmax(self.scores))],)

    @property
    def predicted(self) -> str:
        """The predicted class; for labels all that are predicted, with commas, or "none"."""
        return ", ".join(self.predictions) or "none"

    @property
    def total_remainder(self) -> Floats:
        """``(target,)`` the sum of all items of the remainder."""
        total = np.zeros(len(self.targets))
        for item in self.remainder.values():
            total = total + item
        return total

    def index(self, target: str | None = None) -> int:
        """Row of a target in ``relevance``; by default of a predicted class, else the first.

        Raises:
            InputError: If the target was not explained.
        """
        if target is None:
            explained = [name for name in self.predictions if name in self.targets]
            return self.targets.index(explained[0]) if explained else 0
        if target not in self.targets:
            raise InputError(f'"{target}" was not explained. {did_you_mean(target, self.targets)}')
        return self.targets.index(target)

    def only(self, target: str) -> Self:
        """The same explanation with one of its targets, without components.

        Raises:
            InputError: If the target was not explained.
        """
        row = slice(index := self.index(target), index + 1)
        return replace(
            self,
            targets=self.targets[row],
            target_scores=self.target_scores[row],
            relevance=self.relevance[row],
            remainder={item: values[row] for item, values in self.remainder.items()},
            components=None,
        )

    def top(self, n: int = 10, target: str | None = None) -> list[tuple[str, float]]:
        """The ``n`` words with the highest relevance, highest first, summed over occurrences.

        Occurrences that differ only in case count as one word.
        """
        sums: dict[str, float] = {}
        for word, relevance in zip(self.words, self.relevance[self.index(target)], strict=True):
            sums[word.lower()] = sums.get(word.lower(), 0.0) + float(relevance)
        return sorted(sums.items(), key=lambda item: -item[1])[:n]

    def to_dict(self) -> ExplanationRecord:
        """The explanation as JSON values; numbers per target stand under the target's name."""
        by_target = [dict(zip(self.targets, row, strict=True)) for row in self.relevance.T.tolist()]
        known = self.known or (True,) * len(self.spans)
        record: ExplanationRecord = {
            "text": self.text,
            "method": self.method,
            "settings": dict(self.settings),
            "scores": dict(zip(self.classes, self.scores.tolist(), strict=True)),
            "predicted": self.predicted,
            "targets": dict(zip(self.targets, self.target_scores.tolist(), strict=True)),
            "words": [
                {
                    "text": self.text[start:end],
                    "start": start,
                    "end": end,
                    "known": is_known,
                    "relevance": relevance,
                }
                for (start, end), is_known, relevance in zip(
                    self.spans, known, by_target, strict=True
                )
            ],
            "remainder": self._per_target(self.total_remainder),
            "remainder_items": {k: self._per_target(v) for k, v in self.remainder.items()},
            "truncated": self.truncated,
        }
        if self.multilabel:
            record["multilabel"] = True
        return record

    def to_json(self, *, indent: int | None = None) -> str:
        """The explanation as one JSON object; components are left out.

        Args:
            indent: Number of spaces by which each level is set in; None for one line.

        Raises:
            InputError: If an array was changed to hold NaN or infinite numbers.
            ValueError: If a setting is such a number.
            TypeError: If a setting is no JSON value.
        """
        return self.to_json_bytes(indent=indent).decode()

    def to_json_bytes(self, *, indent: int | None = None) -> bytes:
        """The same as `to_json` in UTF-8, as files have it."""
        self._check_numbers()
        if not np.isfinite(self.total_remainder).all():
            raise InputError("The items of the remainder add up to infinity; expected less.")
        record = self.to_dict()
        # Few, and of any type: json refuses what is no JSON value.
        record["settings"] = json.loads(json.dumps(record["settings"], allow_nan=False))
        return fast_json.write(record, indent=indent)

    @classmethod
    def from_json(cls, source: str | bytes | Mapping[str, object]) -> Self:
        """Read an explanation that `to_json`, `to_json_bytes` or `to_dict` made.

        Raises:
            InputError: If it is not JSON, or a field is missing or does not fit; the message names
                the field.
        """
        try:
            data: Any = fast_json.read(source) if isinstance(source, str | bytes) else source
        except ValueError as error:
            raise InputError(f"Not JSON: {error}.") from error
        try:
            return cls._from_dict(data)
        except KeyError as error:
            raise InputError(f"An explanation needs the field {error}.") from error
        except (TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"Not an explanation: {error}.") from error

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> Self:
        targets = tuple(data["targets"])
        text, words = data["text"], data["words"]
        for index, word in enumerate(words):
            surface = text[word["start"] : word["end"]]
            if word.get("text", surface) != surface:
                raise InputError(
                    f"Word {index} is {word['text']!r}, but its span {word['start']}:{word['end']} "
                    f"reads {surface!r} in the text."
                )
        by_word = [[word["relevance"][target] for target in targets] for word in words]
        return cls(
            text=text,
            spans=tuple(Span(word["start"], word["end"]) for word in words),
            classes=tuple(data["scores"]),
            scores=np.array(list(data["scores"].values()), dtype=float),
            targets=targets,
            target_scores=np.array(list(data["targets"].values()), dtype=float),
            relevance=np.array(by_word, dtype=float).reshape(len(words), len(targets)).T.copy(),
            remainder={
                item: np.array([values[target] for target in targets], dtype=float)
                for item, values in data["remainder_items"].items()
            },
            method=data["method"],
            settings=data.get("settings", {}),
            known=tuple(word.get("known", True) for word in words),
            truncated=data.get("truncated", False),
            multilabel=data.get("multilabel", False),
        )

    def _per_target(self, values: Floats) -> dict[str, float]:
        return dict(zip(self.targets, values.tolist(), strict=True))

    def _repr_html_(self) -> str:
        from whyword.render.html import heatmap_fragment

        return heatmap_fragment([self])

    def __repr__(self) -> str:
        start = self.text[:40] + ("…" if len(self.text) > 40 else "")
        score = self.scores.max() if len(self.scores) else math.nan
        return (
            f"Explanation({start!r}, {len(self.spans)} words, method={self.method!r}, "
            f"predicted={self.predicted!r} ({score:.2f}), {len(self.targets)} targets)"
        )
