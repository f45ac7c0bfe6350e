"""Runs functions that torch writes in Python step by step, so that each step is seen."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

_MODULES = ("torch.functional", "torch.nn.functional")
_QUESTIONS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def is_made_of_steps(func: Callable[..., Any]) -> bool:
    """Whether a function is torch's and written in Python."""
    return isinstance(func, FunctionType) and func.__module__ in _MODULES


def opened(func: FunctionType) -> FunctionType:
    """The same function, but under a function mode it runs its own body.

    Such functions begin by asking whether somebody overrides them; to the copy the answer is no, so
    that the functions which it calls arrive instead of itself.
    """
    namespace = {**func.__globals__, **dict.fromkeys(_QUESTIONS, _nobody)}
    copy = FunctionType(
        func.__code__, namespace, func.__name__, func.__defaults__, func.__closure__
    )
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _nobody(*_: Any) -> bool:
    return False
