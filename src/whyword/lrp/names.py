"""The names of torch's functions, and whether they work in place."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any

from whyword.lrp.functions import IN_PLACE

_OPERATORS = {"aten", "prims", "quantized"}
_PACKAGES = ("linalg_", "special_")


def name_of(func: Callable[..., Any]) -> str:
    """A function's name; of a property such as ``Tensor.T`` the property's.

    Operators and functions of other libraries than torch keep the library's: ``shop::sum`` and
    ``shop.sum`` may be anything.
    """
    # Two functions may be equal and have two names: torch.mm and torch.dsmm.
    return _named(func, getattr(func, "__name__", type(func).__name__))


@lru_cache(maxsize=4096)
def _named(func: Callable[..., Any], name: str) -> str:
    operator = str(getattr(func, "_qualified_op_name", None) or getattr(func, "_name", ""))
    if "::" in operator and operator.partition("::")[0] not in _OPERATORS:
        return operator
    if isinstance(func, FunctionType) and func.__module__.partition(".")[0] != "torch":
        return f"{func.__module__}.{name}"
    if name == "__get__":
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    for package in _PACKAGES:
        name = name.removeprefix(package)
    return name


def out_of_place(name: str, kwargs: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of the same function out of place, and whether it works in place."""
    if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
        return name.removesuffix("_"), True
    return name, name in IN_PLACE or bool(kwargs.get("inplace"))
