"""What settings may be, and one error that says which of them are not."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from whyword.errors import InputError


@dataclass(frozen=True)
class Expected:
    """What a setting may be.

    Attributes:
        text: In words, as errors say it.
        holds: Whether a value is such.
    """

    text: str
    holds: Callable[[object], bool]


def check(given: Mapping[str, object], expected: Mapping[str, Expected]) -> None:
    """See that settings are what they may be.

    Example:
        >>> check({"epochs": 3, "momentum": -1}, {"epochs": integer(1), "momentum": number(0)})
        Traceback (most recent call last):
        ...
        whyword.errors.InputError: Got momentum=-1; expected a number of at least 0.

    Args:
        given: Values by name; names that nothing is expected of are passed over.
        expected: What each may be.

    Raises:
        InputError: If one of them is not; it names all that are not.
    """
    wrong = [name for name in given if name in expected and not expected[name].holds(given[name])]
    if wrong:
        raise InputError(
            " ".join(
                f"Got {name}={given[name]!r}; expected {expected[name].text}." for name in wrong
            )
        )


def integer(least: int, *, most: int | None = None) -> Expected:
    """An ``int`` within bounds; truth values are none."""

    def holds(value: object) -> bool:
        return type(value) is int and least <= value and (most is None or value <= most)

    return Expected(f"an integer of {_bounds({'at least': least, 'at most': most})}", holds)


def number(
    least: float | None = None, *, above: float | None = None, below: float | None = None
) -> Expected:
    """A finite ``int`` or ``float`` within bounds; truth values are none."""

    def holds(value: object) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and -math.inf < value < math.inf
            and (least is None or value >= least)
            and (above is None or value > above)
            and (below is None or value < below)
        )

    return Expected(
        f"a number {_bounds({'of at least': least, 'above': above, 'below': below})}", holds
    )


def _bounds(bounds: Mapping[str, float | None]) -> str:
    return " and ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None)


def one_of(*options: str) -> Expected:
    """One of some names."""
    return Expected(f"one of: {', '.join(options)}", lambda value: value in options)


def optional(expected: Expected) -> Expected:
    """The same, or None."""
    return Expected(
        f"None or {expected.text}", lambda value: value is None or expected.holds(value)
    )


FLAG = Expected("True or False", lambda value: isinstance(value, bool))

SHARE = number(0, below=1)
"""Of what may be left out, but not all of it."""

SEED = integer(0, most=2**32 - 1)
"""Of what numpy, torch, gensim and scikit-learn all take."""
