"""Everything derived a second time: plain loops in float64, straight from the paper's equations.

Nothing here imports whyword.
"""

import numpy as np


def message(inputs, weights, bias, incoming, epsilon=0.01):
    """Section 2.1: relevance of each input of one neuron.

    R_{i<-j} = (z_ij + s/n) / (Σ_i z_ij + s) R_j with z_ij = x_i w_ij + b_j/n and s = ±ε.
    """
    n = len(inputs)
    z = [inputs[i] * weights[i] + bias / n for i in range(n)]
    total = sum(z)
    s = epsilon if total >= 0 else -epsilon
    return np.array([(z[i] + s / n) / (total + s) * incoming for i in range(n)])


def windows(n_words, width):
    """Starts of the windows inside a document; a short document has one, padded."""
    return range(max(1, n_words - width + 1))


def forward(document, kernels, output):
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


def lrp(document, kernels, output, target, epsilon=0.01):
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


def gradient(document, kernels, output, target):
    """∂f/∂x ``(word, dimension)`` by the chain rule."""
    _, _, pooled = forward(document, kernels, output)
    result = np.zeros((max(len(p[4]) for p in pooled), document.shape[1]))
    for j, (value, t, weight, _, _) in enumerate(pooled):
        if value > 0:
            for k in range(weight.shape[1]):
                result[t + k] += output[0][target, j] * weight[:, k]
    return result[: len(document)]
