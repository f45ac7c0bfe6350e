"""A trained model beside the linear one on the same validation part: which is better, what to do.

An explanation of a model that has learned nothing explains nothing, and a linear model takes
seconds to train and is explained exactly.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whyword.data.arrays import Floats, Singles

_DRAWS, _HALVINGS = 10_000, 10
"""Samples of the bootstrap, and ways to halve the validation part."""

_VALUES = 1000
"""The most different gains of documents for which the bootstrap is drawn."""


@dataclass(frozen=True)
class Comparison:
    """A model and the linear one on the same documents, which neither has learned from.

    Attributes:
        model: Share of the decisions of the model that are right, where other documents have chosen
            it; see `crossed`.
        linear: The same of the linear model.
        low: Lower end of the 95 % interval of the difference, by bootstrap over documents.
        high: Upper end.
        documents: Number of documents.
    """

    model: float
    linear: float
    low: float
    high: float
    documents: int

    @classmethod
    def of(cls, model: Singles, linear: Singles, *, seed: int = 0) -> "Comparison":
        """Compare two models document by document.

        Args:
            model: ``(choice, document)`` how right the decisions of all models are, from 0 to 1, of
                which the validation part has chosen one.
            linear: The same of the linear model.
            seed: Seed of the halves (see `crossed`) and of the bootstrap.
        """
        one, other = crossed(model, seed=seed), crossed(linear, seed=seed)
        gain = one - other
        rng, n = np.random.default_rng(seed), len(gain)
        values, counts = np.unique(gain.round(6), return_counts=True)
        if len(values) <= _VALUES:
            means = rng.multinomial(n, counts / n, size=_DRAWS) @ values / n
        else:  # what the bootstrap tends to
            means = rng.normal(gain.mean(), gain.std() / np.sqrt(n), _DRAWS)
        low, high = np.quantile(means, [0.025, 0.975])
        return cls(float(one.mean()), float(other.mean()), float(low), float(high), n)

    @property
    def difference(self) -> float:
        """How much better the model is."""
        return self.model - self.linear

    @property
    def prefers_linear(self) -> bool:
        """Whether to take the linear model: unless the other is shown to be better."""
        return self.low <= 0

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
        why = "That may be chance: take" if self.difference > 0 else "Take"
        return f"{found} {why} the linear model{other}."

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        return {**asdict(self), "difference": self.difference, "take": self._take()}

    def _take(self) -> str:
        return "linear" if self.prefers_linear else "model"


def crossed(right: Singles, *, seed: int = 0) -> Floats:
    """How right the decision on each document is where other documents have chosen the model.

    The best of many epochs is the best on the documents that chose it, and not as good on others:
    with few documents by several points. So half of them choose and the other half is judged, in
    turn, for several ways to halve them.

    Args:
        right: ``(choice, document)`` how right the decisions of every model are.
        seed: Seed of the halves.

    Returns:
        ``(document,)``: the mean over the halvings.
    """
    choices, documents = right.shape
    if choices == 1 or documents < 2:
        return np.asarray(right.mean(axis=0), dtype=np.float64)
    rng, found = np.random.default_rng(seed), np.zeros(documents)
    for _ in range(_HALVINGS):
        order = rng.permutation(documents)
        for chosen, judged in ((half := np.array_split(order, 2)), half[::-1]):
            best = right[:, chosen].mean(axis=1).argmax()
            found[judged] += right[best, judged]
    return found / _HALVINGS
