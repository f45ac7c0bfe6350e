"""Rules for activations and other functions that work element by element: R_x = R_z.

An activation hands its relevance on as it is (Arras et al. 2016, section 2.1). Models also write
activations out: ``0.5 * x * (1 + tanh(...))`` is a GELU. So the engine notes for each tensor its
*root*: the tensor that it is an elementwise function of, with numbers alone. If two tensors with
the same root are combined, or a curved function is taken, the result is one activation of the root,
and the 1 in 1 + tanh keeps no relevance.

A multiple of a tensor, or a number added to it, is no activation: the number is a bias.
"""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import propagate
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.attention import axis_of
from whyword.lrp.functions.complex_numbers import magnitude
from whyword.lrp.quotients import quotient
from whyword.lrp.traces import constant, is_gate, is_number, note, on_path, trace

_ACTIVATIONS = set(
    """
    relu relu6 tanh gelu silu mish elu selu celu leaky_relu softplus softsign hardtanh hardswish
    sigmoid hardsigmoid log_sigmoid logsigmoid hardshrink softshrink threshold _threshold
    expit logit
    rsqrt sqrt exp exp2 expm1 log log2 log10 log1p abs absolute square reciprocal
    sin cos tan sinh cosh asinh acosh atanh asin acos atan sinc
    arcsinh arccosh arctanh arcsin arccos arctan
    erf erfc erfcx erfinv ndtr ndtri log_ndtr lgamma digamma nan_to_num deg2rad rad2deg
    """.split()
)
_THROUGH_ZERO = set("relu relu6 tanh gelu silu mish elu selu celu leaky_relu hardswish".split())
"""Activations whose quotient f(x) / x is bounded."""

NAMES = _ACTIVATIONS | set(
    """
    log_softmax pow __pow__ __ipow__ float_power __rpow__ neg __neg__ negative positive
    clamp clip clamp_min clamp_max rms_norm prelu _prelu_kernel rrelu dropout dropout1d dropout2d
    dropout3d alpha_dropout feature_dropout feature_alpha_dropout
    """.split()
)


@register(*_ACTIVATIONS)
def activation(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """R_x = R_z."""
    must_be_constant(call, further=args)
    if input.is_complex() and call.name in ("abs", "absolute"):
        return magnitude(call, input)
    value = call.value(input.detach(), *args, **kwargs)
    if value.is_complex():
        raise call.refuse("there is no rule for an activation of complex numbers.")
    single = call.name in _THROUGH_ZERO and trace(input).root is None
    result = as_activation(call, value, root_of(input), single=single)
    return note(result, exponent=input) if call.name == "exp" else result


@register("neg", "__neg__", "negative", "positive")
def negative(call: Call, input: Tensor) -> Tensor:
    """A multiple of the input, with the same root."""
    return multiple(call, call.value(input.detach()), input, 1 if call.name == "positive" else -1)


@register("pow", "__pow__", "__ipow__", "float_power", "__rpow__")
def power(call: Call, input: Any, exponent: Any) -> Tensor:
    """A function of one tensor: of the base, or of the exponent beside a constant base.

    Raises:
        Refusal: If both depend on the embeddings, but not on one tensor.
    """
    if call.name == "__rpow__":
        input, exponent = exponent, input
    takers = [t for t in (input, exponent) if on_path(t)]
    function = torch.float_power if call.name == "float_power" else torch.pow
    value = function(constant(input), constant(exponent))
    if value.is_complex():
        raise call.refuse("there is no rule for powers of complex numbers.")
    root = common_root(value, *takers)
    if root is None and len(takers) > 1:
        raise call.refuse("base and exponent depend on the embeddings, each in its own way.")
    taker = takers[0] if root is None else root
    if taker.shape != value.shape:
        raise call.refuse("base and exponent have different shapes; expand them first.")
    divides = isinstance(exponent, int | float) and exponent < 0
    return note(as_activation(call, value, taker), gate=divides)


@register("clamp", "clip", "clamp_min", "clamp_max")
def clamp(call: Call, input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """An activation; beside a bound that depends on the embeddings the greater or smaller wins."""
    if call.name == "clamp_max" and max is None:
        min, max = None, min
    if not on_path(min) and not on_path(max):
        value = torch.clamp(input.detach(), min, max)
        if value.shape != input.shape:
            raise call.refuse("its bounds have a greater shape than its input; expand it first.")
        return as_activation(call, value, root_of(input))
    result: Any = input
    for name, limit in (("maximum", min), ("minimum", max)):
        if limit is not None:
            other = torch.as_tensor(limit, dtype=input.dtype, device=input.device)
            result = call.step(name, result, other)
    return result  # type: ignore[no-any-return]


@register("log_softmax")
def log_softmax(
    call: Call, input: Tensor, dim: int | None = None, *, dtype: torch.dtype | None = None
) -> Tensor:
    """At the output, each class's relevance goes to its own logit."""
    value = torch.log_softmax(input.detach(), axis_of(input, dim), dtype=dtype)
    return propagate(call, value, lambda R: (R,), input)


@register("rms_norm")
def rms_norm(
    call: Call, input: Tensor, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Tensor:
    """A multiple of each element, its deviation held constant (Achtibat et al. 2024)."""
    must_be_constant(call, weight=weight)
    value = torch.rms_norm(input.detach(), normalized_shape, weight, eps)
    x = input.detach().to(torch.promote_types(input.dtype, torch.float32))
    axes = tuple(range(-len(normalized_shape), 0))
    least = torch.finfo(input.dtype).eps if eps is None else eps
    scale = (x.square().mean(axes, keepdim=True) + least).rsqrt().to(input.dtype)

    def gradient(g: Tensor) -> tuple[Tensor]:
        return (g * scale if weight is None else g * weight * scale,)

    return propagate(call, value, lambda R: (R,), input, gradient=gradient)


@register("prelu", "_prelu_kernel")
def prelu(call: Call, input: Tensor, weight: Any) -> Tensor:
    """An activation whose slope is a weight."""
    must_be_constant(call, weight=weight)
    return propagate(call, torch.prelu(input.detach(), weight), lambda R: (R,), input)


@register("rrelu")
def rrelu(
    call: Call, input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """In evaluation mode a leaky ReLU, whose slope is the middle of the bounds."""
    if training:
        raise call.refuse("it draws its slope at random; call model.eval() before explaining.")
    value = torch.rrelu(input.detach(), lower, upper, False)
    return as_activation(call, value, root_of(input))


@register("glu")
def glu(call: Call, input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b) for the halves a and b of the input: the signal a takes all, b is a gate."""
    value = torch.nn.functional.glu(input.detach(), dim)
    axis = dim % input.ndim - input.ndim

    def backward(relevance: Tensor) -> tuple[Tensor]:
        if is_gate(input):  # two gates take half each
            return (torch.cat([relevance / 2] * 2, axis),)
        return (torch.cat([relevance, torch.zeros_like(relevance)], axis),)

    return note(propagate(call, value, backward, input), gate=is_gate(input))


@register("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout")
def dropout(call: Call, input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Dropout, which does nothing in evaluation mode.

    Raises:
        Refusal: If it is active.
    """
    if training and p:
        raise call.refuse("Dropout is active; call model.eval() before explaining.")
    return input


@register("alpha_dropout", "feature_alpha_dropout")
def alpha_dropout(call: Call, input: Tensor, p: float = 0.5, training: bool = False) -> Tensor:
    """Dropout, which does nothing in evaluation mode."""
    return dropout(call, input, p, training)


@register("transformers.models.bloom.modeling_bloom.GeLUFunction")
def gelu_of_bloom(ctx: Any, relevance: Tensor) -> Tensor:
    """An activation that comes with a gradient of its own."""
    return relevance


def root_of(tensor: Tensor) -> Tensor:
    """The root of a tensor: the tensor that it is an elementwise function of, or itself."""
    found = trace(tensor)
    return tensor if found.root is None else found.root


def common_root(value: Tensor, *tensors: Tensor) -> Tensor | None:
    """The root that all tensors have, if it is shaped like the value; else None."""
    roots = [root_of(t) for t in tensors]
    same = roots and all(root is roots[0] for root in roots) and roots[0].shape == value.shape
    return roots[0] if same and roots[0].dtype == value.dtype else None


def as_activation(call: Call, value: Tensor, root: Tensor, *, single: bool = False) -> Tensor:
    """The value of an activation, which hands its relevance to the root.

    Args:
        call: The call.
        value: The value.
        root: The tensor that it is a function of.
        single: Whether it is one function, zero at zero, and no step of one that is written out.
    """
    slope = _Slope(value, root.detach(), at_once=single) if call.gradient else None
    result = propagate(call, value, lambda R: (R,), root, gradient=slope)
    return note(result, root=root, curved=True)


class _Slope:
    """g · f(x) / x, which is g · Φ(x) for a GELU, g · σ(x) for a SiLU, and a step for a ReLU.

    Of an activation that is written out only the last step is needed, so the quotient waits.
    """

    def __init__(self, value: Tensor, x: Tensor, *, at_once: bool) -> None:
        self.operands: tuple[Tensor, Tensor] | None = None if at_once else (value, x)
        self.slope = (value / x).nan_to_num_(0.0) if at_once else value

    def __call__(self, g: Tensor) -> tuple[Tensor]:
        if self.operands is not None:  # it is the same for all targets
            self.slope, self.operands = quotient(*self.operands), None
        return (g * self.slope,)


def multiple(call: Call, value: Tensor, x: Tensor, factor: Any) -> Tensor:
    """The value of a tensor times a number."""
    if trace(x).curved and root_of(x).shape == value.shape:
        return as_activation(call, value, root_of(x))
    result = propagate(call, value, lambda R: (R,), x, gradient=lambda g: (g * factor,))
    return note(result, root=root_of(x))


def _by_number(*others: Any) -> bool:
    """Whether all other arguments are numbers."""
    return all(is_number(other) for other in others)
