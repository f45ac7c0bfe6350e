"""Rank correlation: whether two explanations put the same words into the same order."""

from typing import Literal, get_args

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.extras import require
from whyword.errors import InputError

Coefficient = Literal["kendall", "spearman"]


def rank_correlation(a: Floats, b: Floats, coefficient: Coefficient = "spearman") -> float:
    """Rank correlation of two relevances ``(word,)`` of the same words, from -1 to 1.

    It is NaN where there is no order: with fewer than two words, or all values of one side equal.

    Args:
        a: Relevance of each word.
        b: Another relevance of each word.
        coefficient: ``"spearman"``, which correlates the ranks (equal values share a rank), or
            ``"kendall"``, which counts pairs of words in the same order (τ-b).

    Raises:
        InputError: If there is no such coefficient.
    """
    if coefficient not in get_args(Coefficient):
        raise InputError(
            f'Got the coefficient "{coefficient}"; expected one of: '
            f"{', '.join(get_args(Coefficient))}."
        )
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    stats = require("scipy.stats", extra="evaluate", what="A rank correlation")
    correlate = stats.spearmanr if coefficient == "spearman" else stats.kendalltau
    return float(correlate(a, b).statistic)
