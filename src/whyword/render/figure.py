"""Functions that make and save figures of matplotlib."""

from pathlib import Path
from typing import TYPE_CHECKING

from whyword.data.extras import require
from whyword.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATES = {".svg": "Date", ".pdf": "CreationDate"}


def new_figure(
    size: tuple[float, float],
    *,
    layout: str | None = "constrained",
    what: str = "A picture",
    extra: str = "corpus",
) -> "Figure":
    """Make an empty figure.

    Args:
        size: Width and height in inches.
        layout: The layout engine, as for a figure of matplotlib.
        what: What is drawn; the error begins with it.
        extra: The extra of the package that installs matplotlib for it.

    Raises:
        InputError: If matplotlib is not installed.
    """
    module = require("matplotlib.figure", extra=extra, what=what)
    figure: Figure = module.Figure(figsize=size, layout=layout)
    return figure


def plain(text: str) -> str:
    """Escape text for a figure, in which "$" would begin a formula."""
    return text.replace("$", r"\$")


def save(figure: "Figure", path: Path, *, dpi: int) -> None:
    """Write a figure; the ending chooses SVG, PNG or PDF. The same figure gives the same file.

    Raises:
        InputError: If the file cannot be written, or there is no such format.
    """
    from matplotlib import rc_context

    date = _DATES.get(path.suffix.lower())
    try:
        with rc_context({"svg.hashsalt": "whyword"}):
            figure.savefig(path, dpi=dpi, metadata={date: None} if date else {})
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot write {path}: {error}.") from error
