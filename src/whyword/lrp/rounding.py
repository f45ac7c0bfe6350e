"""Whether two computations of the same scores differ by no more than rounding does.

Two forward passes of one model differ by rounding, since functions are computed in other kernels or
in batches of another size. Accepted is a difference of the square root of the precision (3.5e-4 in
float32, 1.5e-8 in float64), relative to the largest of the scores.
"""

import torch
from torch import Tensor


def tolerance(*precisions: torch.dtype) -> float:
    """What scores may differ by, relative to the largest: the square root of the least precision.

    Args:
        precisions: The types of numbers that the scores were computed in.
    """
    return float(max(torch.finfo(dtype).eps for dtype in precisions) ** 0.5)


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest difference between scores.

    What is not finite is no difference where it is the same in both, and an infinite one where it
    is not.
    """
    if found.shape != expected.shape:
        return float("inf")
    finite = found.isfinite() & expected.isfinite()
    same = (found == expected) | (found.isnan() & expected.isnan())
    if not (finite | same).all():
        return float("inf")
    return largest((found - expected)[finite])


def largest(scores: Tensor) -> float:
    """The largest of the finite scores without their signs; 0 if there are none."""
    finite = scores[scores.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0
