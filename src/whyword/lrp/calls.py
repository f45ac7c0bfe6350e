"""Intercepted calls, and the handlers that they are given to.

`register` gives a torch function its handler. A handler's own parameters say how the function is
called: positions, keywords and other spellings of them are bound to these before it runs. What it
returns is the function's value with relevance as its backward pass (`whyword.lrp.backward`).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from whyword.errors import WhywordError
from whyword.lrp.accounting import Entry
from whyword.lrp.composites import Attention, Maxima
from whyword.lrp.rules import Epsilon, Rule
from whyword.lrp.traces import on_path


class UnsupportedFunction(WhywordError):  # noqa: N818 - says what was met, as in torch's own errors
    """A function on the way from the embeddings to the scores has no rule."""


class Refusal(Exception):  # noqa: N818 - turned into UnsupportedFunction, which says where
    """A rule does not cover the arguments of a call; why, and what to do."""


@dataclass(frozen=True)
class Call:
    """An intercepted call, beside its arguments.

    Attributes:
        function: The torch function (of an in-place one, its out-of-place form).
        name: Its name.
        rule: The rule of a linear layer, known when the forward pass is over.
        sums: The rule of sums and products without weights.
        attention: What a softmax is, as in the composite.
        maxima: How a maximum over an axis is shared.
        layer: Qualified name of the module that holds its parameters; "" without.
        record: Takes the account's entries, if an account is kept.
    """

    function: Callable[..., object]
    name: str
    rule: Callable[[], Rule]
    sums: Epsilon
    attention: Attention = "cplrp"
    maxima: Maxima = "winner"
    layer: str = ""
    record: Callable[[Entry], None] | None = None

    def value(self, *args: object, **kwargs: object) -> Tensor:
        """The value of the function, where it is one tensor.

        Args:
            args: The arguments of the function.
            kwargs: Its keyword arguments.
        """
        return cast(Tensor, self.function(*args, **kwargs))

    def step(self, name: str, *args: object, **kwargs: object) -> Tensor:
        """Another function's value by its own rule, as if the model had called it.

        What does not depend on the embeddings is computed as it is.

        Args:
            name: The name of a function of torch that has a handler and gives one tensor.
            args: Its arguments, as the handler takes them.
            kwargs: Its keyword arguments.
        """
        call = replace(
            self, function=getattr(torch, name, None) or getattr(Tensor, name), name=name
        )
        if not any(on_path(t) for t in (*args, *kwargs.values())):
            return call.value(*args, **kwargs)
        return cast(Tensor, HANDLERS[name](call, *args, **kwargs))

    @staticmethod
    def refuse(why: str) -> Refusal:
        """The refusal to raise where the rule does not cover these arguments.

        Args:
            why: What was got and what can be done, a sentence.
        """
        return Refusal(why)


Handler = Callable[..., object]
OneHandler = TypeVar("OneHandler", bound=Handler)
HANDLERS: dict[str, Handler] = {}
"""The functions that have a rule, by name; custom autograd functions by module and name."""

SPELLINGS = {
    **dict.fromkeys(("self", "x", "a", "x1", "A"), ("input",)),
    **dict.fromkeys(("mat1", "mat", "mat_a", "batch1", "tensor1", "vec1"), ("first", "input")),
    **dict.fromkeys(("mat2", "vec", "batch2", "tensor2", "vec2"), ("second", "other")),
    **dict.fromkeys(("x2", "tensor"), ("other",)),
    **dict.fromkeys(("axis", "axes"), ("dim",)),
    "keepdims": ("keepdim",),
    "ord": ("p",),
    "train": ("training",),
}
"""Other names of parameters, NumPy's among them, by those that handlers give them."""

_OF_NO_MATTER = {"inplace", "_stacklevel"}

_AXES = 8
"""Integers up to here may be axes or options, greater ones are sizes."""


def register(*names: str | type[torch.autograd.Function]) -> Callable[[OneHandler], OneHandler]:
    """Give torch functions a rule, by their names, or custom autograd functions, by their class.

    A handler of a torch function takes the `Call` and the function's arguments under the names of
    its own parameters (`SPELLINGS` holds the others). What depends on the embeddings among them is
    attached to autograd's graph, all else is not. A handler of a custom function reads like its
    ``backward``: it takes its context and the relevance of each output, and returns the relevance
    of each input.

    Example:
        A function of one tensor that hands its relevance on as it is:

        >>> from whyword import lrp
        >>> @lrp.register("erfc")
        ... def erfc(call, input):
        ...     value = call.value(input.detach())
        ...     return lrp.propagate(call, value, lambda R: (R,), input)
    """

    def add(handler: OneHandler) -> OneHandler:
        keys = (name if isinstance(name, str) else qualified(name) for name in names)
        HANDLERS.update(dict.fromkeys(keys, handler))
        return handler

    return add


def qualified(function: type) -> str:
    """The name of a custom autograd function that no other has."""
    return f"{function.__module__}.{function.__qualname__}"


def bound(
    handler: Handler, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """The arguments of a call under the names of its handler's parameters.

    Raises:
        Refusal: If the rule does not know an argument, or where it belongs.
    """
    signature = _signature(handler)
    known = signature.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    named: dict[str, Any] = {}
    for given, value in kwargs.items():
        name = next((n for n in (given, *SPELLINGS.get(given, ())) if n in known), given)
        if name in known:
            named[name] = value
        elif value is None or given in _OF_NO_MATTER:
            continue
        elif given == "out":
            raise call.refuse("it writes into out=; assign its result instead.")
        elif open_ended:
            if on_path(value):
                raise call.refuse(f"its argument {given} depends on the embeddings.")
            named[given] = value
        else:
            got = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise call.refuse(f"its rule knows no argument {given}; got {got}.")
    try:
        return signature.bind(call, *args, **named)
    except TypeError as error:
        raise call.refuse(f"its arguments are not those that its rule knows: {error}.") from error


_SIGNATURES: dict[Handler, inspect.Signature] = {}


def _signature(handler: Handler) -> inspect.Signature:
    found = _SIGNATURES.get(handler)
    if found is None:
        found = _SIGNATURES[handler] = inspect.signature(handler)
    return found


def must_be_constant(call: Call, **arguments: Any) -> None:
    """Check that arguments do not depend on the embeddings, because the rule holds them constant.

    Raises:
        Refusal: If one does.
    """
    for name, value in arguments.items():
        values = value if isinstance(value, tuple | list) else (value,)
        if any(on_path(v) for v in values):
            raise call.refuse(
                f"its argument {name} depends on the embeddings; there is a rule for a constant "
                "one alone. Give the function another with whyword.lrp.register."
            )


def form(value: Any) -> Any:
    """What kind of argument a value is, hashable: numbers that are axes count, sizes do not."""
    if isinstance(value, Tensor):
        return Tensor, value.ndim
    if isinstance(value, tuple | list):
        return tuple(map(form, value))
    axis = isinstance(value, int) and abs(value) <= _AXES
    return value if axis or value is None or isinstance(value, str) else type(value)
