"""How much of the time that was given for a part of the work is gone."""

import time


class Clock:
    """A clock that runs from when it is made.

    Args:
        seconds: The time given; None for as long as it takes, which never runs out.
        before: Seconds that were used up before, by an attempt that was stopped.
    """

    def __init__(self, seconds: float | None, before: float = 0.0) -> None:
        self._seconds, self._started = seconds, time.perf_counter() - before

    @property
    def gone(self) -> float:
        """The share of the time that is gone, from 0 to 1; always 0 without a limit."""
        if self._seconds is None:
            return 0.0
        elapsed = time.perf_counter() - self._started
        return min(elapsed / self._seconds, 1.0) if self._seconds > 0 else 1.0

    @property
    def has_run_out(self) -> bool:
        """Whether no time is left."""
        return self.gone >= 1

    def share(self, part: float) -> float | None:
        """The seconds of a part of the time that is left; None without a limit."""
        return None if self._seconds is None else self._seconds * (1 - self.gone) * part
