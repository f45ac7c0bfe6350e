"""The Explanation record and its JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from whyword import Explanation, InputError
from whyword.text import Span

TEXT = "Ride the bike, RIDE! 🎉 end"


def explanation(**changes: Any) -> Explanation:
    fields = {
        "text": TEXT,
        "spans": (Span(0, 4), Span(9, 13), Span(15, 19)),
        "classes": ("space", "bikes"),
        "scores": np.array([-1.0, 3.5]),
        "targets": ("space", "bikes"),
        "target_scores": np.array([-1.0, 3.5]),
        "relevance": np.array([[-2.0, 0.5, 0.25], [1.0, 2.0, 0.25]]),
        "remainder": {"padding": np.array([0.25, 0.25])},
        "method": "lrp",
        "settings": {"epsilon": 0.01},
        "known": (True, False, True),
        "truncated": True,
    }
    return Explanation(**{**fields, **changes})


def test_words_are_the_surface() -> None:
    assert explanation().words == ["Ride", "bike", "RIDE"]


def test_json_there_and_back() -> None:
    first = explanation()
    second = Explanation.from_json(first.to_json())
    assert second.to_dict() == first.to_dict()
    assert second.known == first.known
    assert second.truncated


def test_json_has_the_documented_fields() -> None:
    data = json.loads(explanation().to_json())
    assert data["scores"] == {"space": -1.0, "bikes": 3.5}
    assert data["predicted"] == "bikes"
    assert data["words"][1] == {
        "text": "bike",
        "start": 9,
        "end": 13,
        "known": False,
        "relevance": {"space": 0.5, "bikes": 2.0},
    }
    assert data["remainder"] == {"space": 0.25, "bikes": 0.25}
    for target, score in data["targets"].items():
        words = sum(word["relevance"][target] for word in data["words"])
        assert words + data["remainder"][target] == pytest.approx(score)


def test_top_sums_occurrences_whatever_their_case() -> None:
    assert explanation().top(5) == [("bike", 2.0), ("ride", 1.25)]
    assert explanation().top(1, "space") == [("bike", 0.5)]


def test_target_rows() -> None:
    assert explanation().index() == 1
    assert explanation().index("space") == 0
    contrast = explanation(
        targets=("space - bikes",),
        target_scores=np.array([-4.5]),
        relevance=np.zeros((1, 3)),
        remainder={},
    )
    assert contrast.index() == 0
    with pytest.raises(InputError, match=r'Did you mean "bikes"\?'):
        explanation().index("bike")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relevance": np.zeros((2, 2))}, "relevance has the shape"),
        ({"scores": np.zeros(3)}, "scores has the shape"),
        ({"remainder": {"padding": np.zeros(1)}}, "remainder"),
        ({"relevance": np.full((2, 3), np.nan)}, "NaN"),
        ({"spans": (Span(0, 4), Span(3, 5), Span(15, 19))}, "Word 1"),
        ({"known": (True,)}, "known"),
    ],
)
def test_records_that_do_not_fit_are_refused(changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        explanation(**changes)


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data: dict[str, Any] = {**explanation().to_dict()}
    change(data)
    return data


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{", "Not JSON"),
        ("[1, 2]", "Not an explanation"),
        ("{}", "needs the field"),
        (broken(lambda d: d.pop("words")), "'words'"),
        (broken(lambda d: d["words"][1].pop("start")), "'start'"),
        (broken(lambda d: d["words"][1]["relevance"].pop("space")), "'space'"),
        (broken(lambda d: d["words"][1].update(text="car")), "Word 1 is 'car'"),
        (broken(lambda d: d["words"][2].update(end=99)), "Word 2"),
        (broken(lambda d: d["scores"].update(space="high")), "Not an explanation"),
        (broken(lambda d: d["scores"].update(space=float("inf"))), "infinite"),
    ],
)
def test_json_that_does_not_fit_is_refused_by_field(
    source: Mapping[str, Any] | str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Explanation.from_json(source)


def test_repr_is_short() -> None:
    assert len(repr(explanation())) < 160
