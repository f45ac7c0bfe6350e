"""Progress bars on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from whyword.progress import OnProgress, Progress, ignore

if TYPE_CHECKING:
    from rich.progress import TaskID


class _Bars:
    """Bars on stderr, one for each phase of a long work."""

    def __init__(self) -> None:
        from rich import progress as rich
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bars = rich.Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, at: Progress) -> None:
        """Show how far a phase has come."""
        if at.phase not in self._tasks:
            self._tasks[at.phase] = self._bars.add_task(at.phase, total=at.total, latest="")
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in at.latest.items())
        self._bars.update(self._tasks[at.phase], completed=at.done, total=at.total, latest=numbers)


@contextmanager
def phases(*, show: bool = True) -> Iterator[OnProgress]:
    """Yield a function that shows a bar for each phase, or one that shows nothing."""
    if not show:
        yield ignore
        return
    with _Bars() as bars:
        yield bars
