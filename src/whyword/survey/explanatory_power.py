"""EPI, the explanatory power index: how well document vectors tell classes apart.

Arras, Horn, Montavon, Müller and Samek 2017, "What is relevant in a text document?": the vectors of
one half of the test documents are classified by their K nearest neighbours among the other half,
over several random splits. The index is the highest mean accuracy over all K.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np

from whyword.data.arrays import Floats, Ints, Reals
from whyword.data.extras import require
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress

NEIGHBOURS = 100
"""The most neighbours that are asked, by default."""


class EpiRecord(TypedDict):
    """An `Epi` as JSON values.

    Beside another index, it is lower than that one by ``below_first``, give or take
    ``standard_error``; see `gap`.
    """

    mean: float
    std: float
    k: int
    below_first: NotRequired[float]
    standard_error: NotRequired[float]


@dataclass(frozen=True, eq=False)
class Epi:
    """The explanatory power index of one weighting.

    Attributes:
        mean: The index: mean accuracy over the splits, at the best number of neighbours.
        std: Standard deviation of this accuracy over the splits (with splits - 1 below the line).
        k: The best number of neighbours; of equals the smallest.
        accuracies: ``(split, neighbours)`` accuracy of each split by 1, 2, ... neighbours.
    """

    mean: float
    std: float
    k: int
    accuracies: Floats

    @property
    def at_best(self) -> Floats:
        """``(split,)`` accuracy at the best number of neighbours."""
        best: Floats = self.accuracies[:, self.k - 1]
        return best

    def to_dict(self) -> EpiRecord:
        """Return the index as JSON values."""
        return {"mean": self.mean, "std": self.std, "k": self.k}


def epi(
    vectors: Reals,
    labels: Ints,
    *,
    neighbours: int = NEIGHBOURS,
    splits: int = 10,
    seed: int = 0,
) -> Epi:
    """Compute the explanatory power index of document vectors.

    The same seed gives the same splits, so that the indices of two weightings can be compared split
    by split (`gap`).

    Args:
        vectors: ``(document, dimension)``. Neighbours are nearest by cosine; for vectors of unit
            length the Euclidean distance finds the same. A zero vector counts as at right angles to
            all: by Euclidean distance the few documents without words would be near to many.
        labels: ``(document,)`` true classes, from 0.
        neighbours: The most neighbours that are asked.
        splits: Random splits into halves, at least 2.
        seed: Seed of the splits.

    Raises:
        InputError: If the shapes disagree, a number is not finite, or there are too few documents,
            classes or splits.
    """
    vectors, labels = np.asarray(vectors), np.asarray(labels)
    if vectors.ndim != 2 or labels.shape != (len(vectors),):
        raise InputError(
            f"Got vectors {vectors.shape} and labels {labels.shape}; expected (document, "
            "dimension) and (document,)."
        )
    if not np.isfinite(vectors).all():
        raise InputError("The vectors have NaN or infinite numbers; expected finite ones.")
    if labels.min(initial=0) < 0 or len(np.unique(labels)) < 2:
        raise InputError(
            f"Got labels of {len(np.unique(labels))} classes, the lowest {labels.min(initial=0)}; "
            "expected two classes or more to tell apart, counted from 0."
        )
    if splits < 2:
        raise InputError(f"Got {splits} splits; expected at least 2.")
    most = len(vectors) - len(vectors) // 2
    if not 1 <= neighbours <= most:
        raise InputError(
            f"Got {neighbours} neighbours; expected 1 to {most}, half of the {len(vectors)} "
            "documents."
        )
    accuracies = np.array(
        [
            _accuracies(vectors, labels, asked, known, neighbours)
            for asked, known in halves(len(vectors), splits, seed)
        ]
    )
    means = accuracies.mean(axis=0)
    best = int(means.argmax())
    return Epi(
        mean=float(means[best]),
        std=float(accuracies[:, best].std(ddof=1)),
        k=best + 1,
        accuracies=accuracies,
    )


def gap(one: Epi, other: Epi) -> tuple[float, float]:
    """Return how much higher the first index is, and the standard error over the same splits.

    The splits share documents: the error is that of the splitting, not of the choice of documents.
    """
    differences = one.at_best - other.at_best
    return float(differences.mean()), float(differences.std(ddof=1) / math.sqrt(len(differences)))


def epi_of_all(
    vectors: Mapping[str, Reals],
    labels: Ints,
    *,
    progress: OnProgress | None = None,
    **options: int,
) -> dict[str, EpiRecord]:
    """Compute the index of several weightings, as JSON values, each compared with the first.

    Args:
        vectors: For each weighting its document vectors, as in `epi`.
        labels: ``(document,)`` true classes.
        progress: Called after each weighting, with its index; see `whyword.progress`.
        options: ``neighbours``, ``splits`` and ``seed`` of `epi`.

    Raises:
        InputError: As `epi`.
    """
    rows: dict[str, EpiRecord] = {}
    first: Epi | None = None
    for done, (name, found) in enumerate(vectors.items(), start=1):
        index = epi(found, labels, **options)
        rows[name] = index.to_dict()
        if first is None:
            first = index
        else:
            difference, error = gap(first, index)
            rows[name]["below_first"] = difference
            rows[name]["standard_error"] = error
        if progress:
            progress(Progress("EPI", done, len(vectors), {"EPI": index.mean}))
    return rows


def halves(documents: int, splits: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield for each split the documents to classify, and those among which neighbours are."""
    random = np.random.default_rng(seed)
    for _ in range(splits):
        order = random.permutation(documents)
        yield order[: documents // 2], order[documents // 2 :]


def _accuracies(
    vectors: Reals,
    labels: Ints,
    asked: Ints,
    known: Ints,
    neighbours: int,
) -> Floats:
    """``(neighbours,)`` accuracy by a vote of 1, 2, ... neighbours; a tie goes to the lower class.

    One search serves them all: `KNeighborsClassifier` predicts the same for each number.
    """
    neighbors = require("sklearn.neighbors", extra="corpus", what="The explanatory power index")
    search = neighbors.NearestNeighbors(n_neighbors=neighbours, metric="cosine").fit(vectors[known])
    nearest = labels[known][search.kneighbors(vectors[asked], return_distance=False)]
    votes = np.zeros((len(asked), int(labels.max()) + 1), dtype=np.int64)
    every = np.arange(len(asked))
    accuracies = np.zeros(neighbours)
    for k in range(neighbours):
        votes[every, nearest[:, k]] += 1
        accuracies[k] = (votes.argmax(axis=1) == labels[asked]).mean()
    return accuracies
