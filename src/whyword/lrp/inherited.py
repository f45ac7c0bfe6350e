"""Which facts about a tensor still hold for another that a function made from it.

`whyword.lrp.traces` lists the facts, such as that a tensor is a sum over an axis, an exponential,
or the output of a convolution. If a function reads several tensors, none of them holds any more.
"""

from typing import Any

from torch import Tensor

from whyword.lrp.functions import ELEMENTWISE
from whyword.lrp.in_place import own_copy
from whyword.lrp.traces import Trace, trace

_ELEMENT_BY_ELEMENT = ELEMENTWISE | {"masked_fill"}
_SAME = {"clone", "contiguous", "alias"}
"""Functions that return a tensor equal to the one that they read."""


def kept(name: str, read: list[Tensor], *, copying: bool) -> Trace:
    """The facts that still hold for the result of a function without a rule.

    Args:
        name: Name of the function.
        read: The tensors it read that depend on the embeddings.
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
    if len(read) != 1 or name not in _ELEMENT_BY_ELEMENT:
        return None
    found = trace(read[0]).windows
    if found is None or name != "masked_fill":
        return found
    mask = kwargs["mask"] if "mask" in kwargs else args[len(args) - 1 - ("value" not in kwargs)]
    return found.overwritten(mask)
