"""Helpers for models that change tensors in place: rules then remember copies.

Copies cost memory, so a model is run without them until it changes something.
"""

from typing import Any

from torch import Tensor

from whyword.lrp.traces import on_path, remember, trace

_PARTS = {"unbind", "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit"}
"""Functions that return several views of one tensor at once."""


class ChangedInPlace(BaseException):
    """The model changes a tensor whose value rules remember; the engine then starts again.

    It is a `BaseException` so that a model which catches errors does not catch it.
    """


def own_copy(value: Any) -> Any:
    """A copy of the value for the rules, if it depends on the embeddings."""
    if not on_path(value):
        return value
    known: tuple[int, Tensor] | None = getattr(value, "whyword_copy", None)
    if known is not None and known[0] == value._version:
        return known[1]
    copy = value.clone()
    remember(copy, trace(value))
    value.whyword_copy = (value._version, copy)  # one value is one tensor to the rules
    return copy


def one_by_one(name: str, result: Any, arguments: tuple[Any, ...]) -> Any:
    """The result of a function, such that the model may change each part of it in place.

    Autograd forbids that in views that one call returned, so each is made by a call of its own.

    Args:
        name: Name of the function.
        result: What it returned.
        arguments: Its arguments.
    """
    if name not in _PARTS:
        return result
    whole = next(t for t in arguments if isinstance(t, Tensor))
    return tuple(whole.as_strided(t.shape, t.stride(), t.storage_offset()) for t in result)
