"""Rules for discrete Fourier transforms: sums of components with constant weights.

A transform is a real matrix along its axis, over pairs of components where numbers are complex. The
relevance of complex numbers is complex and holds that of both components.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fft

from whyword.lrp.calls import Call, register
from whyword.lrp.functions.linear_maps import AlongAxis, Maps, mix, pull
from whyword.lrp.functions.weighted import weighted_sum

_Transform = Callable[..., Tensor]


class _Transforms(NamedTuple):
    """The transforms of single axes that make up one of several axes.

    Attributes:
        last: The transform of the last axis.
        others: The transform of all other axes.
        last_first: Whether the last axis is transformed first.
    """

    last: _Transform
    others: _Transform
    last_first: bool = False


_OF_ONE = {
    "fft": fft.fft,
    "ifft": fft.ifft,
    "rfft": fft.rfft,
    "irfft": fft.irfft,
    "hfft": fft.hfft,
    "ihfft": fft.ihfft,
}
_OF_SEVERAL = {
    "fft": _Transforms(fft.fft, fft.fft),
    "ifft": _Transforms(fft.ifft, fft.ifft),
    "rfft": _Transforms(fft.rfft, fft.fft, last_first=True),
    "irfft": _Transforms(fft.irfft, fft.ifft),
    "hfft": _Transforms(fft.hfft, fft.fft),
    "ihfft": _Transforms(fft.ihfft, fft.ifft, last_first=True),
}


@register(*(f"fft_{name}" for name in _OF_ONE))
def of_one_axis(
    call: Call, input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None
) -> Tensor:
    """A transform of one axis."""
    function = _OF_ONE[call.name.removeprefix("fft_")]
    axis = dim % input.ndim - input.ndim
    return _transformed(call, input, [(function, axis, n)], norm)


@register(*(f"fft_{name}{axes}" for name in _OF_SEVERAL for axes in ("2", "n")))
def of_several_axes(
    call: Call, input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None
) -> Tensor:
    """A transform of several axes: of all by default, or of the last two, as the name says."""
    made_of = _OF_SEVERAL[call.name.removeprefix("fft_")[:-1]]
    dim = (dim,) if isinstance(dim, int) else dim
    s = (s,) if isinstance(s, int) else s
    if dim is None and call.name[-1] == "2":
        dim = (-2, -1)
    if dim is None:
        dim = range(-input.ndim if s is None else -len(s), 0)
    axes = [axis % input.ndim - input.ndim for axis in dim]
    sizes = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    steps = [(made_of.others, a, n) for a, n in zip(axes, sizes, strict=True)]
    last = (made_of.last, *steps.pop()[1:])
    return _transformed(call, input, [last, *steps] if made_of.last_first else [*steps, last], norm)


def _transformed(
    call: Call, x: Tensor, steps: list[tuple[_Transform, int, int | None]], norm: str | None
) -> Tensor:
    """Transforms one after the other, as one sum."""
    value, is_complex, maps = x.detach(), x.is_complex(), []
    for function, axis, n in steps:
        size = value.shape[axis]
        value = function(value, n=n, dim=axis, norm=norm)
        basis = torch.eye(size, dtype=value.real.dtype, device=value.device)
        if is_complex:  # beside each row one for its imaginary component
            basis = torch.stack([basis + 0j, 1j * basis], dim=1).flatten(0, 1)
        matrix = function(basis, n=n, dim=-1, norm=norm)
        if value.is_complex():
            matrix = torch.view_as_real(matrix.resolve_conj()).flatten(-2)
        maps.append(AlongAxis(axis, matrix, (is_complex, value.is_complex())))
        is_complex = value.is_complex()
    signal = torch.view_as_real(x) if x.is_complex() else x
    pairs = torch.view_as_real(value.resolve_conj()) if is_complex else value
    result = weighted_sum(call, signal, Maps(maps), mix, pull, pairs)
    return torch.view_as_complex(result) if is_complex else result
