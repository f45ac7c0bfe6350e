"""Validation on documents held out from training: choosing these, and the best penalty by them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from whyword.data.arrays import Ints, Reals, Singles
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress, ignore
from whyword.training.config import checked_validation

Fitted = TypeVar("Fitted")


class Validated(NamedTuple):
    """What the validation part says of a model.

    Attributes:
        scores: ``(document, class)`` scores by the model that was chosen, which has not learned
            from these documents; without thresholds, if documents have labels.
        right: ``(choice, document)`` how right the decisions of every model were that could have
            been chosen: after each epoch, or with each penalty.
    """

    scores: Reals
    right: Singles


@dataclass(frozen=True, eq=False)
class PenaltyHistory:
    """The history of choosing a penalty.

    Attributes:
        validation_accuracy: Quality for every penalty tried, which is given as scikit-learn's C:
            accuracy, unless the `whyword.training.objective` is another.
        seconds: Time that the training took in all.
        validated: What the validation part says, penalty by penalty.
    """

    validation_accuracy: dict[float, float]
    seconds: float
    validated: Validated

    @property
    def penalty(self) -> float:
        """The penalty with the highest quality (the first of equals)."""
        return _best(self.validation_accuracy)


def split(labels: Ints, share: float, *, chronological: bool, seed: int = 0) -> tuple[Ints, Ints]:
    """Split documents into a training and a validation part, class by class.

    Args:
        labels: ``(document,)`` class of each document.
        share: Share of each class's documents to hold out; each class keeps at least one document.
        chronological: Whether to hold out the last documents of each class instead of random ones.
            The test documents of a corpus split by date are later still, and no thread is cut.
        seed: Seed of the random choice.

    Returns:
        Indices for training and for validation, ascending.

    Raises:
        InputError: If no document is left for validation, or the share is not between 0 and 1.
    """
    share = checked_validation(share)
    rng = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if not chronological:
            members = rng.permutation(members)
        count = min(max(round(len(members) * share), 1), len(members) - 1)
        held_out += members[len(members) - count :].tolist()
    validation = np.array(sorted(held_out), dtype=np.int64)
    if not len(validation):
        raise InputError(
            f"Got {len(labels)} documents; expected at least two of some class, one to train on "
            "and one to validate."
        )
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def fit_with_best_penalty(
    penalties: Sequence[float],
    *,
    scores: Callable[[float], Reals],
    quality: Callable[[Reals], float],
    right: Callable[[Reals], Singles],
    fit: Callable[[float], Fitted],
    progress: OnProgress | None = None,
) -> tuple[Fitted, PenaltyHistory]:
    """Try penalties on the validation part, then fit all documents with the best.

    Args:
        penalties: The penalties to try.
        scores: Function from a penalty to the scores of the validation part, by a model that was
            fitted with it on the other documents.
        quality: Function from such scores to how good they are.
        right: Function from such scores to how right each decision is.
        fit: Function from a penalty to a model that is fitted with it on all documents.
        progress: Called after each fit; see `whyword.progress`.

    Returns:
        The model fitted with the best penalty, and the history.
    """
    started = time.perf_counter()
    progress, steps = progress or ignore, len(penalties) + 1
    found: dict[float, float] = {}
    best: Reals = np.empty((0, 0))
    decisions = []
    for penalty in penalties:
        tried = scores(penalty)
        found[penalty] = quality(tried)
        decisions.append(right(tried))
        if _best(found) == penalty:
            best = tried
        progress(Progress("fit", len(found), steps, {"validation": found[penalty]}))
    chosen = _best(found)
    fitted = fit(chosen)
    progress(Progress("fit", steps, steps, {"validation": found[chosen]}))
    return fitted, PenaltyHistory(
        found, time.perf_counter() - started, Validated(best, np.stack(decisions))
    )


def _best(quality: dict[float, float]) -> float:
    return max(quality, key=lambda penalty: quality[penalty])
