"""The conformance table: small models, operation by spelling by place, and what must come out.

Of every row the verdict is one of two. *Explained*: the scores are the plain model's and the
relevance is that of a second derivation (`reference_rules`), under the paper's rules and under
those for transformers. *Refused*: the refusal names what stands in the way and says what to do.
Nothing else may happen, be it another exception or another number. A new rule is accepted by adding
its operations to `operations`; ``experiments/what_is_explained.py`` prints the table.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

import reference_rules as ref
from reference_rules import Rules, Signal
from whyword import lrp
from whyword.errors import InputError

BATCH, POSITIONS, DIMENSION = 2, 4, 6
EXACT = 1e-10
NEAR = 1e-7
"""What a stabiliser of 1e-12 may change."""

PAPER = Rules()
TRANSFORMERS = Rules(1e-6, bias=False, stabiliser=False, attention="attnlrp")
LIMIT = Rules(1e-12, bias=False, stabiliser=False, attention="attnlrp")
"""The same with so small a stabiliser that the gradient form, which has none, must be equal."""
COMPOSITES = {
    PAPER: lrp.Composite(),
    TRANSFORMERS: lrp.Composite.for_transformers(epsilon=1e-6),
    LIMIT: lrp.Composite.for_transformers(),
}
LAYER_RULES: dict[str, lrp.Rule] = {
    "gamma": lrp.Gamma(0.3),
    "alpha beta": lrp.AlphaBeta(),
    "z plus": lrp.ZPlus(),
    "flat": lrp.Flat(),
    "w square": lrp.WSquare(),
}
TO_DO = re.compile(
    r"\b(register|call|compute|use|write|assign|expand|take|explain|run|switch|merge|index|"
    r"multiply|expected|give|remove|fix)\b",
    re.IGNORECASE,
)
"""What a refusal must hold beside a name: something to do."""

Model = Callable[[Tensor, Any], Tensor]
Reference = Callable[[Signal, Callable[[Tensor], Tensor], Any], Signal]
"""From the signal, the function by its first spelling, and the weights, to the result."""


@dataclass(frozen=True)
class Operation:
    """A function of the embeddings, the ways of writing it, and what is expected.

    Attributes:
        name: What it is called in the table.
        group: Under which heading it stands.
        rule: Its rule in a phrase, or why it is refused.
        spellings: Code: an expression of ``x`` and the weights ``m``, or statements that return.
        reference: The second derivation; where there is none, what is compared is said by ``note``.
        refused: What the refusal must name; None if it is explained.
        note: "conserves" or "= the first spelling" where that is all that is checked.
        drops: Whether relevance is lost by what the operation is, so that sums say nothing.
        layer: Whether it is a layer with weights, to which every rule applies.
        places: Where it stands, if not everywhere.
    """

    name: str
    group: str
    rule: str
    spellings: tuple[str, ...]
    reference: Reference | None = None
    refused: str | None = None
    note: str = ""
    drops: bool = False
    layer: bool = False
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One small model."""

    operation: Operation
    spelling: str
    place: str

    def __str__(self) -> str:
        return f"{self.operation.name} | {self.spelling} | {self.place}"


# --- Places ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where an operation stands: in torch, and by the second derivation.

    Attributes:
        model: ``(f, x, m) -> (batch, class)``.
        reference: The same of signals.
    """

    model: Callable[[Callable[[Tensor], Tensor], Tensor, Any], Tensor]
    reference: Callable[[Callable[[Signal], Signal], Signal, Any], Signal]


def _hidden(x: Tensor, m: Any) -> Tensor:
    return torch.tanh(m.before(x))


def _hidden_signal(x: Signal, m: Any) -> Signal:
    return ref.activation(ref.layer(x, m.before), torch.tanh)


def _rows(t: Tensor) -> Tensor:
    return t.reshape(len(t), -1)


def _flat(x: Signal) -> Signal:
    back = lambda R: [R.reshape(x.shape)]  # noqa: E731
    return Signal(_rows(x.value), x.rules, [x], back, gate=x.gate, choice=x.choice)


def _first(x: Signal, n: int) -> Signal:
    return x if x.shape[1] == n else ref.moved(x, lambda t: t[:, :n])


def _residual(f: Any, x: Tensor, m: Any) -> Tensor:
    h = _hidden(x, m)
    y = _rows(f(h))
    n = min(y.shape[1], h[0].numel())
    return h.flatten(1)[:, :n] + y[:, :n]


def _residual_signal(f: Any, x: Signal, m: Any) -> Signal:
    h = _hidden_signal(x, m)
    y, h = _flat(f(h)), _flat(h)
    n = min(y.shape[1], h.shape[1])
    return ref.add((_first(h, n), 1), (_first(y, n), 1))


def _gated(f: Any, x: Tensor, m: Any) -> Tensor:
    y = _rows(f(x))
    gate = torch.sigmoid(m.before(x)).flatten(1)
    n = min(y.shape[1], gate.shape[1])
    return gate[:, :n] * y[:, :n]


def _gated_signal(f: Any, x: Signal, m: Any) -> Signal:
    y = _flat(f(x))
    gate = _flat(ref.activation(ref.layer(x, m.before), torch.sigmoid, gate=True))
    n = min(y.shape[1], gate.shape[1])
    return ref.product(_first(gate, n), _first(y, n))


def _above_maximum(f: Any, x: Tensor, m: Any) -> Tensor:
    return _rows(f(torch.stack([m.before(x), m.other(x)]).amax(0)))


def _above_maximum_signal(f: Any, x: Signal, m: Any) -> Signal:
    pair = [ref.layer(x, m.before), ref.layer(x, m.other)]
    return _flat(f(ref.moved(pair, lambda a, b: torch.stack([a, b]).amax(0))))


PLACES = {
    "on the embeddings": Place(
        lambda f, x, _: _rows(f(x)),
        lambda f, x, _: _flat(f(x)),
    ),
    "after a layer and tanh": Place(
        lambda f, x, m: _rows(f(_hidden(x, m))),
        lambda f, x, m: _flat(f(_hidden_signal(x, m))),
    ),
    "in a residual sum": Place(_residual, _residual_signal),
    "beside a gate": Place(_gated, _gated_signal),
    "above a maximum": Place(_above_maximum, _above_maximum_signal),
}


# --- Rows -----------------------------------------------------------------------------------------


def rows() -> Iterator[Row]:
    """The whole table: the first spelling in every place, the others in one after the other.

    Layers stand on the embeddings, where they are held against all rules.
    """
    from operations import OPERATIONS

    for operation in OPERATIONS:
        places = operation.places or tuple(PLACES)
        for number, spelling in enumerate(operation.spellings):
            in_turn = places[0 if operation.layer else number % len(places)]
            for place in places if number == 0 else (in_turn,):
                yield Row(operation, spelling, place)


@cache
def compiled(code: str) -> Model:
    """The function that code is: an expression of ``x`` and ``m``, or statements that return."""
    from operations import NAMES

    source = f"    {code}" if "return " in code else f"    return {code}"
    namespace = dict(NAMES)
    exec(compile(f"def f(x, m):\n{source}", f"<{code}>", "exec"), namespace)
    result: Model = namespace["f"]
    return result


@cache
def weights() -> Any:
    from operations import Weights

    return Weights()


def embeddings(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, POSITIONS, DIMENSION, dtype=torch.float64, generator=generator)


class Small(nn.Module):
    """The model of a row."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row, everything = row, weights()
        object.__setattr__(self, "m", everything)
        for name in {"before", "other", "linear", *re.findall(r"\bm\.(\w+)", row.spelling)}:
            setattr(self, name, getattr(everything, name))  # whose names the engine knows

    def forward(self, x: Tensor) -> Tensor:
        f = compiled(self.row.spelling)
        return PLACES[self.row.place].model(lambda h: f(h, self.m), x, self.m)


@cache
def derived(operation: Operation, place: str, rules: Rules) -> tuple[Tensor, Tensor]:
    """The second derivation: scores, and relevance for all targets."""
    f = compiled(operation.spellings[0])
    start = Signal(embeddings(), rules)
    m, second = weights(), operation.reference
    assert second is not None, f"{operation.name} has no second derivation"

    def reference(h: Signal) -> Signal:
        return second(h, lambda t: f(t, m), m)

    with torch.no_grad():
        scores = PLACES[place].reference(reference, start, m)
        initial = random_targets(scores.value) * scores.value
        return scores.value, torch.stack([ref.relevance(scores, start, R) for R in initial])


def random_targets(scores: Tensor) -> Tensor:
    """Two directions in score space, so that every score's relevance is a number of its own."""
    generator = torch.Generator().manual_seed(scores.shape[1])
    return torch.randn(2, *scores.shape, dtype=torch.float64, generator=generator)


def check(row: Row) -> str:
    """The verdict of a row.

    Returns:
        "explained" or "refused".

    Raises:
        AssertionError: If it is neither, or not the one that is expected.
    """
    x, model = embeddings(), Small(row)
    with torch.no_grad():
        plain = model(x.clone())
    targets = random_targets(plain)
    operation = row.operation
    try:
        found = {
            rules: lrp.relevance(model, x, targets, composite=composite, model=model)
            for rules, composite in COMPOSITES.items()
        }
        if operation.layer and row.place == "on the embeddings":
            for name, rule in LAYER_RULES.items():
                composite = lrp.Composite(layers={"*": rule})
                rules = Rules(layer=name)
                found[rules] = lrp.relevance(model, x, targets, composite=composite, model=model)
    except (lrp.UnsupportedFunction, InputError) as refusal:
        _check_refusal(str(refusal), operation)
        return "refused"
    assert operation.refused is None, f"explained, though {operation.refused} has no rule"
    for rules, result in found.items():
        equal(result.scores, plain, "scores")
        initial = targets * plain
        if operation.reference is not None:
            scores, relevance = derived(operation, row.place, rules)
            equal(scores, plain, "the second derivation's scores")
            exact = NEAR if rules == LIMIT else EXACT
            equal(result.relevance, relevance, f"relevance, {rules}", exact=exact)
        elif operation.note == "= the first spelling":
            first = Small(Row(operation, operation.spellings[0], row.place))
            if row.spelling != first.row.spelling:
                expected = lrp.relevance(
                    first, x, targets, composite=COMPOSITES[rules], model=first
                )
                equal(result.scores, expected.scores, "scores of the first spelling")
                equal(result.relevance, expected.relevance, "relevance of the first spelling")
        if rules == PAPER and not operation.drops:
            equal(result.relevance.sum(dim=(1, 2, 3)), initial.sum(dim=(1, 2)), "sums", like=found)
    return "explained"


def equal(
    got: Tensor, expected: Tensor, what: str, *, like: Any = None, exact: float = EXACT
) -> None:
    """Equal to 1e-10 of the largest number, or what is given."""
    assert got.shape == expected.shape, f"{what}: {tuple(got.shape)} for {tuple(expected.shape)}"
    size = 1.0 if not expected.numel() else max(1.0, float(expected.abs().max()))
    if like is not None:
        size = max(float(r.relevance.abs().max()) for r in like.values()) * 10
    difference = float((got - expected).abs().max()) if got.numel() else 0.0
    assert difference <= exact * size, f"{what} differ by {difference:.2g}, the largest {size:.2g}"


def _check_refusal(message: str, operation: Operation) -> None:
    expected = operation.refused
    assert expected is not None, f"refused: {message}"
    assert re.search(expected, message), f"does not name {expected}: {message}"
    assert TO_DO.search(message), f"does not say what to do: {message}"
