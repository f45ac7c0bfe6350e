"""`Progress`: what long functions report, step by step, to a function that the caller gives."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a long function has come.

    Example:
        >>> def show(at: Progress) -> None:
        ...     print(f"{at.phase}: {at.done} of {at.total}")
        >>> show(Progress("explaining", 16, 400))
        explaining: 16 of 400

    Attributes:
        phase: What is being done, in a word or two.
        done: Number of steps of this phase that are done.
        total: Number of steps of this phase in all.
        latest: Numbers known by now, by name, such as a loss.
    """

    phase: str
    done: int
    total: int
    latest: Mapping[str, float] = {}


OnProgress = Callable[[Progress], object]
"""A function that long functions take as ``progress``, and call after every step or every few."""


def ignore(_: Progress) -> None:
    """Do nothing: the ``progress`` of callers who do not ask for any."""


def as_phase(progress: OnProgress | None, phase: str) -> OnProgress:
    """A function that passes reports on under the name ``phase``, for a part of the work."""
    if progress is None:
        return ignore
    return lambda at: progress(at._replace(phase=phase))
