"""Explains in several processes, each of which loads the model itself and has one thread.

A process of `multiprocessing` holds one end of a pipe, and nobody else does: if it is killed, even
in the middle of an answer, the other end says so at once. (A queue shared by all, as in
`concurrent.futures`, would wait for the rest of the answer for ever.)
"""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import torch

from whyword.classifier import Classifier
from whyword.errors import InputError, WhywordError
from whyword.explainer.batches import explain_batch
from whyword.explanation import Explanation
from whyword.models.store import load
from whyword.targets import Targets
from whyword.text import Document

_AHEAD = 4
"""The number of batches per process that are given out before the first of them is asked for."""


class How(NamedTuple):
    """How to explain: the arguments of `whyword.explain` that hold for all texts."""

    method: str
    components: bool
    settings: Mapping[str, object]


Task = tuple[Sequence[str | Document], Targets]
"""The texts of a batch, and their targets."""

_Answer = list[Explanation] | Exception


def explain_in_processes(
    model: str | Path, tasks: Iterable[Task], how: How, *, workers: int
) -> Generator[list[Explanation], None, None]:
    """The explanations of each batch, in the order of the batches.

    Processes are started when there is a batch for them, and end with the iterator; also if the
    caller is killed. No more than a few batches are computed ahead.

    Args:
        model: Name or folder of the model, as for `whyword.load`.
        tasks: The batches.
        how: How to explain them.
        workers: Number of processes.

    Raises:
        InputError: If a setting cannot be sent to another process.
        WhywordError: If a process ends before its time; and what explaining itself raises.
    """
    try:
        pickle.dumps(how)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(f"A setting cannot be sent to another process: {error}.") from error
    numbered = enumerate(tasks)
    answers: dict[int, _Answer] = {}
    asked = given = 0
    with _processes(model, how, workers) as crew:
        while True:
            # Answers that are there already are taken first, so that nobody waits for the next.
            answers |= crew.answers(wait=asked not in answers)
            while crew.has_room and given - asked < _AHEAD * workers:
                number, task = next(numbered, (None, None))
                if number is None or task is None:
                    break
                crew.give(number, task)
                given = number + 1
            if asked in answers:
                answer = answers.pop(asked)
                asked += 1
                if isinstance(answer, Exception):
                    raise answer
                yield answer
            elif asked == given:
                return


class _Crew:
    """The processes, and what each is working on."""

    def __init__(self, model: str | Path, how: How, workers: int) -> None:
        self.model, self.how, self.workers = model, how, workers
        self.processes: dict[connection.Connection, SpawnProcess] = {}
        self.busy: dict[connection.Connection, int] = {}

    @property
    def has_room(self) -> bool:
        return len(self.busy) < self.workers

    def give(self, number: int, task: Task) -> None:
        """Give a batch to a process that has none; start one if there is none."""
        free = [link for link in self.processes if link not in self.busy]
        link = free[0] if free else self._start()
        self.busy[link] = number
        try:
            link.send(task)
        except OSError as error:
            raise self._lost(link) from error

    def answers(self, *, wait: bool) -> dict[int, _Answer]:
        """The answers that have come in, by number; with ``wait`` one at least, if any is due."""
        found = {}
        for link in connection.wait(list(self.busy), timeout=None if wait and self.busy else 0):
            assert isinstance(link, connection.Connection)
            try:
                found[self.busy[link]] = link.recv()
            except (EOFError, OSError) as error:
                raise self._lost(link) from error
            del self.busy[link]
        return found

    def end(self) -> None:
        """End all processes, whatever they are doing."""
        for link, process in self.processes.items():
            process.terminate()
            link.close()
        for process in self.processes.values():
            process.join()

    def _start(self) -> connection.Connection:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, str(self.model), self.how), daemon=True
        )
        with _without_interrupts():
            process.start()
        theirs.close()  # what the process holds is then the only one
        self.processes[ours] = process
        return ours

    def _lost(self, link: connection.Connection) -> WhywordError:
        process = self.processes[link]
        process.join(timeout=5)
        return WhywordError(
            f"A worker process ended before its time (exit code {process.exitcode}). It may have "
            "been killed for want of memory: try fewer workers, or a smaller batch_size. A script "
            'that uses workers must guard its start with: if __name__ == "__main__".'
        )


@contextmanager
def _processes(model: str | Path, how: How, workers: int) -> Iterator[_Crew]:
    crew = _Crew(model, how, workers)
    try:
        yield crew
    finally:
        crew.end()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A block in which processes are started that Ctrl-C does not reach: the caller ends them."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # whose own start lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(link: "connection.Connection[Any, Any]", model: str, how: How) -> None:
    """What a process does: answer tasks until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    classifier: Classifier | None = None
    with suppress(EOFError, ConnectionError):
        while True:
            texts, targets = link.recv()
            try:
                classifier = classifier or load(model)
                answer: _Answer = explain_batch(classifier, texts, targets, **how._asdict())
            except Exception as error:
                answer = _sendable(error)
            link.send(answer)


def _end_with_parent() -> None:
    """Leave no process behind if the parent is killed in the middle of a long batch."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error, as it can be raised in another process."""
    where = "".join(traceback.format_exception(error))
    if not isinstance(error, WhywordError):
        error.add_note(f"In a worker process:\n{where}")
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, made here
    except Exception:
        return RuntimeError(where)
    return error if isinstance(again, Exception) else RuntimeError(where)
