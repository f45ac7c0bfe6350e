"""`check_pattern`: refuses patterns of tokens that may take for ever on some texts.

Python's regular expressions try one way after the other. Where a repeated part can be repeated in
several ways, as in ``(a+)+``, the ways double with every letter, and a text of forty letters takes
for ever. No part of the interpreter can stop that, so such patterns are refused.
"""

import re
import sys
from string import printable

from whyword.errors import InputError
from whyword.models.checks import shown

REPEATS, CHOICES = 3, 10
"""The most unbounded repeats, and optional parts or alternatives, that a pattern may have.

Each repeat may multiply the time by a text's length, each choice by two.
"""

_SET = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_CHARACTER = rf"\\[wWdDsS]|\\[^A-Za-z0-9]|{_SET}|[^\\\[\](){{}}|*+?.^$]"
# Any number of words behind a separator each: (?:[-']\w+)*
_SEPARATED = re.compile(rf"\(\?:({_CHARACTER})({_CHARACTER})\+\)[*+]")
_SETS_AND_ESCAPES = re.compile(rf"\\.|{_SET}", re.DOTALL)
_FLAGS_INSIDE = re.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]+:")


def check_pattern(pattern: object) -> str:
    r"""Check a ``token_pattern`` of scikit-learn, with one group at most, and return it.

    A group may be repeated if it is one separating character and a run of others, as in
    ``\w+(?:[-']\w+)*``.

    Args:
        pattern: What was given.

    Raises:
        InputError: If it is no pattern, might take for ever, or finds empty tokens in ASCII.
    """
    if not isinstance(pattern, str):
        raise InputError(f"Got token_pattern {shown(pattern)}; expected a regular expression.")
    try:
        compiled = re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"Got token_pattern {shown(pattern)}, which is none: {error}.") from error
    if compiled.groups > 1:
        raise InputError(f"Got token_pattern {shown(pattern)}; expected one group in it at most.")

    def repeat(found: re.Match[str]) -> str:
        """One repeat, if no character is both a separator and part of a word."""
        both = [re.compile(part, compiled.flags) for part in found.groups()]
        every = map(chr, range(sys.maxunicode + 1))
        ambiguous = any(all(part.match(character) for part in both) for character in every)
        return found[0] if ambiguous else "*"

    rest = _SETS_AND_ESCAPES.sub(".", _SEPARATED.sub(repeat, pattern))
    if (
        re.search(r"\)[*+{]", rest)
        or sum(rest.count(sign) for sign in "*+{") > REPEATS
        or len(re.findall(r"(?<!\()\?|\|", rest)) > CHOICES
        or _FLAGS_INSIDE.search(rest)
        or compiled.flags & re.VERBOSE
    ):
        raise InputError(
            f"Got token_pattern {shown(pattern)}, which may take for ever; expected no repeated "
            r"group but words behind a separator, such as (?:[-']\w+)*, "
            f"{REPEATS} repeats and {CHOICES} choices at most, and none of the flags for parts or "
            r"for comments. A set of characters may do as well: \b\w[\w'-]*\b."
        )
    if "" in compiled.findall(printable + printable[::-1]):
        raise InputError(f"Got token_pattern {shown(pattern)}, which finds empty tokens.")
    return pattern
