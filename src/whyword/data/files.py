"""Folders, and files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whyword.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield another name to write to; the file takes its own name when the block has ended.

    An error or a kill before that leaves what was there. The other name has the same ending, for
    libraries that choose the format by it.

    Raises:
        InputError: If the file cannot be written.
    """
    draft = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, whole or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        InputError: If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {path}: {error.strerror}.") from error
