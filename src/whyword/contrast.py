"""A class against its competitors: the direction in score space that a decision is about."""

import torch
from torch import Tensor


def against_competitors(targets: Tensor, scores: Tensor, *, sharpness: float = 1.0) -> Tensor:
    """The gradient of the log odds of each target, by the scores: ``(target, batch, class)``.

    For a class t and p = softmax(β f), the log odds are log(p_t / (1 - p_t)) / β
    = f_t - log(Σ_{c≠t} exp β f_c) / β, and their gradient is e_t - Σ_{c≠t} p_c / (1 - p_t) e_c:
    the class less its competitors, weighted by their probabilities among themselves. With β → ∞
    the strongest competitor alone is left. In general a direction loses its own sum, spread over
    the classes that it does not name: a contrast of two classes, which sums to 0, stays as it is,
    and so does a direction that names every class.

    Args:
        targets: ``(target, batch, class)``.
        scores: ``(batch, class)`` logits.
        sharpness: β, how much the strongest competitors count before the others.
    """
    directions = targets.to(scores)
    named = directions != 0
    others = (sharpness * scores).expand_as(directions).masked_fill(named, -torch.inf)
    weights = others.softmax(dim=2).masked_fill(named.all(dim=2, keepdim=True), 0)
    return directions - directions.sum(dim=2, keepdim=True) * weights
