"""Products and quotients of relevance with values, element by element: R = z · g and g = R / z.

Complex numbers are pairs of components here, each with its own relevance.
"""

import torch
from torch import Tensor

_TINY = 1e-12
"""The smallest value that relevance is divided by."""


def times(g: Tensor, value: Tensor) -> Tensor:
    """R = z · g; zero where g is, even if z is infinite."""
    if g.is_complex():
        pairs = times(torch.view_as_real(g.resolve_conj()), torch.view_as_real(_pairs(value)))
        return torch.view_as_complex(pairs.contiguous())
    return (g * value).masked_fill(g == 0, 0)


def quotient(relevance: Tensor, value: Tensor) -> Tensor:
    """g = R / z; zero where z is: no multiple of zero is anything else."""
    if relevance.is_complex():
        parts = torch.view_as_real(relevance.resolve_conj())
        found = quotient(parts, torch.view_as_real(_pairs(value)))
        return torch.view_as_complex(found.contiguous())
    return (relevance / value).masked_fill(value.abs() < _TINY, 0)


def _pairs(value: Tensor) -> Tensor:
    if value.is_complex():
        return value.resolve_conj()
    return torch.complex(value, torch.zeros_like(value))
