"""The modes of torch that a model may run in: none of them changes what is explained.

Modes in which no gradients are recorded (``no_grad``, ``inference_mode``) say how to compute, not
what, so they are left out of account. Autocast does change numbers: its casts become steps of their
own, since rules run after it. What ``torch.compile`` made runs as it was written.
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
    """Gradients are recorded, though the model is in inference mode."""
    if not torch.is_inference_mode_enabled():
        return nullcontext()
    stack = ExitStack()
    stack.enter_context(torch.inference_mode(mode=False))
    stack.enter_context(torch.enable_grad())
    return stack


def inside_custom_function() -> bool:
    """Whether a custom autograd function computes its value, since nothing else records nothing."""
    return not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


@contextmanager
def without_autocast(
    func: Callable[..., Any], args: Any, kwargs: Any, device: str
) -> Iterator[_Cast | None]:
    """Outside of autocast, with what casts a call's arguments as autocast would have done.

    To which precision it does, the function itself says best: it is called once for that.

    Args:
        func: The function to be called.
        args: Its arguments.
        kwargs: Its keyword arguments.
        device: Kind of the device that they are on.
    """
    if not torch.is_autocast_enabled(device):
        yield None
        return
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
    """torch's stance towards compiled code: one for the process, kept while it is needed."""

    lock = threading.Lock()
    users = 0
    kept: Any = None


@contextmanager
def eagerly() -> Iterator[None]:
    """Models compiled by ``torch.compile`` run as they were written, so that functions are seen."""
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
