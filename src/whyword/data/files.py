"""Reading and writing of texts and folders; a file is written whole or not at all."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from whyword.errors import InputError

_DRAFT = re.compile(r"\..*\.[0-9a-f]{32}\.part(\.[^.]*)?")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield the name of a draft to write to; it becomes the file when the block has ended.

    An error or a kill before that leaves the old file. No two blocks have the same draft, in
    whatever process. It has the file's ending, for libraries that choose the format by it.

    Raises:
        InputError: If the file cannot be written.
    """
    draft = path.with_name(f".{path.stem}.{uuid4().hex}.part{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def remove_drafts(directory: Path) -> None:
    """Remove the drafts of killed processes; nobody else may be writing to the folder."""
    for path in directory.iterdir():
        if _DRAFT.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in a file.

    Raises:
        InputError: If the file cannot be read, or holds no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"Cannot read {path}: {error}.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no JSON object.")
    return found


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        InputError: If the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {path}: {error.strerror}.") from error


def read_text(path: str | Path, *, encoding: str = "utf-8") -> str:
    """Read the text of a file, with its line ends as they are, but without a byte order mark.

    Raises:
        InputError: If the file cannot be read, or is not text in ``encoding``.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    return decode(data, str(path), encoding=encoding)


def decode(data: bytes, source: str, *, encoding: str = "utf-8") -> str:
    """Decode bytes from ``source`` as text, without a byte order mark.

    Raises:
        InputError: If the bytes are not text in ``encoding``, or there is no such encoding.
    """
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(f'There is no encoding "{encoding}"; try "utf-8" or "latin-1".') from error
    except UnicodeError as error:
        raise InputError(
            f"{source} is not {encoding} text: {error}. Name its encoding, for example "
            "--encoding latin-1."
        ) from error
