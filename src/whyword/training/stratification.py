"""A split of documents with several labels in which every label stands on both sides."""

import numpy as np

from whyword.data.arrays import Bools, Ints
from whyword.errors import InputError
from whyword.training.config import checked_validation


def split_labels(
    labels: Bools, share: float, *, chronological: bool, seed: int = 0
) -> tuple[Ints, Ints]:
    """Split documents with labels into a training and a validation part.

    The labels are gone through from the rarest on, and documents held out until the label's share
    is reached: iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the
    stratification of multi-label data"), in which the documents that no other label minds come
    first. Documents without labels count as those of one label more. Each label keeps at least one
    document to train on.

    Args:
        labels: ``(document, label)`` which labels each document has.
        share: Share of each label's documents to hold out: at least one, if it has two or more.
        chronological: Whether to hold out the last documents instead of random ones.
        seed: Seed of the random choice.

    Returns:
        Indices for training and for validation, ascending.

    Raises:
        InputError: If no document can be held out, or the share is not between 0 and 1.
    """
    share = checked_validation(share)
    has = np.hstack([labels, ~labels.any(axis=1, keepdims=True)])
    count = has.sum(axis=0)
    wanted = np.minimum(np.maximum(np.rint(count * share).astype(np.int64), 1), count - 1)
    most = count - 1
    every = np.arange(len(labels))
    order = every[::-1] if chronological else np.random.default_rng(seed).permutation(every)
    held_out = np.zeros(len(labels), dtype=bool)
    out = np.zeros(len(count), dtype=np.int64)
    for label in np.argsort(count, kind="stable"):
        while out[label] < wanted[label]:
            # Other labels must not lose their last document, and need no more than they want.
            free = order[has[order, label] & ~held_out[order]]
            free = free[~has[free][:, out >= most].any(axis=1)]
            if not len(free):
                break
            chosen = free[has[free][:, out >= wanted].sum(axis=1).argmin()]
            held_out[chosen] = True
            out += has[chosen]
    if not held_out.any():
        raise InputError(
            f"Got {len(labels)} documents; expected at least two of some label, one to train on "
            "and one to validate."
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
