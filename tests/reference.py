"""Everything derived a second time: plain loops in float64, straight from the paper's equations.

Nothing here imports whyword.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = tuple[Array, Array]
"""Weight and bias of a layer."""
Kernels = Sequence[Weights]
"""Weight ``(filter, dimension, width)`` and bias of the convolution of each width."""
Winner = tuple[float, int, Array, float, Array]
"""The winning window of a filter: value, start, weight, bias, padded document."""
Rule = Callable[[Array, float, float, int], Array] | Literal["w_square"]
"""Relevance of the inputs of one neuron, from their contributions, bias, relevance and number."""


def message(
    inputs: Array, weights: Array, bias: float, incoming: float, epsilon: float = 0.01
) -> Array:
    """Section 2.1: relevance of each input of one neuron.

    R_{i<-j} = (z_ij + s/n) / (Σ_i z_ij + s) R_j with z_ij = x_i w_ij + b_j/n and s = ±ε.
    """
    n = len(inputs)
    z = [inputs[i] * weights[i] + bias / n for i in range(n)]
    total = sum(z)
    s = epsilon if total >= 0 else -epsilon
    return np.array([(z[i] + s / n) / (total + s) * incoming for i in range(n)])


def windows(n_words: int, width: int) -> range:
    """Starts of the windows inside a document; a short document has one, padded."""
    return range(max(1, n_words - width + 1))


def forward(
    document: Array, kernels: Kernels, output: Weights
) -> tuple[Array, Array, list[Winner]]:
    """Scores, pooled features and winning windows of one document ``(word, dimension)``.

    ``kernels``: list of (weight (filter, dimension, width), bias); ``output``: (weight, bias).
    """
    pooled = []
    for weight, bias in kernels:
        count, dimension, width = weight.shape
        padded = np.vstack([document, np.zeros((max(width - len(document), 0), dimension))])
        for j in range(count):
            values = [
                sum(padded[t + k] @ weight[j, :, k] for k in range(width)) + bias[j]
                for t in windows(len(document), width)
            ]
            t = int(np.argmax(values))
            pooled.append((values[t], t, weight[j], bias[j], padded))
    features = np.array([max(value, 0.0) for value, *_ in pooled])
    return output[0] @ features + output[1], features, pooled


def lrp(
    document: Array, kernels: Kernels, output: Weights, target: int, epsilon: float = 0.01
) -> tuple[Array, Array]:
    """Relevance ``(position, dimension)`` for one class; padding stands after the words."""
    scores, features, pooled = forward(document, kernels, output)
    top = message(features, output[0][target], output[1][target], scores[target], epsilon)
    length = max(len(padded) for *_, padded in pooled)
    relevance = np.zeros((length, document.shape[1]))
    for (_, t, weight, bias, padded), incoming in zip(pooled, top, strict=True):
        width = weight.shape[1]
        window = padded[t : t + width]
        shares = message(window.ravel(), weight.T.ravel(), bias, incoming, epsilon)
        relevance[t : t + width] += shares.reshape(window.shape)
    return scores, relevance


def gradient(document: Array, kernels: Kernels, output: Weights, target: int) -> Array:
    """∂f/∂x ``(word, dimension)`` by the chain rule."""
    _, _, pooled = forward(document, kernels, output)
    result = np.zeros((max(len(p[4]) for p in pooled), document.shape[1]))
    for j, (value, t, weight, _, _) in enumerate(pooled):
        if value > 0:
            for k in range(weight.shape[1]):
                result[t + k] += output[0][target, j] * weight[:, k]
    return result[: len(document)]


# --- Rules, structures and recurrent networks, for the engine ------------------------------------
# Relevance is computed backwards by hand, one document at a time; a layer is a plain matrix.

EPSILON = 0.01


def sign(z: float) -> float:
    return 1.0 if z >= 0 else -1.0


def rule_epsilon(
    c: Array,
    b: float,
    relevance: float,
    n: int,
    *,
    epsilon: float = EPSILON,
    delta: float = 1.0,
    sigma: float = 1.0,
) -> Array:
    """Arras et al. 2016, section 2.1 (δ = σ = 1); Arras et al. 2017, Eq. 1 (σ = 1)."""
    z = c.sum() + b
    s = epsilon * sign(z)
    result: Array = (c + (delta * b + sigma * s) / n) / (z + s) * relevance
    return result


def rule_gamma(
    c: Array, b: float, relevance: float, n: int, *, gamma: float = 0.25, epsilon: float = EPSILON
) -> Array:
    """Contributions of the output's sign count 1 + γ times."""
    z = c.sum() + b
    up = z >= 0
    boost = np.array([1 + gamma if (v > 0) == up and v != 0 else 1.0 for v in [*c, b]])
    boosted = boost * np.array([*c, b])
    result: Array = boosted[:-1] / (boosted.sum() + epsilon * sign(z)) * relevance
    return result


def rule_alpha_beta(
    c: Array,
    b: float,
    relevance: float,
    n: int,
    *,
    alpha: float = 2.0,
    beta: float = 1.0,
    epsilon: float = 1e-9,
) -> Array:
    positive = sum(v for v in [*c, b] if v > 0) + epsilon
    negative = sum(v for v in [*c, b] if v < 0) - epsilon
    return np.array(
        [(alpha * v / positive if v > 0 else -beta * v / negative) * relevance for v in c]
    )


def rule_flat(c: Array, b: float, relevance: float, n: int) -> Array:
    return np.full(len(c), relevance / n)


def layer(
    rule: Rule,
    x: Array,
    weight: Array,
    bias: Array,
    relevance: Array,
    connected: NDArray[np.bool_] | None = None,
) -> Array:
    """R of the inputs (n,) of z = x W + b from R of the outputs (m,); W is (n, m)."""
    result = np.zeros(len(x))
    for j in range(weight.shape[1]):
        reach = np.arange(len(x)) if connected is None else np.flatnonzero(connected[:, j])
        if len(reach) == 0:
            continue
        if rule == "w_square":
            squares = weight[reach, j] ** 2
            result[reach] += squares / (squares.sum() + 1e-9) * relevance[j]
        else:
            c = x[reach] * weight[reach, j]
            result[reach] += rule(c, bias[j], relevance[j], len(reach))
    return result


def weighted_sum(contributions: Array, relevance: float, epsilon: float = EPSILON) -> Array:
    """One sum over positions, its stabiliser shared in proportion to |c|."""
    z = contributions.sum()
    s = epsilon * sign(z)
    size = np.abs(contributions)
    result: Array = (contributions + s * size / size.sum()) / (z + s) * relevance
    return result


def two_terms(
    a: Array, b: Array, relevance: Array, epsilon: float = EPSILON
) -> tuple[Array, Array]:
    """An element-wise sum of two: the stabiliser in equal halves."""
    z = a + b
    s = np.array([epsilon * sign(v) for v in z.ravel()]).reshape(z.shape)
    return (a + s / 2) / (z + s) * relevance, (b + s / 2) / (z + s) * relevance


def convolution(
    x: Array, weight: Array, bias: Array, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """A convolution of ``(position, dimension)``: values, padded x, matrix, bias, connections.

    Zeros that pad are no input: they are connected to nothing.
    """
    count, dimension, width = weight.shape
    length = len(x) + 2 * padding
    starts = range(0, length - dilation * (width - 1), stride)
    matrix = np.zeros((length, dimension, len(starts), count))
    connected = np.zeros(matrix.shape, dtype=bool)
    for t, start in enumerate(starts):
        for k in range(width):
            for j in range(count):
                matrix[start + k * dilation, :, t, j] = weight[j, :, k]
                place = start + k * dilation
                connected[place, :, t, j] = padding <= place < padding + len(x)
    padded = np.zeros((length, dimension))
    padded[padding : padding + len(x)] = x
    n, m = length * dimension, len(starts) * count
    flat = matrix.reshape(n, m)
    biases = np.tile(bias, len(starts))
    values = (padded.ravel() @ flat + biases).reshape(len(starts), count)
    return values, padded, flat, biases, connected.reshape(n, m)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def lstm(
    rule: Rule, x: Array, weights: Sequence[Array], incoming: Array, final: Array | None = None
) -> tuple[Array, Array, Array]:
    """Arras et al. 2017, section 3.1: signal-take-all, one document, a loop over time.

    Args:
        rule: Of the candidate's layer.
        x: ``(position, dimension)``.
        weights: W (4H, D), U (4H, H), b (4H,): input gate, forget gate, candidate, output gate.
        incoming: ``(position, H)`` relevance of the states h.
        final: Relevance of the last cell state.

    Returns:
        States h, last cell state, relevance of x.
    """
    w, u, b = weights
    hidden = u.shape[1]
    h, c = [np.zeros(hidden)], [np.zeros(hidden)]
    steps = []
    for vector in x:
        i, f, g, o = np.split(w @ vector + u @ h[-1] + b, 4)
        i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
        steps.append((i, f, np.tanh(g)))
        c.append(f * c[-1] + i * np.tanh(g))
        h.append(o * np.tanh(c[-1]))
    matrix = np.concatenate([w[2 * hidden : 3 * hidden], u[2 * hidden : 3 * hidden]], axis=1).T
    bias = b[2 * hidden : 3 * hidden]
    relevance = np.zeros_like(x)
    from_h = np.zeros(hidden)
    from_c = np.zeros(hidden) if final is None else final.copy()
    for t in range(len(x) - 1, -1, -1):
        i, f, g = steps[t]
        cell = from_c + from_h + incoming[t]  # the output gate takes nothing
        from_c, candidate = two_terms(f * c[t], i * g, cell)
        inputs = np.concatenate([x[t], h[t]])
        shares = layer(rule, inputs, matrix, bias, candidate)
        relevance[t], from_h = shares[: x.shape[1]], shares[x.shape[1] :]
    return np.array(h[1:]), c[-1], relevance


def gru(rule: Rule, x: Array, weights: Sequence[Array], incoming: Array) -> tuple[Array, Array]:
    """Signal-take-all for h' = (1 - z) n + z h; W, U are (3H, ·), b and b' (3H,): r, z, n."""
    w, u, b, b_state = weights
    hidden = u.shape[1]
    h, steps = [np.zeros(hidden)], []
    for vector in x:
        wx, uh = np.split(w @ vector + b, 3), np.split(u @ h[-1] + b_state, 3)
        r, z = sigmoid(wx[0] + uh[0]), sigmoid(wx[1] + uh[1])
        n = np.tanh(wx[2] + r * uh[2])
        steps.append((r, z, n))
        h.append((1 - z) * n + z * h[-1])
    relevance, from_h = np.zeros_like(x), np.zeros(hidden)
    for t in range(len(x) - 1, -1, -1):
        r, z, n = steps[t]
        kept, candidate = two_terms(z * h[t], (1 - z) * n, from_h + incoming[t])
        matrix = np.concatenate([w[2 * hidden :], r[:, None] * u[2 * hidden :]], axis=1).T
        bias = b[2 * hidden :] + r * b_state[2 * hidden :]
        shares = layer(rule, np.concatenate([x[t], h[t]]), matrix, bias, candidate)
        relevance[t], from_h = shares[: x.shape[1]], shares[x.shape[1] :] + kept
    return np.array(h[1:]), relevance


def deletion_scores(
    document: Array,
    kernels: Kernels,
    output: Weights,
    order: NDArray[np.int64],
    replacement: Array,
    insertion: bool = False,
) -> Array:
    """Scores ``(step + 1, class)`` as the words of ``order`` give way to ``replacement``.

    Section 3.3: a forward pass for each deletion; -1 deletes nothing. Insertion begins with
    ``replacement`` everywhere.
    """
    current = np.tile(replacement, (len(document), 1)) if insertion else document.copy()
    rows = [forward(current, kernels, output)[0]]
    for word in order:
        if word >= 0:
            current[word] = document[word] if insertion else replacement
        rows.append(forward(current, kernels, output)[0])
    return np.array(rows)


def margin(scores: Array, target: int) -> float:
    """The target's score less the highest of the others."""
    return float(scores[target] - max(s for c, s in enumerate(scores) if c != target))


def margins_after_one_more(
    document: Array,
    kernels: Kernels,
    output: Weights,
    gone: Sequence[int],
    target: int,
    replacement: Array,
) -> dict[int, float]:
    """``{word: margin}`` of every word not yet gone, each deleted beside those that are."""
    found = {}
    for word in range(len(document)):
        if word not in gone:
            current = document.copy()
            current[[*gone, word]] = replacement
            found[word] = margin(forward(current, kernels, output)[0], target)
    return found
