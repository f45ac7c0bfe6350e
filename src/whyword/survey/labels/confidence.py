"""Confident learning: which labels a classifier contradicts that has never seen the document.

Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels",
sections 3.1 and 3.2. With p the probabilities of the classes for a document, out of sample, and
ỹ its label, the threshold of a class is the mean self-confidence of the documents labelled so,

    t_j = mean of p_j over the documents with ỹ = j,

and a document is counted as class j if p_j ≥ t_j (if that holds for several, the one with the
highest p_j). A label is suspected where that class is another one. Thresholds of their own make up
for classes of which a classifier is always more sure than of others.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from whyword.data.arrays import Floats, Ints
from whyword.data.duplicates import duplicate_groups
from whyword.data.extras import require


def canonical_order(texts: Sequence[str], labels: Ints, seed: int) -> Ints:
    """An order of documents that depends on them and the seed, not on the order they come in."""

    def key(i: int) -> tuple[bytes, int]:
        text = f"{seed} {texts[i]}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest(), int(labels[i])

    return np.array(sorted(range(len(texts)), key=key), dtype=np.int64)


def stratified_folds(texts: Sequence[str], labels: Ints, folds: int) -> Ints:
    """Return the fold of each document, ``(document,)``; each fold has its share of every class.

    Documents that are the same or nearly the same share a fold: otherwise a wrong label would be
    confirmed by its own copy.
    """
    groups = duplicate_groups(texts)
    alone = set(range(len(texts))).difference(*groups)
    found = np.zeros(len(texts), dtype=np.int64)
    members = sorted([*groups, *([i] for i in alone)])
    # Dealt like cards, class by class, without beginning again at the first fold.
    for number, group in enumerate(sorted(members, key=lambda group: int(labels[group[0]]))):
        found[group] = number % folds
    return found


def probabilities(scores: Floats, labels: Ints) -> Floats:
    """Softmax of scores, with the temperature that fits the labels best (Guo et al. 2017).

    Args:
        scores: ``(document, class)``, out of sample; -inf for classes that are impossible.
        labels: ``(document,)`` class of each document, none of them impossible.
    """
    optimize = require("scipy.optimize", extra="corpus", what="Confidence in labels")
    rows = np.arange(len(labels))

    def loss(log_sharpness: float) -> float:
        scaled = np.exp(log_sharpness) * scores
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[rows, labels]).mean())

    best = optimize.minimize_scalar(loss, bounds=(-3, 5), method="bounded").x
    scaled = np.exp(best) * scores
    found: Floats = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))
    return found


def suspected(p: Floats, labels: Ints) -> tuple[Ints, Ints]:
    """Find labels that are probably wrong.

    Args:
        p: ``(document, class)`` probabilities, out of sample.
        labels: ``(document,)`` given classes.

    Returns:
        Places of the documents, the lowest probability of the given class first; and for each the
        class that it is counted as.
    """
    rows = np.arange(len(labels))
    own = p[rows, labels]
    counts = np.bincount(labels, minlength=p.shape[1])
    sums = np.bincount(labels, weights=own, minlength=p.shape[1])
    # No document can be counted as a class that none is labelled as.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(p >= thresholds, p, -1)
    counted = confident.argmax(axis=1)
    places = np.flatnonzero((confident.max(axis=1) >= 0) & (counted != labels))
    places = places[np.argsort(own[places], kind="stable")]
    return places, counted[places]
