"""The scores above which labels are given, chosen on the validation part and folded into biases.

A score of a label is above 0 if its sigmoid is above 1/2. For rare labels that is seldom the best
place to decide: one threshold for each label, chosen by its F1 on validation documents, is known as
SCut (Yang 2001, "A study of thresholding strategies for text categorization"). It overfits where
few documents have the label, so that these share one threshold, by the F1 of all decisions.
"""

import numpy as np
import torch

from whyword.data.arrays import Bools, Floats, Reals
from whyword.models.base import NetworkClassifier

ENOUGH = 5
"""Documents that must have a label before it gets a threshold of its own."""


def best_threshold(scores: Reals, given: Bools) -> tuple[float, float]:
    """The threshold with the highest F1, and that F1.

    Of thresholds that decide alike, 0 is taken if it is one of them, else the middle between two
    scores; of equally good ones that which is nearest to 0.

    Args:
        scores: ``(decision,)`` scores; a label is given if its score is above the threshold.
        given: ``(decision,)`` whether it should be.
    """
    if not given.any():
        return 0.0, 0.0
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    lower = np.append(falling[1:], -np.inf)
    count = np.arange(1, len(falling) + 1)
    f1 = 2 * np.cumsum(given[order]) / (count + given.sum())
    cuts = np.flatnonzero(falling > lower)  # not between equal scores
    thresholds = (falling + np.where(np.isinf(lower), falling - 2, lower)) / 2
    thresholds = np.where((lower <= 0) & (falling > 0), 0.0, thresholds)[cuts]
    best = np.flatnonzero(f1[cuts] == f1[cuts].max())
    chosen = best[np.abs(thresholds[best]).argmin()]
    return float(thresholds[chosen]), float(f1[cuts][chosen])


def thresholds_of(scores: Reals, given: Bools) -> Floats:
    """The threshold of each label, ``(label,)``.

    Args:
        scores: ``(document, label)`` scores of validation documents.
        given: ``(document, label)`` the labels that they have.
    """
    shared, _ = best_threshold(scores.ravel(), given.ravel())
    own = [best_threshold(s, g)[0] for s, g in zip(scores.T, given.T, strict=True)]
    return np.where(given.sum(axis=0) >= ENOUGH, own, shared)


def fold(model: NetworkClassifier, thresholds: Floats) -> None:
    """Take thresholds off the biases of a network's last layer: they are then at 0.

    A network without such biases stays as it is.

    Args:
        model: The network. It is changed.
        thresholds: ``(label,)``.
    """
    if (bias := model.output_bias()) is not None:
        with torch.no_grad():
            bias.sub_(torch.from_numpy(thresholds).to(bias))
