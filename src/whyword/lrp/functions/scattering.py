"""Rules for functions that write or add elements at places that an index names.

If elements are added to a place, they and the base take relevance by what they contribute. If an
index names a place more than once, the element that is written last takes all: autograd's own
backward pass would hand the same relevance to each.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from whyword.lrp.calls import Call, register
from whyword.lrp.functions.weighted import Term, summed
from whyword.lrp.traces import constant

ASSIGNMENT = "__setitem__ by index"
"""An assignment whose index may name a place more than once."""

NAMES = set(
    """
    scatter scatter_add scatter_reduce index_add index_copy index_reduce index_put
    _unsafe_index_put put
    """.split()
) | {ASSIGNMENT}


def names_places(index: Any) -> bool:
    """Whether the index of an assignment lists places, of which one may come twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (isinstance(part, Tensor) and part.dtype != torch.bool)
        for part in parts
    )


@register("scatter")
def scatter(
    call: Call,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """Writes elements at the places of an index, or adds them."""
    source = _like(input, index, value if src is None else src)
    if reduce is None:
        return _written(input, dim, index, source)
    if reduce != "add":
        raise call.refuse(f'there is no rule for reduce="{reduce}".')
    return _added(call, input, dim, index, source, 1, 1)


@register("scatter_add")
def scatter_add(call: Call, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Adds elements at the places of an index."""
    return _added(call, input, dim, index, src, 1, 1)


@register("scatter_reduce")
def scatter_reduce(
    call: Call,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Sums, means and extremes of the elements that come to a place and the one there."""
    data = constant(input)
    times = torch.zeros_like(data, dtype=torch.long)
    times = times.scatter_add(dim, index, torch.ones_like(index))
    stays = 1 if include_self else (times == 0).to(data.dtype)
    if reduce == "sum":
        return _added(call, input, dim, index, src, stays, 1)
    if reduce == "mean":
        share = 1 / (times + int(include_self)).clamp(min=1).to(data.dtype)
        return _added(call, input, dim, index, src, share * stays, share)
    if reduce in ("amax", "amin"):
        value = torch.scatter_reduce(
            data, dim, index, constant(src), reduce, include_self=include_self
        )
        return _won(call, value, input, dim, index, src, torch.as_tensor(stays) > 0)
    raise call.refuse(f'there is no rule for reduce="{reduce}".')


@register("index_add")
def index_add(
    call: Call, input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1
) -> Tensor:
    """Adds slices along an axis."""
    return _added(call, input, dim, _as_wide(index, source, dim), source, 1, alpha)


@register("index_copy")
def index_copy(call: Call, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Writes slices along an axis."""
    return _written(input, dim, _as_wide(index, source, dim), source)


@register("index_reduce")
def index_reduce(
    call: Call,
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Any:
    """The same as `scatter_reduce`, for slices along an axis."""
    wide = _as_wide(index, source, dim)
    return scatter_reduce(call, input, dim, wide, source, reduce, include_self=include_self)


@register("index_put", "_unsafe_index_put")
def index_put(
    call: Call, input: Tensor, indices: Any, values: Tensor, accumulate: bool = False
) -> Tensor:
    """Writes or adds elements where several indices meet."""
    places = torch.arange(input.numel(), device=input.device).view(input.shape)[tuple(indices)]
    return _flat(call, input, places, values.expand(places.shape), accumulate)


@register(ASSIGNMENT)
def assignment(call: Call, input: Tensor, index: Any, value: Any) -> Tensor:
    """``input[index] = value`` with tensors among the indices."""
    places = torch.arange(input.numel(), device=input.device).view(input.shape)[index]
    if not isinstance(value, Tensor):
        value = torch.as_tensor(value, dtype=input.dtype, device=input.device)
    return _flat(call, input, places, value.to(input.dtype).expand(places.shape), False)


@register("put")
def put(
    call: Call, input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False
) -> Tensor:
    """Writes or adds elements at places counted through all axes."""
    return _flat(call, input, index % max(input.numel(), 1), source, accumulate)


def _flat(call: Call, base: Tensor, places: Tensor, source: Tensor, accumulate: bool) -> Tensor:
    flat, index, elements = base.flatten(), places.flatten(), source.flatten()
    if accumulate:
        return _added(call, flat, 0, index, elements, 1, 1).view(base.shape)
    return _written(flat, 0, index, elements).view(base.shape)


def _as_wide(index: Tensor, source: Tensor, dim: int) -> Tensor:
    """An index of slices as one of elements."""
    shape = [1] * source.ndim
    if source.ndim:
        shape[dim] = -1
    return index.reshape(shape).expand(source.shape)


def _like(base: Tensor, index: Tensor, source: Any) -> Tensor:
    """A number as a tensor shaped like the index; tensors stay as they are."""
    if isinstance(source, Tensor) and source.ndim:
        return source
    return torch.as_tensor(source, dtype=base.dtype, device=base.device).expand(index.shape)


def _written(base: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """The base with elements of a source written at places; the last one at a place counts."""
    numbers = torch.arange(index.numel(), device=index.device).view(index.shape)
    last = torch.full_like(base, -1, dtype=torch.long).scatter(dim, index, numbers)
    elements = source[tuple(slice(n) for n in index.shape)].flatten()
    if not len(elements):
        return base.clone()
    return torch.where(last >= 0, elements[last.clamp(min=0)], base)


def _added(
    call: Call, base: Tensor, dim: int, index: Tensor, source: Tensor, stays: Any, weight: Any
) -> Tensor:
    """z = u · base + w · Σ source, the sum over all that come to a place.

    Args:
        call: The call.
        base: The tensor that is added to.
        dim: The axis.
        index: The places of the source's elements.
        source: The elements to add; those beyond the index are not added.
        stays: The factor u, one number or one for each place.
        weight: The factor w, one number or one for each place.
    """
    if base.is_complex() or source.is_complex():
        raise call.refuse("there is no rule for complex numbers; take their parts.")
    axis = dim % base.ndim - base.ndim if base.ndim else 0
    beyond = [m for n, k in zip(source.shape, index.shape, strict=True) for m in (n - k, 0)][::-1]
    u, w = (torch.as_tensor(t, dtype=base.dtype, device=base.device) for t in (stays, weight))

    def spread(t: Tensor, w: Tensor) -> Tensor:
        return torch.zeros_like(constant(base)).scatter_add(axis, index, t) * w

    def gathered(q: Tensor, w: Tensor) -> Tensor:
        found = (q * w).gather(axis, index)
        return pad(found, beyond) if any(beyond) else found

    result = summed(call, Term(base, u, torch.mul, torch.mul), Term(source, w, spread, gathered))
    reached = torch.zeros_like(constant(base), dtype=torch.bool).scatter(axis, index, True)
    return torch.where(reached, result, base)  # where nothing is added, nothing is shared


def _won(
    call: Call,
    value: Tensor,
    base: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    stays: Tensor,
) -> Tensor:
    """Extremes at places: the first winner takes all, the base before the source."""
    by_base = (constant(base) == value) & stays
    elements = constant(source)[tuple(slice(n) for n in index.shape)]
    numbers = torch.arange(index.numel(), device=index.device).view(index.shape)
    wins = (elements == value.gather(dim, index)) & ~by_base.gather(dim, index)
    none = index.numel()
    if not none:
        return base.clone()
    first = torch.full_like(value, none, dtype=torch.long)
    first = first.scatter_reduce(dim, index, numbers.masked_fill(~wins, none), "amin")
    flat = source[tuple(slice(n) for n in index.shape)].flatten()
    result = torch.where(first < none, flat[first.clamp(max=none - 1)], base)
    return torch.where(by_base | (first < none), result, value)
