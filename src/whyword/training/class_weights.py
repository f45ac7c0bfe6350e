"""Weights of the classes in the loss, by which rare ones count for more than their share."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from whyword.data.arrays import Bools, Floats, Ints
from whyword.errors import InputError, did_you_mean
from whyword.models.checks import number, shown

BALANCED, NONE = "balanced", "none"

ClassWeights = str | Mapping[str, float] | None
"""``"balanced"``; weights by the names of classes, 1 for the others; or None."""

MOST_BALANCED = 10.0
"""The largest weight of a label's documents against all others, if ``"balanced"`` gives it.

A label that one document in a thousand has would otherwise be learned from these few alone.
"""


def checked_class_weights(value: object) -> str | dict[str, float] | None:
    """Check weights of classes; whether there are such classes, only the corpus can tell.

    Raises:
        InputError: If it is something else, or a weight is no finite number above 0.
    """
    if value is None or value == BALANCED:
        return None if value is None else BALANCED
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InputError(
            f'Got class_weights {shown(value)}; expected "{BALANCED}", None, or a weight for each '
            "name of a class."
        )
    return {
        name: number(f"class_weights of {shown(name)}", weight, above=0)
        for name, weight in value.items()
    }


def read_class_weights(text: str, classes: Sequence[str]) -> ClassWeights:
    """Read ``balanced``, ``none``, or ``NAME=WEIGHT,...`` with names of classes as they are.

    Names may hold commas and equals signs. What can be read in two ways is refused.

    Example:
        >>> read_class_weights("a, b=2,c=0.5", ["a, b", "c"])
        {'a, b': 2.0, 'c': 0.5}

    Raises:
        InputError: If there is no such class, a class has two weights, or it cannot be read.
    """
    if text in (BALANCED, NONE):
        return BALANCED if text == BALANCED else None
    readings = list(_readings(text, classes))
    if len(readings) > 1:
        raise InputError(
            f'Got class weights "{text}", which can be read as {readings[0]} or as {readings[1]}; '
            "give them in Python: TrainingConfig(class_weights={...})."
        )
    if readings:
        return readings[0]
    for part in text.split(","):
        name, equals, _ = part.rpartition("=")
        if equals and name not in classes:
            raise InputError(f'There is no class "{name}". {did_you_mean(name, classes)}')
    raise InputError(
        f'Got class weights "{text}"; expected {BALANCED}, {NONE}, or NAME=WEIGHT,... with each '
        "class once, for example spam=3."
    )


def _readings(text: str, classes: Sequence[str]) -> Iterator[dict[str, float]]:
    """The ways to read ``NAME=WEIGHT,...``, no class twice."""
    for name in classes:
        if not text.startswith(f"{name}="):
            continue
        weight, comma, rest = text[len(name) + 1 :].partition(",")
        try:
            first = {name: float(weight)}
        except ValueError:
            continue
        if not comma:
            yield first
        else:
            yield from (first | others for others in _readings(rest, classes) if name not in others)


def weights_of(
    weights: ClassWeights, labels: Ints | Bools, classes: Sequence[str]
) -> Floats | None:
    """The weight of each class, ``(class,)``; None if all count the same.

    ``"balanced"`` gives a class n / (classes · documents of the class), as in scikit-learn: all
    classes together weigh the same. Of several labels to a document, each has a weight for the
    documents with it, against those without it: "balanced" makes both weigh the same, as far as
    `MOST_BALANCED` allows.

    Args:
        weights: What was asked for.
        labels: ``(document,)`` classes, or ``(document, class)`` bool for several labels.
        classes: Names of the classes.

    Raises:
        InputError: If there is no class of a name.
    """
    if weights is None:
        return None
    found = np.ones(len(classes))
    if isinstance(weights, Mapping):
        for name, weight in weights.items():
            if name not in classes:
                raise InputError(
                    f'Got a weight for the class "{name}", which is not there. '
                    f"{did_you_mean(name, classes)}"
                )
            found[list(classes).index(name)] = weight
    else:
        counts = documents_of(labels, len(classes))
        there = counts > 0
        if labels.ndim == 1:
            found[there] = len(labels) / (there.sum() * counts[there])
        else:
            there &= counts < len(labels)
            found[there] = np.minimum((len(labels) - counts[there]) / counts[there], MOST_BALANCED)
    return None if (found == 1).all() else found


def documents_of(labels: Ints | Bools, classes: int) -> Ints:
    """The number of documents of each class, ``(class,)``."""
    counts = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=classes)
    return counts.astype(np.int64)
