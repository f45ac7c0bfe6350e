from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import explanation_of
from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.balance import balance
from whyword.render.html import heatmap_page
from whyword.render.labels import method_line, not_shared
from whyword.render.numbers import decimals_for, number
from whyword.render.terminal import heatmap_text


def test_a_balance_adds_up() -> None:
    explanation = explanation_of(
        "good bad good fine odd",
        relevance=[[1.5, -2.0, 0.5, 0.5, -0.25], [0.0] * 5, [-1.0, 0, 0, 0, 0]],
        remainder={"bias": np.array([0.25, 1, 3]), "padding": np.array([0.5, 0, 0])},
    )
    a = balance(explanation, "a")
    assert (a.words, a.positive, a.negative) == (0.25, 2.5, -2.25)
    assert (a.remainder, a.score, dict(a.items)) == (0.75, 1.0, {"bias": 0.25, "padding": 0.5})
    assert a.top == (("good", 2.0), ("fine", 0.5))
    assert a.bottom == (("bad", -2.0), ("odd", -0.25))
    assert a.largest == 2.0
    shorter = balance(explanation, "a", words=1)
    assert (shorter.top, shorter.bottom) == ((("good", 2.0),), (("bad", -2.0),))
    assert a.equation()[:4] == ("0.25", "0.75", "1.00", "=")
    assert a.share(-2.0) == -2.0
    assert balance(explanation).target == explanation.predicted == "c"
    assert balance(explanation, "b").share(0.5) == 0.5
    assert (balance(explanation, "b").top, balance(explanation, "b").bottom) == ((), ())


@given(st.floats(-50, 50), st.floats(-5, 5))
def test_printed_numbers_add_up(words: float, remainder: float) -> None:
    explanation = explanation_of(
        "word", classes=("a",), relevance=[[words]], remainder={"bias": np.array([remainder])}
    )
    shown = balance(explanation).equation()
    if len(shown.score.partition(".")[2]) < 5:  # the last resort may be off by one digit
        total = float(shown.words) + float(shown.remainder)
        assert total == pytest.approx(float(shown.score), abs=0.011)
    assert float(shown.words) == pytest.approx(words, abs=0.0051)
    assert shown.sign == "="


def test_printed_digits_grow_until_they_add_up() -> None:
    explanation = explanation_of(
        "word", classes=("a",), relevance=[[1.234]], remainder={"bias": np.array([1.234])}
    )
    assert balance(explanation).equation()[:4] == ("1.234", "1.234", "2.468", "=")


def test_a_sum_that_does_not_add_up_says_so() -> None:
    explanation = explanation_of(
        "word", classes=("a",), relevance=[[1.0]], target_scores=np.array([3.0])
    )
    assert balance(explanation).equation().sign == "≈"


def test_methods_that_do_not_decompose_have_no_shares() -> None:
    explanation = explanation_of(
        "one two",
        relevance=np.ones((3, 2)),
        remainder={"not decomposed": np.zeros(3)},
        method="sa",
        settings={"norm": "l2"},
    )
    a = balance(explanation)
    assert not a.decomposed
    assert not a.signed
    assert a.share(1.0) is None
    assert not_shared(explanation).startswith("Sensitivity analysis does not share out the score")
    assert method_line(explanation) == "SA, norm l2"


def test_no_share_of_a_vanishing_score() -> None:
    explanation = explanation_of(
        "word", classes=("a",), relevance=[[1.0]], remainder={"bias": np.array([-1.0])}
    )
    assert balance(explanation).share(1.0) is None
    assert balance(explanation).share(0.0) is None


@pytest.mark.parametrize(
    ("largest", "decimals"), [(0, 2), (123, 2), (0.1, 2), (0.099, 3), (3e-5, 6), (1e-300, 12)]
)
def test_small_numbers_get_more_digits(largest: float, decimals: int) -> None:
    assert decimals_for(largest) == decimals


@pytest.mark.parametrize(
    ("value", "plus", "text"),
    [(0.0, True, "0.00"), (-0.001, True, "0.00"), (1.0, True, "+1.00"), (1.0, False, "1.00")],
)
def test_numbers_for_people(value: float, plus: bool, text: str) -> None:
    assert number(value, plus=plus) == text


@pytest.mark.parametrize("show", [balance, heatmap_text, lambda e: heatmap_page([e])])
def test_an_explanation_of_nothing_cannot_be_shown(show: Callable[[Explanation], object]) -> None:
    nothing = replace(
        explanation_of("a", remainder={}),
        targets=(),
        target_scores=np.zeros(0),
        relevance=np.zeros((0, 1)),
    )
    with pytest.raises(InputError, match="no targets"):
        show(nothing)
