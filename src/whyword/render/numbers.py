"""Functions that write numbers as people read them."""

import math


def decimals_for(largest: float) -> int:
    """Choose the digits after the point: two, or more if the largest number is below 0.1.

    Example:
        >>> decimals_for(5.3), decimals_for(0.0042)
        (2, 4)
    """
    if not largest > 0:
        return 2
    return min(max(2, 1 - math.floor(math.log10(largest))), 12)


def number(value: float, decimals: int = 2, *, plus: bool = True) -> str:
    """Write a number with its sign; zero has none.

    Example:
        >>> number(1.234), number(-0.5), number(-0.001)
        ('+1.23', '-0.50', '0.00')
    """
    text = f"{value:+.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text[1:]
    return text if plus else text.removeprefix("+")


def minus(text: str) -> str:
    """Replace the hyphen by a typographic minus, for pages and pictures."""
    return text.replace("-", "−")


def interval(low: float, high: float, *, plus: bool = False) -> str:
    """Write an interval of numbers of the size of 1, with a typographic minus.

    Example:
        >>> interval(0.25, 0.75), interval(-0.1, 0.2, plus=True)
        ('0.250 to 0.750', '−0.100 to +0.200')
    """
    return minus(f"{number(low, 3, plus=plus)} to {number(high, 3, plus=plus)}")
