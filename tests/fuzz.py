# ruff: noqa: T201 - a command
"""Random compositions of the operations of the conformance table, against the second derivation.

Each is either refused by a name that it holds, or explained: the scores are the plain model's, the
relevance is that of `reference_rules`, and with the paper's rules it sums to what it started with.
Anything else is a failure, and one that nobody would notice is a silent one.

``python tests/fuzz.py --cases 2000`` runs as many and prints what was found.
"""

import argparse
import random
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

import reference_rules as ref
from conformance import COMPOSITES, PAPER, TO_DO, TRANSFORMERS, Operation, compiled, weights
from random_operations import Parameters, operation
from reference_rules import Rules, Signal
from whyword import lrp
from whyword.errors import InputError
from whyword.lrp.names import name_of

LARGEST = 1e3
"""Numbers beyond which a step is not taken: rounding would be all that is compared."""
EXACT = 1e-8


@dataclass(frozen=True)
class Step:
    """One line of a composition.

    Attributes:
        code: An expression of ``x`` (and ``y``) and ``m``, or statements that return.
        reads: The numbers of the values that it reads.
        operation: Of the conformance table; None of a join.
        join: The name of a join.
    """

    code: str
    reads: tuple[int, ...]
    operation: Operation | None = None
    join: str = ""


JOINS: dict[str, tuple[tuple[str, ...], Callable[[Signal, Signal], Signal]]] = {
    "sum": (
        ("x + y", "torch.add(input=x, other=y)", "x.add(other=y)", "torch.sub(x, -y)", "y + x"),
        lambda a, b: ref.add((a, 1), (b, 1)),
    ),
    "difference": (
        ("x - y", "torch.sub(input=x, other=y)", "torch.rsub(y, x)", "torch.subtract(x, other=y)"),
        lambda a, b: ref.add((a, 1), (b, -1)),
    ),
    "product": (
        ("x * y", "torch.mul(input=x, other=y)", "x.mul(other=y)", "torch.multiply(y, other=x)"),
        ref.product,
    ),
    "gate": (
        ("x * torch.sigmoid(y)", "torch.mul(input=torch.sigmoid(input=y), other=x)"),
        lambda a, b: ref.product(a, ref.activation(b, torch.sigmoid, gate=True)),
    ),
    "maximum": (
        ("torch.maximum(x, y)", "torch.max(input=x, other=y)", "x.fmax(other=y)"),
        lambda a, b: ref.moved([a, b], torch.maximum),
    ),
    "attention": (
        ("(x @ y.mT).softmax(-1) @ y", "torch.softmax(torch.matmul(x, other=y.mT), axis=-1) @ y"),
        lambda a, b: ref.contraction(
            ref.softmax(ref.contraction(a, b, lambda s, t: s @ t.mT), -1), b, torch.matmul
        ),
    ),
    "rows of both": (
        ("torch.cat([x[:, :2], y[:, 2:]], dim=1)", "torch.cat((x[:, :2], y[:, 2:]), axis=1)"),
        lambda a, b: ref.moved([a, b], lambda s, t: torch.cat([s[:, :2], t[:, 2:]], 1)),
    ),
}  # fmt: skip


@dataclass
class Composition:
    """A random model.

    Attributes:
        seed: What it is made from.
        weights: Its weights: those of the table, or its own.
        steps: Its lines; the value of the first is number 1, number 0 are the embeddings.
    """

    seed: int
    weights: Any
    steps: list[Step] = field(default_factory=list)

    def __call__(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self.steps:
            values.append(self.shaped(self.taken(step, values)))
        return values[-1].reshape(len(x), -1)

    def taken(self, step: Step, values: list[Tensor]) -> Tensor:
        """The value of a step."""
        read = [values[k] for k in step.reads]
        return joined(step.code)(*read) if step.join else compiled(step.code)(read[0], self.weights)

    def shaped(self, y: Tensor) -> Tensor:
        """What a step returns as ``(batch, position, dimension)``.

        Operations of the table take (2, 4, 6): what is more is cut off, what is less repeated.
        """
        if not isinstance(self.weights, Parameters):
            return as_in_the_table(y)
        if y.ndim == 3 and y[0].numel() <= 36:
            return y
        flat = y.reshape(len(y), -1)[:, :36]
        rows = max(k for k in range(1, 7) if flat.shape[1] % k == 0)
        return flat.reshape(len(y), rows, -1)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}"]
        for number, step in enumerate(self.steps, 1):
            names = ", ".join(f"v{k}" for k in step.reads)
            lines.append(f"  v{number} = [{step.code}]({names})")
        return "\n".join(lines)

    def on_path(self) -> set[int]:
        """The numbers of the values that the scores depend on."""
        wanted = {len(self.steps)}
        for number in range(len(self.steps), 0, -1):
            if number in wanted:
                wanted.update(self.steps[number - 1].reads)
        return wanted


@cache
def joined(code: str) -> Callable[[Tensor, Tensor], Tensor]:
    function: Callable[[Tensor, Tensor], Tensor] = eval(f"lambda x, y: {code}", {"torch": torch})
    return function


def as_in_the_table(y: Tensor) -> Tensor:
    if y.shape == (2, 4, 6):
        return y
    flat = y.reshape(2, -1)
    while flat.shape[1] < 24:
        flat = torch.cat([flat, flat], 1)
    return flat[:, :24].reshape(2, 4, 6)


@cache
def pool() -> tuple[tuple[Operation, ...], list[list[Operation]]]:
    """Operations with a second derivation, and by groups those that must be refused anywhere."""
    from operations import OPERATIONS

    known = tuple(o for o in OPERATIONS if o.reference is not None and len(o.places) != 1)
    refused: dict[str, list[Operation]] = {}
    for o in OPERATIONS:
        if o.refused and "depend" not in o.refused:
            refused.setdefault(o.group, []).append(o)
    return known, list(refused.values())


def composition(seed: int) -> tuple[Composition, Tensor]:
    """A random composition of two to eight steps, and embeddings for it.

    Two of three are made of the table's operations, the others of functions with random arguments
    on tensors of random shapes.
    """
    draw = random.Random(seed)
    of_the_table = seed % 3 > 0
    shape = (
        (2, 4, 6) if of_the_table else (draw.randint(1, 3), draw.randint(1, 5), draw.randint(1, 7))
    )
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, dtype=torch.float64, generator=generator)
    found, values = Composition(seed, weights() if of_the_table else Parameters(seed)), [x]
    for _ in range(draw.randint(2, 8)):
        for _ in range(50):
            step = random_step(draw, found, values)
            try:
                with torch.no_grad():
                    value = found.shaped(found.taken(step, values)).clone()
            except (RuntimeError, ValueError, IndexError, TypeError):
                continue  # it does not fit what is there
            if value.numel() and value.isfinite().all() and value.abs().max() < LARGEST:
                found.steps.append(step)
                values.append(value)
                break
    return found, x


def random_step(draw: random.Random, model: Composition, values: list[Tensor]) -> Step:
    """An operation, most often of what came last, or two values joined."""
    latest = len(values) - 1
    at = latest if draw.random() < 0.7 else draw.randint(0, latest)
    kind = draw.random()
    if kind < 0.25 and latest > 0:
        join = draw.choice(list(JOINS))
        same = [k for k, value in enumerate(values) if value.shape == values[at].shape]
        return Step(draw.choice(JOINS[join][0]), (at, draw.choice(same)), join=join)
    if isinstance(model.weights, Parameters):
        code, chosen = operation(draw, tuple(values[at].shape), model.weights)
        return Step(code, (at,), chosen)
    known, refused = pool()
    chosen = draw.choice(draw.choice(refused) if kind > 0.97 else known)
    return Step(draw.choice(chosen.spellings), (at,), chosen)


def derived(model: Composition, x: Tensor, rules: Rules, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The second derivation: scores, relevance."""
    start = Signal(x, rules)
    values: list[Any] = [start]
    used = model.on_path()
    for number, step in enumerate(model.steps, 1):
        if number not in used:
            values.append(None)
            continue
        read = [values[k] for k in step.reads]
        assert not has_equals(step, read), "which of equals wins is not for the second derivation"
        if step.operation is not None and step.operation.refused is not None:
            with torch.no_grad():
                value = unruled(read[0], step, compiled(step.code)(read[0].value, model.weights))
        elif step.operation is None:
            value = JOINS[step.join][1](*read)
        else:
            value = second(step.operation, read[0], model.weights)
        if model.shaped(value.value).shape != value.shape:
            value = ref.moved(value, model.shaped)
        values.append(value)
    scores = values[-1].value.reshape(len(x), -1)
    initial = (targets * scores).reshape(-1, *values[-1].shape)
    return scores, torch.stack([ref.relevance(values[-1], start, R) for R in initial])


def second(operation: Operation, x: Signal, weights: Any) -> Signal:
    """An operation's second derivation."""
    f = compiled(operation.spellings[0])
    assert operation.reference is not None, f"{operation.name} has no second derivation"
    return operation.reference(x, lambda t: f(t, weights), weights)


def has_equals(step: Step, read: list[Signal]) -> bool:
    """Whether a maximum has several winners."""
    if step.operation is None:
        return False
    words = step.operation.group + step.operation.name + step.code
    if not re.search("axim|max|min|median|sort|topk", words):
        return False
    if read[0].choice == "softmax":  # the choice of an expert
        return True
    return bool((read[0].value.flatten().sort().values.diff() < 1e-9).any())


class Unruled(Exception):  # noqa: N818 - says what was met
    """Relevance reaches a function that has no rule; beside a gate it does not."""


def unruled(x: Signal, step: Step, value: Tensor) -> Signal:
    """A function without a rule, which may take part as long as no relevance reaches it."""

    def back(R: Tensor) -> list[Tensor]:
        if R.any():
            raise Unruled(step.operation.name if step.operation else step.join)
        return [torch.zeros_like(x.value)]

    return Signal(value, x.rules, [x], back)


class Recorded(TorchFunctionMode):
    """Notes the functions that the embeddings reach."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.names: set[str] = set()
        x.reached = True  # type: ignore[attr-defined]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(hasattr(t, "reached") for t in tree_leaves((args, kwargs))):
            self.names.add(name_of(func))
            for t in tree_leaves(result):
                if isinstance(t, Tensor):
                    t.reached = True  # type: ignore[attr-defined]
        return result


@dataclass
class Found:
    """What came of a composition.

    Attributes:
        verdict: "explained", "refused" or "failed".
        why: What failed.
        silent: Whether wrong numbers came out without an error.
        derived: Whether relevance was compared with the second derivation.
        conserved: Whether it was compared with what it started with.
        functions: That the embeddings reached.
    """

    verdict: str
    why: str = ""
    silent: bool = False
    derived: bool = False
    conserved: bool = False
    functions: frozenset[str] = frozenset()


def check(seed: int) -> Found:  # noqa: PLR0911, PLR0912 - each way to fail has a sentence of its own
    """Make a composition, and hold its explanation against all that is known about it."""
    model, x = composition(seed)
    rules = (PAPER, TRANSFORMERS)[seed % 2]
    with torch.no_grad():
        plain = model(x.clone())
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randn(1 + seed % 2, *plain.shape, dtype=torch.float64, generator=generator)
    accounting = seed % 5 == 0  # another way through the engine
    everything = [step.operation for step in model.steps if step.operation is not None]
    used = model.on_path()
    operations = [s.operation for n, s in enumerate(model.steps, 1) if n in used and s.operation]
    try:
        found = lrp.relevance(
            model,
            x,
            targets,
            composite=COMPOSITES[rules],
            model=model.weights,
            accounting=accounting,
        )
    except (lrp.UnsupportedFunction, InputError) as refusal:
        names = [o.refused for o in everything if o.refused]
        message = str(refusal)
        if not any(re.search(name, message) for name in names) or not TO_DO.search(message):
            return Found("failed", f"refused: {message}")
        return Found("refused")
    except Exception:  # that nothing else is raised is what is checked
        return Found("failed", traceback.format_exc(limit=-2))
    start = x.clone()
    with torch.no_grad(), Recorded(start) as recorded:
        model(start)
    result = Found("explained", functions=frozenset(recorded.names))
    if (why := different(found.scores, plain)) is not None:
        return Found("failed", f"scores {why}", silent=True)
    try:
        scores, relevance = derived(model, x, rules, targets)
        result.derived = True
    except Unruled as what:
        return Found("failed", f"explained, though relevance reaches {what}", silent=True)
    except AssertionError:  # the second derivation does not know equals in a maximum
        relevance = None
    if relevance is not None:
        if (why := different(scores, plain)) is not None:
            return Found("failed", f"the second derivation's scores {why}")
        if (why := different(found.relevance, relevance)) is not None:
            if not rounding(model, x, rules, targets, relevance):
                return Found("failed", f"relevance {why}", silent=True)
            result.derived = False
    if rules == PAPER and not any(o.drops for o in operations):
        result.conserved = True
        size = float(found.relevance.abs().sum())
        lost = float((targets * plain).sum() - found.relevance.sum())
        if abs(lost) > EXACT * max(1.0, size) and not (
            result.derived and booked_by_rule(model, x, targets, lost)
        ):
            return Found("failed", f"relevance loses {lost:.2g} of {size:.2g}", silent=True)
        booked = [abs(v) for account in found.accounts or () for v in account.lost.values()]
        if max(booked, default=0.0) > max(abs(lost), EXACT * max(1.0, size)):
            return Found("failed", f"the account says that {max(booked):.2g} is lost")
    return result


def booked_by_rule(model: Composition, x: Tensor, targets: Tensor, lost: float) -> bool:
    """Whether the account names a rule that loses as much: of two factors that are all zero."""
    found = lrp.relevance(model, x, targets, model=model.weights, accounting=True)
    named = sum(account.lost.get("rule", 0.0) for account in found.accounts or ())
    return abs(named - lost) <= EXACT * max(1.0, float(found.relevance.abs().sum()))


def rounding(model: Composition, x: Tensor, rules: Rules, targets: Tensor, known: Tensor) -> bool:
    """Whether the second derivation itself changes with the last digits of the embeddings.

    It does where a sum is zero but for rounding: the stabiliser has its sign.
    """
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        noise = torch.randn(x.shape, dtype=torch.float64, generator=generator)
        _, other = derived(model, x * (1 + 1e-14 * noise), rules, targets)
        if different(other, known) is not None:
            return True
    return False


def different(got: Tensor, expected: Tensor) -> str | None:
    """By how much, if by more than rounding."""
    size = max(1.0, float(expected.abs().max()))
    difference = float((got - expected).abs().max())
    return None if difference <= EXACT * size else f"differ by {difference:.2g} of {size:.2g}"


def main() -> int:
    """Run as many compositions as asked for, and print what was found."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cases", type=int, default=2000)
    options.add_argument("--first", type=int, default=0, help="the first seed")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    functions: set[str] = set()
    for seed in range(given.first, given.first + given.cases):
        found = check(seed)
        functions |= found.functions
        counts[found.verdict] += 1
        counts["silent"] += found.silent
        counts["derived"] += found.derived
        counts["conserved"] += found.conserved
        if found.verdict == "failed":
            print(f"{composition(seed)[0]}\n  {found.why}\n", flush=True)
    report(counts, functions)
    return int(counts["failed"] > 0)


def report(counts: Mapping[str, int], functions: set[str]) -> None:
    print(f"functions used: {len(functions)}")
    print(
        f"explained: {counts['explained']} ({counts['derived']} equal to the second derivation, "
        f"{counts['conserved']} conserve), refused by name: {counts['refused']}"
    )
    print(f"failed: {counts['failed']}, of these silently: {counts['silent']}")


if __name__ == "__main__":
    sys.exit(main())
