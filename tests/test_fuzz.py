"""Random compositions of torch functions: refused by name or explained, never silently wrong."""

from functools import cache

import pytest
import torch
from torch import Tensor

import fuzz
from whyword import lrp
from whyword.lrp import audit
from whyword.lrp.calls import Call

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, about what compositions do
SEEDS = range(150)


checked = cache(fuzz.check)


@pytest.mark.parametrize("seed", SEEDS)
def test_compositions(seed: int) -> None:
    found = checked(seed)
    assert found.verdict != "failed", f"{fuzz.composition(seed)[0]}\n{found.why}"


def test_compositions_are_reproducible_and_of_many_functions() -> None:
    first, x = fuzz.composition(7)
    second, y = fuzz.composition(7)
    assert str(first) == str(second)
    assert torch.equal(x, y)
    assert len({str(fuzz.composition(seed)[0]) for seed in SEEDS}) == len(SEEDS)
    found = [checked(seed) for seed in SEEDS]
    assert len(frozenset().union(*(f.functions for f in found))) >= 120
    assert sum(f.derived for f in found) >= 90
    assert sum(f.conserved for f in found) >= 25


def test_a_node_let_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the audit relevance through scripts and custom functions is wrong, and is noticed."""
    names = ("Tanh", "Add", "Addmm", "Linear", "T", "Mm")
    nodes = {f"{name}Backward{number}" for name in names for number in "01"}
    monkeypatch.setattr(audit, "NODES", audit.NODES | nodes)
    seeds = seeds_that_hold("a scripted module")
    assert [fuzz.check(seed).silent for seed in seeds] == [True] * 3


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An activation that hands on a millionth too much is noticed."""

    def wrong(call: Call, input: Tensor) -> Tensor:
        value = call.value(input.detach())
        return lrp.propagate(call, value, lambda R: (R * (1 + 1e-6),), input)

    seeds = seeds_that_hold("sinh")
    assert [fuzz.check(seed).silent for seed in seeds] == [False] * 3
    monkeypatch.setitem(lrp.calls.HANDLERS, "sinh", wrong)
    assert any(fuzz.check(seed).silent for seed in seeds)


def seeds_that_hold(name: str, among: int = 2000) -> list[int]:
    """Compositions whose scores depend on an operation."""
    found = []
    for seed in range(among):
        model, _ = fuzz.composition(seed)
        steps = (s for n, s in enumerate(model.steps, 1) if n in model.on_path())
        if any(s.operation is not None and s.operation.name == name for s in steps):
            found.append(seed)
        if len(found) == 3:
            break
    return found
