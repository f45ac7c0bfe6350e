"""Rules for norms, deviations, variances and normalisations.

Beside a signal, in a product or quotient, norms only scale and take no relevance
(`whyword.lrp.functions.GATES`). On their own way to the scores they hand to each input its part:

- ‖x‖_p = (Σ|x|^p)^(1/p): R_i = |x_i|^p / Σ|x|^p · R;
- the deviation and the variance of x: R_i = x_i (x_i - mean) / Σ(x - mean)² · R, which is what
  their steps (a mean subtracted, squares, a sum, a root) hand on as ε → 0;
- log Σ exp x: R_i = softmax(x)_i · R, a maximum that all share by their weights.

Normalisations of a layer hold the deviation constant (Ali et al. 2022, section 3.2).
"""

import math
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import losses, propagate, through_layer, unbroadcast
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.elementwise import as_activation, common_root
from whyword.lrp.functions.sums import share_sum
from whyword.lrp.functions.weighted import Term, axes_of, share_out, unsqueezed
from whyword.lrp.rules import Layer
from whyword.lrp.traces import constant, note, on_path

GATES = {"norm", "vector_norm", "matrix_norm", "std", "var"}
NAMES = GATES | {"std_mean", "var_mean", "logsumexp", "logaddexp", "logaddexp2", "hypot"}


@register("norm", "vector_norm", "matrix_norm")
def norm(
    call: Call,
    input: Tensor,
    p: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """R_i = |x_i|^p / Σ|x|^p · R; for p = ±∞ the largest or smallest element takes all."""
    if call.name == "matrix_norm" and dim is None:
        dim = (-2, -1)
    axes = axes_of(input, dim)
    of_matrices = call.name == "matrix_norm" or call.function is torch.linalg.norm
    if (of_matrices and p not in (None, "fro") and len(axes) > 1) or p == "nuc":
        raise call.refuse("there is no rule for norms of matrices other than the Frobenius norm.")
    if input.is_complex():
        raise call.refuse("there is no rule for norms of complex numbers; take their parts.")
    power = 2.0 if p in (None, "fro") else float(p)
    x = input if dtype is None else input.to(dtype)
    if math.isinf(power):
        size = call.step("abs", x)
        return call.step("amax" if power > 0 else "amin", size, axes, keepdim)
    if power <= 0:
        raise call.refuse(f"there is no rule for p={p}; expected a positive p.")
    value = torch.linalg.vector_norm(x.detach(), power, axes or None, keepdim)
    return _by_contributions(call, value, x, x.detach().abs().pow(power), axes, keepdim)


@register("std", "var")
def deviation(
    call: Call,
    input: Tensor,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """R_i = x_i (x_i - mean) / Σ(x - mean)² · R."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if input.is_complex():
        raise call.refuse("there is no rule for deviations of complex numbers.")
    axes = axes_of(input, dim)
    degrees = correction if correction is not None else int(bool(unbiased))
    function = torch.std if call.name == "std" else torch.var
    x = input.detach()
    value = function(x, axes or None, correction=degrees, keepdim=keepdim)
    contributions = x * (x - x.mean(axes, keepdim=True))
    return _by_contributions(call, value, input, contributions, axes, keepdim)


@register("std_mean", "var_mean")
def deviation_and_mean(
    call: Call,
    input: Tensor,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """Deviation (or variance) and mean, each by its own rule; the deviation is a gate."""
    axes = None if isinstance(dim, bool) else dim
    mean = call.step("mean", input, axes, keepdim)
    kind = call.name.removesuffix("_mean")
    spread = call.step(kind, input, dim, unbiased, keepdim, correction=correction)
    return note(spread, gate=True), mean


@register("logsumexp")
def logsumexp(call: Call, input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """R_i = softmax(x)_i · R."""
    axes = axes_of(input, dim)
    x = input.detach()
    value = torch.logsumexp(x, dim, keepdim)
    weights = (x - torch.logsumexp(x, dim, keepdim=True)).exp().nan_to_num(0.0)

    def backward(relevance: Tensor) -> tuple[Tensor]:
        return (weights * unsqueezed(relevance, axes, x.ndim, keepdim),)

    return propagate(call, value, backward, input)


@register("logaddexp", "logaddexp2", "hypot")
def joined(call: Call, input: Any, other: Any) -> Tensor:
    """log(exp a + exp b), or the norm of (a, b), element by element."""
    value = call.value(constant(input), constant(other))
    a, b = (constant(t).to(value.dtype) for t in (input, other))
    if call.name == "hypot":
        parts = [(x / value).square() for x in (a, b)]
    else:
        power = torch.exp if call.name == "logaddexp" else torch.exp2
        parts = [power(x - value) for x in (a, b)]
    takers = [t for t in (input, other) if on_path(t)]
    if (root := common_root(value, *takers)) is not None:
        return as_activation(call, value, root)
    first, second = (part.nan_to_num(0.5) for part in parts)
    if len(takers) == 1:  # beside a constant it is a function of one tensor
        first = second = torch.ones_like(value)

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(takers, (first, second), strict=False)
        return tuple(unbroadcast(part * relevance, t.shape) for t, part in pairs)

    return propagate(call, value, backward, *takers)


def _by_contributions(
    call: Call, value: Tensor, x: Tensor, parts: Tensor, axes: list[int], keepdim: bool
) -> Tensor:
    """A value to which each element contributes a part: R_i = c_i / Σ c · R."""

    def mix(t: Tensor, weight: Tensor) -> Tensor:
        return t.sum(axes, keepdim=True) * weight

    def pull(q: Tensor, weight: Tensor) -> Tensor:
        return (q * weight).expand((*q.shape[: q.ndim - parts.ndim], *parts.shape))

    one = parts.new_ones(())
    total = mix(parts, one)
    share = share_out(call.sums, total, Term(parts, one, mix, pull))

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        return share(unsqueezed(relevance, axes, parts.ndim, keepdim))

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.sums, total, None, unsqueezed(relevance, axes, parts.ndim, keepdim))

    return propagate(call, value, backward, x, lost=lost)


@register("layer_norm")
def layer_norm(
    call: Call,
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """The linear map (x - mean) / deviation · w + b, its deviation held constant.

    Ali et al. 2022, section 3.2. Passing relevance on element by element instead explodes.
    """
    must_be_constant(call, weight=weight, bias=bias)
    data = input.detach()
    axes = tuple(range(-len(normalized_shape), 0))
    z, _, scale = torch.native_layer_norm(data, list(normalized_shape), weight, bias, eps)

    def centred(t: Tensor) -> Tensor:
        return t - t.mean(dim=axes, keepdim=True)

    layer = Layer(
        x=data,
        weight=data.new_ones(tuple(normalized_shape)) if weight is None else weight,
        bias=bias,
        z=z,
        apply=lambda x, w: centred(x) * scale * w,
        pull=lambda q, w: centred(q * w * scale),
        share=lambda v: v.mean(dim=axes, keepdim=True),
    )
    return through_layer(call, input, layer, rule=call.sums)


@register("group_norm")
def group_norm(
    call: Call,
    input: Tensor,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """A `layer_norm` of each group of channels, then a weight and a bias for each channel."""
    must_be_constant(call, weight=weight, bias=bias)
    groups = input.reshape(len(input), num_groups, -1)
    normed: Tensor = layer_norm(call, groups, [groups.shape[-1]], eps=eps).reshape(input.shape)
    return normed if weight is None and bias is None else _scaled(call, normed, weight, bias)


@register("instance_norm")
def instance_norm(
    call: Call,
    input: Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """A `group_norm` of single channels, or with the statistics of training a `batch_norm`."""
    normed: Tensor
    if call.function is torch.instance_norm:
        running_mean, running_var, weight, bias = weight, bias, running_mean, running_var
    if use_input_stats:
        normed = group_norm(call, input, input.shape[1], weight, bias, eps)
    else:
        statistics = running_mean, running_var
        normed = batch_norm(call, input, *statistics, weight, bias, False, momentum, eps)
    return normed


@register("batch_norm")
def batch_norm(
    call: Call,
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """In evaluation mode a multiple of each element, plus a bias.

    Raises:
        Refusal: If it uses the statistics of the batch.
    """
    if call.function is torch.batch_norm:
        running_mean, running_var, weight, bias = weight, bias, running_mean, running_var
    must_be_constant(call, weight=weight, bias=bias, mean=running_mean, variance=running_var)
    if training or running_mean is None:
        raise call.refuse("it takes the statistics of the batch; call model.eval() first.")
    scale = (running_var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    return _scaled(call, input, scale, shift if bias is None else shift + bias)


def _scaled(call: Call, x: Tensor, weight: Any, bias: Any) -> Tensor:
    """z = w x + b with one weight and one bias for each channel, the second axis."""
    shape = [1, -1, *[1] * (x.ndim - 2)]
    scale = 1 if weight is None else weight.view(shape)
    z = x.detach() * scale
    return share_sum(call, z if bias is None else z + bias.view(shape), (x, scale))
