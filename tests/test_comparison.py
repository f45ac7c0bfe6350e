"""A model beside the linear one: intervals, what to take, and the sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword.training.comparison import Comparison, right


def compared(only_model: int, only_linear: int, both: int) -> Comparison:
    """So many documents on which one alone, the other alone, or both are right."""
    model = np.repeat([1.0, 0.0, 1.0], [only_model, only_linear, both]).astype(np.float32)
    linear = np.repeat([0.0, 1.0, 1.0], [only_model, only_linear, both]).astype(np.float32)
    return Comparison.of(model, linear)


def test_the_interval_is_that_of_paired_documents() -> None:
    found = compared(60, 20, 920)
    assert found.difference == pytest.approx(0.04)
    # Paired: only the documents on which they differ have a part in the variance.
    error = np.sqrt((80 / 1000 - 0.04**2) / 1000)
    assert found.low == pytest.approx(0.04 - 1.96 * error, abs=1.5e-3)
    assert found.high == pytest.approx(0.04 + 1.96 * error, abs=1.5e-3)
    assert not found.prefers_linear


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 500))
def test_the_linear_model_is_taken_unless_the_other_is_better(
    only_model: int, only_linear: int, both: int
) -> None:
    found = compared(only_model, only_linear, both)
    assert found.low <= found.difference + 1e-9 <= found.high + 2e-9
    if only_model <= only_linear:
        assert found.prefers_linear
        assert "Take the linear model" in found.advice("cnn", has_base=False) or (
            "take the linear model" in found.advice("cnn", has_base=False)
        )
    assert ("--base" in found.advice("cnn", has_base=True)) is False


def test_few_documents_show_nothing() -> None:
    found = compared(6, 5, 9)
    assert found.difference > 0
    assert found.prefers_linear
    assert "too few to show" in found.advice("gru", has_base=False)


def test_what_is_right() -> None:
    scores = np.array([[1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_array_equal(right(scores, np.array([1, 1])), [1, 0])
    labels = np.array([[True, True], [False, False]])
    np.testing.assert_array_equal(right(scores, labels), [1, 0.5])
