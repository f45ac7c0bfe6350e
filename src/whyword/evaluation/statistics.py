"""How sure a difference is: bootstrap intervals over documents, and paired comparisons."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from whyword.data.arrays import Floats, Singles
from whyword.errors import InputError

LEVEL = 0.95
RESAMPLES = 1000


class Bootstrap:
    """Documents drawn anew, with replacement; the same draws for every method.

    Percentile intervals (Efron and Tibshirani 1993, chapter 13). Because all methods see the same
    draws, differences and ratios of methods are paired.

    Args:
        documents: Number of documents.
        resamples: Number of draws.
        seed: Seed of the draws.

    Raises:
        InputError: If there is no document, or no draw.
    """

    def __init__(self, documents: int, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        if documents < 1 or resamples < 1:
            raise InputError(
                f"Got {documents} documents and {resamples} resamples; expected 1 or more of each."
            )
        self.documents = documents
        draws = np.random.default_rng(seed).multinomial(
            documents, np.full(documents, 1 / documents), size=resamples
        )
        self.weights: Singles = (draws / documents).astype(np.float32)

    def means(self, values: Floats) -> Floats:
        """Return the means of values ``(document, ...)`` over each draw: ``(resample, ...)``."""
        flat = np.asarray(values, dtype=np.float32).reshape(self.documents, -1)
        found = (self.weights @ flat).reshape(-1, *values.shape[1:])
        return found.astype(np.float64)

    def interval(self, values: Floats, *, level: float = LEVEL) -> Floats:
        """Return the interval of the mean of values ``(document, ...)``: its ends, ``(2, ...)``."""
        return interval(self.means(values), level=level)


def interval(samples: Floats, *, level: float = LEVEL) -> Floats:
    """Return the ends ``(2, ...)`` of the middle share ``level`` of samples ``(resample, ...)``.

    Raises:
        InputError: If ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"Got the level {level}; expected a number between 0 and 1, as 0.95.")
    found: Floats = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return found


class ComparisonRecord(TypedDict):
    """A `Comparison` as JSON values."""

    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    losses: int


@dataclass(frozen=True)
class Comparison:
    """A comparison of two methods on the same documents.

    Attributes:
        difference: The mean of the first less that of the second.
        low: Lower end of the difference's bootstrap interval.
        high: Upper end of this interval.
        p_value: The p-value of the two-sided, paired sign-flip test that the difference is zero.
        wins: Number of documents on which the first method is higher.
        losses: Number of documents on which it is lower.
    """

    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    losses: int

    def to_dict(self) -> ComparisonRecord:
        """The comparison as JSON values."""
        return {
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "wins": self.wins,
            "losses": self.losses,
        }


def compare(
    first: Floats, second: Floats, *, bootstrap: Bootstrap, level: float = LEVEL, seed: int = 0
) -> Comparison:
    """Compare two methods by one number per document, ``(document,)`` each.

    The p-value is the share of random sign flips of the differences whose mean is as far from zero
    as theirs (Fisher's randomisation test), the differences themselves included; so it is never
    below ``1 / (resamples + 1)``.

    Raises:
        InputError: If the shapes disagree.
    """
    if first.shape != second.shape or first.shape != (bootstrap.documents,):
        raise InputError(
            f"Got numbers of the shapes {first.shape} and {second.shape}; expected "
            f"({bootstrap.documents},) twice."
        )
    differences = np.asarray(first - second, dtype=np.float64)
    observed = abs(differences.sum())
    rng = np.random.default_rng(seed)
    flips = len(bootstrap.weights)
    as_far = 0
    for _ in range(flips):
        signs = rng.integers(0, 2, len(differences)) * 2 - 1
        as_far += bool(abs(signs @ differences) >= observed * (1 - 1e-12))
    low, high = bootstrap.interval(differences, level=level)
    return Comparison(
        difference=float(differences.mean()),
        low=float(low),
        high=float(high),
        p_value=(as_far + 1) / (flips + 1),
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
    )
