"""The errors that whyword raises: each says what was got, what was expected, and what to do."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class WhywordError(Exception):
    """Base of every error that whyword raises on purpose."""


class InputError(WhywordError, ValueError):
    """A text, file, option or argument that cannot be used as it is."""


class MissingLibraryError(InputError):
    """An optional library is needed and not installed; the message says how to install it."""


class ModelError(WhywordError):
    """A model that cannot be loaded, or that returned something unusable."""


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """A sentence for errors that offers the closest of ``options``, or lists them all.

    Example:
        >>> did_you_mean("sci.spcae", ["sci.space", "sci.med"])
        'Did you mean "sci.space"?'
    """
    options = list(options)
    close = get_close_matches(name, options, n=1) or get_close_matches(
        name.lower(), [option.lower() for option in options], n=1
    )
    if close:
        return f'Did you mean "{_original(close[0], options)}"?'
    return "Choose one of: " + ", ".join(options) + "."


def _original(found: str, options: Sequence[str]) -> str:
    return next(option for option in options if found in (option, option.lower()))
