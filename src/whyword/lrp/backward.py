"""What a handler returns: the value of its call, with relevance as its backward pass.

`propagate` is for any function, `through_layer` for a linear layer, whose rule the composite says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.accounting import Entry
from whyword.lrp.calls import Call
from whyword.lrp.rules import Epsilon, Layer, Rule, stabiliser
from whyword.lrp.traces import note, trace

Backward = Callable[[Tensor], tuple[Tensor | None, ...]]
"""From the relevance of a value to that of each of the tensors that it was computed from."""


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
            causes = {} if lost is None else {k: amount(v) for k, v in lost(relevance).items()}
            passed = sum(amount(part) for part in parts if part is not None)
            record(Entry.balanced(call.name, call.layer, amount(relevance), passed, causes))
            return parts

    result: Tensor = Propagate.apply(rule, (value,), *inputs)  # type: ignore[no-untyped-call]
    return result


def amount(relevance: Tensor) -> float:
    """All of the relevance in a tensor; a complex number holds that of its two components."""
    if relevance.is_complex():
        relevance = torch.view_as_real(relevance)
    return float(relevance.sum())


class Propagate(torch.autograd.Function):
    """Returns a value as it is; its backward pass is a rule."""

    @staticmethod
    def forward(ctx: Any, backward: Backward, value: tuple[Tensor], *inputs: Tensor) -> Tensor:
        """The value."""
        # In a tuple, or it would come out as a view, which models may not change in place;
        # detached, or it would know the rule, which knows it: a cycle that keeps both in memory.
        ctx.rule = backward
        return value[0].detach()

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """The relevance of the inputs."""
        return (None, None, *ctx.rule(relevance[0]))


def through_layer(
    call: Call, x: Tensor, layer: Layer, *, rule: Rule | None = None, value: Tensor | None = None
) -> Tensor:
    """The value of a linear layer whose inputs ``x`` get relevance by a rule.

    Args:
        call: The call.
        x: The layer's inputs, attached.
        layer: The layer.
        rule: By default what the composite says; the layer then counts as one with weights.
        value: By default the layer's; another if an activation is taken with it.
    """

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return ((rule or call.rule())(layer, relevance),)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(rule or call.rule(), layer.z, layer.bias, relevance)

    result = propagate(call, layer.z if value is None else value, backward, x, lost=lost)
    return result if rule is not None else one_deeper(result, x)


def one_deeper(result: Tensor, *inputs: Tensor) -> Tensor:
    """Note that a result is that of a layer with weights over these inputs."""
    return note(result, depth=1 + max(trace(x).depth for x in inputs))


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
