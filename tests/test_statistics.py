"""Bootstrap intervals and paired comparisons."""

import numpy as np
import pytest

from whyword import InputError
from whyword.evaluation.statistics import Bootstrap, compare, interval


def test_an_interval_is_as_wide_as_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=(400, 2))
    low, high = Bootstrap(400, resamples=4000).interval(values)
    half = 1.96 * values.std(axis=0) / 20
    np.testing.assert_allclose(high - low, 2 * half, rtol=0.06)
    np.testing.assert_allclose((high + low) / 2, values.mean(axis=0), atol=0.02)


def test_means_are_those_of_the_documents_drawn() -> None:
    bootstrap = Bootstrap(3, resamples=5, seed=1)
    np.testing.assert_allclose(bootstrap.weights.sum(axis=1), 1, rtol=1e-6)
    values = np.array([0.0, 3.0, 30.0])
    np.testing.assert_allclose(bootstrap.means(values), bootstrap.weights @ values, rtol=1e-6)
    np.testing.assert_allclose(bootstrap.means(np.ones((3, 2, 4))), np.ones((5, 2, 4)), rtol=1e-6)


def test_an_interval_holds_the_middle_share() -> None:
    np.testing.assert_allclose(interval(np.arange(101.0), level=0.9), [5, 95])
    with pytest.raises(InputError, match="as 0"):
        interval(np.arange(3.0), level=95)


def test_a_comparison_by_hand() -> None:
    bootstrap = Bootstrap(3, resamples=2000)
    found = compare(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 1.0]), bootstrap=bootstrap)
    assert found.difference == pytest.approx(1)
    assert (found.wins, found.losses) == (2, 0)
    # Of the flips of (1, 0, 2) half have a sum of 3 or -3.
    assert found.p_value == pytest.approx(0.5, abs=0.05)
    assert found.low == pytest.approx(0)
    assert found.high == pytest.approx(2)


def test_p_values_tell_a_difference_from_none() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=100)
    bootstrap = Bootstrap(100, resamples=500)
    assert compare(one, one + rng.normal(0.5, 1, 100), bootstrap=bootstrap).p_value < 0.01
    assert compare(one, one, bootstrap=bootstrap).p_value == 1
    with pytest.raises(InputError, match="shapes"):
        compare(one, one[:4], bootstrap=bootstrap)
    with pytest.raises(InputError, match="1 or more"):
        Bootstrap(0)
