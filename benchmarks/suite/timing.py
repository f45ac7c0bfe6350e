"""Times of tasks that take turns in one process, so that noise hits all alike."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Task = Callable[[], object]

SHORTEST = 0.005
"""A quicker task is repeated within a round until it takes about so many seconds."""
LONG = 2.0
"""The first call of a task this long counts: what it sets up is little beside it."""


@dataclass(frozen=True)
class Times:
    """Seconds of one call, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.seconds, [0.25, 0.75])
        return float(low), float(high)


def interleaved(
    tasks: Mapping[str, Task],
    *,
    seconds: float = 2.0,
    least: int = 3,
    most: int = 15,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Times]:
    """Times of each task; the tasks take turns.

    Args:
        tasks: What to call, by name.
        seconds: About how long each task may take in all.
        least: The smallest number of rounds of a task, however long it takes.
        most: The largest number.
        clock: By default the processor's time, which other processes disturb least.
    """
    found: dict[str, list[float]] = {name: [] for name in tasks}
    repeats, rounds = dict[str, int](), dict[str, int]()
    for name, task in tasks.items():
        first = _timed(task, 1, clock)
        rounds[name], repeats[name] = least, 1
        if first > LONG:
            found[name].append(first)
            rounds[name] -= 1
            continue
        first = _timed(task, 1, clock)
        repeats[name] = max(1, math.ceil(SHORTEST / max(first, 1e-7)))
        rounds[name] = min(most, max(least, int(seconds / (first * repeats[name]))))
    for r in range(most):
        for name, task in tasks.items():
            # Spread evenly over the rounds, so that rare tasks see the same noise as the others.
            if (r + 1) * rounds[name] // most > r * rounds[name] // most:
                found[name].append(_timed(task, repeats[name], clock))
    return {name: Times(tuple(values)) for name, values in found.items()}


def _timed(task: Task, repeats: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeats):
        task()
    return (clock() - start) / repeats
