"""Makes values whose backward pass carries relevance; handlers of torch functions return them.

`propagate` is for any function, `through_layer` for a linear layer, whose rule the composite gives.

There are two forms. One carries relevance R itself. The other, which rules without shares allow,
carries g = R / z for every value z, element by element: a linear layer, R_i = Σ_j x_i w_ij R_j /
z_j, then is g_i = Σ_j w_ij g_j, plain autograd without x and z (`whyword.lrp.composites`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.accounting import Entry
from whyword.lrp.calls import Call
from whyword.lrp.quotients import quotient, times
from whyword.lrp.rules import Epsilon, Layer, Rule, stabiliser
from whyword.lrp.traces import note, trace

Backward = Callable[[Tensor], tuple[Tensor | None, ...]]
"""A function from the relevance of a value to that of each tensor that it was computed from."""


def propagate(
    call: Call,
    value: Tensor,
    backward: Backward,
    *inputs: Tensor,
    gradient: Backward | None = None,
    lost: Callable[[Tensor], Mapping[str, Tensor]] | None = None,
) -> Tensor:
    """A call's value, with a backward pass that carries relevance.

    Args:
        call: The call.
        value: The value of the call, computed from detached tensors.
        backward: The rule: returns the relevance of each input, shaped like it, from the relevance
            of the value.
        inputs: The tensors that take relevance.
        gradient: The same rule for g = R / z: from that of the value to that of each input. It is
            kept until the backward pass, so it should hold no tensor that it does not need. By
            default ``backward`` serves, multiplied by the value and divided by each input.
        lost: Returns the relevance that is lost, by cause, from that of the value; for the account,
            in which other losses get the cause "rule".
    """
    rule = backward
    if call.gradient:
        rule = gradient or _by_division(value, backward, *(x.detach() for x in inputs))
    if call.record is not None:
        rule = _recorded(call, rule, value, *(x.detach() for x in inputs), lost=lost)
    result: Tensor = Propagate.apply(rule, (value,), *inputs)  # type: ignore[no-untyped-call]
    return result


def _by_division(value: Tensor, backward: Backward, *inputs: Tensor) -> Backward:
    """A rule for R as one for g = R / z. What an input of zero would take is lost."""

    def rule(g: Tensor) -> tuple[Tensor | None, ...]:
        parts = backward(times(g, value))
        return tuple(
            None if part is None else quotient(part, x)
            for part, x in zip(parts, inputs, strict=True)
        )

    return rule


def _recorded(
    call: Call,
    rule: Backward,
    value: Tensor,
    *inputs: Tensor,
    lost: Callable[[Tensor], Mapping[str, Tensor]] | None,
) -> Backward:
    """A rule that makes an entry in the account."""

    def relevance(carried: Tensor, of: Tensor) -> Tensor:
        return times(carried, of) if call.gradient else carried

    def recording(carried: Tensor) -> tuple[Tensor | None, ...]:
        parts = rule(carried)
        received = relevance(carried, value)
        causes = {} if lost is None else {k: amount(v) for k, v in lost(received).items()}
        pairs = zip(parts, inputs, strict=True)
        passed = sum(amount(relevance(part, x)) for part, x in pairs if part is not None)
        entry = Entry.balanced(call.name, call.layer, amount(received), passed, causes)
        assert call.record is not None
        call.record(entry)
        return parts

    return recording


def amount(relevance: Tensor) -> float:
    """The sum of the relevance in a tensor; complex numbers hold that of both components."""
    if relevance.is_complex():
        relevance = torch.view_as_real(relevance)
    return float(relevance.sum())


class Propagate(torch.autograd.Function):
    """An autograd function that returns a value as it is, and whose backward pass is a rule."""

    @staticmethod
    def forward(ctx: Any, backward: Backward, value: tuple[Tensor], *inputs: Tensor) -> Tensor:
        """Return the value."""
        # In a tuple, or it would come out as a view, which models may not change in place;
        # detached, or it would know the rule, which knows it: a cycle that keeps both in memory.
        ctx.rule = backward
        return value[0].detach()

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """Return the relevance of the inputs."""
        return (None, None, *ctx.rule(relevance[0]))


def through_layer(
    call: Call, x: Tensor, layer: Layer, *, rule: Rule | None = None, value: Tensor | None = None
) -> Tensor:
    """The value of a linear layer whose inputs ``x`` get relevance by a rule.

    Args:
        call: The call.
        x: The inputs of the layer, attached to autograd's graph.
        layer: The layer.
        rule: The rule; by default that of the composite, and the layer counts as one with weights.
        value: The value to return; by default the layer's, another if an activation is included.
    """
    pull, weight = layer.pull, layer.weight
    slope = None if value is None or not call.gradient else quotient(value, layer.z)

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return ((rule or call.rule())(layer, relevance),)

    def gradient(g: Tensor) -> tuple[Tensor]:
        return (pull(g if slope is None else g * slope, weight),)

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(rule or call.rule(), layer.z, layer.bias, relevance)

    result = propagate(
        call, layer.z if value is None else value, backward, x, gradient=gradient, lost=lost
    )
    return result if rule is not None else one_deeper(result, x)


def one_deeper(result: Tensor, *inputs: Tensor) -> Tensor:
    """Note that a result comes from a layer with weights, which is one deeper than its inputs."""
    return note(result, depth=1 + max(trace(x).depth for x in inputs))


def losses(rule: Rule, z: Tensor, bias: Tensor | None, relevance: Tensor) -> dict[str, Tensor]:
    """The relevance that the ε-rule gives to bias and stabiliser if inputs do not share them."""
    if not isinstance(rule, Epsilon):
        return {}
    s = stabiliser(z, rule.epsilon)
    q = relevance / (z + s)
    causes = {} if rule.stabiliser_share else {"stabiliser": q * s}
    if bias is not None and not rule.bias_share:
        causes["bias"] = q * bias
    return causes


def unbroadcast(t: Tensor, shape: torch.Size) -> Tensor:
    """Sum over the axes that were broadcast, so that ``t`` has ``shape`` again."""
    if t.shape == shape:
        return t
    extra = t.ndim - len(shape)
    if extra:
        t = t.sum(dim=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and t.shape[i] != 1)
    t = t.sum(dim=axes, keepdim=True) if axes else t
    return t.expand(shape)
