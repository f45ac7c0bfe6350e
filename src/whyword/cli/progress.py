"""Progress bars on stderr."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID


class Phases:
    """A bar for each phase of a long work; call it with what `recipe.Progress` describes."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(
        self, phase: str, done: int, total: int, latest: Mapping[str, float] | None = None
    ) -> None:
        """Show that ``done`` of ``total`` steps of a phase are done."""
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=total, latest="")
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in (latest or {}).items())
        self._progress.update(self._tasks[phase], completed=done, total=total, latest=numbers)


@contextmanager
def progress_bar(
    what: str, total: int, *, show: bool = True
) -> Iterator[Callable[[int], object] | None]:
    """Yield a function to call with the number of things done, or None if nothing is shown."""
    if not show:
        yield None
        return
    with Phases() as phases:
        yield lambda done: phases(what, done, total)
