"""What settings may be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword import InputError
from whyword.data.expected import FLAG, SHARE, check, integer, number, one_of, optional


@given(st.integers(-5, 5), st.integers(-5, 5), st.none() | st.integers(-5, 5))
def test_integers(value, least, most):
    expected = integer(least, most=most)
    assert expected.holds(value) == (value in range(least, 6 if most is None else most + 1))


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, math.nan, [1]])
def test_what_is_no_integer(value):
    assert not integer(0).holds(value)


@given(st.integers(-3, 3) | st.floats(), st.integers(-2, 2))
def test_numbers(value, bound):
    finite = math.isfinite(value)
    assert number(bound).holds(value) == (finite and value >= bound)
    assert number(above=bound).holds(value) == (finite and value > bound)
    assert number(below=bound).holds(value) == (finite and value < bound)


@pytest.mark.parametrize("value", [True, "1", None, 1j, [0.5]])
def test_what_is_no_number(value):
    assert not SHARE.holds(value)
    assert number(0).holds(10**400)  # larger than any float


def test_others():
    assert [FLAG.holds(value) for value in (True, False, 0, None)] == [True, True, False, False]
    assert [one_of("a", "b").holds(value) for value in ("a", "ab", ["a"])] == [True, False, False]
    assert [optional(integer(1)).holds(value) for value in (None, 1, 0)] == [True, True, False]


def test_the_error_says_all_that_is_wrong():
    expected = {"a": integer(1, most=9), "b": number(above=0, below=1), "c": optional(FLAG)}
    check({"a": 1, "b": 0.5, "c": None, "other": "thing"}, expected)
    with pytest.raises(InputError) as caught:
        check({"a": 0, "b": math.nan, "c": "yes"}, expected)
    assert str(caught.value) == (
        "Got a=0; expected an integer of at least 1 and at most 9. "
        "Got b=nan; expected a number above 0 and below 1. "
        "Got c='yes'; expected None or True or False."
    )
