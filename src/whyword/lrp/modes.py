"""Handles the modes of torch that a model may run in, so that none changes what is explained.

Modes in which no gradients are recorded (``no_grad``, ``inference_mode``) say how to compute, not
what, so they are ignored. Autocast does change numbers: its casts become steps of their own, since
rules run outside of it. Models that ``torch.compile`` made run as they were written.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from sys import modules
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from whyword.lrp.traces import layer_of, on_path, remember, trace

_Cast = Callable[[Any], Any]


def with_gradients() -> AbstractContextManager[Any]:
    """A block in which gradients are recorded, even if the model is in inference mode."""
    if not torch.is_inference_mode_enabled():
        return nullcontext()
    stack = ExitStack()
    stack.enter_context(torch.inference_mode(mode=False))
    stack.enter_context(torch.enable_grad())
    return stack


def inside_custom_function() -> bool:
    """Whether a custom autograd function is computing its value: only there nothing is recorded."""
    return not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def without_autocast(
    func: Callable[..., Any], args: Any, kwargs: Any, device: str
) -> AbstractContextManager[_Cast | None]:
    """A block outside of autocast, and a function that casts arguments as autocast would.

    To find out to which precision, ``func`` is called once; None if there is nothing to cast.

    Args:
        func: The function to be called.
        args: Its arguments.
        kwargs: Its keyword arguments.
        device: Type of the device that they are on, such as "cuda".
    """
    if not torch.is_autocast_enabled(device):
        return nullcontext()
    return _casting(func, args, kwargs, device)


@contextmanager
def _casting(
    func: Callable[..., Any], args: Any, kwargs: Any, device: str
) -> Iterator[_Cast | None]:
    with torch.no_grad():
        result = func(*tree_map(_detached, args), **tree_map(_detached, kwargs))
    found = [t for t in tree_leaves(result) if isinstance(t, Tensor) and t.is_floating_point()]
    kinds = {t.dtype for t in found}
    with torch.autocast(device, enabled=False):
        yield _cast_to(kinds.pop()) if len(kinds) == 1 else None


def _cast_to(kind: torch.dtype) -> _Cast:
    def cast(value: Any) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.dtype == kind:
            return value
        other = value.to(kind)
        if on_path(value):
            remember(other, trace(value)._replace(windows=None, product=None, root=None))
        elif layer := layer_of(value):
            other.whyword_layer = layer  # type: ignore[attr-defined]
        return other

    return cast


def _detached(value: Any) -> Any:
    return value.detach() if on_path(value) else value


class _Stance:
    """torch's stance towards compiled code: one for the process, held while it is needed."""

    lock = threading.Lock()
    users = 0
    kept: Any = None


@contextmanager
def eagerly() -> Iterator[None]:
    """A block in which models compiled by ``torch.compile`` run as they were written."""
    if "torch._dynamo" not in modules:  # nothing is compiled
        yield
        return
    with _Stance.lock:
        if _Stance.users == 0:
            _Stance.kept = torch.compiler.set_stance("force_eager")
            _Stance.kept.__enter__()
        _Stance.users += 1
    try:
        yield
    finally:
        with _Stance.lock:
            _Stance.users -= 1
            if _Stance.users == 0:
                _Stance.kept.__exit__(None, None, None)
