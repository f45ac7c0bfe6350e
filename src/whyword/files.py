"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield another name to write to; the file takes its own name when the block has ended.

    A kill before that leaves what was there. The other name has the same ending, for libraries that
    choose the format by it.
    """
    draft = path.with_name(f".{path.stem}.part{path.suffix}")
    yield draft
    os.replace(draft, path)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, whole or not at all."""
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
