"""What must hold: ratios with their bounds, and what a run found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from suite.memory import WITH_WEIGHTS
from suite.results import Results
from suite.transformer import FAMILIES

Find = Callable[[Results], float | None]


@dataclass(frozen=True)
class Bound:
    """A number that must not be crossed.

    Attributes:
        what: What is compared, in words.
        sense: On which side of the bound is good.
        bound: The number.
        find: Where a run has it; None if it was not measured.
        unit: "x" for ratios, or "ms".
    """

    what: str
    sense: Literal["at least", "at most"]
    bound: float
    find: Find
    unit: str = "x"

    def met(self, found: float) -> bool:
        """Whether this number is within the bound."""
        return found >= self.bound if self.sense == "at least" else found <= self.bound


def _times(group: str, task: str, other: str) -> Find:
    return lambda results: results.ratio(group, task, other)


def _memory(group: str, task: str, other: str) -> Find:
    def find(results: Results) -> float | None:
        return results.memory[group].ratio(task, other) if group in results.memory else None

    return find


def _milliseconds(group: str, task: str) -> Find:
    def find(results: Results) -> float | None:
        found = results.groups.get(group)
        return found.rows[task].milliseconds if found and task in found.rows else None

    return find


_ALL, _ONE = "LRP, all 20 classes", "LRP, one class"
_TO_EXPLANATION = "text to Explanation, 20 classes"
_START = "whyword explain, --json"

BOUNDS = (
    Bound("word CNN, batch 8: captum's LRP loop over 20 classes / LRP", "at least", 400,
          _times("cnn 8", f"captum {_ALL}", _ALL)),
    Bound("word CNN, batch 8: zennit's loop over 20 classes / LRP", "at least", 450,
          _times("cnn 8", "zennit ε-LRP, all 20 classes", _ALL)),
    Bound("word CNN, batch 8: captum's LRP of one class / LRP", "at least", 20,
          _times("cnn 8", f"captum {_ONE}", _ONE)),
    Bound("word CNN, batch 8: Conv1d forward / own forward", "at least", 8,
          _times("cnn 8", "Conv1d forward", "own forward")),
    Bound("word CNN, batch 8: LRP of 20 classes / own forward", "at most", 1.4,
          _times("cnn 8", _ALL, "own forward")),
    Bound("word CNN, batch 8: Shapley LRP / LRP, 20 classes", "at most", 4,
          _times("cnn 8", f"Shapley {_ALL}", _ALL)),
    Bound("MiniLM, batch 8: AttnLRP / gradient x input, one class", "at most", 1.15,
          _times("bert 8", "AttnLRP, one class", "gradient x input, one class")),
    Bound("MiniLM, batch 8: AttnLRP / gradient x input, 20 classes", "at most", 1.2,
          _times("bert 8", "AttnLRP, all 20 classes", "gradient x input, all 20 classes")),
    *(
        Bound(f"{family}, batch 4: AttnLRP / lxt, one class", "at most", 1.0,
              _times(f"{family} 4", "AttnLRP, one class", "lxt AttnLRP, one class"))
        for family in FAMILIES
    ),
    Bound("Llama, 2,048 tokens: peak memory of AttnLRP, checkpointed / inference", "at most", 1.6,
          _memory(WITH_WEIGHTS, "AttnLRP, one class, checkpointed", "forward")),
    Bound("the same above the model alone, without its weights", "at most", 1.6,
          _memory("llama", "AttnLRP, one class, checkpointed", "forward")),
    Bound("tokens: NLTK / whyword, cold (1,000 documents)", "at least", 4,
          _times("tokens", "NLTK, cold", "whyword, cold")),
    Bound("tokens: NLTK / whyword, warm (the same texts again)", "at least", 8,
          _times("tokens", "NLTK, warm", "whyword, warm")),
    Bound("text to Explanation, 20 classes, per document", "at most", 1.0,
          _milliseconds("records", _TO_EXPLANATION), "ms"),
    Bound("text to Explanation, 20 classes / Conv1d forward", "at most", 0.3,
          _times("records", _TO_EXPLANATION, "Conv1d forward")),
    Bound("text to JSON / text to Explanation, 20 classes", "at most", 2,
          _times("records", "text to JSON, 20 classes", _TO_EXPLANATION)),
    Bound("cold `whyword explain --json` / import torch and load the model", "at most", 1.3,
          _times("start", _START, "import torch, whyword.load")),
)  # fmt: skip
"""All that must hold."""


def table(results: Results) -> list[tuple[str, str, str, str]]:
    """What is compared, its bound, what was found, and whether it is met."""
    rows = []
    for bound in BOUNDS:
        found = bound.find(results)
        asked = f"{bound.sense} {bound.bound:g} {bound.unit}"
        if found is None:
            rows.append((bound.what, asked, "-", "not measured"))
        else:
            shown = f"{found:.3g} {bound.unit}"
            rows.append((bound.what, asked, shown, "met" if bound.met(found) else "NOT met"))
    return rows
