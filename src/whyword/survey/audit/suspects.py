"""Words whose relevance is out of proportion to the way they are used.

A topic's words come back within a text, once here and five times there (Church 2000, "Empirical
estimates of adaptation"). What is stamped onto texts does not: a signature, an address, the name of
a host, a planted marker stands in each of them equally often, as a rule once. A word that drives a
class although it is used like a stamp is a suspect. With p_k the share of a word's documents that
have it k times,

    variety(w) = 1 − Σ_k p_k²        the chance that two of its documents have it unequally often

(estimated without bias from n documents, as 1 − Σ_k n_k (n_k − 1) / (n (n − 1))). The usual variety
of a class is the mean over its words, weighted by their relevance, and the score is

    score(w) = share of the class's relevance · max(0, 1 − variety(w) / usual variety),

the share of relevance that goes to the word beyond what its use as a topic's word accounts for.
"""

from dataclasses import dataclass

import numpy as np

from whyword.data.arrays import Floats
from whyword.survey.tally import Integers, Tally, WordEntry


@dataclass(frozen=True)
class Suspicion:
    """How far a word's relevance is out of proportion.

    Attributes:
        entry: The word, with its numbers.
        score: The score of the module's docstring, from 0 to ``relevance_share``.
        relevance_share: The word's share of the class's positive relevance.
        variety: The chance that two of the word's documents have it unequally often.
        usual_variety: The mean variety of the class's words, weighted by relevance.
    """

    entry: WordEntry
    score: float
    relevance_share: float
    variety: float
    usual_variety: float


def suspicions(tally: Tally, *, top: int, least: float, min_documents: int) -> list[Suspicion]:
    """Find the words of a class with the highest scores; the highest comes first.

    Args:
        tally: The sums for the words of the class.
        top: Most words to return.
        least: Words with lower scores are left out.
        min_documents: Words in fewer documents are left out, and those in fewer than 2 always.
    """
    counts = tally.document_counts
    total = tally.total[: len(counts)]
    candidates = np.flatnonzero((total > 0) & (counts >= max(min_documents, 2)))
    if not len(candidates):
        return []
    share = total[candidates] / total[total > 0].sum()
    spread = variety(tally.times[candidates])
    usual = float((share * spread).sum() / share.sum())
    # If no word ever comes back within a text, its use tells nothing, and relevance alone ranks.
    score = share * (np.maximum(1 - spread / usual, 0) if usual > 0 else 1)
    order = [i for i in np.argsort(-score, kind="stable")[:top].tolist() if score[i] >= least]
    entries = tally.entries(candidates[order].tolist())
    return [
        Suspicion(entry, float(score[i]), float(share[i]), float(spread[i]), usual)
        for i, entry in zip(order, entries, strict=True)
    ]


def variety(times: Integers) -> Floats:
    """Compute the chance that two of a word's documents have it unequally often.

    Args:
        times: ``(word, k)`` number of documents that have the word k + 1 times; at least two
            documents for each word.

    Example:
        >>> variety(np.array([[4, 0], [2, 2]])).round(2).tolist()
        [0.0, 0.67]
    """
    counts = times.astype(np.float64)
    documents = counts.sum(axis=1)
    same: Floats = (counts * (counts - 1)).sum(axis=1) / (documents * (documents - 1))
    return 1 - same
