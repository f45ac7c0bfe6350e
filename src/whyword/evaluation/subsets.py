"""Class scores of one text without many sets of its words."""

import numpy as np
import torch
from numpy.typing import NDArray

from whyword.classifier import Classifier
from whyword.evaluation.removal import scores_without
from whyword.text import Document

_ROWS = 64
"""Changed texts at a time."""


@torch.no_grad()
def scores_of_subsets(
    classifier: Classifier, document: Document, removed: NDArray[np.bool_], *, operator: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the whole text, ``(class,)``, and without each set of words, ``(set, class)``.

    Args:
        classifier: The model.
        document: The text.
        removed: ``(set, word)``, True for what is taken away.
        operator: How, see `scores_without`.

    Raises:
        InputError: If there is no such operator, or it does not suit the classifier.
    """
    batch = classifier.encode([document])
    whole = classifier.score(classifier.embed(batch), batch)[0].cpu().double().numpy()
    found = np.zeros((len(removed), len(whole)))
    for start in range(0, len(removed), _ROWS):
        rows = torch.from_numpy(removed[start : start + _ROWS])
        copies = batch.rows(torch.zeros(len(rows), dtype=torch.long))
        scores = scores_without(classifier, copies, rows, operator=operator)
        found[start : start + len(rows)] = scores.cpu().double().numpy()
    return whole, found
