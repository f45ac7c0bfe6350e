"""Class scores of one text with many different sets of its words deleted."""

import numpy as np
import torch
from torch.nn.functional import pad

from whyword.classifier import Classifier, ReplacesWords
from whyword.data.arrays import Bools, Floats
from whyword.removal import removed_positions, replacement, scores_without
from whyword.text import Document

_ROWS = 64
"""The number of changed texts that are scored at a time."""


@torch.no_grad()
def scores_of_subsets(
    classifier: Classifier, document: Document, removed: Bools, *, operator: str
) -> tuple[Floats, Floats]:
    """Score the whole text, ``(class,)``, and the text without each set of words, ``(set, class)``.

    Args:
        classifier: The model.
        document: The text.
        removed: ``(set, word)``, True for the words that are deleted.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.

    Raises:
        InputError: If there is no such operator, or it does not suit the classifier.
    """
    batch = classifier.encode([document])
    fast = classifier if isinstance(classifier, ReplacesWords) else None
    vector = replacement(fast, operator) if fast else None
    # The whole text is scored like the others, so that a set without effect has the same scores to
    # the last bit.
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
