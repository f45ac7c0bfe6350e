"""The rules of LRP: how a linear layer's outputs share their relevance among its inputs.

A layer computes z_j = Σ_i x_i w_ij + b_j. A rule turns relevance R_j of the outputs into R_i of the
inputs. `Layer` says how to apply weights to inputs (forwards) and to outputs (`pull`, backwards),
so that one rule serves ``linear``, convolutions, matrix products and recurrent cells alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Map = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Layer:
    """One call of a linear function.

    Attributes:
        x: The inputs.
        weight: The weights.
        bias: The bias b, broadcast against z; None if there is none.
        z: The outputs, bias included.
        apply: Applies weights to inputs: ``(x, weight) -> `` Σ_i x_i w_ij, shaped like z.
        pull: Applies weights to outputs: ``(q, weight) -> `` Σ_j q_j w_ij, shaped like x.
        share: Shares numbers of outputs equally among their inputs: ``v -> `` Σ_j v_j / n_j over
            the outputs that an input is connected to, shaped like x or broadcast to it; n_j is the
            number of inputs of output j.
    """

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    z: Tensor
    apply: Map
    pull: Map
    share: Callable[[Tensor], Tensor]


class Rule(Protocol):
    """A function that returns the relevance of a layer's inputs from that of its outputs."""

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""


def stabiliser(z: Tensor, epsilon: float) -> Tensor:
    """The stabiliser s(z) = ε·(1_{z≥0} - 1_{z<0}) (Arras et al. 2016, section 2.1).

    It is added to a denominator z to keep it away from zero. A negative zero counts as negative;
    all that sums up to one is zero itself, so its shares are the same either way.
    """
    return torch.copysign(z.new_tensor(epsilon), z)


@dataclass(frozen=True)
class Epsilon:
    """The ε-rule: inputs share relevance in proportion to their contributions x_i w_ij.

    R_i = Σ_j (x_i w_ij + (δ b_j + σ s_j) / n) / (z_j + s_j) · R_j, with n inputs of output j.
    With both shares this is the paper's rule (Arras et al. 2016, section 2.1), which conserves
    relevance exactly; without any, ε-LRP of Bach et al. 2015 (Eq. 58), which loses what biases and
    stabilisers stand for. ``bias_share`` is the bias factor of Arras et al. 2017 (Eq. 1).

    Attributes:
        epsilon: The stabiliser ε, positive; without shares also zero, the limit of a small one.
        bias_share: Whether inputs share the bias, δ.
        stabiliser_share: Whether inputs share the stabiliser, σ.
    """

    epsilon: float = 0.01
    bias_share: bool = True
    stabiliser_share: bool = True

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        s = stabiliser(layer.z, self.epsilon)
        q = relevance / (layer.z + s)
        result = layer.x * layer.pull(q, layer.weight)
        shared = s if self.stabiliser_share else None
        if self.bias_share and layer.bias is not None:
            shared = layer.bias if shared is None else shared + layer.bias
        return result if shared is None else result + layer.share(q * shared)


@dataclass(frozen=True)
class Gamma:
    """The γ-rule: the ε-rule with contributions of the output's own sign enlarged by 1 + γ.

    R_i = Σ_j (c_ij + γ c_ij^±) / (Σ_i (c_ij + γ c_ij^±) + b_j + γ b_j^± + s_j) · R_j with
    c_ij = x_i w_ij and ± the sign of z_j (Montavon et al. 2019, section 10.2.3, for x ≥ 0; by signs
    for any x, as Andéol et al. 2021).
    """

    gamma: float = 0.25
    epsilon: float = 0.01

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        up = layer.z >= 0
        parts = _Signed(layer)
        own = torch.where(up, parts.positive, parts.negative)
        if layer.bias is not None:
            own = own + torch.where(up, _plus(layer.bias), _minus(layer.bias))
        denominator = layer.z + self.gamma * own
        q = relevance / (denominator + stabiliser(layer.z, self.epsilon))
        grown = self.gamma * q
        zero = torch.zeros_like(q)
        return (
            layer.x * layer.pull(q, layer.weight)
            + parts.pull_positive(torch.where(up, grown, zero))
            + parts.pull_negative(torch.where(up, zero, grown))
        )


@dataclass(frozen=True)
class AlphaBeta:
    """The αβ-rule: positive and negative contributions c_ij = x_i w_ij share separately.

    R_i = Σ_j (α c_ij⁺ / z_j⁺ - β c_ij⁻ / z_j⁻) · R_j with α - β = 1 (Bach et al. 2015, Eq. 60).
    z_j⁺ and z_j⁻ hold the bias of their sign, which takes its part.
    """

    alpha: float = 2.0
    beta: float = 1.0
    epsilon: float = 1e-9

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        parts = _Signed(layer)
        positive, negative = parts.positive, parts.negative
        if layer.bias is not None:
            positive, negative = positive + _plus(layer.bias), negative + _minus(layer.bias)
        result = self.alpha * parts.pull_positive(relevance / (positive + self.epsilon))
        if self.beta:
            result = result - self.beta * parts.pull_negative(relevance / (negative - self.epsilon))
        return result


@dataclass(frozen=True)
class ZPlus:
    """The z⁺-rule: positive contributions alone share relevance (Montavon et al. 2017, Eq. 14).

    It is the αβ-rule with α = 1 and β = 0.
    """

    epsilon: float = 1e-9

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        return AlphaBeta(1.0, 0.0, self.epsilon)(layer, relevance)


@dataclass(frozen=True)
class Flat:
    """The flat rule: all inputs of an output get equal parts (Lapuschkin et al. 2019, methods)."""

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        return layer.share(relevance).expand_as(layer.x)


@dataclass(frozen=True)
class WSquare:
    """The w²-rule: inputs share relevance by their squared weights, whatever their values.

    R_i = Σ_j w_ij² / Σ_i w_ij² · R_j (Montavon et al. 2017, Eq. 11).
    """

    epsilon: float = 1e-9

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        """R_i, shaped like ``layer.x``."""
        squares = layer.weight.square()
        total = layer.apply(torch.ones_like(layer.x), squares)
        return layer.pull(relevance / (total + self.epsilon), squares)


class _Signed:
    """Sums of positive and of negative contributions c_ij = x_i w_ij, and their pulls."""

    def __init__(self, layer: Layer) -> None:
        self.pull = layer.pull
        self.x, self.w = layer.x, layer.weight
        self.xp, self.xn = _plus(layer.x), _minus(layer.x)
        self.wp, self.wn = _plus(layer.weight), _minus(layer.weight)
        self.positive = layer.apply(self.xp, self.wp) + layer.apply(self.xn, self.wn)
        self.negative = layer.apply(self.xp, self.wn) + layer.apply(self.xn, self.wp)

    def pull_positive(self, q: Tensor) -> Tensor:
        """Σ_j q_j c_ij⁺."""
        return self.xp * self.pull(q, self.wp) + self.xn * self.pull(q, self.wn)

    def pull_negative(self, q: Tensor) -> Tensor:
        """Σ_j q_j c_ij⁻."""
        return self.xp * self.pull(q, self.wn) + self.xn * self.pull(q, self.wp)


def _plus(t: Tensor) -> Tensor:
    return t.clamp(min=0)


def _minus(t: Tensor) -> Tensor:
    return t.clamp(max=0)
