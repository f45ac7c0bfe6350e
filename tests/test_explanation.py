"""The Explanation record and its JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whyword import Explanation, InputError
from whyword.data.arrays import Floats
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


NAMES = st.text(max_size=6) | st.sampled_from(['"', "a - b", "\\", "\n\x00", "🎉", "\ud83c", "%d"])


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Explanations with any text, names and numbers, half characters and -0.0 too."""

    def numbers(*shape: int) -> Floats:
        finite = st.floats(allow_nan=False, allow_infinity=False)
        found: Floats = draw(arrays(float, shape, elements=finite | st.integers(-9, 9).map(float)))
        return found

    parts = draw(st.lists(NAMES, max_size=5))
    spans, start = [], 0
    for part in parts:
        if part:
            spans.append(Span(start, start + len(part)))
        start += len(part)
    classes = tuple(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)))
    targets = tuple(draw(st.lists(st.sampled_from(classes), max_size=4, unique=True)))
    items = draw(st.lists(NAMES, max_size=2, unique=True))
    return Explanation(
        text="".join(parts) + draw(NAMES),
        spans=tuple(spans),
        classes=classes,
        scores=numbers(len(classes)),
        targets=targets,
        target_scores=numbers(len(targets)),
        relevance=numbers(len(targets), len(spans)),
        remainder={item: numbers(len(targets)) / 2 for item in items},  # which may be added up
        method=draw(NAMES),
        settings=draw(st.dictionaries(NAMES, st.none() | st.integers(-9, 9) | NAMES, max_size=2)),
        known=draw(st.none() | st.just((False,) * len(spans))),
        truncated=draw(st.booleans()),
        multilabel=draw(st.booleans()),
    )


@given(explanations(), st.sampled_from([None, 2, 3]))
def test_json_is_that_of_the_dictionary(e: Explanation, indent: int | None) -> None:
    """As json writes it: the same keys in the same order, the same numbers to the last bit."""
    written = e.to_json_bytes(indent=indent)
    assert json.dumps(json.loads(written)) == json.dumps(e.to_dict())
    assert e.to_json(indent=indent).encode() == written


@given(explanations())
def test_any_explanation_is_read_as_it_was(e: Explanation) -> None:
    for source in (e.to_json(), e.to_json_bytes(), e.to_dict(), json.dumps(e.to_dict())):
        again = Explanation.from_json(source)
        assert json.dumps(again.to_dict()) == json.dumps(e.to_dict())
        assert again.relevance.tobytes() == e.relevance.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_json_has_no_nan(value: float) -> None:
    e = explanation()
    e.relevance[0, 0] = value
    with pytest.raises(InputError, match="relevance has NaN"):
        e.to_json()
    with np.errstate(over="ignore"), pytest.raises(InputError, match="add up to infinity"):
        explanation(remainder={"a": np.full(2, 1e308), "b": np.full(2, 1e308)}).to_json()
    with pytest.raises(ValueError, match="not JSON compliant"):
        explanation(settings={"epsilon": value}).to_json()
    with pytest.raises(TypeError):
        explanation(settings={"epsilon": object()}).to_json()


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
        (b"[1, 2]", "Not an explanation"),
        ("[" * 5000, "Not JSON: it is nested"),
        (b"\xff", "Not JSON"),
        ([1, 2], "Not an explanation"),
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
    source: Mapping[str, Any] | str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Explanation.from_json(source)


def test_repr_is_short() -> None:
    assert len(repr(explanation())) < 160
