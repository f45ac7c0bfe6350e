"""Rules for linear functions without the model's weights: averages, interpolation, differences.

Each is a sum with constant weights along one axis or several (`whyword.lrp.functions.weighted`).
The weights are found by applying the function to a basis.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from whyword.lrp.backward import propagate
from whyword.lrp.calls import Call, register
from whyword.lrp.functions.convolutions import each
from whyword.lrp.functions.weighted import Term, summed, weighted_sum

NAMES = set(
    """
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    interpolate fold cumsum trace diff
    """.split()
)


class AlongAxis(NamedTuple):
    """A matrix to be applied along an axis.

    Attributes:
        axis: The axis, counted from the end.
        matrix: ``(in, out)`` the matrix.
        pairs: Whether inputs, and whether outputs, have pairs of components behind the other axes,
            which belong to this one: the matrix then has twice as many rows or columns.
    """

    axis: int
    matrix: Tensor
    pairs: tuple[bool, bool] = (False, False)

    def __call__(self, t: Tensor) -> Tensor:
        """Apply the matrix to inputs."""
        before, behind = self.pairs
        rows = t.movedim(self.axis - 1, -2).flatten(-2) if before else t.movedim(self.axis, -1)
        out = rows @ self.matrix
        if behind:
            pairs: Tensor = out.unflatten(-1, (-1, 2))
            return pairs.movedim(-2, self.axis - 1)
        return out.movedim(-1, self.axis)

    def back(self, q: Tensor) -> Tensor:
        """Apply the transposed matrix to outputs."""
        return AlongAxis(self.axis, self.matrix.mT, self.pairs[::-1])(q)


class Maps(tuple[AlongAxis, ...]):
    """Matrices along several axes, one after the other."""

    __slots__ = ()

    def abs(self) -> Self:
        """The maps with absolute values; their product is at least the product's absolute value."""
        return type(self)(m._replace(matrix=m.matrix.abs()) for m in self)


def mix(x: Tensor, maps: Maps) -> Tensor:
    """Apply the maps to inputs."""
    for along in maps:
        x = along(x)
    return x


def pull(q: Tensor, maps: Maps) -> Tensor:
    """Apply the transposed maps to outputs, in reverse order."""
    for along in reversed(maps):
        q = along.back(q)
    return q


def _separate(
    call: Call, x: Tensor, value: Tensor, axes: int, along: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """A function whose weights are products of one factor for each of the last axes.

    Args:
        call: The call.
        x: The input of the function.
        value: The value of the function.
        axes: Number of axes.
        along: Applies the function along one axis: from a basis ``(n, 1, 1, n)`` and the number of
            the axis to ``(n, 1, 1, m)``.
    """

    def matrix(axis: int) -> Tensor:
        n = x.shape[axis - axes]
        basis = torch.eye(n, dtype=x.dtype, device=x.device)
        return along(basis[:, None, None], axis)[:, 0, 0]

    maps = Maps(AlongAxis(axis - axes, matrix(axis)) for axis in range(axes))
    return weighted_sum(call, x, maps, mix, pull, value)


@register("avg_pool1d", "avg_pool2d", "avg_pool3d")
def average(
    call: Call,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Means over windows; zeros that pad take no relevance."""
    axes = int(call.name[-2])
    overridden = () if divisor_override is None else (divisor_override,)
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, *overridden)
    value = call.value(input.detach(), *options)
    size = each(kernel_size, axes)
    step = size if stride is None or stride in ((), []) else each(stride, axes)
    margin = each(padding, axes)

    def along(basis: Tensor, axis: int) -> Tensor:
        window = ((1, size[axis]), (1, step[axis]), (0, margin[axis]), ceil_mode, count_include_pad)
        if divisor_override is None:
            return functional.avg_pool2d(basis, *window)
        return functional.avg_pool2d(basis, *window, divisor_override if axis == 0 else 1)

    return _separate(call, input, value, axes, along)


@register("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def adaptive_average(call: Call, input: Tensor, output_size: Any) -> Tensor:
    """Means over a given number of windows."""
    axes = int(call.name[-2])
    value = call.value(input.detach(), output_size)

    def along(basis: Tensor, axis: int) -> Tensor:
        return functional.adaptive_avg_pool2d(basis, (1, value.shape[axis - axes]))

    return _separate(call, input, value, axes, along)


@register("lp_pool1d", "lp_pool2d", "lp_pool3d")
def power_average(
    call: Call,
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ x^p)^(1/p) over windows: shared in proportion to x^p."""
    value = call.value(input.detach(), norm_type, kernel_size, stride, ceil_mode)
    name = call.name.replace("lp", "avg")
    of_powers = replace(call, name=name, function=getattr(functional, name))
    powers = call.step("pow", input, norm_type)
    means = average(of_powers, powers, kernel_size, stride, 0, ceil_mode)
    return propagate(call, value, lambda R: (R,), means)


_OF_ONE_AXIS = {"linear": "bilinear", "trilinear": "bilinear"}


@register("interpolate")
def interpolate(
    call: Call,
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Interpolated positions: weighted sums of those around."""
    options = (size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    value = call.value(input.detach(), *options)
    axes = input.ndim - 2
    scaled = scale_factor is not None and not recompute_scale_factor and mode != "area"
    factors = scale_factor if isinstance(scale_factor, tuple | list) else [scale_factor] * axes
    kind: dict[str, Any] = {
        "mode": _OF_ONE_AXIS.get(mode, mode),
        "align_corners": align_corners,
        "antialias": antialias,
    }

    def along(basis: Tensor, axis: int) -> Tensor:
        if scaled:
            return functional.interpolate(basis, scale_factor=(1.0, factors[axis]), **kind)
        return functional.interpolate(basis, (1, value.shape[axis - axes]), **kind)

    return _separate(call, input, value, axes, along)


@register("fold")
def fold(
    call: Call,
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Sums of windows that overlap."""
    windows = (kernel_size, dilation, padding, stride)

    def laid_over(t: Tensor, weight: Tensor) -> Tensor:
        return functional.fold(t, output_size, *windows) * weight

    def cut_out(q: Tensor, weight: Tensor) -> Tensor:
        return functional.unfold(q * weight, *windows)

    return weighted_sum(call, input, input.new_ones(()), laid_over, cut_out)


@register("cumsum")
def cumulated(call: Call, input: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    """Sums of each element and all before it."""
    x = input if dtype is None else input.to(dtype)
    if x.ndim == 0:
        return propagate(call, x.detach(), lambda R: (R,), x)
    axis = dim % x.ndim - x.ndim

    def so_far(t: Tensor, weight: Tensor) -> Tensor:
        return t.cumsum(axis) * weight

    def from_here(q: Tensor, weight: Tensor) -> Tensor:
        return (q * weight).flip(axis).cumsum(axis).flip(axis)

    return weighted_sum(call, x, x.new_ones(()), so_far, from_here)


@register("trace")
def diagonal_sum(call: Call, input: Tensor) -> Any:
    """The sum of a matrix's diagonal."""
    return call.step("sum", input.diagonal())


@register("diff")
def difference(
    call: Call,
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along an axis, n times."""
    parts = [t for t in (prepend, input, append) if t is not None]
    axis = dim % input.ndim - input.ndim
    sizes = [t.shape[axis] for t in parts]
    weights = torch.diff(torch.eye(sum(sizes), dtype=input.dtype, device=input.device), n=n)
    terms = (
        Term(t, Maps([AlongAxis(axis, rows)]), mix, pull)
        for t, rows in zip(parts, weights.split(sizes), strict=True)
    )
    return summed(call, *terms)
