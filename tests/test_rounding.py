"""Whether scores are the same up to rounding."""

import math

import pytest
import torch

from whyword.lrp.rounding import apart, largest, tolerance


def test_the_tolerance_is_that_of_the_least_precise() -> None:
    assert tolerance(torch.float64) == pytest.approx(1.49e-8, rel=1e-2)
    assert tolerance(torch.float64, torch.float32) == pytest.approx(3.45e-4, rel=1e-2)
    assert tolerance(torch.float32, torch.float16, torch.float64) == tolerance(torch.float16)


def test_the_largest_difference_and_the_largest_score() -> None:
    found, expected = torch.tensor([[1.0, -3.0]]), torch.tensor([[1.5, -1.0]])
    assert apart(found, expected) == 2
    assert largest(found) == 3
    assert apart(found[:0], expected[:0]) == largest(found[:0]) == 0


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_alike_where_it_is_the_same(number: float) -> None:
    found = torch.tensor([1.0, number])
    assert apart(found, torch.tensor([1.5, number])) == 0.5
    assert largest(found) == 1
    for other in {2.0, math.inf, -math.inf} - {number}:
        assert apart(found, torch.tensor([1.0, other])) == math.inf
        assert apart(torch.tensor([1.0, other]), found) == math.inf


def test_scores_of_another_shape_are_others() -> None:
    assert apart(torch.ones(2, 1), torch.ones(2, 3)) == math.inf
