"""A model beside the linear one: intervals, what to take, and the sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword.training.comparison import Comparison, crossed


def compared(only_model: int, only_linear: int, both: int) -> Comparison:
    """So many documents on which one alone, the other alone, or both are right."""
    model = np.repeat([1.0, 0.0, 1.0], [only_model, only_linear, both]).astype(np.float32)
    linear = np.repeat([0.0, 1.0, 1.0], [only_model, only_linear, both]).astype(np.float32)
    return Comparison.of(model[None], linear[None])


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
    assert "That may be chance: take the linear model" in found.advice("gru", has_base=False)


def test_the_best_of_many_is_judged_on_documents_that_did_not_choose_it() -> None:
    # A hundred models that guess: the best is far above a half on the documents that chose it.
    guesses = np.random.default_rng(0).integers(2, size=(100, 60)).astype(np.float32)
    assert guesses.mean(axis=1).max() > 0.62
    found = [crossed(guesses, seed=seed).mean() for seed in range(5)]
    assert abs(np.mean(found) - 0.5) < 0.05
    # One that is better than all others is chosen by every half.
    guesses[7] = 1
    np.testing.assert_allclose(crossed(guesses), 1)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_equal_models_are_worth_what_each_of_them_is(choices: int, n: int, seed: int) -> None:
    one = np.random.default_rng(seed).random(n).astype(np.float32)
    np.testing.assert_allclose(crossed(np.stack([one] * choices)), one, rtol=1e-5)


def test_the_bootstrap_is_what_it_tends_to_where_documents_differ_in_many_ways() -> None:
    gain = np.random.default_rng(0).random((2, 5000)).astype(np.float32)
    many = Comparison.of(gain[:1], gain[1:])
    few = Comparison.of(gain[:1].round(2), gain[1:].round(2))
    assert many.low == pytest.approx(few.low, abs=5e-4)
    assert many.high == pytest.approx(few.high, abs=5e-4)
