"""Intercepted calls, and what a handler of one returns: its value with relevance as its backward.

`register` gives a torch function its handler. A handler gets the `Call` and returns the function's
value through `propagate`, or, if it is a linear layer, through `through_layer`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.accounting import Entry
from whyword.lrp.composites import Attention, Maxima
from whyword.lrp.rules import Epsilon, Layer, Rule, stabiliser


class Trace(NamedTuple):
    """What the engine remembers about a tensor on the way from embeddings to scores.

    Attributes:
        gate: Whether it only scales other tensors, so that products give it no relevance.
        depth: Layers with weights that it has passed through, on its longest way.
        windows: The convolution whose output it holds, element by element, if it does
            (`whyword.lrp.functions.pooling`).
        version: torch's count of the tensor's changes in place when this was noted.
    """

    gate: bool = False
    depth: int = 0
    windows: Any = None
    version: int = 0


@dataclass(frozen=True)
class Call:
    """An intercepted call: parameters are detached, what depends on the embeddings is not.

    Attributes:
        function: The torch function (of an in-place one, its out-of-place form).
        name: Its name.
        args: Its arguments.
        kwargs: Its keyword arguments.
        rule: The rule of a linear layer, known when the forward pass is over.
        sums: The rule of sums and products without weights.
        attention: What a softmax is, as in the composite.
        maxima: How a maximum over an axis is shared.
        layer: Qualified name of the module that holds its parameters; "" without.
        record: Takes the account's entries, if an account is kept.
    """

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    rule: Callable[[], Rule]
    sums: Epsilon
    attention: Attention = "cplrp"
    maxima: Maxima = "winner"
    layer: str = ""
    record: Callable[[Entry], None] | None = None

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument, however it was passed."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    def constant_argument(self, position: int, name: str) -> Any:
        """An argument that has a rule only if it does not depend on the embeddings.

        Raises:
            InputError: If it does.
        """
        value = self.argument(position, name)
        if on_path(value):
            raise InputError(
                f"The argument {name} of {self.name} depends on the embeddings; there is a rule "
                "for a constant one alone. Give the function another: whyword.lrp.register."
            )
        return value


Handler = Callable[[Call], Any]
Backward = Callable[[Tensor], tuple[Tensor | None, ...]]
HANDLERS: dict[str, Handler] = {}
"""The functions that have a rule, by name."""


def register(*names: str) -> Callable[[Handler], Handler]:
    """Give torch functions a rule, by their names.

    Example:
        A function of one tensor that hands its relevance on as it is:

        >>> from whyword import lrp
        >>> @lrp.register("erf")
        ... def erf(call):
        ...     x = call.args[0]
        ...     return lrp.propagate(call, call.function(x.detach()), lambda R: (R,), x)
    """

    def add(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return add


def propagate(
    call: Call,
    value: Tensor,
    backward: Backward,
    *inputs: Tensor,
    lost: Callable[[Tensor], Mapping[str, Tensor]] | None = None,
) -> Tensor:
    """A call's value, with a backward pass that carries relevance.

    Args:
        call: The call.
        value: Its value, computed from detached tensors.
        backward: From the relevance of the value to that of each input, shaped like it.
        inputs: The tensors that take relevance.
        lost: From the relevance of the value to what is lost, by cause, for the account; what it
            does not explain is booked under "rule".
    """
    rule = backward
    if (record := call.record) is not None:

        def rule(relevance: Tensor) -> tuple[Tensor | None, ...]:
            parts = backward(relevance)
            causes = {} if lost is None else {k: float(v.sum()) for k, v in lost(relevance).items()}
            passed = sum(float(part.sum()) for part in parts if part is not None)
            record(Entry.balanced(call.name, call.layer, float(relevance.sum()), passed, causes))
            return parts

    result: Tensor = _Propagate.apply(rule, (value,), *inputs)  # type: ignore[no-untyped-call]
    return result


class _Propagate(torch.autograd.Function):
    """Returns a value as it is; its backward pass is a rule."""

    @staticmethod
    def forward(backward: Backward, value: tuple[Tensor], *inputs: Tensor) -> Tensor:
        # In a tuple, or it would come out as a view, which models may not change in place;
        # detached, or it would know the rule, which knows it: a cycle that keeps both in memory.
        return value[0].detach()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.rule = inputs[0]

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *ctx.rule(relevance[0]))


def through_layer(
    call: Call, x: Tensor, layer: Layer, *, rule: Rule | None = None, value: Tensor | None = None
) -> Tensor:
    """The value of a linear layer whose inputs ``x`` get relevance by a rule.

    Args:
        call: The call.
        x: The layer's inputs, attached.
        layer: The layer.
        rule: By default what the composite says.
        value: By default the layer's; another if an activation is taken with it.
    """

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return ((rule or call.rule())(layer, relevance),)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(rule or call.rule(), layer.z, layer.bias, relevance)

    return propagate(call, layer.z if value is None else value, backward, x, lost=lost)


def losses(rule: Rule, z: Tensor, bias: Tensor | None, relevance: Tensor) -> dict[str, Tensor]:
    """What the ε-rule loses to bias and stabiliser where inputs do not share them."""
    if not isinstance(rule, Epsilon):
        return {}
    s = stabiliser(z, rule.epsilon)
    q = relevance / (z + s)
    causes = {} if rule.stabiliser_share else {"stabiliser": q * s}
    if bias is not None and not rule.bias_share:
        causes["bias"] = q * bias
    return causes


def on_path(value: Any) -> bool:
    """Whether a value depends on the embeddings."""
    return isinstance(value, Tensor) and value.requires_grad


def trace(tensor: Tensor) -> Trace:
    """What the engine remembers about a tensor, and still holds if it was changed in place."""
    found: Trace = getattr(tensor, "whyword_trace", Trace())
    return found if found.version == tensor._version else found._replace(windows=None)


def remember(tensor: Tensor, found: Trace) -> None:
    """Note something about a tensor of this forward pass."""
    tensor.whyword_trace = found._replace(version=tensor._version)  # type: ignore[attr-defined]


def is_gate(value: Any) -> bool:
    """Whether a value only scales others."""
    return isinstance(value, Tensor) and trace(value).gate


def constant(value: Any) -> Any:
    """A value that takes no relevance."""
    return value.detach() if isinstance(value, Tensor) else value


def unbroadcast(t: Tensor, shape: torch.Size) -> Tensor:
    """Sum what was broadcast, so that ``t`` has ``shape`` again."""
    if t.shape == shape:
        return t
    extra = t.ndim - len(shape)
    if extra:
        t = t.sum(dim=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and t.shape[i] != 1)
    t = t.sum(dim=axes, keepdim=True) if axes else t
    return t.expand(shape)
