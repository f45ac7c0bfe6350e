"""Rules for complex numbers, whose relevance is complex and holds that of both components.

Rotary embeddings and Fourier transforms need them.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import propagate, unbroadcast
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.weighted import Term, summed
from whyword.lrp.traces import on_path


@register("conj", "conj_physical", "resolve_conj", "_conj")
def conjugate(call: Call, input: Tensor) -> Tensor:
    """Each component of the result hands its relevance to the same component of the input."""
    value = input.detach().conj().resolve_conj()
    if call.name == "resolve_conj":
        value = input.detach().resolve_conj()
    return propagate(call, value, lambda R: (R.resolve_conj(),), input)


@register("adjoint", "mH", "H")
def adjoint(call: Call, input: Tensor) -> Tensor:
    """The transposed matrix, conjugated if it is complex."""
    turned = input.mT if input.ndim > 1 else input
    return conjugate(call, turned) if input.is_complex() else turned


def product(call: Call, a: Any, b: Any) -> Tensor:
    """z = a c for a constant c, such as a rotation: sums of products of the components.

    Re z = Re a Re c - Im a Im c, Im z = Re a Im c + Im a Re c.
    """
    if on_path(a) and on_path(b):
        raise call.refuse("there is no rule for products of two complex signals.")
    x, c = (a, b) if on_path(a) else (b, a)
    exact = None if isinstance(c, Tensor) else torch.promote_types(x.dtype, torch.complex64)
    c = torch.as_tensor(c, dtype=exact, device=x.device)
    if not c.is_complex():  # each component is scaled
        return propagate(call, x.detach() * c, lambda R: (unbroadcast(R, x.shape),), x)
    pairs = torch.view_as_real(c.resolve_conj())
    if not x.is_complex():
        term = Term(x, pairs, _spread, partial(_spread_back, shape=x.shape))
        return torch.view_as_complex(summed(call, term))
    # From the components of x, the last axis but one, to those of z.
    weights = torch.stack([pairs, torch.stack([-c.imag, c.real], dim=-1)], dim=-2)
    components = torch.view_as_real(x)
    term = Term(components, weights, _turned, partial(_turned_back, shape=components.shape))
    return torch.view_as_complex(summed(call, term))


def _spread(x: Tensor, w: Tensor) -> Tensor:
    return x[..., None] * w


def _spread_back(q: Tensor, w: Tensor, shape: torch.Size) -> Tensor:
    return unbroadcast((q * w).sum(dim=-1), shape)


def _turned(x: Tensor, w: Tensor) -> Tensor:
    return (x[..., None] * w).sum(dim=-2)


def _turned_back(q: Tensor, w: Tensor, shape: torch.Size) -> Tensor:
    return unbroadcast((q[..., None, :] * w).sum(dim=-1), shape)


def magnitude(call: Call, x: Tensor) -> Tensor:
    """|x|: each component takes its part of the squares that make it up."""
    squares = torch.view_as_real(x.detach().resolve_conj()).square()
    total = squares.sum(dim=-1, keepdim=True)
    shares = torch.where(total > 0, squares / total, 0.5)

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (torch.view_as_complex(shares * relevance[..., None]),)

    return propagate(call, x.detach().abs(), backward, x)
