"""Saving what matplotlib drew."""

from pathlib import Path
from typing import TYPE_CHECKING

from whyword.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATES = {".svg": "Date", ".pdf": "CreationDate"}


def save(figure: "Figure", path: Path, *, dpi: int) -> None:
    """Write a figure; the ending chooses SVG, PNG or PDF. The same figure gives the same file.

    Raises:
        InputError: If it cannot be written, or there is no such format.
    """
    from matplotlib import rc_context

    date = _DATES.get(path.suffix.lower())
    try:
        with rc_context({"svg.hashsalt": "whyword"}):
            figure.savefig(path, dpi=dpi, metadata={date: None} if date else {})
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot write {path}: {error}.") from error
