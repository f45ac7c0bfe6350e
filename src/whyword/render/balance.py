"""The balance of one target: words + remainder = score, and the words that matter most.

The remainder is what no word received. Every renderer shows these numbers, so they are computed
here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.numbers import decimals_for, number

NOT_DECOMPOSED = "not decomposed"
"""The one item of the remainder, for methods whose numbers are no shares of the score."""


class Equation(NamedTuple):
    """The equation words + remainder = score, as text; ``sign`` is "≈" if it does not add up."""

    words: str
    remainder: str
    score: str
    sign: str
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Balance:
    """The numbers of one target, added up.

    Attributes:
        target: The name of the target: of a class, or of a contrast of two.
        score: The score of the target.
        words: Sum of the relevance of all words.
        positive: Sum over the words with positive relevance.
        negative: Sum over the words with negative relevance.
        remainder: The part of the score that no word received.
        items: The parts of the remainder, by name.
        decomposed: False for methods that do not share out the score among the words.
        signed: False for methods whose numbers do not tell words for from words against.
        largest: The largest absolute relevance of a word, which gets the strongest colour.
        decimals: Number of digits after the point that show ``largest`` well.
        top: Words with the most positive relevance (summed over occurrences), highest first.
        bottom: Words with the most negative relevance, lowest first.
    """

    target: str
    score: float
    words: float
    positive: float
    negative: float
    remainder: float
    items: Mapping[str, float]
    decomposed: bool
    signed: bool
    largest: float
    decimals: int
    top: tuple[tuple[str, float], ...]
    bottom: tuple[tuple[str, float], ...]

    def equation(self) -> Equation:
        """Return the equation as text, with enough digits for the printed numbers to add up."""
        numbers = (self.words, self.remainder, self.score)
        for decimals in range(self.decimals, self.decimals + 4):
            words, remainder, score = (round(n, decimals) for n in numbers)
            if abs(words + remainder - score) < 0.1 * 10.0**-decimals:
                break
        else:
            decimals = self.decimals
        return Equation(
            words=number(self.words, decimals, plus=False),
            remainder=number(self.remainder, decimals, plus=False),
            score=number(self.score, decimals, plus=False),
            sign="=" if self.adds_up() else "≈",
            items=tuple((name, number(value, decimals)) for name, value in self.items.items()),
        )

    def adds_up(self) -> bool:
        """Whether words and remainder sum to the score, up to rounding in single precision."""
        scale = max(self.positive, -self.negative, abs(self.remainder), abs(self.score), 1e-30)
        return abs(self.words + self.remainder - self.score) < 1e-4 * scale

    def share(self, relevance: float) -> float | None:
        """Return a word's share of the score, or None where the method gives no shares."""
        if not self.decomposed or abs(relevance) > 10 * abs(self.score):
            return None
        return relevance / self.score if self.score else None


def balance(explanation: Explanation, target: str | None = None, *, words: int = 8) -> Balance:
    """Compute the balance of one target.

    Args:
        explanation: The explanation to show.
        target: One of ``explanation.targets``; by default the predicted class.
        words: Most words to list for the target, and as many against it.

    Raises:
        InputError: If the target was not explained, or the explanation has no target.
    """
    if not explanation.targets:
        raise InputError("The explanation has no targets; expected at least one to show.")
    row = explanation.index(target)
    target = explanation.targets[row]
    relevance = explanation.relevance[row]
    largest = float(abs(relevance).max(initial=0.0))
    ranked = explanation.top(len(relevance), target)
    items = {name: float(values[row]) for name, values in explanation.remainder.items()}
    decomposed = NOT_DECOMPOSED not in items
    return Balance(
        target=target,
        score=float(explanation.target_scores[row]),
        words=float(relevance.sum()),
        positive=float(relevance[relevance > 0].sum()),
        negative=float(relevance[relevance < 0].sum()),
        remainder=float(explanation.total_remainder[row]),
        items=items,
        decomposed=decomposed,
        signed=decomposed or bool((explanation.relevance < 0).any()),
        largest=largest,
        decimals=decimals_for(largest),
        top=tuple(item for item in ranked[:words] if item[1] > 0),
        bottom=tuple(item for item in ranked[: -words - 1 : -1] if item[1] < 0),
    )
