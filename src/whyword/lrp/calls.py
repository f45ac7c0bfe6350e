"""`Call`, an intercepted call of a torch function, and `register`, which gives functions handlers.

A handler computes the rule of a function. Its own parameters say how the function is called:
positions, keywords and other spellings of them are bound to these before it runs. It returns the
function's value, with relevance as its backward pass (`whyword.lrp.backward`).
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
    """A rule does not cover the arguments of a call; it says why, and what to do."""


@dataclass(slots=True)
class Call:
    """What a handler knows about an intercepted call, besides its arguments.

    Attributes:
        function: The torch function (of an in-place one, its out-of-place form).
        name: Name of the function.
        rule: Returns the rule of a linear layer; it is known when the forward pass is over.
        sums: The rule of sums and products without weights.
        attention: How relevance goes through a softmax, as in the composite.
        maxima: How a maximum over an axis is shared, as in the composite.
        layer: Qualified name of the module that holds its parameters; "" if there is none.
        record: Takes the account's entries, if an account is kept.
        gradient: Whether the backward pass carries g = R / z in place of R.
    """

    function: Callable[..., object]
    name: str
    rule: Callable[[], Rule]
    sums: Epsilon
    attention: Attention = "cplrp"
    maxima: Maxima = "winner"
    layer: str = ""
    record: Callable[[Entry], None] | None = None
    gradient: bool = False

    def value(self, *args: object, **kwargs: object) -> Tensor:
        """Call the function, if it returns one tensor, and return that.

        Args:
            args: The arguments of the function.
            kwargs: Its keyword arguments.
        """
        return cast(Tensor, self.function(*args, **kwargs))

    def step(self, name: str, *args: object, **kwargs: object) -> Tensor:
        """The value of another function, with its own rule, as if the model had called it.

        If no argument depends on the embeddings, the function is computed as it is.

        Args:
            name: Name of a torch function that has a handler and returns one tensor.
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
            why: A sentence that says what was got and what can be done.
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
"""Other names of parameters, such as NumPy's, each with the names that handlers use."""

_OF_NO_MATTER = {"inplace", "_stacklevel"}

_AXES = 8
"""Integers up to this one may be axes or options; larger ones are sizes."""


def register(*names: str | type[torch.autograd.Function]) -> Callable[[OneHandler], OneHandler]:
    """Give torch functions a rule: a decorator for its handler.

    Torch functions are named; custom autograd functions are given as classes. The handler of a
    torch function takes the `Call` and the function's arguments, under the names of its own
    parameters (`SPELLINGS` lists others that are understood). Arguments that depend on the
    embeddings are attached to autograd's graph, all others are not. The handler of a custom
    function reads like its ``backward``: it takes the context and the relevance of each output, and
    returns the relevance of each input.

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
    """The unique name of a custom autograd function: its module and name."""
    return f"{function.__module__}.{function.__qualname__}"


def bound(
    handler: Handler, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The keyword arguments of a call under the names of its handler's parameters.

    Raises:
        Refusal: If the rule does not know an argument, or one is missing.
    """
    fits = (handler, len(args), tuple(kwargs))
    if fits in _FITTING:
        return {_FITTING[fits][name]: value for name, value in kwargs.items()}
    signature = _signature(handler)
    known = signature.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    named: dict[str, Any] = {}
    names: dict[str, str] = {}
    for given, value in kwargs.items():
        name = next((n for n in (given, *SPELLINGS.get(given, ())) if n in known), given)
        if name in known:
            named[name] = value
            names[given] = name
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
        signature.bind(call, *args, **named)
    except TypeError as error:
        raise call.refuse(f"its arguments are not those that its rule knows: {error}.") from error
    if len(names) == len(kwargs) == len(named):
        _FITTING[fits] = names
    return named


_SIGNATURES: dict[Handler, inspect.Signature] = {}

_FITTING: dict[tuple[Handler, int, tuple[str, ...]], dict[str, str]] = {}
"""Ways of calling handlers that are known to fit: the handler's name for each keyword."""


def _signature(handler: Handler) -> inspect.Signature:
    found = _SIGNATURES.get(handler)
    if found is None:
        found = _SIGNATURES[handler] = inspect.signature(handler)
    return found


def must_be_constant(call: Call, **arguments: Any) -> None:
    """Check that arguments do not depend on the embeddings; the rule treats them as constants.

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
    """The form of an argument, hashable: its type, a tensor's axes, and small numbers."""
    if isinstance(value, Tensor):
        return Tensor, value.ndim
    if isinstance(value, tuple | list):
        return tuple(map(form, value))
    axis = isinstance(value, int) and abs(value) <= _AXES
    return value if axis or value is None or isinstance(value, str) else type(value)
