"""LRP and gradients of the word CNN in closed form, for all classes at once.

With one maximum over time, a filter passes relevance on to its winning window alone, and how that
window's words share it does not depend on the class. With z_j the value of filter j at its window,
K its width, x·w(j,k) the product of the window's k-th word with the k-th part of the filter, b_j
the bias and s_j = ε·sign(z_j) the stabiliser, the word's share is

    ρ(j,k) = (x·w(j,k) + (b_j + s_j) / K) / (z_j + s_j)

(Arras et al. 2016, section 2.1, summed over the vector's components: a window has K·D inputs, each
gets 1/(K·D) of bias and stabiliser, a word has D of them). The products are known from the forward
pass; what is left costs K·filters·classes multiply-adds per document.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear, relu

from whyword.batch import Attribution, Batch
from whyword.lrp.rules import stabiliser
from whyword.models.cnn.layers import Layers, Winners


@torch.no_grad()
def lrp(
    layers: Layers, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
) -> Attribution:
    """LRP by the paper's ε-rule, which conserves the score exactly.

    Args:
        layers: The weights of the CNN.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        epsilon: The stabiliser, > 0.
        components: Whether to return relevance per component of the vectors.
    """
    winners = layers.winners(batch)
    features = relu(torch.cat([w.value for w in winners], dim=1))
    scores = linear(features, layers.weight, layers.bias)
    incoming_relevance = feature_relevance(layers, features, scores, targets, epsilon)

    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    parts = relevance.new_zeros(*relevance.shape, layers.table.shape[1]) if components else None
    offset = 0
    for (weight, bias), won in zip(layers.kernels, winners, strict=True):
        count, width = won.value.shape[1], won.word_value.shape[2]
        incoming = incoming_relevance[:, :, offset : offset + count]
        offset += count
        s = stabiliser(won.value, epsilon)
        each = (bias + s) / width
        q = incoming / (won.value + s)
        messages = q[..., None] * (won.word_value + each[..., None])
        relevance += _scatter(messages, won, relevance.shape[2])
        if parts is not None:
            vectors = layers.table[batch.ids]
            parts += vectors * _spread(q, won, weight, parts.shape[2])
            each_component = (q * each)[..., None].expand(*q.shape, width) / vectors.shape[2]
            parts += _scatter(each_component, won, relevance.shape[2])[..., None]
    return Attribution(scores, relevance, remainder={}, components=parts)


def feature_relevance(
    layers: Layers, features: Tensor, scores: Tensor, targets: Tensor, epsilon: float
) -> Tensor:
    """The relevance that the linear layer hands to each filter, ``(target, batch, filter)``.

    R_j = h_j Σ_c w_cj q_c + Σ_c (b_c + s_c) q_c / n,  q_c = R_c / (z_c + s_c).
    """
    s = stabiliser(scores, epsilon)
    q = targets.to(scores) * (scores / (scores + s))
    shares = (q * (layers.bias + s)).sum(dim=2, keepdim=True) / features.shape[1]
    passed: Tensor = features * (q @ layers.weight) + shares
    return passed


@torch.no_grad()
def gradient(layers: Layers, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores, and the gradient of each target's score by the word vectors.

    Returns:
        ``(batch, class)`` and ``(target, batch, position, dimension)``.
    """
    winners = layers.winners(batch)
    values = torch.cat([w.value for w in winners], dim=1)
    scores = linear(relu(values), layers.weight, layers.bias)
    feature_gradient = (targets.to(scores) @ layers.weight) * (values > 0)
    result = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1], layers.table.shape[1])
    offset = 0
    for (weight, _), won in zip(layers.kernels, winners, strict=True):
        part = feature_gradient[:, :, offset : offset + won.value.shape[1]]
        offset += won.value.shape[1]
        result += _spread(part, won, weight, result.shape[2])
    return scores, result


def _scatter(messages: Tensor, won: Winners, positions: int) -> Tensor:
    """Add messages ``(target, batch, filter, width)`` up at their words: ``(..., position)``."""
    targets, size, count, width = messages.shape
    place = won.start[:, :, None] + torch.arange(width, device=won.start.device)
    place = place + torch.arange(size, device=place.device)[:, None, None] * positions
    # Target last: one index then moves a whole row of targets.
    rows = messages.permute(1, 2, 3, 0).reshape(size * count * width, targets)
    total = rows.new_zeros(size * positions, targets).index_add_(0, place.flatten(), rows)
    return total.view(size, positions, targets).permute(2, 0, 1)


def _spread(coefficient: Tensor, won: Winners, weight: Tensor, positions: int) -> Tensor:
    """Σ_j c_j · w(j,k) at the winning words: ``(target, batch, position, dimension)``.

    Args:
        coefficient: ``(target, batch, filter)`` the factors c_j.
        won: The winning windows.
        weight: ``(filter, dimension, width)`` weights of the convolution.
        positions: Number of positions of the batch.
    """
    targets, size, count = coefficient.shape
    width = weight.shape[2]
    device = coefficient.device
    # A sparse (document and position) × (filter and width) matrix times the filters.
    place = won.start[:, :, None] + torch.arange(width, device=device)
    place = place + torch.arange(size, device=device)[:, None, None] * positions
    row = place + torch.arange(targets, device=device)[:, None, None, None] * size * positions
    column = torch.arange(count * width, device=device).view(count, width).expand_as(row)
    matrix = torch.sparse_coo_tensor(
        torch.stack([row.flatten(), column.flatten()]),
        coefficient[..., None].expand(*coefficient.shape, width).flatten(),
        (targets * size * positions, count * width),
        check_invariants=False,
    )
    rows = weight.permute(0, 2, 1).reshape(count * width, -1)
    product: Tensor = torch.sparse.mm(matrix, rows)
    return product.view(targets, size, positions, -1)
