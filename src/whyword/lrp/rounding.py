"""Tells whether two computations of the same scores differ by no more than rounding.

Two forward passes of one model differ by rounding, since functions are computed in other kernels or
in batches of another size. A difference of up to the square root of the precision is accepted
(3.5e-4 in float32, 1.5e-8 in float64), relative to the largest of the scores.
"""

import torch
from torch import Tensor


def tolerance(*precisions: torch.dtype) -> float:
    """The difference that is accepted, relative to the largest score.

    It is the square root of the machine epsilon of the least precise type.

    Args:
        precisions: The types of numbers that the scores were computed in.
    """
    return float(max(torch.finfo(dtype).eps for dtype in precisions) ** 0.5)


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest difference between scores.

    Scores that are not finite must be the same in both; otherwise the difference is infinite.
    """
    if found.shape != expected.shape:
        return float("inf")
    finite = found.isfinite() & expected.isfinite()
    same = (found == expected) | (found.isnan() & expected.isnan())
    if not (finite | same).all():
        return float("inf")
    return largest((found - expected)[finite])


def largest(scores: Tensor) -> float:
    """The largest absolute value of the finite scores; 0 if there are none."""
    finite = scores[scores.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0
