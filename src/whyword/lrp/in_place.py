"""Models that change tensors in place: rules then get copies of what they remember.

Copies cost memory, so a model runs without them until it changes something.
"""

from typing import Any

from torch import Tensor

from whyword.lrp.traces import on_path, remember, trace

_PARTS = {"unbind", "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit"}
"""Functions whose results are views of one tensor that come together."""


class ChangedInPlace(BaseException):
    """The model changes a tensor that rules remember the value of: a reason to start again.

    It passes by whatever errors the model itself catches.
    """


def own_copy(value: Any) -> Any:
    """A tensor of its own for the rules, if the value depends on the embeddings."""
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
    """What a function returned, such that the model may change each part of it.

    Autograd forbids changes in place in views that come together, so each comes alone.

    Args:
        name: The function.
        result: What it returned.
        arguments: What it was called with.
    """
    if name not in _PARTS:
        return result
    whole = next(t for t in arguments if isinstance(t, Tensor))
    return tuple(whole.as_strided(t.shape, t.stride(), t.storage_offset()) for t in result)
