"""Checks of the values that networks are built from, given by a caller or read from a file."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from reprlib import Repr
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from whyword.errors import InputError

_T = TypeVar("_T")

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The types of numbers in which weights may be stored."""

_MOST = 2**31 - 1
"""The largest number of units or filters that is accepted."""

shown = Repr().repr
"""The text of a value for an error message, shortened if it is long."""

_WIDTH = re.compile("[1-9][0-9]{0,8}")


def whole(name: str, value: object, *, least: int = 1, most: int = _MOST) -> int:
    """Check that a value is a whole number, and return it.

    Args:
        name: What the number is, for the error.
        value: What was given.
        least: The smallest number that is accepted.
        most: The largest number that is accepted.

    Raises:
        InputError: If it is no whole number (True and False are none), or out of range.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or not least <= int(value) <= most
    ):
        raise InputError(f"Got {name} {shown(value)}; expected a whole number, {least} to {most}.")
    return int(value)


def number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite number.

    Args:
        name: What it is, for the error.
        value: What was given.
        least: The smallest that will do.
        above: It must be larger than this.
        below: It must be smaller than this.

    Raises:
        InputError: If it is no number (True and False are none), not finite, or out of range.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, Real)
        or not math.isfinite(found := float(value))
        or (least is not None and found < least)
        or (above is not None and found <= above)
        or (below is not None and found >= below)
    ):
        bounds = {"of at least": least, "above": above, "below": below}
        said = " and ".join(f"{word} {b}" for word, b in bounds.items() if b is not None)
        raise InputError(f"Got {name} {shown(value)}; expected a finite number {said}.")
    return found


def share(name: str, value: object) -> float:
    """Check that a value is a number from 0 to 1, and return it.

    Args:
        name: What the number is, for the error.
        value: What was given.

    Raises:
        InputError: If it is no number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise InputError(f"Got {name} {shown(value)}; expected a number from 0 to 1.")
    return float(value)


def entry(found: Mapping[str, object], name: str, kind: type[_T]) -> _T:
    """The entry of a JSON object under a key, checked for its type.

    Args:
        found: The object.
        name: The key.
        kind: The type that the value must have: str, bool, list or dict.

    Raises:
        InputError: If there is no such entry, or it is of another type.
    """
    value = found.get(name)
    if not isinstance(value, kind):
        got = f"Got {shown(value)} as" if name in found else "Got no"
        raise InputError(f'{got} "{name}"; expected a value of type {kind.__name__}.')
    return value


def yes_or_no(name: str, value: object) -> bool:
    """Check that a value is True or False, and return it.

    Args:
        name: What the value is, for the error.
        value: What was given.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(value, bool):
        raise InputError(f"Got {name} {shown(value)}; expected True or False.")
    return value


def filters(value: object) -> dict[int, int]:
    """Check numbers of filters by width, each of both at least 1, and return them.

    Args:
        value: What was given.

    Raises:
        InputError: If it is no mapping of numbers, or empty.
    """
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"Got the filters {shown(value)}; expected their number for each width.")
    return {
        whole("filters of the width", width): whole("a number of filters", count)
        for width, count in value.items()
    }


def by_width(value: object) -> dict[int, object]:
    """Numbers of filters by width, with widths as numbers: in JSON they are strings.

    Args:
        value: What was given.

    Raises:
        InputError: If it is no mapping, or a width is no whole number.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"Got the filters {shown(value)}; expected their number for each width.")
    if wrong := [width for width in value if not _WIDTH.fullmatch(str(width))]:
        raise InputError(f"Got filters of the width {shown(wrong[0])}; expected a whole number.")
    return {int(width): count for width, count in value.items()}


def strings(name: str, value: object) -> tuple[str, ...]:
    """Check that a value is a sequence of different strings, and return them.

    Args:
        name: What the strings are, for the error.
        value: What was given.

    Raises:
        InputError: If it is no sequence of strings, two are alike, or one has half a character (a
            surrogate without its other half), which cannot be written in UTF-8.
    """
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise InputError(f"Got {name} {shown(value)}; expected a list of strings.")
    found: list[str] = []
    for entry in value:
        if not isinstance(entry, str):
            raise InputError(f"Got {shown(entry)} among {name}; expected strings.")
        found.append(entry)
    if len(set(found)) < len(found):
        twice = next(entry for entry, count in Counter(found).items() if count > 1)
        raise InputError(f"Got {shown(twice)} twice among {name}; expected no two alike.")
    try:
        "".join(found).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"Got half a character among {name}: {error.reason}.") from error
    return tuple(found)


def finite(name: str, tensor: Tensor) -> Tensor:
    """Check that weights are finite, in a known floating-point type, and return them.

    Args:
        name: What the weights are, for the error.
        tensor: The weights, of any shape.

    Raises:
        InputError: If they are of another type, or not finite.
    """
    if tensor.dtype not in _FLOATS:
        raise InputError(f"The numbers of {name} are {_type(tensor)}; expected float32.")
    if not tensor.isfinite().all():
        raise InputError(f"{name} has NaN or infinite numbers; expected finite ones.")
    return tensor


def single(name: str, tensor: Tensor) -> Tensor:
    """Weights as float32, in which networks compute, if that changes no number.

    float16 and bfloat16 always fit into float32. float64 fits if every number is one of float32,
    as in a network that was trained in float32 and made double afterwards.

    Args:
        name: What the weights are, for the error.
        tensor: The weights, of any shape.

    Raises:
        InputError: If they are of another type, not finite, or would be changed.
    """
    found = finite(name, tensor).float()
    if not torch.equal(found.to(tensor.dtype), tensor):
        raise InputError(
            f"The numbers of {name} are {_type(tensor)} and would lose digits in float32, in which "
            "networks compute; make the network float32 first: model.float()."
        )
    return found


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
