"""A transformer's block derived a second time: loops in float64, straight from the equations.

AttnLRP: Achtibat et al. 2024 (Eq. 8 linear layers, Eq. 13 softmax, Proposition 3.3 products).
CP-LRP: Ali et al. 2022, sections 3.1 and 3.2. One document at a time; nothing imports whyword.
"""

from typing import overload

import numpy as np
from numpy.typing import NDArray

from reference import Array


def guarded(z: float, epsilon: float) -> float:
    return z + epsilon if z >= 0 else z - epsilon


def linear(x: Array, weight: Array, bias: Array, incoming: Array, epsilon: float) -> Array:
    """z_j = Σ_i x_i w_ji + b_j for every row: R_i = Σ_j x_i w_ji R_j / (z_j + s)."""
    result = np.zeros_like(x)
    for t in range(len(x)):
        for j in range(len(weight)):
            z = guarded(sum(x[t, i] * weight[j, i] for i in range(x.shape[1])) + bias[j], epsilon)
            for i in range(x.shape[1]):
                result[t, i] += x[t, i] * weight[j, i] / z * incoming[t, j]
    return result


def add(a: Array, b: Array, incoming: Array, epsilon: float) -> tuple[Array, Array]:
    z = np.vectorize(guarded)(a + b, epsilon)
    return a / z * incoming, b / z * incoming


def layer_norm(x: Array, weight: Array, bias: Array, incoming: Array, epsilon: float) -> Array:
    """The linear map (x - mean) / deviation · w + b, its deviation held constant."""
    n = x.shape[1]
    result = np.zeros_like(x)
    for t in range(len(x)):
        deviation = np.sqrt(x[t].var() + 1e-5)
        centre = np.eye(n) - 1 / n
        matrix = centre / deviation * weight[:, None]  # j, i
        result[t] = linear(x[[t]], matrix, bias, incoming[[t]], epsilon)[0]
    return result


def product(a: Array, b: Array, incoming: Array, epsilon: float) -> tuple[Array, Array]:
    """o_ij = Σ_k a_ik b_kj, half of the relevance to either side."""
    to_a, to_b = np.zeros_like(a), np.zeros_like(b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            o = guarded(sum(a[i, k] * b[k, j] for k in range(a.shape[1])), epsilon)
            for k in range(a.shape[1]):
                share = a[i, k] * b[k, j] / o * incoming[i, j]
                to_a[i, k] += share / 2
                to_b[k, j] += share / 2
    return to_a, to_b


def softmax(x: Array, p: Array, incoming: Array) -> Array:
    """R_i = x_i (R_i - p_i Σ_j R_j)."""
    result = np.zeros_like(x)
    for t in range(len(x)):
        total = incoming[t].sum()
        for i in range(x.shape[1]):
            if p[t, i] > 0:
                result[t, i] = x[t, i] * (incoming[t, i] - p[t, i] * total)
    return result


@overload
def head(
    q: Array,
    k: Array,
    v: Array,
    scale: float,
    allowed: NDArray[np.bool_],
    bias: Array,
    incoming: None,
    epsilon: float,
    attention: str,
) -> Array: ...
@overload
def head(
    q: Array,
    k: Array,
    v: Array,
    scale: float,
    allowed: NDArray[np.bool_],
    bias: Array,
    incoming: Array,
    epsilon: float,
    attention: str,
) -> tuple[Array, Array, Array]: ...
def head(
    q: Array,
    k: Array,
    v: Array,
    scale: float,
    allowed: NDArray[np.bool_],
    bias: Array,
    incoming: Array | None,
    epsilon: float,
    attention: str,
) -> tuple[Array, Array, Array] | Array:
    """One head's output and the relevance of its queries, keys and values ``(position, size)``."""
    dots = q @ k.T
    x = dots * scale + bias
    e = np.where(allowed, np.exp(x - x.max()), 0.0)
    p = e / e.sum(axis=1, keepdims=True)
    if incoming is None:
        result: tuple[Array, Array, Array] | Array = p @ v
        return result
    to_p, to_v = product(p, v, incoming, epsilon)
    if attention == "cplrp":
        return np.zeros_like(q), np.zeros_like(k), 2 * to_v
    to_x = softmax(x, p, to_p)
    guard = np.vectorize(guarded)
    to_dots = dots * scale / guard(x, epsilon) * to_x if np.any(bias) else to_x
    to_q, to_k = product(q, k.T, to_dots, epsilon)
    return to_q, to_k.T, to_v


def rotate(x: Array, cos: Array, sin: Array) -> Array:
    half = x.shape[1] // 2
    return x * cos + np.concatenate([-x[:, half:], x[:, :half]], axis=1) * sin


def unrotate(x: Array, cos: Array, sin: Array, incoming: Array, epsilon: float) -> Array:
    """Relevance through the sum of x cos and of x's halves, turned, times sin."""
    half = x.shape[1] // 2
    turned = np.concatenate([-x[:, half:], x[:, :half]], axis=1) * sin
    straight, other = add(x * cos, turned, incoming, epsilon)
    result: Array = straight + np.concatenate([other[:, half:], other[:, :half]], axis=1)
    return result
