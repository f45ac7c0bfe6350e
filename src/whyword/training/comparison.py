"""A trained model beside the linear one on the same validation part: which is better, what to do.

An explanation of a model that has learned nothing explains nothing, and a linear model takes
seconds to train and is explained exactly.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whyword.data.arrays import Bools, Ints, Reals, Singles

_DRAWS = 10_000
"""Samples of the bootstrap."""

TOLERANCE, SURE = 0.01, 0.75
"""A model is as good as the linear one if it is less than so much worse, so probably."""


@dataclass(frozen=True)
class Comparison:
    """A model and the linear one on the same documents, which neither has learned from.

    Attributes:
        model: Share of the decisions of the model that are right.
        linear: The same of the linear model.
        low: Lower end of the 95 % interval of the difference, by bootstrap over documents.
        high: Upper end.
        sure: Probability, by the bootstrap, that the model is less than `TOLERANCE` worse.
        documents: Number of documents.
    """

    model: float
    linear: float
    low: float
    high: float
    sure: float
    documents: int

    @classmethod
    def of(cls, model: Singles, linear: Singles, *, seed: int = 0) -> "Comparison":
        """Compare what is right, ``(document,)`` from 0 to 1 each, document by document."""
        gain = model.astype(np.float64) - linear
        rng, n = np.random.default_rng(seed), len(gain)
        values, counts = np.unique(gain, return_counts=True)
        means = rng.multinomial(n, counts / n, size=_DRAWS) @ values / n
        low, high = np.quantile(means, [0.025, 0.975])
        sure = float(np.mean(means > -TOLERANCE))
        return cls(float(model.mean()), float(linear.mean()), float(low), float(high), sure, n)

    @property
    def difference(self) -> float:
        """How much better the model is."""
        return self.model - self.linear

    @property
    def prefers_linear(self) -> bool:
        """Whether to take the linear model.

        The other has to be better on these documents, and surely not worse than `TOLERANCE`.
        """
        return not (self.difference > 0 and self.sure >= SURE)

    def advice(self, kind: str, *, has_base: bool) -> str:
        """What was found and what to do, in two sentences.

        Args:
            kind: The kind of the model.
            has_base: Whether it has a pretrained encoder already.
        """
        points = f"{abs(self.difference) * 100:.1f} points"
        interval = f"95 % interval {self.low * 100:+.1f} to {self.high * 100:+.1f}"
        if self.difference:
            way = "better" if self.difference > 0 else "worse"
            found = f"The {kind} model is {points} {way} than a linear one"
        else:
            found = f"The {kind} model is as good as a linear one"
        found += f" on {self.documents:,} validation documents ({interval})."
        if not self.prefers_linear:
            return found
        other = "" if has_base else ", or --base with a sentence encoder"
        why = "" if self.difference < 0 else "They are too few to show that it is as good: "
        return f"{found} {why}{'take' if why else 'Take'} the linear model{other}."

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        return {**asdict(self), "difference": self.difference, "take": self._take()}

    def _take(self) -> str:
        return "linear" if self.prefers_linear else "model"


def right(scores: Reals, labels: Ints | Bools) -> Singles:
    """How right decisions are: ``(document,)``, from 0 to 1.

    Args:
        scores: ``(document, class)``.
        labels: ``(document,)`` classes; ``(document, class)`` bool if they are labels, of which
            those with a score above 0 are decided for.
    """
    if labels.ndim == 1:
        return np.asarray(scores.argmax(axis=1) == labels, dtype=np.float32)
    return np.asarray(((scores > 0) == labels).mean(axis=1), dtype=np.float32)
