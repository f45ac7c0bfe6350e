"""How far a long work has come, told to whoever asks."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Progress(NamedTuple):
    """A moment of a long work.

    Example:
        >>> def show(at: Progress) -> None:
        ...     print(f"{at.phase}: {at.done} of {at.total}")
        >>> show(Progress("explaining", 16, 400))
        explaining: 16 of 400

    Attributes:
        phase: What is being done, in a word or two.
        done: Steps of this phase that are done.
        total: Steps of this phase in all.
        latest: Numbers known by now, such as a loss, by name.
    """

    phase: str
    done: int
    total: int
    latest: Mapping[str, float] = {}


OnProgress = Callable[[Progress], object]
"""What functions that take long accept as ``progress``: called after every step, or every few."""


def ignore(_: Progress) -> None:
    """Nobody asks."""


def as_phase(progress: OnProgress | None, phase: str) -> OnProgress:
    """A part of the work, whose moments are told as those of ``phase``."""
    if progress is None:
        return ignore
    return lambda at: progress(at._replace(phase=phase))
