"""The settings of a deletion experiment; the defaults are the paper's Figure 1."""

from dataclasses import dataclass
from typing import Literal, get_args

from whyword.data.arrays import Ints
from whyword.errors import InputError
from whyword.evaluation.deletion import STEPS
from whyword.evaluation.documents import Documents
from whyword.evaluation.oracle import BUDGET, Objective
from whyword.removal import OPERATORS, Operator

Target = Literal["true", "predicted"]
Order = Literal["auto", "decreasing", "increasing", "both"]


@dataclass(frozen=True)
class Settings:
    """The settings of a deletion experiment: what is deleted, in which order, and how.

    Attributes:
        target: Explain the ``"true"`` class, as the paper does, or the ``"predicted"`` one.
        operator: How words are taken out.
        order: ``"decreasing"`` relevance, ``"increasing"``, ``"both"`` or ``"auto"``. The last
            means for deletions: decreasing, but increasing for wrongly classified documents if the
            target is the true class, as in the paper; for insertions: increasing.
        steps: Number of deletions.
        insertion: Whether to begin with all words deleted, and put them back.
        runs: Number of runs of the random baseline.
        seed: Seed of the random baseline, and of the documents drawn if there is a limit.
        objective: What the oracle lowers or raises; see `whyword.evaluation.oracle.Gain`.
        budget: Changed documents that the oracle scores per document, where it is not exact.
        fast: Whether to use the classifier's faster ways, if it has some.
    """

    target: Target = "true"
    operator: Operator = "zero"
    order: Order = "auto"
    steps: int = STEPS
    insertion: bool = False
    runs: int = 10
    seed: int = 0
    objective: Objective = "margin"
    budget: int = BUDGET
    fast: bool = True

    def __post_init__(self) -> None:
        for name, value, options in (
            ("target", self.target, get_args(Target)),
            ("removal", self.operator, OPERATORS),
            ("order", self.order, get_args(Order)),
            ("objective", self.objective, get_args(Objective)),
        ):
            if value not in options:
                raise InputError(
                    f'Got the {name} "{value}"; expected one of: {", ".join(options)}.'
                )
        for name, number in (("deletions", self.steps), ("runs", self.runs)):
            if number < 1:
                raise InputError(f"Got {number} {name}; expected at least 1.")

    def panels(self) -> list[tuple[str, bool, bool]]:
        """Return each panel: name, whether its documents are right, whether the order decreases."""
        if self.order == "both":
            return [
                (f"{group}, {order}", group == "correct", order == "decreasing")
                for order in ("decreasing", "increasing")
                for group in ("correct", "wrong")
            ]
        if self.order != "auto":
            right = wrong = self.order == "decreasing"
        elif self.insertion:
            right = wrong = False
        else:
            right, wrong = True, self.target == "predicted"
        return [("correct", True, right), ("wrong", False, wrong)]

    def targets(self, documents: Documents) -> Ints:
        """Return the classes to explain: ``(document,)``."""
        return documents.labels if self.target == "true" else documents.predicted
