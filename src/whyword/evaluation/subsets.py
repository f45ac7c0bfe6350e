"""Class scores of one text without many sets of its words."""

import numpy as np
import torch
from torch.nn.functional import pad

from whyword.classifier import Classifier, ReplacesWords
from whyword.data.arrays import Bools, Floats
from whyword.removal import removed_positions, replacement, scores_without
from whyword.text import Document

_ROWS = 64
"""Changed texts at a time."""


@torch.no_grad()
def scores_of_subsets(
    classifier: Classifier, document: Document, removed: Bools, *, operator: str
) -> tuple[Floats, Floats]:
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
    fast = classifier if isinstance(classifier, ReplacesWords) else None
    vector = replacement(fast, operator) if fast else None
    # The whole text in the same way as the others: what changes nothing then is so to the last bit.
    every = torch.from_numpy(np.vstack([np.zeros((1, len(document)), dtype=bool), removed]))
    sets = len(every)
    if sets > _ROWS:  # a product with fewer rows may add up in another order
        every = pad(every, (0, 0, 0, -sets % _ROWS))
    found = []
    for rows in every.split(_ROWS):
        copies = batch.rows(torch.zeros(len(rows), dtype=torch.long))
        if fast and vector is not None:
            gone = removed_positions(copies, rows)
            scores = fast.scores_replaced(copies, gone, replacement=vector)
        else:
            scores = scores_without(classifier, copies, rows, operator=operator)
        found.append(scores.cpu().double().numpy())
    together = np.concatenate(found)[:sets]
    return together[0], together[1:]
