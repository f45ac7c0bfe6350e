"""Folders of runs: each is used by one process at a time, and belongs to one run for good.

A run is known by its identity: all that decides its results, as JSON values, with digests of
contents. A file of the folder holds it. The same run goes on with what it finds there; another one
is refused, because it would take the first one's results for its own.
"""

import json
import os
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from whyword.data.files import make_folder, read_object, remove_drafts, write_text
from whyword.errors import InputError

FORMAT = 2
"""The format of identities; those of format 1 did not say what the run had read."""

LOCK, HOLDER = ".run.lock", ".run.holder"


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run.

    Attributes:
        path: The folder; made when it is taken.
        note: Name of the file that holds the identity.
        leaves: Names of files that a run leaves. A folder that has one of them but no note holds
            something other than a run.
    """

    path: Path
    note: str
    leaves: Collection[str]

    def refuse_others(self) -> None:
        """Check that the folder holds a run of this kind, or nothing that a run would overwrite.

        Raises:
            InputError: If it holds something else.
        """
        if (self.path / self.note).exists():
            return
        if foreign := self._holds():
            raise InputError(
                f"{self.path} holds something else ({foreign[0]}), or a run of a version that did "
                "not note what it had read; give another folder, or remove this one."
            )

    @contextmanager
    def taken(self, identity: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder for the run of this identity.

        Args:
            identity: All that decides the results, as JSON values.

        Raises:
            InputError: If the folder cannot be written, is in use, or holds another run.
        """
        make_folder(self.path)
        with locked(self.path):
            self.refuse_others()
            note = self.path / self.note
            if note.exists():
                refuse_another(note, read_object(note), identity)
            else:
                write_text(note, json.dumps({"format": FORMAT, **identity}, indent=1) + "\n")
            try:
                yield
            except BaseException:
                if not self._holds():  # it failed at once: the next, right run may have the folder
                    note.unlink(missing_ok=True)
                raise

    def _holds(self) -> list[str]:
        """Which files of a run are there."""
        return [name for name in self.leaves if (self.path / name).exists()]


def refuse_another(
    path: Path, earlier: Mapping[str, Any] | None, identity: Mapping[str, Any]
) -> None:
    """Check that the identity in a file is that of this run.

    Args:
        path: The file.
        earlier: The identity in the file.
        identity: The identity of this run.

    Raises:
        InputError: If the file's identity is another, or says too little.
    """
    earlier = earlier or {}
    if earlier.get("format") != FORMAT:
        raise InputError(
            f"{path} is of another version of whyword, and does not say all that its run had read; "
            "give another folder, or remove this one."
        )
    now = json.loads(json.dumps({"format": FORMAT, **identity}))
    keys = dict.fromkeys([*now, *earlier])
    if different := [key for key in keys if earlier.get(key) != now.get(key)]:
        raise InputError(
            f"{path} belongs to another run, which differs in: {', '.join(different)}. Give "
            "another folder, or remove this one."
        )


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock a folder against all other processes and threads that lock it before they use it.

    The system ends the lock with the process, in whatever way that ends. A thread may lock a folder
    again that it has locked already.

    Raises:
        InputError: If the folder is in use, or cannot be locked.
    """
    lock = FileLock(directory / LOCK, timeout=0, is_singleton=True)
    again = lock.is_locked
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"{directory} is in use by another run{_holder(directory)}; wait for its end, or give "
            "another folder."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot lock {directory}: {error.strerror or error}.") from error
    try:
        if not again:
            remove_drafts(directory)
            holder = {"process": os.getpid(), "host": socket.gethostname()}
            with suppress(OSError):  # it is for people; the lock holds without it
                (directory / HOLDER).write_text(json.dumps(holder), encoding="utf-8")
        yield
    finally:
        if not again:
            with suppress(OSError):
                (directory / HOLDER).unlink()
        lock.release()


def _holder(directory: Path) -> str:
    """Return who has locked the folder, if that can be read."""
    try:
        found = read_object(directory / HOLDER)
        return f" (process {found['process']} on {found['host']})"
    except (InputError, KeyError):
        return ""
