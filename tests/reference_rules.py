"""A second derivation of relevance for any function: dense, slow, nothing of `whyword.lrp`.

A `Signal` is a value and how its relevance goes on to the signals that it was made of. A linear
function is known by its matrix, found by putting in one unit vector after the other; a function
that only moves numbers by the differences that it makes of small changes. So nothing here relies on
autograd, on the names of functions, or on how they are called.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Tensor]
_NUMBERS = count()


@dataclass(frozen=True)
class Rules:
    """What a composite says, as numbers.

    Attributes:
        epsilon: ε.
        bias: δ, whether inputs share biases.
        stabiliser: σ, whether inputs share stabilisers.
        attention: "cplrp" or "attnlrp".
        layer: Of layers with weights: "epsilon", "gamma", "alpha beta", "z plus", "flat" or
            "w square".
    """

    epsilon: float = 0.01
    bias: bool = True
    stabiliser: bool = True
    attention: str = "cplrp"
    layer: str = "epsilon"


@dataclass(eq=False)
class Signal:
    """A value on the way from the embeddings to the scores.

    Attributes:
        value: Its numbers.
        rules: The rules.
        parents: What it was made of.
        back: From its relevance to that of each parent.
        gate: Whether it only scales others.
        root: The signal that it is an elementwise function of, by numbers alone.
        curved: Whether that function is more than a multiple and a number added.
        choice: "softmax" of probabilities.
    """

    value: Tensor
    rules: Rules
    parents: Sequence["Signal"] = ()
    back: Callable[[Tensor], Sequence[Tensor]] = lambda _: ()
    gate: bool = False
    root: "Signal | None" = None
    curved: bool = False
    choice: str = ""
    number: int = field(default_factory=lambda: next(_NUMBERS))

    def __post_init__(self) -> None:
        self.value = self.value.contiguous()

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    @property
    def origin(self) -> "Signal":
        return self if self.root is None else self.root


def relevance(result: Signal, start: Signal, initial: Tensor) -> Tensor:
    """The relevance of ``start``, given that of ``result``."""
    signals = {result.number: result}
    waiting = [result]
    while waiting:
        for parent in waiting.pop().parents:
            if parent.number not in signals:
                signals[parent.number] = parent
                waiting.append(parent)
    found = {result.number: initial.to(torch.float64)}
    for number in sorted(signals, reverse=True):  # what was made later comes first
        signal = signals[number]
        if signal is start or number not in found:
            continue
        parts = signal.back(found.pop(number))
        for parent, part in zip(signal.parents, parts, strict=True):
            assert part.shape == parent.shape, (part.shape, parent.shape)
            found[parent.number] = found.get(parent.number, 0) + part
    return found.get(start.number, torch.zeros_like(start.value))


# --- Matrices -------------------------------------------------------------------------------------


def matrix(f: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    """Of an affine function of ``x`` the matrix ``(output, input)``, and its constant."""
    zero = torch.zeros_like(x)
    constant = f(zero).flatten()
    columns = []
    for i in range(x.numel()):
        unit = zero.clone()
        unit.view(-1)[i] = 1
        columns.append(f(unit).flatten() - constant)
    found = torch.stack(columns, dim=1)
    value = f(x).flatten()
    torch.testing.assert_close(found @ x.flatten() + constant, value, rtol=1e-9, atol=1e-9)
    if constant.any():  # a weight of zero has become the rounding of the constant
        found = found * (found.abs() > 1e-12)
    return found, constant


def moves(f: Function, x: Tensor) -> Tensor:
    """Of a function that moves numbers, which number of ``x`` each output is; zeros of none."""
    step = 1e-6
    columns = []
    for i in range(x.numel()):
        up, down = x.clone(), x.clone()
        up.view(-1)[i] += step
        down.view(-1)[i] -= step
        columns.append(((f(up) - f(down)) / (2 * step)).flatten().nan_to_num(0.0))
    found = torch.stack(columns, dim=1)
    rounded = found.round()
    assert (found - rounded).abs().max() < 1e-4, "it does more than move numbers"
    assert ((rounded == 0) | (rounded == 1)).all(), "it does more than move numbers"
    assert (rounded.sum(dim=1) <= 1).all(), "it does more than move numbers"
    return rounded


def stabiliser(z: Tensor, epsilon: float) -> Tensor:
    return torch.where(z >= 0, 1.0, -1.0).to(z) * epsilon


def equal_shares(W: Tensor, x: Tensor, b: Tensor, R: Tensor, rules: Rules) -> Tensor:
    """Σ_j (w_ji x_i + (δ b_j + σ s_j) / n_j) / (z_j + s_j) R_j, n_j inputs that output j has."""
    z = W @ x + b
    s = stabiliser(z, rules.epsilon)
    connected = (W != 0).to(x)
    shared = rules.bias * b + rules.stabiliser * s
    n = connected.sum(dim=1).clamp(min=1)
    messages = (W * x + connected * (shared / n)[:, None]) / (z + s)[:, None]
    return (messages * R[:, None]).sum(dim=0)


def proportional_shares(W: Tensor, x: Tensor, R: Tensor, rules: Rules) -> Tensor:
    """Σ_j (c_ji + σ s_j |c_ji| / Σ_i |c_ji|) / (z_j + s_j) R_j; beside zeros alone by |w_ji|."""
    c = W * x
    z = c.sum(dim=1)
    s = stabiliser(z, rules.epsilon)
    size = c.abs()
    total = size.sum(dim=1, keepdim=True)
    strength = W.abs()
    reach = strength.sum(dim=1, keepdim=True)
    parts = torch.where(
        total == 0, strength / reach.clamp(min=1e-300), size / total.clamp(min=1e-300)
    )
    messages = (c + rules.stabiliser * s[:, None] * parts) / (z + s)[:, None]
    return (messages * R[:, None]).sum(dim=0)


def by_rule(W: Tensor, x: Tensor, b: Tensor, R: Tensor, rules: Rules) -> Tensor:
    """A layer with weights by the rule that is asked for."""
    if rules.layer == "epsilon":
        return equal_shares(W, x, b, R, rules)
    c, z = W * x, W @ x + b
    positive, negative = c.clamp(min=0), c.clamp(max=0)
    if rules.layer == "gamma":
        up = (z >= 0)[:, None]
        own = torch.where(up, positive, negative)
        own_bias = torch.where(z >= 0, b.clamp(min=0), b.clamp(max=0))
        denominator = z + 0.3 * (own.sum(dim=1) + own_bias) + stabiliser(z, 0.01)
        messages = (c + 0.3 * own) / denominator[:, None]
    elif rules.layer in ("alpha beta", "z plus"):
        alpha, beta = (2, 1) if rules.layer == "alpha beta" else (1, 0)
        up = positive.sum(dim=1) + b.clamp(min=0) + 1e-9
        down = negative.sum(dim=1) + b.clamp(max=0) - 1e-9
        messages = alpha * positive / up[:, None] - beta * negative / down[:, None]
    elif rules.layer == "flat":
        connected = (W != 0).to(x)
        messages = connected / connected.sum(dim=1, keepdim=True).clamp(min=1)
    else:
        squares = W.square()
        messages = squares / (squares.sum(dim=1, keepdim=True) + 1e-9)
    return (messages * R[:, None]).sum(dim=0)


# --- Functions of one signal ----------------------------------------------------------------------


def layer(x: Signal, f: Function) -> Signal:
    """A layer with weights: an affine function."""
    W, b = matrix(f, x.value)

    def back(R: Tensor) -> list[Tensor]:
        return [by_rule(W, x.value.flatten(), b, R.flatten(), x.rules).view(x.shape)]

    return Signal(f(x.value), x.rules, [x], back)


def mixture(x: Signal, f: Function, *, gate: bool | None = None) -> Signal:
    """A sum over elements, with constant weights: a linear function without a layer's rule."""
    W, _ = matrix(f, x.value)

    def back(R: Tensor) -> list[Tensor]:
        return [proportional_shares(W, x.value.flatten(), R.flatten(), x.rules).view(x.shape)]

    return Signal(f(x.value), x.rules, [x], back, gate=x.gate if gate is None else gate)


def normalisation(x: Signal, f: Function, linear: Function) -> Signal:
    """What is linear, ``linear``, if its deviation is held: each input a share of n."""
    W, b = matrix(linear, x.value)

    def back(R: Tensor) -> list[Tensor]:
        return [equal_shares(W, x.value.flatten(), b, R.flatten(), x.rules).view(x.shape)]

    return Signal(f(x.value), x.rules, [x], back)


def activation(x: Signal, f: Function, *, gate: bool = False) -> Signal:
    """An elementwise function: R passes, to what it is a function of."""
    root = x.origin if x.origin.shape == x.shape else x
    value = f(x.value)
    found = Signal(value, x.rules, [root], lambda R: [R], root=root, curved=True)
    found.gate = gate or x.gate
    return found


def passing(x: Signal, f: Function, *, gate: bool | None = None) -> Signal:
    """R passes element by element, but what comes out is nothing's activation."""
    return Signal(f(x.value), x.rules, [x], lambda R: [R], gate=x.gate if gate is None else gate)


def multiple(x: Signal, factor: float) -> Signal:
    """A multiple by a number."""
    if x.curved:
        return activation(x, lambda t: t * factor)
    return Signal(x.value * factor, x.rules, [x], lambda R: [R], gate=x.gate, root=x.origin)


def scaled(x: Signal, f: Function) -> Signal:
    """A product with a constant that broadcasts: the signal takes all."""
    return Signal(f(x.value), x.rules, [x], lambda R: [_like(R, x.shape)], gate=x.gate)


def shifted(x: Signal, number: float, *, weight: float = 1) -> Signal:
    """A number added: a bias; to a curved function, a part of it."""
    if x.curved:
        return activation(x, lambda t: weight * t + number)
    found = add((x, weight), constant=number)
    found.root = x.origin
    return found


def moved(x: Signal | Sequence[Signal], f: Function) -> Signal:
    """A function that moves numbers around, of one signal or several."""
    several = [x] if isinstance(x, Signal) else list(x)
    values = [t.value for t in several]

    def of(k: int) -> Function:
        return lambda t: f(*values[:k], t, *values[k + 1 :])

    ways = [moves(of(k), t.value) for k, t in enumerate(several)]

    def back(R: Tensor) -> list[Tensor]:
        return [(W.T @ R.flatten()).view(t.shape) for W, t in zip(ways, several, strict=True)]

    found = Signal(f(*values), several[0].rules, several, back, gate=all(t.gate for t in several))
    found.choice = several[0].choice if len(several) == 1 else ""
    return found


def softmax(x: Signal, axis: int) -> Signal:
    """CP-LRP: a gate; AttnLRP: x_i (R_i - p_i Σ_j R_j)."""
    p = x.value.softmax(axis)
    if x.rules.attention == "cplrp":
        return Signal(p, x.rules, [x], lambda R: [R], gate=True, choice="softmax")
    finite = x.value.clamp(min=torch.finfo(torch.float64).min)

    def back(R: Tensor) -> list[Tensor]:
        return [finite * (R - p * R.sum(axis, keepdim=True))]

    return Signal(p, x.rules, [x], back, gate=x.gate, choice="softmax")


def contributions(x: Signal, f: Function, parts: Tensor, spread: Function) -> Signal:
    """R_i = c_i / Σ c · R, in which a sum's stabiliser stands.

    Args:
        x: The signal.
        f: The function.
        parts: What each element adds, shaped like ``x``.
        spread: From something shaped like the result to what broadcasts against ``x``.
    """
    rules = x.rules
    kept = spread(f(x.value)).shape
    axes = [i for i, (n, m) in enumerate(zip(kept, x.shape, strict=True)) if n != m]
    total = parts.sum(dim=axes, keepdim=True) if axes else parts
    s = stabiliser(total, rules.epsilon)
    size = parts.abs()
    whole = size.sum(dim=axes, keepdim=True) if axes else size
    equal = 1 / math.prod(x.shape[a] for a in axes)
    extra = torch.where(whole == 0, equal, size / whole.clamp(min=1e-300))
    factor = (parts + rules.stabiliser * s * extra) / (total + s)
    return Signal(f(x.value), rules, [x], lambda R: [factor * spread(R)], gate=True)


def by_weights(x: Signal, f: Function, weights: Tensor, spread: Function) -> Signal:
    """R_i = w_i R, for weights that add up to one over what the result sums up."""
    return Signal(f(x.value), x.rules, [x], lambda R: [weights * spread(R)], gate=x.gate)


# --- Functions of several signals -----------------------------------------------------------------


def add(*terms: tuple[Signal, Any], constant: Any = 0) -> Signal:
    """Σ_i w_i x_i + c: each (w_i x_i + (δ c + σ s) / n) / (z + s) · R."""
    rules = terms[0][0].rules
    z = sum(w * t.value for t, w in terms) + constant
    signals = [t for t, _ in terms]
    if len(terms) > 1 and (root := _one_root(z, signals)) is not None:
        gate = all(t.gate for t in signals)
        return Signal(z, rules, [root], lambda R: [R], gate=gate, root=root, curved=True)
    s = stabiliser(z, rules.epsilon)
    shared = rules.bias * torch.as_tensor(constant, dtype=z.dtype) + rules.stabiliser * s

    def back(R: Tensor) -> list[Tensor]:
        return [_like((w * t.value + shared / len(terms)) / (z + s) * R, t.shape) for t, w in terms]

    return Signal(z, rules, signals, back, gate=all(t.gate for t in signals))


def product(*factors: Signal, f: Function = lambda a, b: a * b) -> Signal:
    """Gates take nothing, signals equal parts."""
    value = f(*(t.value for t in factors))
    rules = factors[0].rules
    gate = all(t.gate for t in factors)
    if (root := _one_root(value, factors)) is not None:
        return Signal(value, rules, [root], lambda R: [R], gate=gate, root=root, curved=True)
    takers = [t for t in factors if not t.gate] or list(factors)

    def back(R: Tensor) -> list[Tensor]:
        return [_like(R / len(takers), t.shape) for t in takers]

    return Signal(value, rules, takers, back, gate=gate)


def quotient(a: Signal, b: Signal) -> Signal:
    """The numerator takes all."""
    value, gate = a.value / b.value, a.gate and b.gate
    if (root := _one_root(value, [a, b])) is not None:
        return Signal(value, a.rules, [root], lambda R: [R], gate=gate, root=root, curved=True)
    return Signal(value, a.rules, [a], lambda R: [_like(R, a.shape)], gate=gate)


def contraction(a: Signal, b: Signal, f: Function) -> Signal:
    """A sum of products: gates take nothing, two signals half each, weighted by the other."""
    sides = [(a, lambda t: f(t, b.value)), (b, lambda t: f(a.value, t))]
    sides = [(t, of) for t, of in sides if not t.gate] or sides
    halves = [t for t, _ in sides]
    matrices = [matrix(of, t.value)[0] for t, of in sides]

    def back(R: Tensor) -> list[Tensor]:
        share = R.flatten() / len(halves)
        return [
            proportional_shares(W, t.value.flatten(), share, a.rules).view(t.shape)
            for W, t in zip(matrices, halves, strict=True)
        ]

    return Signal(f(a.value, b.value), a.rules, halves, back)


def _one_root(value: Tensor, signals: Sequence[Signal]) -> Signal | None:
    root = signals[0].origin
    same = all(t.origin is root for t in signals) and root.shape == value.shape
    return root if same else None


def _like(R: Tensor, shape: torch.Size) -> Tensor:
    """Sum what was broadcast."""
    while R.ndim > len(shape):
        R = R.sum(dim=0)
    for axis, n in enumerate(shape):
        if n == 1 and R.shape[axis] != 1:
            R = R.sum(dim=axis, keepdim=True)
    return R.expand(shape)
