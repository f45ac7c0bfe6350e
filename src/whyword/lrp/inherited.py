"""What a result still is of what the tensor that it was made from was.

`whyword.lrp.traces` says what that may be: the sum over an axis, an exponential, the output of a
convolution. Where a function reads several tensors, nothing of it holds any more.
"""

from typing import Any

from torch import Tensor

from whyword.lrp.functions import ELEMENTWISE
from whyword.lrp.in_place import own_copy
from whyword.lrp.traces import Trace, trace

_SAME = {"clone", "contiguous", "alias"}
"""Functions whose result is what they read."""


def kept(name: str, read: list[Tensor], *, copying: bool) -> Trace:
    """What a tensor that a function without a rule moved around still is.

    Args:
        name: The function.
        read: What it read of what depends on the embeddings.
        copying: Whether rules get copies, because the model changes tensors in place.
    """
    if len(read) != 1:
        return Trace()
    known = trace(read[0])
    if name in _SAME:
        root = known.root
        if root is None:
            root = own_copy(read[0]) if copying else read[0]
        return known._replace(root=root, windows=None)
    masked = name in ("masked_fill", "where")
    exponent = known.exponent if masked else None
    return Trace(total=known.total, exponent=exponent, choice=known.choice)


def windows(name: str, read: list[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The convolution whose output the result of a call still holds, element by element."""
    if len(read) != 1 or name not in ELEMENTWISE | {"masked_fill"}:
        return None
    found = trace(read[0]).windows
    if found is None or name != "masked_fill":
        return found
    mask = kwargs["mask"] if "mask" in kwargs else args[len(args) - 1 - ("value" not in kwargs)]
    return found.overwritten(mask)
