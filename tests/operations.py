# ruff: noqa: E501 - a spelling is one line
"""The operations of the conformance table, as text: a name, and below it the ways of writing it.

``x`` is ``(batch, position, dimension)`` = ``(2, 4, 6)``, ``m`` are weights and submodules
(`Weights`). The first spelling is the function that the second derivation takes.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import reference_rules as ref
from conformance import PLACES, Operation, Reference
from reference_rules import Signal


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


def packed(x: Tensor) -> Any:
    return nn.utils.rnn.pack_padded_sequence(x, [4, 4], batch_first=True)


def unpacked(x: Any) -> Tensor:
    return nn.utils.rnn.pad_packed_sequence(x, batch_first=True)[0]


def by_cells(cell: nn.Module, x: Tensor) -> Tensor:
    state, outputs = None, []
    for step in x.unbind(1):
        state = cell(step, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, 1)


def grouped(x: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    return torch._grouped_mm(x.bfloat16(), weights.bfloat16(), offs=ends).double()


def without_gradients(f: Callable[[], Tensor]) -> Tensor:
    with torch.no_grad():
        return f()


def inference(f: Callable[[], Tensor]) -> Tensor:
    with torch.inference_mode():
        return f()


def with_hooks(x: Tensor, m: Any) -> Tensor:
    handles = [m.linear.register_forward_hook(lambda *_: None), m.linear.register_forward_pre_hook(lambda *_: None)]  # fmt: skip
    try:
        result: Tensor = m.linear(torch.relu(m.before(x)))
        return result
    finally:
        for handle in handles:
            handle.remove()


def with_backward_hooks(x: Tensor, m: Any) -> Tensor:
    handle = m.linear.register_full_backward_hook(lambda *_: None)
    try:
        with torch.enable_grad():
            result: Tensor = m.linear(torch.relu(m.before(x)))
            return result
    finally:
        handle.remove()


def with_cast(x: Tensor, m: Any) -> Tensor:
    result: Tensor = m.linear(torch.relu(m.before(x).to(torch.float64)).type_as(x))
    return result


def functional_call(x: Tensor, m: Any) -> Tensor:
    hidden = torch.func.functional_call(m.before, dict(m.before.named_parameters()), (x,))
    result: Tensor = torch.func.functional_call(
        m.linear, dict(m.linear.named_parameters()), (hidden.relu(),)
    )
    return result


def in_a_dictionary(x: Tensor, m: Any) -> Tensor:
    state = {"hidden": [m.before(x)]}
    state["hidden"].append(torch.relu(input=state["hidden"][0]))
    result: Tensor = m.linear(state["hidden"][-1])
    return result


def own_gradients(x: Tensor) -> Tensor:
    with torch.enable_grad():
        start = x if x.requires_grad else x.clone().requires_grad_()
        return torch.autograd.grad(start.pow(3).sum(), start, create_graph=True)[0]


def set_data(x: Tensor) -> Tensor:
    y = x * 1.0
    y.data = x.detach() * 3
    return y


def detached_under(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.detach() * 1.0


NAMES: dict[str, Any] = {
    "torch": torch, "F": functional, "nn": nn, "np": np, "math": math, "checkpoint": checkpoint,
    "deepcopy": deepcopy, "Doubling": Doubling, "packed": packed, "unpacked": unpacked,
    "by_cells": by_cells, "grouped": grouped, "without_gradients": without_gradients,
    "inference": inference, "with_hooks": with_hooks, "with_backward_hooks": with_backward_hooks,
    "with_cast": with_cast, "functional_call": functional_call,
    "in_a_dictionary": in_a_dictionary, "detached_under": detached_under,
    "own_gradients": own_gradients, "set_data": set_data,
}  # fmt: skip


class Weights(nn.Module):
    """What operations use beside the embeddings; the same for all, in float64."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def numbers(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator))

        torch.manual_seed(0)
        self.before, self.other = nn.Linear(6, 6), nn.Linear(6, 6)
        self.linear, self.plain = nn.Linear(6, 5), nn.Linear(6, 5, bias=False)
        self.W, self.V, self.P = numbers(6, 6), numbers(5, 6), numbers(4, 4)
        self.b, self.b6, self.w, self.s = numbers(5), numbers(6), numbers(6), numbers(4, 6)
        self.T, self.U, self.H = numbers(6, 2, 3), numbers(5, 6, 3), numbers(3, 2, 2)
        self.batched = numbers(2, 6, 5)
        self.k1, self.k3, self.kg = numbers(5, 6, 1), numbers(5, 6, 3), numbers(6, 2, 3)
        self.kd, self.kt, self.ktg = numbers(6, 1, 3), numbers(6, 5, 3), numbers(6, 2, 3)
        self.k2, self.k2t, self.kp = numbers(3, 1, 2, 3), numbers(1, 3, 2, 3), numbers(5, 4, 2)
        self.k3d, self.k3dt = numbers(2, 1, 2, 2, 2), numbers(1, 2, 2, 2, 2)
        self.experts, self.experts8, self.B = numbers(3, 6, 5), numbers(3, 8, 8), numbers(5, 6, 6)
        modules(self)
        self.double().eval()
        # Buffers and plain constants.
        self.register_buffer("shift", torch.randn(4, 6, dtype=torch.float64, generator=generator))
        self.register_buffer("mask", torch.tensor([True, False, True, True]))
        self.register_buffer("index", torch.tensor([2, 0, 1]))
        self.constant = torch.randn(4, 6, dtype=torch.float64, generator=generator)
        self.gate = torch.rand(4, 6, dtype=torch.float64, generator=generator) + 0.5
        self.slopes = torch.rand(6, dtype=torch.float64, generator=generator)
        self.made = (2 * self.W).T  # a weight that was made outside of forward
        self.kept = self.before(
            torch.ones(4, 6, dtype=torch.float64).tril()
        )  # a tensor kept from outside


def modules(m: Any) -> None:
    """Submodules with weights."""
    m.lstm, m.gru, m.rnn = (kind(6, 3, batch_first=True) for kind in (nn.LSTM, nn.GRU, nn.RNN))
    m.bilinear, m.norm = nn.Bilinear(6, 6, 5), nn.LayerNorm(6)
    m.group_norm, m.batch_norm = nn.GroupNorm(2, 4), nn.BatchNorm1d(4)
    m.instance_norm, m.rms_norm = nn.InstanceNorm1d(4, affine=True), nn.RMSNorm(6)
    m.attention = nn.MultiheadAttention(6, 2, batch_first=True)
    m.encoder = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
    m.encoders = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 2)
    norm_first = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, norm_first=True)
    m.norm_first = nn.TransformerEncoder(norm_first, 1, enable_nested_tensor=False)
    m.decoder = nn.TransformerDecoderLayer(6, 2, 8, batch_first=True)
    m.transformer = nn.Transformer(6, 2, 1, 1, 8, batch_first=True)
    m.deep = nn.LSTM(6, 3, 2, batch_first=True, bidirectional=True)
    m.projected = nn.LSTM(6, 4, batch_first=True, proj_size=3)
    m.lstm_cell, m.gru_cell, m.rnn_cell = nn.LSTMCell(6, 3), nn.GRUCell(6, 3), nn.RNNCell(6, 3)
    for cell, network in ((m.lstm_cell, m.lstm), (m.gru_cell, m.gru), (m.rnn_cell, m.rnn)):
        for ours, theirs in zip(cell.parameters(), network.parameters(), strict=True):
            ours.data = theirs.data.double()
    m.scripted = torch.jit.script(nn.Sequential(nn.Linear(6, 6), nn.Tanh()))
    m.traced = torch.jit.trace(nn.Sequential(nn.Linear(6, 6), nn.Tanh()), torch.zeros(2, 4, 6))
    m.compiled = torch.compile(nn.Sequential(m.before, nn.ReLU(), m.linear), backend="eager")


# --- Reading the tables ---------------------------------------------------------------------------


def table(group: str, rule: str, reference: Reference | None, text: str, **facts: Any) -> Iterator[Operation]:  # fmt: skip
    """Operations from text: names stand at the margin, their spellings below and indented.

    Behind a name, after bars, may stand facts of its own: ``drops``, ``refused=name``.
    """
    name = ""
    spellings: list[str] = []
    own: dict[str, Any] = {}
    for line in [*text.splitlines(), "end"]:
        if not line.strip():
            continue
        if line[0] != " ":
            if name:
                known = {"group": group, "rule": rule, "reference": reference, **facts, **own}
                yield Operation(name, spellings=tuple(spellings), **known)
            name, *flags = line.split(" | ")
            spellings = []
            own = dict(_fact(flag) for flag in flags)
        else:
            spellings.append(line.strip())


def _fact(flag: str) -> tuple[str, Any]:
    key, equals, value = flag.partition("=")
    return key, (value if equals else True)


def passes(**facts: Any) -> Reference:
    return lambda x, f, _: ref.activation(x, f, **facts)


def layer(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    return ref.layer(x, f)


def mixture(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    return ref.mixture(x, f)


def transform(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    """A mixture that makes signals of gates."""
    return ref.mixture(x, f, gate=False)


def moved(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    return ref.moved(x, f)


def bias(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    """A constant added to each element, which is its bias."""
    slope = f(torch.ones_like(x.value)) - f(torch.zeros_like(x.value))
    return ref.add((x, slope), constant=f(torch.zeros_like(x.value)))


def evaluated(x: Signal, f: Callable[[Tensor], Tensor], m: Any) -> Signal:
    """A normalisation by what training left: a multiple and a bias, and a signal."""
    found = bias(x, f, m)
    found.gate = False
    return found


def scaled(x: Signal, f: Callable[[Tensor], Tensor], _: Any) -> Signal:
    return ref.scaled(x, f)


def halves(x: Signal, n: int = 3) -> tuple[Signal, Signal]:
    return ref.moved(x, lambda t: t[..., :n]), ref.moved(x, lambda t: t[..., n:])


# --- Activations ----------------------------------------------------------------------------------

_DOMAINS = {"": "x", "positive": "(x.square() + 0.1)", "unit": "(0.9 * x.tanh())", "above one": "(x.square() + 1.1)"}  # fmt: skip
_PLAIN = """relu tanh gelu silu mish elu selu celu leaky_relu softsign hardtanh hardswish
relu6 erfcx ndtr log_ndtr logsigmoid hardshrink softshrink tanhshrink exp exp2 expm1 abs absolute square sin cos sinh
cosh asinh arcsinh atan arctan sinc erf erfc neg negative positive nan_to_num deg2rad rad2deg"""
_IN = {
    "positive": "sqrt log log2 log10 log1p lgamma digamma",
    "unit": "asin arcsin acos arccos atanh arctanh erfinv tan",
    "above one": "acosh arccosh",
}
_MULTIPLES = {"neg", "negative", "positive"}


def _ways(name: str, x: str) -> list[str]:
    """All ways of calling a function of one tensor that torch offers."""
    found = []
    if hasattr(torch, name):
        found += [f"torch.{name}({x})", f"torch.{name}(input={x})"]
    if hasattr(Tensor, name):
        found.append(f"{x}.{name}()")
    if hasattr(functional, name):
        found += [f"F.{name}({x})", f"F.{name}(input={x})"]
    if hasattr(torch.special, name):
        found.append(f"torch.special.{name}({x})")
    if hasattr(Tensor, f"{name}_"):
        found.append(f"y = {x} * 1.0; y.{name}_(); return y")
    if hasattr(functional, name) and name in ("relu", "silu", "elu", "leaky_relu", "hardtanh"):
        found.append(f"F.{name}({x} * 1.0, inplace=True)")
    return found


def activations() -> Iterator[Operation]:
    for domain, names in {"": _PLAIN, **_IN}.items():
        for name in names.split():
            multiple = name in _MULTIPLES
            yield Operation(
                name, "Activations", "a multiple" if multiple else "R passes",
                tuple(_ways(name, _DOMAINS[domain])),
                (lambda x, f, _: ref.multiple(x, float(f(torch.ones(()))))) if multiple else passes(),
            )  # fmt: skip
    for name in ("sigmoid", "hardsigmoid", "expit"):
        yield Operation(name, "Gates", "R passes; takes nothing in a product", tuple(_ways(name, "x")), passes(gate=True))  # fmt: skip
    yield from table(
        "Gates",
        "R passes; takes nothing in a product",
        passes(gate=True),
        """
softplus
    F.softplus(x)
    F.softplus(input=x)
    nn.Softplus()(x)
softplus with options
    F.softplus(x, 2, 10)
    F.softplus(x, beta=2, threshold=10)
    nn.Softplus(beta=2, threshold=10)(x)
""",
    )
    for name in ("rsqrt", "reciprocal"):
        yield Operation(
            name,
            "Gates",
            "R passes; takes nothing in a product",
            tuple(_ways(name, _DOMAINS["positive"])),
            passes(gate=True),
        )
    yield from table(
        "Gates",
        "R passes; takes nothing in a product",
        passes(gate=True),
        """
one over a signal
    1 / (x.square() + 1)
    (x.square() + 1).reciprocal()
    torch.reciprocal(input=x.square() + 1)
    torch.div(1, x.square() + 1)
    (x * x + 1) ** -1
    torch.pow(x.square() + 1, exponent=-1)
one over a root
    torch.rsqrt(x.square() + 1)
    (x.square() + 1) ** -0.5
    torch.pow(x.square() + 1, exponent=-0.5)
    1 / torch.sqrt(x.square() + 1)
    (x.square() + 1).sqrt().reciprocal()
""",
    )
    yield from table("Activations", "R passes", passes(), """
powers
    x ** 3
    x.pow(3)
    torch.pow(x, 3)
    torch.pow(input=x, exponent=3)
    torch.pow(exponent=3, input=x)
    x.pow(exponent=3)
    torch.float_power(x, 3)
    y = x.clone(); y **= 3; return y
    y = x.clone(); y.pow_(3); return y
powers of a constant
    2.0 ** x
    torch.pow(2.0, x)
    torch.pow(2.0, exponent=x)
    torch.tensor(2.0, dtype=x.dtype) ** x
clamped
    x.clamp(-0.5, 0.5)
    x.clamp(min=-0.5, max=0.5)
    torch.clamp(x, -0.5, 0.5)
    torch.clamp(input=x, max=0.5, min=-0.5)
    torch.clip(x, min=-0.5, max=0.5)
    x.clip(-0.5, max=0.5)
    y = x.clone(); y.clamp_(-0.5, 0.5); return y
    F.hardtanh(x, min_val=-0.5, max_val=0.5)
clamped from below
    x.clamp(min=0.1)
    x.clamp_min(0.1)
    torch.clamp_min(input=x, min=0.1)
    torch.clamp(x, torch.tensor(0.1, dtype=x.dtype))
clamped from above
    x.clamp(max=0.1)
    x.clamp_max(0.1)
    torch.clamp_max(x, max=0.1)
    torch.clamp(x, None, 0.1)
leaky ReLU with a slope
    F.leaky_relu(x, 0.3)
    F.leaky_relu(input=x, negative_slope=0.3)
    nn.LeakyReLU(0.3)(x)
ELU with a scale
    F.elu(x, 0.7)
    F.elu(input=x, alpha=0.7)
    nn.ELU(alpha=0.7)(x)
GELU, approximated
    F.gelu(x, approximate="tanh")
    nn.GELU(approximate="tanh")(x)
threshold
    F.threshold(x, 0.1, 0.0)
    F.threshold(input=x, threshold=0.1, value=0.0)
    torch.threshold(x, threshold=0.1, value=0.0)
    nn.Threshold(0.1, 0.0)(x)
modules of activations
    nn.ReLU()(x)
    nn.ReLU(inplace=True)(x.clone())
ReLU in place
    torch.relu(x)
    y = x + 0.0; torch.relu_(y); return torch.relu(x)
    F.relu(x.clone(), inplace=True)
    F.relu_(x.clone())
randomised ReLU in evaluation
    F.rrelu(x)
    nn.RReLU().eval()(x)
GELU by hand
    0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    0.5 * x * (1.0 + torch.erf(x * 2 ** -0.5))
    x * 0.5 * (torch.special.erf(x / 1.4142135623730951) + 1)
GELU by hand, approximated
    0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))
    0.5 * x * (1 + (x * 0.7978845608028654 * (1 + 0.044715 * x * x)).tanh())
    torch.mul(0.5 * x, torch.add(torch.tanh((x + x.pow(3).mul(0.044715)) * math.sqrt(2 / math.pi)), 1))
quick GELU by hand
    x * torch.sigmoid(1.702 * x)
    x.mul(torch.sigmoid(x.mul(1.702)))
SiLU by hand
    x * torch.sigmoid(x)
    x / (1 + torch.exp(-x))
    torch.mul(input=x, other=torch.sigmoid(input=x))
    y = x.clone(); y *= torch.sigmoid(x); return y
mish by hand
    x * torch.tanh(F.softplus(x))
    x * torch.tanh(torch.log(1 + torch.exp(x)))
squared ReLU
    torch.relu(x) ** 2
    torch.square(F.relu(x))
    F.relu(x) * F.relu(x)
polynomial
    x + 0.3 * x ** 2 - 0.1 * x ** 3
    x * (1 + 0.3 * x - 0.1 * x * x)
snake
    x + torch.sin(2 * x) ** 2 / 2
sign times root
    x / (1 + x.abs()).sqrt()
softsign by hand
    x / (1 + x.abs())
    torch.div(x, other=1 + torch.abs(input=x))
""")  # fmt: skip
    yield from table("Activations", "R passes, but no activation of a root", lambda x, f, _: ref.passing(x, f), """
PReLU with one slope per channel
    F.prelu(x, m.slopes[:4])
    torch.prelu(input=x, weight=m.slopes[:4])
    x.prelu(m.slopes[:4])
log softmax
    x.log_softmax(-1)
    torch.log_softmax(x, dim=-1)
    F.log_softmax(input=x, dim=-1)
    torch.log_softmax(x, axis=-1)
    nn.LogSoftmax(dim=-1)(x)
    torch.special.log_softmax(x, dim=-1)
RMS norm
    F.rms_norm(x, (6,), m.slopes, 1e-6)
    F.rms_norm(input=x, normalized_shape=[6], weight=m.slopes, eps=1e-6)
    torch.rms_norm(x, [6], weight=m.slopes, eps=1e-6)
""")  # fmt: skip


# --- Sums and products by constants ---------------------------------------------------------------


def elementwise() -> Iterator[Operation]:
    yield from table("Constants", "a bias, which inputs share or lose", bias, """
a constant added
    x + m.constant
    m.constant + x
    torch.add(x, m.constant)
    torch.add(input=x, other=m.constant)
    x.add(other=m.constant)
    torch.add(other=m.constant, input=x, alpha=1)
    y = x.clone(); y += m.constant; return y
    y = x.clone(); y.add_(m.constant); return y
a parameter added
    x + m.s
    torch.add(m.s, x)
a buffer added
    x + m.shift
a constant subtracted
    x - m.constant
    torch.sub(x, m.constant)
    torch.sub(input=x, other=m.constant)
    torch.subtract(x, other=m.constant)
    x.sub(m.constant)
    y = x.clone(); y -= m.constant; return y
    y = x.clone(); y.sub_(other=m.constant); return y
    x.add(m.constant, alpha=-1)
subtracted from a constant
    m.constant - x
    torch.sub(m.constant, x)
    torch.rsub(x, m.constant)
    torch.subtract(input=m.constant, other=x)
    x.__rsub__(m.constant)
a multiple subtracted
    torch.sub(m.constant, x, alpha=2)
    torch.sub(input=m.constant, other=x, alpha=2)
    torch.add(m.constant, x, alpha=-2)
    torch.add(input=m.constant, alpha=-2, other=x)
a tensor kept from outside added
    x + m.kept
    m.kept + x
""")  # fmt: skip
    yield from table("Constants", "a bias, which inputs share or lose", lambda x, f, _: ref.shifted(x, 0.7), """
a number added
    x + 0.7
    0.7 + x
    torch.add(x, 0.7)
    torch.add(input=x, other=0.7)
    x.add(0.7)
    x - -0.7
    torch.sub(x, other=-0.7)
    y = x.clone(); y += 0.7; return y
    x + torch.tensor(0.7, dtype=x.dtype)
""")  # fmt: skip
    yield from table("Constants", "the signal takes all", scaled, """
scaled by a constant
    x * m.constant
    m.constant * x
    torch.mul(x, m.constant)
    torch.mul(input=x, other=m.constant)
    torch.multiply(x, other=m.constant)
    x.mul(other=m.constant)
    torch.mul(other=x, input=m.constant)
    y = x.clone(); y *= m.constant; return y
    y = x.clone(); y.mul_(other=m.constant); return y
scaled by a parameter
    x * m.w
    m.w * x
    torch.mul(m.w, other=x)
scaled by a mask
    x * m.mask[:, None]
    x * m.mask.unsqueeze(-1).to(x.dtype)
    x.mul(m.mask[:, None].double())
divided by a constant
    x / m.gate
    torch.div(x, m.gate)
    torch.div(input=x, other=m.gate)
    torch.true_divide(x, m.gate)
    torch.divide(x, other=m.gate)
    x.div(m.gate)
    x.div(other=m.gate, rounding_mode=None)
    y = x.clone(); y /= m.gate; return y
    y = x.clone(); y.div_(m.gate); return y
""")  # fmt: skip
    yield from table("Constants", "R passes", lambda x, f, _: ref.multiple(x, 0.25), """
a multiple
    x * 0.25
    0.25 * x
    x / 4
    torch.mul(x, 0.25)
    torch.mul(input=x, other=0.25)
    torch.div(x, other=4)
    x.div(4.0)
    y = x.clone(); y *= 0.25; return y
    y = x.clone(); y /= 4; return y
    x * torch.tensor(0.25, dtype=x.dtype)
    x * np.float64(0.25)
""")  # fmt: skip
    yield from table("Constants", "R passes", lambda x, f, _: x, """
evaluation mode of dropout
    F.dropout(x, 0.5, False)
    F.dropout(x, p=0.5, training=False)
    torch.dropout(x, 0.5, False)
    torch.dropout(input=x, p=0.5, train=False)
    nn.Dropout(0.5).eval()(x)
    F.dropout1d(x, 0.5, training=False)
    F.alpha_dropout(x, training=False)
    F.feature_alpha_dropout(x, training=False)
    nn.Dropout2d().eval()(x)
    nn.Identity()(x)
""")  # fmt: skip


def between() -> Iterator[Operation]:
    """Two signals: the left and the right half of the dimensions, or two functions of one."""

    def two(join: Callable[..., Signal]) -> Reference:
        return lambda x, f, _: join(*halves(x))

    def summed(a: Signal, b: Signal, v: float = 1) -> Signal:
        return ref.add((a, 1), (b, v))

    yield from table("Two signals", "in proportion to the summands", two(summed), """
sum of two signals
    x[..., :3] + x[..., 3:]
    torch.add(x[..., :3], x[..., 3:])
    torch.add(input=x[..., :3], other=x[..., 3:])
    torch.add(other=x[..., 3:], input=x[..., :3])
    x[..., :3].add(other=x[..., 3:])
    y = x[..., :3].clone(); y += x[..., 3:]; return y
    y = x[..., :3].clone(); y.add_(x[..., 3:]); return y
    a, b = x.chunk(2, -1); return a + b
    a, b = torch.split(x, 3, dim=-1); return a + b
    a, b = torch.tensor_split(x, 2, dim=-1); return torch.add(a, b)
    y = x.clone(); y[..., :3] += y[..., 3:]; return y[..., :3]
""")  # fmt: skip
    yield from table("Two signals", "in proportion to the summands", two(partial(summed, v=-1)), """
difference of two signals
    x[..., :3] - x[..., 3:]
    torch.sub(x[..., :3], x[..., 3:])
    torch.sub(input=x[..., :3], other=x[..., 3:])
    torch.subtract(x[..., :3], other=x[..., 3:])
    torch.rsub(x[..., 3:], x[..., :3])
    torch.rsub(input=x[..., 3:], other=x[..., :3])
    y = x[..., :3].clone(); y -= x[..., 3:]; return y
    torch.add(x[..., :3], x[..., 3:], alpha=-1)
""")  # fmt: skip
    yield from table("Two signals", "in proportion to the summands", two(partial(summed, v=2)), """
sum with a factor
    torch.add(x[..., :3], x[..., 3:], alpha=2)
    torch.add(input=x[..., :3], other=x[..., 3:], alpha=2)
    x[..., :3].add(x[..., 3:], alpha=2)
    torch.sub(x[..., :3], x[..., 3:], alpha=-2)
    y = x[..., :3].clone(); y.add_(x[..., 3:], alpha=2); return y
""")  # fmt: skip
    yield from table("Two signals", "half each", two(ref.product), """
product of two signals
    x[..., :3] * x[..., 3:]
    torch.mul(x[..., :3], x[..., 3:])
    torch.mul(input=x[..., :3], other=x[..., 3:])
    torch.multiply(other=x[..., 3:], input=x[..., :3])
    x[..., :3].mul(other=x[..., 3:])
    y = x[..., :3].clone(); y *= x[..., 3:]; return y
    y = x[..., :3].clone(); y.mul_(x[..., 3:]); return y
""")  # fmt: skip

    def over(a: Signal, b: Signal) -> Signal:
        return ref.quotient(a, ref.activation(b, lambda t: t.square() + 1))

    yield from table("Two signals", "the numerator takes all", two(over), """
quotient of two signals
    x[..., :3] / (x[..., 3:].square() + 1)
    torch.div(x[..., :3], x[..., 3:].square() + 1)
    torch.div(input=x[..., :3], other=x[..., 3:].square() + 1)
    torch.true_divide(input=x[..., :3], other=x[..., 3:].square() + 1)
    x[..., :3].div(other=x[..., 3:].square() + 1)
    y = x[..., :3].clone(); y /= x[..., 3:].square() + 1; return y
    (x[..., 3:].square() + 1).__rtruediv__(x[..., :3])
""")  # fmt: skip

    def gated(a: Signal, b: Signal) -> Signal:
        return ref.product(a, ref.activation(b, torch.sigmoid, gate=True))

    def stepped(a: Signal, b: Signal) -> Signal:
        step = ref.activation(b, functional.softplus, gate=True)
        return ref.product(a, step)

    yield from table(
        "Two signals",
        "the signal takes all",
        two(stepped),
        """
step size and signal
    x[..., :3] * F.softplus(x[..., 3:])
    torch.mul(input=F.softplus(input=x[..., 3:]), other=x[..., :3])
""",
    )
    yield from table("Two signals", "the signal takes all", two(gated), """
gate and signal
    x[..., :3] * torch.sigmoid(x[..., 3:])
    torch.sigmoid(x[..., 3:]) * x[..., :3]
    torch.mul(input=torch.sigmoid(input=x[..., 3:]), other=x[..., :3])
    x[..., :3].mul(x[..., 3:].sigmoid())
    y = x[..., :3].clone(); y *= torch.special.expit(x[..., 3:]); return y
    a, b = x.chunk(2, dim=-1); return a * b.sigmoid()
    x[..., :3] * torch.sigmoid(x[..., 3:]).clone()
    x[..., :3] * torch.sigmoid(x)[..., 3:]
""")  # fmt: skip
    yield from table("Two signals", "the signal takes all", two(gated), """
gated linear unit
    F.glu(x)
    F.glu(x, -1)
    F.glu(input=x, dim=-1)
    F.glu(x, dim=2)
    nn.GLU()(x)
    nn.GLU(dim=-1)(x)
""")  # fmt: skip

    def mixed(a: Signal, b: Signal) -> Signal:
        return ref.add((a, 0.7), (b, 0.3))

    yield from table("Two signals", "in proportion to the summands", two(mixed), """
interpolation
    torch.lerp(x[..., :3], x[..., 3:], 0.3)
    torch.lerp(input=x[..., :3], end=x[..., 3:], weight=0.3)
    x[..., :3].lerp(x[..., 3:], weight=0.3)
    x[..., :3].lerp(end=x[..., 3:], weight=0.3)
    y = x[..., :3].clone(); y.lerp_(x[..., 3:], 0.3); return y
""")  # fmt: skip

    def plus_product(x: Signal, f: Any, m: Any) -> Signal:
        a, b = halves(x)
        product = ref.product(b, ref.activation(b, torch.tanh))
        return ref.add((a, 1), (ref.multiple(product, 0.5), 1))

    def slopes(x: Signal, f: Any, m: Any) -> Signal:
        return ref.add(
            (ref.moved(x, lambda t: t[:, 1:]), 1), (ref.moved(x, lambda t: t[:, :-1]), -1)
        )

    yield from table("Two signals", "in proportion to the summands", slopes, """
difference of neighbours
    x[:, 1:] - x[:, :-1]
    torch.sub(x[:, 1:], other=x[:, :-1])
    x.narrow(1, 1, 3) - x.narrow(1, 0, 3)
""")  # fmt: skip

    def squares(x: Signal, f: Any, m: Any) -> Signal:
        pair = ref.moved(x, lambda t: torch.stack([t[..., :3], t[..., 3:]], -1))
        parts = pair.value.square()
        return ref.by_weights(pair, lambda t: t.norm(dim=-1), parts / parts.sum(-1, keepdim=True), lambda R: R[..., None])  # fmt: skip

    yield from table("Two signals", "R_i = x_i² / Σx² · R", squares, """
magnitudes
    torch.complex(x[..., :3], x[..., 3:]).abs()
    torch.hypot(x[..., :3], x[..., 3:])
    torch.hypot(input=x[..., :3], other=x[..., 3:])
    torch.abs(torch.complex(real=x[..., :3], imag=x[..., 3:]))
""")  # fmt: skip

    def log_sum(x: Signal, f: Any, m: Any) -> Signal:
        pair = ref.moved(x, lambda t: torch.stack([t[..., :3], t[..., 3:]], -1))
        return ref.by_weights(pair, lambda t: t.logsumexp(-1), pair.value.softmax(-1), lambda R: R[..., None])  # fmt: skip

    yield from table("Two signals", "R_i = softmax(x)_i · R", log_sum, """
logaddexp
    torch.logaddexp(x[..., :3], x[..., 3:])
    torch.logaddexp(input=x[..., :3], other=x[..., 3:])
    x[..., :3].logaddexp(other=x[..., 3:])
    torch.logaddexp2(x[..., :3] / math.log(2), x[..., 3:] / math.log(2)) * math.log(2)
    torch.stack([x[..., :3], x[..., 3:]], -1).logsumexp(-1)
""")  # fmt: skip

    yield from table("Two signals", "a product, then a sum", plus_product, """
addcmul
    torch.addcmul(x[..., :3], x[..., 3:], torch.tanh(x[..., 3:]), value=0.5)
    torch.addcmul(input=x[..., :3], tensor1=x[..., 3:], tensor2=torch.tanh(x[..., 3:]), value=0.5)
    x[..., :3].addcmul(x[..., 3:], torch.tanh(x[..., 3:]), value=0.5)
    x[..., :3].addcmul(tensor1=x[..., 3:], tensor2=torch.tanh(x[..., 3:]), value=0.5)
    y = x[..., :3].clone(); y.addcmul_(x[..., 3:], torch.tanh(x[..., 3:]), value=0.5); return y
""")  # fmt: skip

    def plus_quotient(x: Signal, f: Any, m: Any) -> Signal:
        a, b = halves(x)
        under = ref.activation(a, lambda t: t.square() + 1)
        return ref.add((a, 1), (ref.multiple(ref.quotient(b, under), 0.5), 1))

    yield from table("Two signals", "a quotient, then a sum", plus_quotient, """
addcdiv
    torch.addcdiv(x[..., :3], x[..., 3:], x[..., :3].square() + 1, value=0.5)
    torch.addcdiv(input=x[..., :3], tensor1=x[..., 3:], tensor2=x[..., :3].square() + 1, value=0.5)
    x[..., :3].addcdiv(x[..., 3:], x[..., :3].square() + 1, value=0.5)
    x[..., :3].addcdiv(tensor1=x[..., 3:], tensor2=x[..., :3] ** 2 + 1, value=0.5)
""")  # fmt: skip

    def winner(function: Callable[..., Tensor]) -> Reference:
        return lambda x, f, _: ref.moved(halves(x), function)

    for name, function in {"maximum": torch.maximum, "minimum": torch.minimum}.items():
        short, f = name[:3], f"f{name[:3]}"
        yield from table("Maxima", "the winner takes all", winner(function), f"""
{name} of two signals
    torch.{name}(x[..., :3], x[..., 3:])
    torch.{name}(input=x[..., :3], other=x[..., 3:])
    torch.{short}(x[..., :3], x[..., 3:])
    torch.{short}(x[..., :3], other=x[..., 3:])
    torch.{short}(input=x[..., :3], other=x[..., 3:])
    x[..., :3].{name}(x[..., 3:])
    x[..., :3].{short}(x[..., 3:])
    x[..., :3].{short}(other=x[..., 3:])
    torch.{f}(x[..., :3], x[..., 3:])
    torch.{f}(input=x[..., :3], other=x[..., 3:])
    x[..., :3].{f}(other=x[..., 3:])
""")  # fmt: skip
    yield from table("Maxima", "the winner takes all", moved, """
greater than a constant | drops
    torch.maximum(x, m.constant)
    torch.maximum(input=x, other=m.constant)
    torch.maximum(m.constant, x)
    torch.max(x, m.constant)
    x.max(other=m.constant)
    torch.fmax(x, other=m.constant)
    torch.where(x > m.constant, x, m.constant)
bounded by a signal
    torch.clamp(x, min=torch.roll(x, 1, -1))
    torch.clamp(input=x, min=x.roll(1, dims=-1))
    x.clamp_min(x.roll(shifts=1, dims=-1))
    torch.maximum(x, x.roll(1, -1))
""")  # fmt: skip


# --- Sums over axes -------------------------------------------------------------------------------


def sums() -> Iterator[Operation]:
    yield from table("Sums over axes", "in proportion to the summands", mixture, """
sum over positions
    x.sum(1)
    x.sum(dim=1)
    x.sum(axis=1)
    x.sum(axis=-2, keepdims=True)
    x.sum(1, True)
    x.sum((1,))
    x.sum(dim=[1], keepdim=True)
    torch.sum(x, 1)
    torch.sum(x, dim=1)
    torch.sum(x, axis=1, keepdims=True)
    torch.sum(input=x, dim=(1,))
    torch.sum(x, 1, dtype=torch.float64)
    torch.einsum("bpd->bd", x)
    torch.einsum("bpd->db", x).T
    x.mT.sum(-1)
sum over dimensions
    x.sum(-1)
    x.sum(2)
    torch.sum(input=x, axis=-1)
    torch.einsum("bpd->bp", x)
    torch.einsum("...d->...", x)
sum over both
    x.sum((1, 2))
    x.sum(dim=(-1, -2))
    torch.sum(x, axis=(1, 2))
    torch.sum(input=x, dim=[2, 1], keepdims=True)
    x.flatten(1).sum(1)
    torch.einsum("bpd->b", x)
mean over positions
    x.mean(1)
    x.mean(dim=1)
    x.mean(axis=1)
    x.mean(axis=1, keepdims=True)
    x.mean(1, True)
    torch.mean(x, 1)
    torch.mean(input=x, dim=1, keepdim=True)
    torch.mean(x, axis=(1,))
    torch.mean(x, dim=[1], dtype=torch.float64)
mean over both
    x.mean((1, 2))
    x.mean(axis=(-1, 1))
    torch.mean(x, dim=(1, 2), keepdims=True)
""")  # fmt: skip
    yield from table("Sums over axes", "in proportion to the summands", mixture, """
sums of what is a number
    x.nansum(1)
    torch.nansum(input=x, dim=1)
    torch.nansum(x, axis=1)
    torch.nansum(input=x, dim=1, keepdim=True)
means of what is a number
    x.nanmean(1)
    torch.nanmean(input=x, dim=1)
average pooling
    F.avg_pool1d(x.mT, 2)
    F.avg_pool1d(input=x.mT, kernel_size=2)
    F.avg_pool1d(x.mT, kernel_size=2, stride=2)
    nn.AvgPool1d(2)(x.mT)
    torch.avg_pool1d(x.mT, [2])
average pooling, padded
    F.avg_pool1d(x.mT, 3, 2, 1)
    F.avg_pool1d(x.mT, 3, stride=2, padding=1)
    F.avg_pool1d(input=x.mT, kernel_size=3, stride=2, padding=1, ceil_mode=False)
    nn.AvgPool1d(3, 2, 1)(x.mT)
average pooling, zeros not counted
    F.avg_pool1d(x.mT, 3, 2, 1, count_include_pad=False)
    nn.AvgPool1d(3, 2, 1, count_include_pad=False)(x.mT)
average pooling with an end
    F.avg_pool1d(x, 4, 3, ceil_mode=True)
    nn.AvgPool1d(4, stride=3, ceil_mode=True)(x)
adaptive average pooling
    F.adaptive_avg_pool1d(x.mT, 3)
    F.adaptive_avg_pool1d(input=x.mT, output_size=3)
    nn.AdaptiveAvgPool1d(3)(x.mT)
    torch.adaptive_avg_pool1d(x.mT, [3])
adaptive average pooling to one
    F.adaptive_avg_pool1d(x.mT, 1)
    nn.AdaptiveAvgPool1d(1)(x.mT).squeeze(-1)
average pooling in 2-D
    F.avg_pool2d(x[:, None], 2)
    F.avg_pool2d(input=x[:, None], kernel_size=(2, 2))
    nn.AvgPool2d(2)(x[:, None])
adaptive average pooling in 2-D
    F.adaptive_avg_pool2d(x[:, None], (2, 4))
    nn.AdaptiveAvgPool2d((2, 4))(x[:, None])
interpolation by neighbours
    F.interpolate(x, scale_factor=2)
    F.interpolate(input=x, size=12, mode="nearest")
interpolation between positions
    F.interpolate(x, 8, mode="linear")
    F.interpolate(input=x, size=8, mode="linear", align_corners=False)
adaptive average pooling in 3-D
    F.adaptive_avg_pool3d(x.reshape(2, 1, 4, 2, 3), (2, 1, 3))
    nn.AdaptiveAvgPool3d((2, 1, 3))(x.reshape(2, 1, 4, 2, 3))
average pooling in 3-D
    F.avg_pool3d(x.reshape(2, 1, 4, 2, 3), (2, 1, 3))
    nn.AvgPool3d((2, 1, 3))(x.view(2, 1, 4, 2, 3))
running sums
    x.cumsum(1)
    x.cumsum(dim=1)
    torch.cumsum(x, 1)
    torch.cumsum(input=x, dim=1)
    torch.cumsum(x, axis=1)
    y = x.clone(); y.cumsum_(1); return y
sums into positions
    torch.zeros(2, 3, 6, dtype=x.dtype).index_add(1, torch.tensor([0, 2, 0, 1]), x)
    torch.zeros(2, 3, 6, dtype=x.dtype).index_add_(1, torch.tensor([0, 2, 0, 1]), x)
    torch.index_add(torch.zeros(2, 3, 6, dtype=x.dtype), 1, torch.tensor([0, 2, 0, 1]), x)
    torch.index_add(input=torch.zeros(2, 3, 6, dtype=x.dtype), dim=1, index=torch.tensor([0, 2, 0, 1]), source=x)
    y = x.new_zeros(2, 3, 6); y.index_add_(1, torch.tensor([0, 2, 0, 1]), x); return y
scattered sums
    torch.zeros(2, 3, 6, dtype=x.dtype).scatter_add(1, torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), x)
    x.new_zeros(2, 3, 6).scatter_add_(1, torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), x)
    torch.scatter_add(input=x.new_zeros(2, 3, 6), dim=1, index=torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), src=x)
    x.new_zeros(2, 3, 6).scatter(1, torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), x, reduce="add")
    x.new_zeros(2, 3, 6).scatter_reduce(1, torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), x, "sum")
    x.new_zeros(2, 3, 6).scatter_(1, torch.tensor([0, 2, 0, 1])[:, None].expand(2, 4, 6), x, reduce="add")
sums by index_put
    x.new_zeros(2, 3, 6).index_put((torch.arange(2)[:, None], torch.tensor([[0, 2, 0, 1]])), x, accumulate=True)
    x.new_zeros(2, 3, 6).index_put_((torch.arange(2)[:, None], torch.tensor([[0, 2, 0, 1]])), x, accumulate=True)
    torch.index_put(x.new_zeros(2, 3, 6), (torch.arange(2)[:, None], torch.tensor([[0, 2, 0, 1]])), x, accumulate=True)
    torch.index_put(input=x.new_zeros(2, 3, 6), indices=(torch.arange(2)[:, None], torch.tensor([[0, 2, 0, 1]])), values=x, accumulate=True)
folding
    F.fold(x.reshape(2, 4, 6), (3, 4), (2, 2))
    nn.Fold((3, 4), 2)(x)
traces
    torch.stack([torch.trace(t) for t in x])
    torch.stack([t.trace() for t in x])
differences
    x.diff(dim=1)
    torch.diff(x, dim=1)
    torch.diff(input=x, n=1, dim=1)
""")  # fmt: skip

    def centred(x: Signal, f: Any, m: Any, axis: int = -1) -> Signal:
        return ref.add((x, 1), (ref.mixture(x, lambda t: t.mean(axis, keepdim=True)), -1))

    yield from table("Sums over axes", "a sum of two: the signal and its mean", centred, """
the mean subtracted
    x - x.mean(-1, keepdim=True)
    x - x.mean(axis=-1, keepdims=True)
    x - x.mean(dim=-1, keepdims=True)
    x - torch.mean(x, -1, True)
    x - torch.mean(input=x, axis=-1, keepdims=True)
    torch.sub(input=x, other=x.mean(axis=2, keepdim=True))
    x.sub(x.mean(2)[..., None])
    y = x.clone(); y -= x.mean(axis=-1, keepdims=True); return y
""")  # fmt: skip


# --- Products of matrices -------------------------------------------------------------------------


def layers() -> Iterator[Operation]:
    yield from table("Layers", "the composite's rule", layer, """
a linear layer
    m.linear(x)
    F.linear(x, m.linear.weight, m.linear.bias)
    F.linear(input=x, weight=m.linear.weight, bias=m.linear.bias)
    x @ m.linear.weight.T + m.linear.bias
    torch.matmul(x, m.linear.weight.mT) + m.linear.bias
    torch.add(torch.matmul(input=x, other=m.linear.weight.t()), m.linear.bias)
    torch.add(input=m.linear.bias, other=x @ m.linear.weight.T)
    m.linear.bias + torch.einsum("bpd,od->bpo", x, m.linear.weight)
    torch.addmm(m.linear.bias, x.flatten(0, 1), m.linear.weight.T).view(2, 4, 5)
    torch.addmm(input=m.linear.bias, mat1=x.flatten(0, 1), mat2=m.linear.weight.T).view(2, 4, 5)
    F.linear(x, m.linear.weight) + m.linear.bias
    y = x @ m.linear.weight.T; y += m.linear.bias; return y
    torch.stack([m.linear(t) for t in x.unbind(1)], 1)
    torch.baddbmm(m.linear.bias, x, m.linear.weight.T.expand(2, 6, 5))
    F.conv1d(x.mT, m.linear.weight[:, :, None], m.linear.bias).mT
a layer without a bias
    F.linear(x, m.V)
    x @ m.V.T
    x @ m.V.mT
    x.matmul(m.V.T)
    x.matmul(other=m.V.T)
    torch.matmul(x, m.V.T)
    torch.matmul(input=x, other=m.V.T)
    torch.matmul(other=m.V.T, input=x)
    (m.V @ x.mT).mT
    torch.matmul(m.V, x.transpose(1, 2)).transpose(1, 2)
    m.V.matmul(x.mT).mT
    torch.einsum("bpd,od->bpo", x, m.V)
    torch.einsum("od,bpd->bpo", m.V, x)
    torch.einsum("...d,od->...o", x, m.V)
    torch.einsum("od,...d->...o", [m.V, x])
    torch.einsum("bpz,oz", x, m.V).mT
    torch.mm(x.flatten(0, 1), m.V.T).view(2, 4, 5)
    torch.mm(input=x.reshape(8, 6), mat2=m.V.T).view(2, 4, 5)
    torch.mm(m.V, x.flatten(0, 1).T).T.reshape(2, 4, 5)
    torch.bmm(x, m.V.T.expand(2, 6, 5))
    torch.bmm(input=x, mat2=m.V.T.expand(2, 6, 5))
    x.bmm(mat2=m.V.T.expand(2, -1, -1))
    torch.tensordot(x, m.V, ([2], [1]))
    torch.tensordot(x, m.V.T, 1)
    torch.tensordot(a=x, b=m.V, dims=([-1], [-1]))
    torch.tensordot(x, m.V.T, dims=1)
    torch.inner(x, m.V)
    torch.inner(input=x, other=m.V)
    x.inner(m.V)
    torch.linalg.matmul(x, m.V.T)
    x.__matmul__(m.V.T)
    m.V.T.__rmatmul__(x)
    torch.stack([torch.mv(m.V, t) for t in x.flatten(0, 1)]).view(2, 4, 5)
    torch.stack([m.V @ t for t in x.flatten(0, 1)]).view(2, 4, 5)
    torch.stack([t @ m.V.T for t in x.flatten(0, 1)]).view(2, 4, 5)
    torch.linalg.multi_dot([x.flatten(0, 1), m.V.T]).view(2, 4, 5)
    torch.chain_matmul(x.flatten(0, 1), m.V.T).view(2, 4, 5)
    F.conv1d(x.mT, m.V.unsqueeze(-1)).mT
a layer whose weights are made in forward
    x @ (2 * m.W)
    x @ (m.W * 2)
    torch.matmul(x, m.W + m.W)
    F.linear(x, 2 * m.W.T)
    x @ m.made.T
    torch.einsum("bpd,de->bpe", x, 2 * m.W)
    x @ torch.mul(m.W, 2)
    (m.made @ x.mT).mT
one output
    x @ m.w
    torch.matmul(x, m.w)
    F.linear(x, m.w)
    F.linear(x, m.w[None]).squeeze(-1)
    torch.einsum("bpd,d->bp", x, m.w)
    torch.einsum("d,bpd->bp", m.w, x)
    torch.mv(x.flatten(0, 1), m.w).view(2, 4)
    torch.mv(input=x.flatten(0, 1), vec=m.w).view(2, 4)
    torch.tensordot(x, m.w, 1)
    torch.stack([torch.dot(t, m.w) for t in x.flatten(0, 1)]).view(2, 4)
    torch.stack([torch.dot(input=m.w, tensor=t) for t in x.flatten(0, 1)]).view(2, 4)
    torch.stack([m.w @ t for t in x.flatten(0, 1)]).view(2, 4)
    torch.stack([torch.vdot(t, m.w) for t in x.flatten(0, 1)]).view(2, 4)
    torch.stack([torch.inner(t, m.w) for t in x.flatten(0, 1)]).view(2, 4)
one output with a bias
    F.linear(x, m.w[None], m.b[:1])
    torch.addmv(m.b[0], x.flatten(0, 1), m.w).view(2, 4)
    torch.addmv(input=m.b[0], mat=x.flatten(0, 1), vec=m.w).view(2, 4)
    x @ m.w[:, None] + m.b[:1]
    x @ m.w + m.b[0]
    F.linear(x, m.w, m.b[0])
one output and a number
    F.linear(x, m.w[None], torch.tensor([0.7], dtype=x.dtype))
    x @ m.w + 0.7
    0.7 + x @ m.w
    torch.add(x @ m.w, torch.tensor(0.7, dtype=x.dtype))
    F.linear(x, m.w) + 0.7
    (x @ m.w).add(other=0.7)
weights over positions
    m.P @ x
    torch.matmul(m.P, x)
    torch.matmul(input=m.P, other=x)
    torch.einsum("pq,bqd->bpd", m.P, x)
    torch.einsum("bqd,pq->bpd", x, m.P)
    (x.mT @ m.P.T).mT
    F.linear(x.mT, m.P).mT
    torch.bmm(m.P.expand(2, 4, 4), x)
    torch.tensordot(m.P, x, ([1], [1])).transpose(0, 1)
weights with two axes of outputs
    torch.einsum("bpd,dhk->bphk", x, m.T)
    torch.tensordot(x, m.T, 1)
    torch.tensordot(x, m.T, dims=([2], [0]))
    (x @ m.T.flatten(1)).view(2, 4, 2, 3)
    torch.einsum("...d,dhk->...hk", x, m.T)
    F.linear(x, m.T.flatten(1).T).unflatten(-1, (2, 3))
weights over both axes
    torch.einsum("bpd,pde->be", x, m.s[:, :, None] * m.b)
    x.flatten(1) @ (m.s[:, :, None] * m.b).flatten(0, 1)
    torch.tensordot(x, m.s[:, :, None] * m.b, 2)
    F.linear(x.flatten(1), (m.s[:, :, None] * m.b).flatten(0, 1).T)
weights for each head
    torch.einsum("bphi,hij->bphj", x.view(2, 4, 3, 2), m.H)
    torch.matmul(x.view(2, 4, 3, 1, 2), m.H).squeeze(-2)
    torch.einsum("hij,bphi->bphj", m.H, x.unflatten(-1, (3, 2)))
    (x.view(2, 4, 3, 1, 2) @ m.H)[..., 0, :]
weights for each document
    torch.bmm(x, m.batched)
    x @ m.batched
    torch.einsum("bpd,bde->bpe", x, m.batched)
    torch.matmul(x, other=m.batched)
one layer over [x, x]
    F.linear(torch.cat([x, x.flip(1)], -1), m.U.flatten(1)[:, :12])
    torch.cat([x, x.flip(1)], dim=-1) @ m.U.flatten(1)[:, :12].T
a sparse matrix of weights
    torch.stack([torch.sparse.mm(m.W.detach().to_sparse(), t.T).T for t in x])
    torch.stack([(m.W.detach().to_sparse() @ t.T).T for t in x])
    torch.stack([torch.mm(m.W.detach().to_sparse(), t.T).T for t in x])
    torch.stack([torch.sparse.mm(m.W.detach().to_sparse(), t.T.contiguous()).T for t in x])
    x @ m.W.detach().T
""", layer=True)  # fmt: skip
    yield from table("Layers", "the composite's rule", layer, """
a layer with factors
    torch.addmm(m.b, x.flatten(0, 1), m.V.T, beta=0.5, alpha=2).view(2, 4, 5)
    torch.addmm(input=m.b, mat1=x.flatten(0, 1), mat2=m.V.T, alpha=2, beta=0.5).view(2, 4, 5)
    F.linear(x, 2 * m.V, 0.5 * m.b)
""", layer=True, places=("on the embeddings",))  # fmt: skip
    yield from table("Layers", "the composite's rule", lambda x, f, m: ref.layer(x, f), """
a bilinear layer beside a constant
    F.bilinear(x, m.constant.expand(2, 4, 6), m.B, m.b)
    F.bilinear(input1=x, input2=m.constant.expand(2, 4, 6), weight=m.B, bias=m.b)
    torch.bilinear(m.constant.expand(2, 4, 6).contiguous(), x, m.B.mT, m.b)
""")  # fmt: skip

    def both(x: Signal, f: Any, m: Any) -> Signal:
        first = ref.activation(x, torch.tanh)
        joined = ref.contraction(x, first, lambda a, b: F_bilinear(a, b, m))
        return ref.add((joined, 1), constant=m.b.detach())

    def F_bilinear(a: Tensor, b: Tensor, m: Any) -> Tensor:  # noqa: N802
        return functional.bilinear(a, b, m.B)

    yield from table("Layers", "half each, as sums weighted by the other", both, """
a bilinear layer of two signals
    F.bilinear(x, torch.tanh(x), m.B, m.b)
    F.bilinear(input1=x, input2=torch.tanh(x), weight=m.B, bias=m.b)
    torch.bilinear(x, torch.tanh(x), m.B, m.b)
""")  # fmt: skip

    def scores(x: Signal, f: Any, m: Any) -> Signal:
        return ref.contraction(x, ref.activation(x, torch.tanh), lambda a, b: a @ b.mT)

    yield from table("Products of signals", "half each, as sums weighted by the other", scores, """
two signals
    x @ torch.tanh(x).mT
    torch.matmul(x, torch.tanh(x).transpose(-1, -2))
    torch.matmul(input=x, other=torch.tanh(x).mT)
    torch.bmm(x, torch.tanh(x).mT)
    torch.bmm(input=x, mat2=torch.tanh(x).mT)
    torch.einsum("bpd,bqd->bpq", x, torch.tanh(x))
    torch.einsum("...pd,...qd->...pq", x, torch.tanh(x))
    torch.einsum("bqd,bpd->bpq", torch.tanh(x), x)
    x.bmm(torch.tanh(x).mT)
    x.__matmul__(torch.tanh(x).mT)
    torch.stack([torch.mm(t, torch.tanh(t).T) for t in x])
    torch.stack([t.mm(mat2=torch.tanh(t).T) for t in x])
    torch.stack([torch.inner(t, torch.tanh(t)) for t in x])
    torch.linalg.matmul(x, torch.tanh(x).mT)
""")  # fmt: skip

    def inner(x: Signal, f: Any, m: Any) -> Signal:
        a, b = halves(x)
        return ref.mixture(ref.product(a, b), lambda t: t.sum(-1))

    yield from table("Products of signals", "a product, then a sum", inner, """
inner products over dimensions
    (x[..., :3] * x[..., 3:]).sum(-1)
    torch.sum(x[..., :3] * x[..., 3:], axis=-1)
    torch.mul(input=x[..., :3], other=x[..., 3:]).sum(dim=-1)
""")  # fmt: skip

    def contracted(x: Signal, f: Any, m: Any) -> Signal:
        return ref.contraction(*halves(x), lambda a, b: (a * b).sum(-1))

    yield from table("Products of signals", "half each, as sums weighted by the other", contracted, """
inner products by einsum
    torch.einsum("bpd,bpd->bp", x[..., :3], x[..., 3:])
    torch.einsum("...d,...d->...", x[..., :3], x[..., 3:])
    (x[..., None, :3] @ x[..., 3:, None])[..., 0, 0]
    torch.linalg.vecdot(x[..., :3], x[..., 3:])
    torch.stack([torch.dot(a, b) for a, b in zip(x[..., :3].flatten(0, 1), x[..., 3:].flatten(0, 1))]).view(2, 4)
    torch.stack([a @ b for a, b in zip(x[..., :3].flatten(0, 1), x[..., 3:].flatten(0, 1))]).view(2, 4)
    torch.stack([torch.vdot(a, b) for a, b in zip(x[..., :3].flatten(0, 1), x[..., 3:].flatten(0, 1))]).view(2, 4)
""")  # fmt: skip

    def outer(x: Signal, f: Any, m: Any) -> Signal:
        a, b = halves(x)
        a, b = ref.moved(a, lambda t: t[..., :, None]), ref.moved(b, lambda t: t[..., None, :])
        return ref.product(a, b)

    yield from table("Products of signals", "half each", outer, """
outer products
    x[..., :3, None] * x[..., None, 3:]
    torch.mul(x[..., :3].unsqueeze(-1), x[..., 3:].unsqueeze(-2))
    torch.einsum("bpi,bpj->bpij", x[..., :3], x[..., 3:])
    torch.stack([torch.outer(a, b) for a, b in zip(x[..., :3].flatten(0, 1), x[..., 3:].flatten(0, 1))]).view(2, 4, 3, 3)
    torch.stack([torch.ger(a, b) for a, b in zip(x[..., :3].flatten(0, 1), x[..., 3:].flatten(0, 1))]).view(2, 4, 3, 3)
""")  # fmt: skip
    yield from table("Products of signals", "in proportion to the summands", transform, """
a constant of positions
    torch.einsum("bqp,bqd->bpd", (torch.ones(2, 4, 4, dtype=x.dtype) * m.constant[:, :4]), x)
    (torch.ones(2, 4, 4, dtype=x.dtype) * m.constant[:, :4]).mT @ x
    torch.bmm((torch.ones(2, 4, 4, dtype=x.dtype) * m.constant[:, :4]).mT, x)
""")  # fmt: skip


# --- Convolutions ---------------------------------------------------------------------------------


def convolutions() -> Iterator[Operation]:
    yield from table("Convolutions", "the composite's rule; n counts real inputs", layer, """
conv1d
    F.conv1d(x.mT, m.k3, m.b)
    F.conv1d(input=x.mT, weight=m.k3, bias=m.b)
    torch.conv1d(x.mT, m.k3, m.b, 1, 0, 1, 1)
    F.conv1d(x.mT, m.k3, bias=m.b, padding="valid")
    torch.stack([F.conv1d(t.T, m.k3, m.b) for t in x])
conv1d, padded
    F.conv1d(x.mT, m.k3, m.b, 1, 2)
    F.conv1d(x.mT, m.k3, m.b, padding=2)
    F.conv1d(input=x.mT, weight=m.k3, bias=m.b, padding=(2,))
    F.conv1d(x.mT, m.k3, m.b, padding=[2])
conv1d, same
    F.conv1d(x.mT, m.k3, m.b, padding="same")
    F.conv1d(x.mT, m.k3, m.b, padding=1)
    F.conv1d(x.mT, weight=m.k3, bias=m.b, stride=1, padding="same")
conv1d, stride
    F.conv1d(x.mT, m.k3, m.b, 2, 1)
    F.conv1d(x.mT, m.k3, m.b, stride=2, padding=1)
    F.conv1d(x.mT, m.k3, m.b, stride=(2,), padding=(1,))
conv1d, dilated
    F.conv1d(x.mT, m.k3, m.b, 1, 2, 2)
    F.conv1d(x.mT, m.k3, m.b, padding=2, dilation=2)
    F.conv1d(x.mT, m.k3, m.b, padding="same", dilation=(2,))
conv1d in groups
    F.conv1d(x.mT, m.kg, m.b6, 1, 1, 1, 3)
    F.conv1d(x.mT, m.kg, m.b6, padding=1, groups=3)
    F.conv1d(input=x.mT, weight=m.kg, bias=m.b6, groups=3, padding="same")
conv1d of single channels
    F.conv1d(x.mT, m.kd, padding=1, groups=6)
    torch.conv1d(x.mT, m.kd, None, padding=[1], groups=6)
conv1d over dimensions
    F.conv1d(x, m.kp, m.b, stride=2, padding=1)
conv2d
    F.conv2d(x[:, None], m.k2, m.b[:3])
    F.conv2d(input=x[:, None], weight=m.k2, bias=m.b[:3])
    torch.conv2d(x[:, None], m.k2, m.b[:3], padding="valid")
    torch.stack([F.conv2d(t[None], m.k2, m.b[:3]) for t in x])
conv2d, padded, stride, dilated
    F.conv2d(x[:, None], m.k2, m.b[:3], (1, 2), (1, 2), (2, 1))
    F.conv2d(x[:, None], m.k2, m.b[:3], stride=(1, 2), padding=(1, 2), dilation=(2, 1))
conv3d
    F.conv3d(x.reshape(2, 1, 4, 2, 3), m.k3d, m.b[:2])
    F.conv3d(x.reshape(2, 1, 4, 2, 3), weight=m.k3d, bias=m.b[:2])
conv3d, padded
    F.conv3d(x.reshape(2, 1, 4, 2, 3), m.k3d, m.b[:2], 2, 1)
    F.conv3d(x.reshape(2, 1, 4, 2, 3), m.k3d, m.b[:2], stride=2, padding=1)
conv_transpose1d
    F.conv_transpose1d(x.mT, m.kt, m.b)
    F.conv_transpose1d(input=x.mT, weight=m.kt, bias=m.b)
    torch.conv_transpose1d(x.mT, m.kt, m.b, 1, 0, 0, 1, 1)
conv_transpose1d, stride, padded
    F.conv_transpose1d(x.mT, m.kt, m.b, 2, 1, 1)
    F.conv_transpose1d(x.mT, m.kt, m.b, stride=2, padding=1, output_padding=1)
conv_transpose1d in groups
    F.conv_transpose1d(x.mT, m.ktg, m.b6, 1, 1, 0, 3)
    F.conv_transpose1d(x.mT, m.ktg, bias=m.b6, padding=1, groups=3)
conv_transpose1d, dilated
    F.conv_transpose1d(x.mT, m.kt, m.b, dilation=2, padding=1)
conv_transpose2d
    F.conv_transpose2d(x[:, None], m.k2t, m.b[:3], stride=(2, 1))
    F.conv_transpose2d(input=x[:, None], weight=m.k2t, bias=m.b[:3], stride=(2, 1))
conv_transpose3d
    F.conv_transpose3d(x.reshape(2, 1, 4, 2, 3), m.k3dt, m.b[:2])
""", layer=True)  # fmt: skip

    def pooled(x: Signal, f: Any, m: Any) -> Signal:
        h = ref.activation(ref.layer(x, lambda t: functional.conv1d(t.mT, m.k3, m.b, padding=1)), functional.leaky_relu)  # fmt: skip
        return ref.moved(h, lambda t: t.amax(-1))

    yield from table("Convolutions", "the composite's rule over winning windows", pooled, """
convolution and maximum over time
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)).max(-1).values
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)).max(dim=2)[0]
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)).max(axis=2).values
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)).amax(dim=2)
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)).amax(axis=-1, keepdims=True)
    torch.amax(input=F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding="same")), dim=(2,))
    F.max_pool1d(F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), 4)
    F.max_pool1d(input=F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), kernel_size=4)
    F.adaptive_max_pool1d(F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), 1)
    F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1).max(dim=-1).values)
    torch.topk(F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), 1, dim=-1).values
    torch.max(F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), keepdim=True, dim=-1).values
    torch.max(input=F.leaky_relu(F.conv1d(x.mT, m.k3, m.b, padding=1)), axis=-1, keepdims=False)[0]
""", places=("on the embeddings", "after a layer and tanh", "in a residual sum"))  # fmt: skip


# --- Moving numbers -------------------------------------------------------------------------------


def moving() -> Iterator[Operation]:
    yield from table(
        "Moving numbers",
        "the same tensor",
        lambda x, f, _: x,
        """
copies
    torch.clone(input=x)
    torch.atleast_2d(x)
    torch.atleast_3d(x)
    torch.broadcast_tensors(x, m.constant)[0]
    x.clone()
    torch.clone(x)
    x.contiguous()
    x.to(torch.float64)
    x.type(torch.float64)
    x.double()
    x.type_as(torch.zeros(1, dtype=torch.float64))
    x.to(x.device)
    x.cpu()
""",
    )
    yield from table("Moving numbers", "autograd's own way back", moved, """
views
    x.view(2, 24)
    x.view_as(x)
    x.reshape(2, -1)
    torch.reshape(x, (2, 24))
    torch.reshape(input=x, shape=(2, 24))
    x.flatten(1)
    torch.flatten(x, start_dim=1)
    torch.flatten(input=x, start_dim=1, end_dim=-1)
    x.ravel().view(2, 24)
    x.contiguous().view_as(torch.zeros(2, 24))
    x.unflatten(-1, (2, 3))
    torch.unflatten(x, 2, (2, 3))
    x.squeeze().unsqueeze(1)
    torch.squeeze(x.unsqueeze(dim=1), dim=1)
    x[:, None, ..., None]
    x.expand(2, 4, 6)
    x.reshape_as(torch.zeros(2, 24))
    x.swapaxes(1, 2).swapaxes(axis0=1, axis1=2)
axes exchanged
    x.transpose(1, 2)
    x.mT
    x.permute(0, 2, 1)
    torch.permute(x, (0, 2, 1))
    torch.permute(input=x, dims=(0, 2, 1))
    torch.transpose(input=x, dim0=1, dim1=2)
    torch.swapaxes(x, 1, 2)
    torch.swapdims(x, dim0=1, dim1=2)
    x.movedim(1, 2)
    torch.moveaxis(input=x, source=1, destination=2)
    x.adjoint()
    torch.einsum("bpd->bdp", x)
    torch.stack([t.T for t in x])
    torch.stack([t.t() for t in x])
    y = x.clone(); y.transpose_(1, 2); return y
slices
    x[:, 1:3]
    x.narrow(1, 1, 2)
    torch.narrow(input=x, dim=1, start=1, length=2)
    x[:, [1, 2]]
    x.index_select(1, torch.tensor([1, 2]))
    torch.index_select(input=x, dim=1, index=torch.tensor([1, 2]))
    x.gather(1, torch.tensor([1, 2])[:, None].expand(2, 2, 6))
    torch.gather(input=x, dim=1, index=torch.tensor([1, 2])[:, None].expand(2, 2, 6))
    torch.take_along_dim(x, torch.tensor([1, 2]).view(1, 2, 1), dim=1)
    x.split([1, 2, 1], dim=1)[1]
    torch.split(tensor=x, split_size_or_sections=[1, 2, 1], dim=1)[1]
    x.tensor_split((1, 3), dim=1)[1]
    torch.tensor_split(x, [1, 3], 1)[1]
    torch.stack(x.unbind(1)[1:3], 1)
    x[:, torch.tensor([False, True, True, False])]
    torch.stack([x[:, 1], x.select(1, 2)], dim=1)
    torch.masked_select(x, torch.tensor([False, True, True, False])[:, None]).view(2, 2, 6)
    x.take(torch.arange(48).view(2, 4, 6)[:, 1:3])
    x.unfold(1, 2, 1)[:, 1].mT
    torch.hsplit(x, [1, 3])[1]
    torch.cat(x.chunk(4, 1)[1:3], 1)
    torch.cat(torch.unsafe_split(x, 1, 1)[1:3], 1)
    x.as_strided((2, 2, 6), (24, 6, 1), 6)
    torch.diagonal(x[:, 1:3, None].expand(2, 2, 6, 6), dim1=2, dim2=3)
joined
    torch.cat([x, x.flip(1)], 1)
    torch.cat((x, x.flip(1)), dim=1)
    torch.cat(tensors=[x, x.flip(dims=(1,))], dim=1)
    torch.concat([x, x.flip(1)], dim=1)
    torch.concatenate([x, torch.flip(x, [1])], axis=1)
    torch.hstack([x, x.flip(1)])
    torch.cat([x, x.flip(1)], axis=1)
    torch.vstack([x.transpose(0, 1), x.transpose(0, 1).flip(0)]).transpose(0, 1)
    torch.stack([x, x.flip(1)], 1).flatten(1, 2)
    torch.stack(tensors=[x, x.fliplr()], dim=1).flatten(1, 2)
repeated
    x.repeat(1, 2, 1)
    torch.tile(x, (1, 2, 1))
    x.tile((2, 1))
    x.repeat(repeats=(1, 2, 1))
    torch.cat([x] * 2, 1)
    x[:, None].expand(2, 2, 4, 6)
    torch.broadcast_to(x[:, None], (2, 2, 4, 6))
    x[:, [0, 1, 2, 3] * 2]
repeated one by one
    x.repeat_interleave(2, 1)
    x.repeat_interleave(2, dim=1)
    torch.repeat_interleave(x, 2, dim=1)
    torch.repeat_interleave(input=x, repeats=torch.tensor([2, 2, 2, 2]), dim=1)
    x[:, [0, 0, 1, 1, 2, 2, 3, 3]]
turned
    x.flip(1)
    torch.flip(x, dims=[1])
    torch.flip(input=x, dims=(1,))
    torch.fliplr(x)
    x[:, [3, 2, 1, 0]]
    x[:, torch.arange(3, -1, -1)]
rolled
    x.roll(1, 1)
    torch.roll(x, shifts=1, dims=1)
    torch.roll(input=x, shifts=(1,), dims=(1,))
    torch.cat([x[:, -1:], x[:, :-1]], 1)
rotated
    torch.rot90(x, 1, (1, 2))
    torch.rot90(input=x, k=1, dims=[1, 2])
    x.rot90(dims=(1, 2))
triangles
    torch.tril(x)
    x.tril()
    torch.tril(input=x, diagonal=0)
    y = x.clone(); y.tril_(); return y
    x.tril(0)
upper triangles
    torch.triu(x, 1)
    x.triu(diagonal=1)
    torch.triu(input=x, diagonal=1)
diagonals
    torch.diagonal(x, 0, 1, 2)
    torch.diagonal(input=x, dim1=1, dim2=2)
    x.diagonal(dim1=-2, dim2=-1)
    torch.linalg.diagonal(x)
    torch.stack([t.diag() for t in x])
    torch.stack([torch.diag(t) for t in x])
matrices of diagonals
    torch.diag_embed(x)
    x.diag_embed()
    torch.diag_embed(input=x, offset=0, dim1=-2, dim2=-1)
padded
    F.pad(x, (0, 0, 1, 2))
    F.pad(input=x, pad=(0, 0, 1, 2), mode="constant", value=0.0)
    torch.cat([x.new_zeros(2, 1, 6), x, x.new_zeros(2, 2, 6)], 1)
    torch.constant_pad_nd(x, (0, 0, 1, 2))
    nn.ZeroPad2d((0, 0, 1, 2))(x)
    nn.ConstantPad1d((1, 2), 0.0)(x.mT).mT
padded by reflection
    F.pad(x, (1, 2), mode="reflect")
    nn.ReflectionPad1d((1, 2))(x)
padded by repetition
    F.pad(x, (1, 2), mode="replicate")
    nn.ReplicationPad1d((1, 2))(x)
padded in a circle
    F.pad(x, (1, 2), mode="circular")
    torch.cat([x[..., -1:], x, x[..., :2]], -1)
pixels shuffled
    F.pixel_shuffle(x[:, :, None], 2)
    torch.pixel_shuffle(input=x[:, :, None], upscale_factor=2)
    nn.PixelShuffle(2)(x[:, :, None])
channels shuffled
    F.channel_shuffle(x, 2)
    nn.ChannelShuffle(2)(x)
    x.view(2, 2, 2, 6).transpose(1, 2).reshape(2, 4, 6)
windows laid out
    x.unfold(1, 2, 1)
    x.unfold(dimension=1, size=2, step=1)
patches laid out
    F.unfold(x[:, None], (2, 3))
    nn.Unfold((2, 3))(x[:, None])
    torch.nn.functional.unfold(input=x[:, None], kernel_size=(2, 3))
written anew
    torch.empty_like(x).copy_(x)
    y = torch.zeros_like(x); y.copy_(x); return y
    y = torch.zeros_like(x); y[:] = x; return y
    torch.zeros(2, 4, 6, dtype=x.dtype).copy_(x)
    nn.Flatten()(x)
    nn.Unflatten(2, (2, 3))(x)
real part of a complex number
    torch.view_as_real(torch.complex(x[..., :3], x[..., 3:]))
    torch.stack([torch.complex(x[..., :3], x[..., 3:]).real, torch.complex(x[..., :3], x[..., 3:]).imag], -1)
    torch.view_as_real(torch.view_as_complex(torch.stack([x[..., :3], x[..., 3:]], -1)))
grids
    torch.stack([torch.meshgrid(t[0], t[1], indexing="ij")[0] for t in x])
    torch.stack([torch.meshgrid(t[0], t[1], indexing="xy")[0].T for t in x])
blocks
    torch.stack([torch.block_diag(t[:2], t[2:]) for t in x])
columns
    torch.stack([torch.column_stack([t[0], t[1]]) for t in x])
    torch.stack([torch.stack([t[0], t[1]], -1) for t in x])
the whole, in other words
    torch.stack([torch.atleast_1d(t) for t in x])
    torch.cat(torch.unsafe_chunk(x, 2, 1), 1)
    torch.cat(x.unsafe_chunk(2, dim=1), 1)
    torch.stack([torch.row_stack(list(t)) for t in x])
    torch.stack([torch.cat(torch.vsplit(t, 2)) for t in x])
    torch.cat(torch.dsplit(x, 3), 2)
    torch.conj(x)
    x.conj_physical()
    torch.resolve_conj(x)
    torch.stack([t.H for t in x]).mT
    x.mH.mT
positions turned by their first axis
    torch.stack([torch.flipud(t) for t in x])
    torch.stack([t.flipud() for t in x])
    x.flip(1)
pixels taken apart
    F.pixel_unshuffle(x.reshape(2, 1, 4, 6), 2)
    torch.pixel_unshuffle(input=x.reshape(2, 1, 4, 6), downscale_factor=2)
    nn.PixelUnshuffle(2)(x.reshape(2, 1, 4, 6))
frequencies shifted
    torch.fft.fftshift(x, dim=1)
    torch.fft.fftshift(input=x, dim=(1,))
    torch.fft.ifftshift(x, dim=1)
    x.roll(2, 1)
real parts
    torch.view_as_real(torch.complex(x, m.constant.expand(2, 4, 6)).to(torch.complex128))[..., 0]
    x.cdouble().real
depth
    torch.dstack([x, x.flip(1)])
    torch.cat([x, x.flip(1)], 2)
""", drops=True)  # fmt: skip
    yield from table("Writing", "what is overwritten gets nothing", moved, """
filled by a mask
    x.masked_fill(m.mask[:, None], 0.5)
    x.masked_fill(mask=m.mask[:, None], value=0.5)
    torch.masked_fill(x, m.mask[:, None], 0.5)
    torch.masked_fill(input=x, mask=m.mask[:, None], value=0.5)
    torch.masked_fill(x, value=0.5, mask=m.mask[:, None])
    y = x.clone(); y.masked_fill_(m.mask[:, None], 0.5); return y
    y = x.clone(); y[:, m.mask] = 0.5; return y
    torch.where(m.mask[:, None], 0.5, x)
    torch.where(condition=~m.mask[:, None], input=x, other=0.5)
    torch.where(m.mask[:, None], torch.full_like(x, 0.5), x)
    x.where(~m.mask[:, None], 0.5)
    x.where(~m.mask[:, None], torch.tensor(0.5, dtype=x.dtype))
filled by an index
    x.index_fill(1, m.index[:2], 0.5)
    x.index_fill(dim=1, index=m.index[:2], value=0.5)
    torch.index_fill(x, 1, m.index[:2], 0.5)
    torch.index_fill(input=x, dim=1, index=m.index[:2], value=0.5)
    y = x.clone(); y.index_fill_(1, m.index[:2], 0.5); return y
    y = x.clone(); y[:, m.index[:2]] = 0.5; return y
    y = x.clone(); y[:, [2, 0]] = torch.tensor(0.5, dtype=x.dtype); return y
written to a position
    y = x.clone(); y[:, 0] = 0.0; return y
    y = x.clone(); y[:, 0].zero_(); return y
    y = x.clone(); y[:, 0].fill_(0.0); return y
    y = x.clone(); y.select(1, 0).copy_(torch.zeros(2, 6)); return y
    x.select_scatter(torch.zeros(2, 6, dtype=x.dtype), 1, 0)
    torch.select_scatter(input=x, src=torch.zeros(2, 6, dtype=x.dtype), dim=1, index=0)
    torch.cat([x.new_zeros(2, 1, 6), x[:, 1:]], 1)
    y = x.clone(); y.narrow(1, 0, 1).zero_(); return y
    y = x.clone(); y.unbind(1)[0].zero_(); return y
    y = x.clone(); y.chunk(4, 1)[0].fill_(0.0); return y
    y = x.clone(); a, b = y.split([1, 3], dim=1); a.zero_(); return y
moved within a tensor
    y = x.clone(); y[:, 0] = x[:, 1]; return y
    x.select_scatter(x[:, 1], 1, 0)
    x.index_copy(1, torch.tensor([0]), x[:, 1:2])
    torch.index_copy(input=x, dim=1, index=torch.tensor([0]), source=x[:, 1:2])
    x.slice_scatter(x[:, 1:2], 1, 0, 1)
    torch.slice_scatter(input=x, src=x[:, 1:2], dim=1, start=0, end=1)
    x.scatter(1, torch.zeros(2, 1, 6, dtype=torch.long), x[:, 1:2])
    torch.scatter(input=x, dim=1, index=torch.zeros(2, 1, 6, dtype=torch.long), src=x[:, 1:2])
    x.index_put((torch.arange(2), torch.tensor([0, 0])), x[:, 1])
    x.index_put(indices=(torch.arange(2), torch.tensor([0, 0])), values=x[:, 1], accumulate=False)
    y = x.clone(); y.index_put_((torch.arange(2), torch.tensor([0, 0])), x[:, 1]); return y
    y = x.clone(); y[:, 0].copy_(x[:, 1]); return y
    x.masked_scatter(torch.tensor([True, False, False, False])[:, None].expand(2, 4, 6), x[:, 1])
    y = x.clone(); y.scatter_(1, torch.zeros(2, 1, 6, dtype=torch.long), x[:, 1:2]); return y
    y = x.clone(); y.put_(torch.arange(6), x[0, 1]); y.put_(torch.arange(24, 30), x[1, 1]); return y
into zeros
    y = x.new_zeros(2, 6, 6); y[:, 1:5] = x; return y
    y = torch.zeros(2, 6, 6, dtype=x.dtype); y[:, 1:5].copy_(x); return y
    torch.zeros(2, 6, 6, dtype=x.dtype).slice_scatter(x, 1, 1, 5)
    torch.zeros(2, 6, 6, dtype=x.dtype).index_copy(1, torch.arange(1, 5), x)
    torch.zeros(2, 6, 6, dtype=x.dtype).scatter(1, torch.arange(1, 5)[:, None].expand(2, 4, 6), x)
    y = x.new_zeros(2, 6, 6); y.scatter_(1, torch.arange(1, 5)[:, None].expand(2, 4, 6), src=x); return y
    F.pad(x, (0, 0, 1, 1))
    torch.zeros(2, 6, 6, dtype=x.dtype).masked_scatter(torch.tensor([0, 1, 1, 1, 1, 0]).bool()[:, None].expand(2, 6, 6), x)
""", drops=True)  # fmt: skip

    def doubled(x: Signal, f: Any, m: Any) -> Signal:
        first, rest = ref.moved(x, lambda t: t[:, :1]), ref.moved(x, lambda t: t[:, 1:])
        return ref.moved([ref.multiple(first, 2.0), rest], lambda a, b: torch.cat([a, b], 1))

    yield from table("Writing", "each part by its own rule", doubled, """
a part changed in place
    torch.cat([x[:, :1] * 2.0, x[:, 1:]], 1)
    y = x.clone(); y[:, 0] *= 2.0; return y
    y = x.clone(); y[:, 0].mul_(2.0); return y
    y = x.clone(); y[:, :1].mul_(other=2.0); return y
    y = x.clone(); y.select(1, 0).mul_(2.0); return y
    y = x.clone(); y.unbind(1)[0].mul_(2.0); return y
    y = x.clone(); y.unbind(dim=1)[0].mul_(2.0); return y
    y = x.clone(); a, b = y.split([1, 3], 1); a *= 2.0; return y
    y = x.clone(); y.chunk(4, dim=1)[0].mul_(2.0); return y
    y = x.clone(); y.tensor_split(4, dim=1)[0].mul_(2.0); return y
    y = x.clone(); y.view(2, 2, 2, 6)[:, 0, 0].mul_(2.0); return y
    y = x.clone(); y.transpose(0, 1)[0].mul_(2.0); return y
    y = x.clone(); y.narrow(1, 0, 1).mul_(2.0); return y
    y = x.clone(); torch.mul(y[:, :1], 2.0); y[:, :1] = y[:, :1] * 2.0; return y
    y = x.clone(); a = y[:, 0]; a *= 2.0; return y
    parts = list(x.unbind(1)); parts[0] = parts[0] * 2.0; return torch.stack(parts, 1)
""")  # fmt: skip

    def shifted(x: Signal, f: Any, m: Any) -> Signal:
        first, rest = ref.moved(x, lambda t: t[:, :1]), ref.moved(x, lambda t: t[:, 1:])
        second = ref.moved(x, lambda t: t[:, 1:2])
        return ref.moved(
            [ref.add((first, 1), (second, 1)), rest], lambda a, b: torch.cat([a, b], 1)
        )

    yield from table("Writing", "each part by its own rule", shifted, """
a part added to in place
    torch.cat([x[:, :1] + x[:, 1:2], x[:, 1:]], 1)
    y = x.clone(); y[:, 0] += x[:, 1]; return y
    y = x.clone(); y[:, 0].add_(x[:, 1]); return y
    y = x.clone(); y[:, 0].add_(y[:, 1]); return y
    y = x.clone(); y.unbind(1)[0].add_(x[:, 1]); return y
    y = x.clone(); y[:, :1] += y[:, 1:2].clone(); return y
    y = x.clone(); y.select(1, 0).add_(other=x.select(1, 1)); return y
""")  # fmt: skip


def maxima() -> Iterator[Operation]:
    yield from table("Maxima", "the winner takes all", moved, """
maximum over positions
    x.amax(1)
    x.max(1).values
    x.max(1)[0]
    x.max(dim=1).values
    x.max(axis=1).values
    x.max(axis=1, keepdims=True)[0]
    x.max(1, True).values
    x.max(dim=1, keepdim=True).values
    torch.max(x, 1).values
    torch.max(x, dim=1).values
    torch.max(input=x, dim=1, keepdim=True)[0]
    torch.max(x, axis=1, keepdims=True).values
    torch.amax(x, 1)
    torch.amax(input=x, dim=1)
    torch.amax(x, axis=(1,), keepdims=True)
    x.amax(dim=1, keepdim=True)
    x.mT.amax(-1)
    x.topk(1, 1).values
    torch.topk(x, k=1, dim=1).values
    x.sort(1, descending=True).values[:, 0]
    torch.sort(x, dim=1, descending=True, stable=True)[0][:, 0]
    x.cummax(1).values[:, -1]
    x.cummax(dim=1)[0][:, -1]
    x.kthvalue(4, 1).values
    torch.kthvalue(x, k=4, dim=1, keepdim=True).values
    F.max_pool1d(x.mT, 4)
    F.max_pool1d(input=x.mT, kernel_size=4)
    F.max_pool1d(x.mT, 4, return_indices=True)[0]
    nn.MaxPool1d(4)(x.mT)
    F.adaptive_max_pool1d(x.mT, 1)
    F.adaptive_max_pool1d(input=x.mT, output_size=1)
    nn.AdaptiveMaxPool1d(1)(x.mT)
    F.max_pool2d(x[:, None], (4, 1))
    nn.MaxPool2d((4, 1))(x[:, None])
    F.adaptive_max_pool2d(x[:, None], (1, 6))
    x.gather(1, x.argmax(1, keepdim=True))
    torch.gather(x, 1, torch.argmax(x, dim=1, keepdim=True))
minimum over positions
    x.amin(1)
    x.min(1).values
    x.min(axis=1, keepdims=True).values
    torch.min(input=x, dim=1)[0]
    torch.amin(x, axis=1)
    x.sort(1).values[:, 0]
    x.sort(dim=1, descending=False)[0][:, 0]
    x.sort(axis=1).values[:, 0]
    x.topk(1, dim=1, largest=False).values
    x.cummin(1).values[:, -1]
    x.kthvalue(1, dim=1)[0]
    -F.max_pool1d(-x.mT, 4)
maximum over both axes
    x.amax((1, 2))
    x.amax(dim=(1, 2))
    torch.amax(x, axis=(2, 1), keepdims=True)
    x.flatten(1).max(1).values
    x.max(1).values.max(1).values
    torch.stack([t.max() for t in x])
    torch.stack([torch.max(t) for t in x])
    torch.stack([torch.max(input=t) for t in x])
    torch.stack([t.amax() for t in x])
    F.max_pool2d(x[:, None], kernel_size=(4, 6))
    torch.stack([t.flatten().sort().values[-1] for t in x])
minimum over both axes
    torch.stack([t.min() for t in x])
    x.amin((1, 2))
    torch.stack([torch.amin(input=t) for t in x])
medians
    x.median(1).values
    x.median(dim=1)[0]
    torch.median(x, dim=1, keepdim=True).values
    torch.median(input=x, dim=1).values
    x.nanmedian(1).values
    x.kthvalue(2, 1).values
    x.sort(1).values[:, 1]
    x.median(axis=1).values
median of all
    torch.stack([t.median() for t in x])
    torch.stack([torch.median(t) for t in x])
    torch.stack([torch.nanmedian(input=t) for t in x])
the two greatest
    x.topk(2, 1).values
    x.topk(k=2, dim=1).values
    torch.topk(input=x, k=2, dim=1, largest=True, sorted=True)[0]
    x.sort(1, descending=True)[0][:, :2]
    torch.sort(x, 1, True).values[:, :2]
sorted
    x.sort(1).values
    torch.sort(x, 1)[0]
    torch.sort(input=x, dim=1, stable=True).values
    x.gather(1, x.argsort(1))
    torch.gather(x, 1, torch.argsort(x, dim=1))
    torch.msort(x.transpose(0, 1)).transpose(0, 1)
running maxima
    x.cummax(1).values
    torch.cummax(x, dim=1)[0]
    torch.cummax(input=x, dim=1).values
windows' maxima
    F.max_pool1d(x.mT, 2)
    F.max_pool1d(x.mT, 2, 2)
    F.max_pool1d(x.mT, kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    nn.MaxPool1d(2, stride=2)(x.mT)
    F.max_pool1d(x.mT, 2, return_indices=True)[0]
    torch.max_pool1d(x.mT, 2)
maxima in 2-D with their places
    F.max_pool2d(x[:, None], 2, return_indices=True)[0]
    F.adaptive_max_pool2d(x[:, None], (2, 3), return_indices=True)[0]
maxima in 3-D with their places
    F.adaptive_max_pool3d(x.reshape(2, 1, 4, 2, 3), (2, 2, 1), return_indices=True)[0]
windows' maxima, padded
    F.max_pool1d(x.mT, 3, 2, 1)
    F.max_pool1d(input=x.mT, kernel_size=3, stride=2, padding=1)
    F.max_pool2d(x.mT[:, :, None], (1, 3), (1, 2), (0, 1))
adaptive maxima
    F.adaptive_max_pool1d(x.mT, 3)
    nn.AdaptiveMaxPool1d(3)(x.mT)
    torch.adaptive_max_pool1d(x.mT, [3])[0]
    F.adaptive_max_pool1d(x.mT, 3, return_indices=True)[0]
maxima in 2-D
    F.max_pool2d(x[:, None], 2)
    F.max_pool2d(input=x[:, None], kernel_size=2, stride=2)
    F.max_pool2d(x[:, None], 2, return_indices=True)[0]
    nn.MaxPool2d(2)(x[:, None])
maxima in 3-D
    F.max_pool3d(x.reshape(2, 1, 4, 2, 3), (2, 1, 3))
    nn.MaxPool3d((2, 1, 3))(x.reshape(2, 1, 4, 2, 3))
    F.adaptive_max_pool3d(x.reshape(2, 1, 4, 2, 3), (2, 2, 1))
""")  # fmt: skip

    def first_of_equals(x: Signal, f: Any, m: Any) -> Signal:
        doubled = torch.cat([x.value, x.value], 1)
        at = doubled.argmax(1)
        return ref.moved(x, lambda t: torch.cat([t, t.detach()], 1).gather(1, at[:, None]))

    yield from table("Maxima", "of equals the first takes all", first_of_equals, """
ties
    torch.cat([x, x.detach()], 1).amax(1, keepdim=True)
    torch.cat([x, x.detach()], 1).max(1, keepdim=True).values
    torch.maximum(x.amax(1, keepdim=True), x.detach().amax(1, keepdim=True))
    torch.max(x.amax(1, True), x.detach().amax(1, True))
    torch.fmax(x.amax(1, True), x.detach().amax(1, True))
    torch.clamp(x.amax(1, True), min=x.detach().amax(1, True))
""", drops=True, places=("on the embeddings",))  # fmt: skip


# --- Norms, deviations, softmax -------------------------------------------------------------------


def norms() -> Iterator[Operation]:
    def p_norm(p: float) -> Reference:
        def reference(x: Signal, f: Any, m: Any) -> Signal:
            parts = x.value.abs() ** p
            return ref.contributions(x, lambda t: t.norm(p, dim=1), parts, lambda R: R[:, None])

        return reference

    yield from table("Norms and deviations", "R_i = |x_i|ᵖ / Σ|x|ᵖ · R", p_norm(2), """
Euclidean norm
    x.norm(dim=1)
    x.norm(2, 1)
    x.norm(p=2, dim=1)
    x.norm(2, dim=1, keepdim=True)
    x.norm(p="fro", dim=1)
    torch.norm(x, dim=1)
    torch.norm(input=x, p=2, dim=1, keepdim=True)
    torch.linalg.norm(x, dim=1)
    torch.linalg.norm(x, ord=2, dim=1)
    torch.linalg.norm(x, None, 1)
    torch.linalg.vector_norm(x, dim=1)
    torch.linalg.vector_norm(x, ord=2, dim=1, keepdim=True)
    torch.linalg.vector_norm(x=x, dim=1)
""")  # fmt: skip
    yield from table("Norms and deviations", "R_i = |x_i|ᵖ / Σ|x|ᵖ · R", p_norm(1), """
sum of absolute values
    x.norm(1, dim=1)
    torch.norm(x, p=1, dim=1)
    torch.linalg.vector_norm(x, 1, dim=1)
    torch.linalg.norm(x, ord=1, dim=1)
""")  # fmt: skip
    yield from table("Norms and deviations", "R_i = |x_i|ᵖ / Σ|x|ᵖ · R", p_norm(3), """
3-norm
    x.norm(3, dim=1)
    torch.norm(x, p=3.0, dim=1)
    torch.linalg.vector_norm(x, ord=3, dim=(1,))
""")  # fmt: skip

    def frobenius(x: Signal, f: Any, m: Any) -> Signal:
        return ref.contributions(x, f, x.value**2, lambda R: R[:, None, None])

    yield from table("Norms and deviations", "R_i = |x_i|ᵖ / Σ|x|ᵖ · R", frobenius, """
Frobenius norm
    x.norm(dim=(1, 2))
    torch.norm(x, p="fro", dim=(1, 2))
    torch.linalg.norm(x, dim=(1, 2))
    torch.linalg.norm(x, "fro", (1, 2))
    torch.linalg.matrix_norm(x)
    torch.linalg.matrix_norm(x, ord="fro")
    torch.linalg.matrix_norm(x, dim=(-2, -1), keepdim=True)
    torch.linalg.vector_norm(x, dim=(1, 2))
    torch.stack([t.norm() for t in x])
    torch.stack([torch.norm(t) for t in x])
    torch.stack([torch.linalg.norm(t) for t in x])
    torch.norm(x, dim=[1, 2])
""")  # fmt: skip
    yield from table("Norms and deviations", "the winner takes all", None, """
maximum norm
    x.norm(math.inf, dim=1)
    torch.norm(x, p=float("inf"), dim=1)
    torch.linalg.vector_norm(x, math.inf, dim=1)
    torch.linalg.vector_norm(x, ord=float("inf"), dim=1, keepdim=True)
    x.abs().amax(1)
""", note="= the first spelling")  # fmt: skip

    def spread(squared: bool, correction: int) -> Reference:
        def reference(x: Signal, f: Any, m: Any) -> Signal:
            parts = x.value * (x.value - x.value.mean(1, keepdim=True))
            return ref.contributions(x, lambda t: f(t).view(2, 6), parts, lambda R: R[:, None])

        return reference

    yield from table("Norms and deviations", "R_i = x_i (x_i - mean) / Σ(x - mean)² · R", spread(False, 1), """
standard deviation
    x.std(1)
    x.std(dim=1)
    x.std(axis=1)
    x.std(1, True)
    x.std(1, unbiased=True)
    x.std(1, correction=1)
    x.std(dim=1, keepdim=True)
    x.std(axis=1, keepdims=True)
    torch.std(x, 1)
    torch.std(x, dim=1, unbiased=True)
    torch.std(input=x, dim=1, correction=1, keepdim=True)
    torch.std(x, axis=1, keepdims=True)
    torch.std_mean(x, dim=1)[0]
    torch.std_mean(x, 1)[0]
standard deviation of all elements
    x.std(1, False)
    x.std(1, unbiased=False)
    x.std(1, correction=0)
    x.std(axis=1, correction=0, keepdims=True)
    torch.std(x, 1, False)
    torch.std(input=x, dim=1, unbiased=False, keepdim=True)
    torch.std(x, dim=1, correction=0)
    torch.std_mean(x, dim=1, correction=0)[0]
    torch.std_mean(x, dim=1, unbiased=False, keepdim=True)[0]
variance
    x.var(1)
    x.var(dim=1, unbiased=True)
    x.var(axis=1, keepdims=True)
    torch.var(x, 1)
    torch.var(input=x, dim=(1,), correction=1)
    torch.var_mean(x, dim=1)[0]
    torch.var(x, axis=1)
variance of all elements
    x.var(1, False)
    x.var(1, unbiased=False)
    x.var(1, correction=0, keepdim=True)
    torch.var(x, dim=1, unbiased=False)
    torch.var(input=x, axis=1, correction=0)
    torch.var_mean(x, dim=1, correction=0)[0]
""")  # fmt: skip

    def log_sum(x: Signal, f: Any, m: Any) -> Signal:
        return ref.by_weights(x, f, x.value.softmax(1), lambda R: R[:, None])

    yield from table("Softmax", "R_i = softmax(x)_i · R", log_sum, """
logsumexp
    x.logsumexp(1)
    x.logsumexp(dim=1)
    torch.logsumexp(x, 1)
    torch.logsumexp(input=x, dim=(1,))
    torch.logsumexp(x, dim=1, keepdim=True)
    torch.special.logsumexp(x, 1)
""")  # fmt: skip

    def soft(x: Signal, f: Any, m: Any) -> Signal:
        return ref.softmax(x, 1)

    yield from table("Softmax", "CP-LRP: a gate; AttnLRP: Eq. 13", soft, """
softmax
    x.softmax(1)
    x.softmax(dim=1)
    x.softmax(-2)
    torch.softmax(x, 1)
    torch.softmax(x, dim=1)
    torch.softmax(input=x, dim=1)
    torch.softmax(x, axis=1)
    F.softmax(x, 1)
    F.softmax(x, dim=1)
    F.softmax(input=x, dim=1, dtype=torch.float64)
    torch.special.softmax(x, 1)
    nn.Softmax(dim=1)(x)
    nn.Softmax(1)(x)
    x.mT.softmax(-1).mT
""")  # fmt: skip

    def by_hand(x: Signal, f: Any, m: Any) -> Signal:
        return ref.softmax(x, 1)

    yield from table("Softmax", "CP-LRP: a gate; AttnLRP: Eq. 13", by_hand, """
softmax by hand
    e = x.exp(); return e / e.sum(1, keepdim=True)
    e = torch.exp(x); return e / e.sum(axis=1, keepdims=True)
    e = torch.exp(input=x); return torch.div(e, torch.sum(e, 1, True))
    e = x.exp(); return e / torch.sum(input=e, dim=1, keepdim=True)
softmin
    F.softmin(-x, 1)
    F.softmin(input=-x, dim=1)
    nn.Softmin(1)(-x)
""")  # fmt: skip

    def layer_norm(x: Signal, f: Any, m: Any) -> Signal:
        held = (x.value.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()

        def linear(t: Tensor) -> Tensor:
            result: Tensor = (t - t.mean(-1, keepdim=True)) / held * m.w + m.b6
            return result

        return ref.normalisation(x, f, linear)

    yield from table("Normalisation", "linear, its deviation held", layer_norm, """
layer normalisation
    F.layer_norm(x, (6,), m.w, m.b6)
    F.layer_norm(x, [6], m.w, m.b6, 1e-5)
    F.layer_norm(input=x, normalized_shape=(6,), weight=m.w, bias=m.b6, eps=1e-5)
    torch.layer_norm(x, [6], m.w, m.b6)
    torch.layer_norm(x, normalized_shape=(6,), weight=m.w, bias=m.b6)
""")  # fmt: skip

    def group_norm(x: Signal, f: Any, m: Any) -> Signal:
        groups = x.value.view(2, 2, 12)
        held = (groups.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()

        def centred(t: Tensor) -> Tensor:
            t = t.view(2, 2, 12)
            return ((t - t.mean(-1, keepdim=True)) / held).view(2, 4, 6)

        normed = ref.normalisation(x, centred, centred)
        return ref.add((normed, m.w[:4, None].detach()), constant=m.b[:4, None].detach())

    yield from table("Normalisation", "linear, its deviation held", group_norm, """
group normalisation
    F.group_norm(x, 2, m.w[:4], m.b[:4])
    F.group_norm(input=x, num_groups=2, weight=m.w[:4], bias=m.b[:4], eps=1e-5)
    torch.group_norm(x, 2, m.w[:4], m.b[:4], 1e-5)
    torch.group_norm(input=x, num_groups=2, weight=m.w[:4], bias=m.b[:4])
""")  # fmt: skip

    def instance_norm(x: Signal, f: Any, m: Any) -> Signal:
        held = (x.value.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()

        def centred(t: Tensor) -> Tensor:
            return (t - t.mean(-1, keepdim=True)) / held

        normed = ref.normalisation(x, centred, centred)
        return ref.add((normed, m.w[:4, None].detach()), constant=m.b[:4, None].detach())

    yield from table("Normalisation", "linear, its deviation held", instance_norm, """
instance normalisation
    F.instance_norm(x, weight=m.w[:4], bias=m.b[:4])
    F.instance_norm(input=x, running_mean=None, running_var=None, weight=m.w[:4], bias=m.b[:4], use_input_stats=True)
    F.group_norm(x, 4, m.w[:4], m.b[:4])
""")  # fmt: skip
    yield from table("Normalisation", "a multiple and a bias", evaluated, """
batch normalisation in evaluation
    F.batch_norm(x, m.b[:4].detach(), m.slopes[:4] + 0.5, m.w[:4], m.b6[:4])
    F.batch_norm(input=x, running_mean=m.b[:4].detach(), running_var=m.slopes[:4] + 0.5, weight=m.w[:4], bias=m.b6[:4], training=False)
    F.batch_norm(x, m.b[:4].detach(), m.slopes[:4] + 0.5, m.w[:4], m.b6[:4], False, 0.1, 1e-5)
    torch.batch_norm(x, m.w[:4], m.b6[:4], m.b[:4].detach(), m.slopes[:4] + 0.5, False, 0.1, 1e-5, False)
""")  # fmt: skip

    def normalised(power: float) -> Reference:
        def reference(x: Signal, f: Any, m: Any) -> Signal:
            size = ref.contributions(x, lambda t: t.norm(power, dim=-1, keepdim=True).clamp(min=1e-12), x.value.abs() ** power, lambda R: R)  # fmt: skip
            return ref.quotient(x, size)

        return reference

    yield from table("Normalisation", "the signal takes all", normalised(2), """
unit length
    F.normalize(x, dim=-1)
    F.normalize(input=x, p=2, dim=-1, eps=1e-12)
    F.normalize(x, 2, -1)
    F.normalize(x, 2.0, 2)
    x / x.norm(dim=-1, keepdim=True)
    x / torch.norm(x, dim=-1, keepdim=True)
    x / torch.linalg.norm(x, dim=-1, keepdim=True)
    x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    x / x.norm(2, -1, True)
    torch.div(input=x, other=x.norm(dim=-1, keepdim=True))
    x / x.norm(dim=-1)[..., None]
    x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    x / x.norm(dim=-1, keepdim=True).expand_as(x)
    y = x.clone(); y /= x.norm(dim=-1, keepdim=True); return y
""")  # fmt: skip

    def by_reciprocal(x: Signal, f: Any, m: Any) -> Signal:
        size = ref.contributions(x, lambda t: t.norm(dim=-1, keepdim=True), x.value**2, lambda R: R)
        return ref.product(x, ref.activation(size, torch.reciprocal, gate=True))

    yield from table("Normalisation", "the signal takes all", by_reciprocal, """
unit length, as a product
    x * (1 / x.norm(dim=-1, keepdim=True))
    x * x.norm(dim=-1, keepdim=True).reciprocal()
    torch.mul(input=x, other=x.norm(dim=-1, keepdim=True) ** -1)
""")  # fmt: skip
    yield from table("Normalisation", "the signal takes all", normalised(1), """
unit sum
    F.normalize(x, p=1, dim=-1)
    x / x.norm(1, dim=-1, keepdim=True)
    x / torch.linalg.vector_norm(x, ord=1, dim=-1, keepdim=True)
""")  # fmt: skip

    def standardised(x: Signal, f: Any, m: Any) -> Signal:
        centred = ref.add((x, 1), (ref.mixture(x, lambda t: t.mean(-1, keepdim=True)), -1))
        deviation = ref.contributions(
            x, lambda t: t.std(-1, keepdim=True),
            x.value * (x.value - x.value.mean(-1, keepdim=True)), lambda R: R,
        )  # fmt: skip
        return ref.quotient(centred, deviation)

    yield from table("Normalisation", "the signal takes all", standardised, """
standardised
    (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)
    (x - x.mean(dim=-1, keepdim=True)) / x.var(dim=-1, keepdim=True).sqrt()
    torch.div(torch.sub(x, torch.mean(x, -1, True)), torch.std(x, -1, keepdim=True))
    s, u = torch.std_mean(x, dim=-1, keepdim=True); return (x - u) / s
    s, u = torch.var_mean(x, -1, keepdim=True); return (x - u) / torch.sqrt(s)
""")  # fmt: skip

    def root_of_squares(x: Signal) -> Signal:
        squares = ref.activation(x, torch.square)
        return ref.mixture(squares, lambda t: t.mean(-1, keepdim=True))

    def rms(x: Signal, f: Any, m: Any) -> Signal:
        gate = ref.activation(root_of_squares(x), lambda t: (t + 1e-6).rsqrt(), gate=True)
        return ref.product(x, gate)

    yield from table("Normalisation", "the signal takes all", rms, """
RMS norm by hand
    x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    x * torch.rsqrt(x.square().mean(axis=-1, keepdims=True) + 1e-6)
    x * (x ** 2).mean(dim=-1, keepdim=True).add(1e-6).rsqrt()
    x * torch.rsqrt(torch.mean(input=x.pow(exponent=2), dim=-1, keepdim=True).add(1e-6))
    x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
""")  # fmt: skip

    def divided(x: Signal, f: Any, m: Any) -> Signal:
        return ref.quotient(x, ref.activation(root_of_squares(x), lambda t: (t + 1e-6).sqrt()))

    yield from table("Normalisation", "the numerator takes all", divided, """
RMS norm by division
    x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    x / (x.square().mean(axis=-1, keepdims=True) + 1e-6) ** 0.5
    torch.div(x, torch.mean(input=x ** 2, dim=-1, keepdim=True).add(1e-6).sqrt())
""")  # fmt: skip

    def prod(x: Signal, f: Any, m: Any) -> Signal:
        return ref.by_weights(x, f, torch.full_like(x.value, 0.25), lambda R: R[:, None])

    yield from table("Products of signals", "each an n-th", prod, """
products over positions
    x.prod(1)
    x.prod(dim=1)
    x.prod(axis=1)
    torch.prod(x, 1)
    torch.prod(input=x, dim=1)
    torch.prod(x, axis=1, keepdims=True)
    x.prod(1, True)
""", places=tuple(p for p in PLACES if p not in ("beside a gate",)))  # fmt: skip

    def cosine(x: Signal, f: Any, m: Any) -> Signal:
        return x

    yield from table("Normalisation", "the signal takes all", None, """
cosine similarity
    F.cosine_similarity(x[..., :3], x[..., 3:], dim=-1)
    F.cosine_similarity(x1=x[..., :3], x2=x[..., 3:], dim=-1)
    torch.cosine_similarity(x[..., :3], x[..., 3:], -1)
    nn.CosineSimilarity(dim=-1)(x[..., :3], x[..., 3:])
distances of pairs
    F.pairwise_distance(x, m.constant.expand(2, 4, 6))
    F.pairwise_distance(x1=x, x2=m.constant.expand(2, 4, 6), p=2.0)
    nn.PairwiseDistance()(x, m.constant.expand(2, 4, 6))
Kronecker products
    torch.stack([torch.kron(t, m.constant) for t in x])
    torch.stack([t.kron(m.constant) for t in x])
p-norm pooling in 2-D
    F.lp_pool2d(x[:, None], 2, 2)
    nn.LPPool2d(2, 2)(x[:, None])
distances of two signals
    torch.cdist(x, x.flip(1))
    torch.cdist(x1=x, x2=x.flip(1))
distances
    torch.cdist(x, m.constant.expand(2, 4, 6))
    torch.cdist(x, m.constant.expand(2, 4, 6), p=2)
local response normalisation
    F.local_response_norm(x, 2)
    nn.LocalResponseNorm(2)(x)
p-norm pooling
    F.lp_pool1d(x.mT, 2, 2)
    nn.LPPool1d(2, 2)(x.mT)
""", note="= the first spelling", drops=True)  # fmt: skip


# --- Networks -------------------------------------------------------------------------------------


def _cell_weights(network: nn.RNNBase, reverse: str = "") -> list[Tensor]:
    return [getattr(network, f"{n}_l0{reverse}").detach() for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip


def _constant(x: Signal, *shape: int) -> Signal:
    """A state that nothing of the embeddings made; its relevance is lost."""
    return Signal(torch.zeros(shape, dtype=torch.float64), x.rules)


def _candidate(xt: Signal, h: Signal, W: Tensor, U: Tensor, b: Tensor, f: Any) -> Signal:
    n = xt.shape[1]
    joined = ref.moved([xt, h], lambda a, c: torch.cat([a, c], 1))
    return ref.activation(ref.layer(joined, lambda t: t[:, :n] @ W.T + t[:, n:] @ U.T + b), f)


def _steps(x: Signal) -> list[Signal]:
    return [ref.moved(x, lambda t, k=k: t[:, k]) for k in range(x.shape[1])]


def _stacked(outputs: list[Signal]) -> Signal:
    return ref.moved(outputs, lambda *t: torch.stack(t, 1))


def lstm(x: Signal, f: Any, m: Any) -> Signal:
    """Arras et al. 2017, section 3.1."""
    W, U, b, b_state = _cell_weights(m.lstm)
    h, c = _constant(x, 2, 3), _constant(x, 2, 3)
    outputs = []
    for xt in _steps(x):
        i, forget, _, o = (xt.value @ W.T + h.value @ U.T + b + b_state).chunk(4, 1)
        candidate = _candidate(xt, h, W[6:9], U[6:9], (b + b_state)[6:9], torch.tanh)
        c = ref.add((c, forget.sigmoid()), (candidate, i.sigmoid()))
        h = ref.passing(c, lambda t, o=o: o.sigmoid() * t.tanh())
        outputs.append(h)
    return _stacked(outputs)


def gru(x: Signal, f: Any, m: Any) -> Signal:
    W, U, b, b_state = _cell_weights(m.gru)
    h = _constant(x, 2, 3)
    outputs = []
    for xt in _steps(x):
        a, s = xt.value @ W.T + b, h.value @ U.T + b_state
        r, z = ((a + s)[:, k * 3 : k * 3 + 3].sigmoid() for k in range(2))
        joined = ref.moved([xt, h], lambda p, q: torch.cat([p, q], 1))

        def candidate(t: Tensor, r: Tensor = r) -> Tensor:
            return t[:, :6] @ W[6:].T + b[6:] + r * (t[:, 6:] @ U[6:].T + b_state[6:])

        n = ref.activation(ref.layer(joined, candidate), torch.tanh)
        h = ref.add((h, z), (n, 1 - z))
        outputs.append(h)
    return _stacked(outputs)


def rnn(x: Signal, f: Any, m: Any) -> Signal:
    W, U, b, b_state = _cell_weights(m.rnn)
    h = _constant(x, 2, 3)
    outputs = []
    for xt in _steps(x):
        h = _candidate(xt, h, W, U, b + b_state, torch.tanh)
        outputs.append(h)
    return _stacked(outputs)


def attended(q: Signal, k: Signal, v: Signal, mask: Tensor | None = None, scale: float = 0) -> Signal:  # fmt: skip
    """softmax(q kᵀ / √d) v by its steps."""
    scale = scale or q.shape[-1] ** -0.5
    if q.rules.attention == "cplrp":
        p = q.value @ k.value.mT * scale
        p = (p if mask is None else p + mask).softmax(-1)
        return ref.mixture(v, lambda t: p @ t, gate=False)
    logits = ref.contraction(ref.multiple(q, scale), k, lambda a, b: a @ b.mT)
    if mask is not None and mask.isinf().any():
        logits = ref.moved(logits, lambda t: t.masked_fill(mask.isinf(), torch.finfo(t.dtype).min))
    elif mask is not None:
        logits = ref.add((logits, 1), constant=mask)
    return ref.contraction(ref.softmax(logits, -1), v, torch.matmul)


def networks() -> Iterator[Operation]:
    lost = {"drops": True, "places": ("on the embeddings", "after a layer and tanh", "beside a gate")}  # fmt: skip
    yield from table("Recurrent networks", "signal-take-all, step by step", lstm, """
LSTM
    m.lstm(x)[0]
    m.lstm(input=x)[0]
    m.lstm(x, (torch.zeros(1, 2, 3, dtype=x.dtype), torch.zeros(1, 2, 3, dtype=x.dtype)))[0]
    m.lstm(input=x, hx=None)[0]
    torch.lstm(x, (x.new_zeros(1, 2, 3), x.new_zeros(1, 2, 3)), list(m.lstm.parameters()), True, 1, 0.0, False, False, True)[0]
    torch.stack([m.lstm(t)[0] for t in x])
    return unpacked(m.lstm(packed(x))[0])
    return by_cells(m.lstm_cell, x)
""", **lost)  # fmt: skip
    yield from table("Recurrent networks", "signal-take-all, step by step", gru, """
GRU
    m.gru(x)[0]
    m.gru(input=x, hx=torch.zeros(1, 2, 3, dtype=x.dtype))[0]
    torch.gru(x, x.new_zeros(1, 2, 3), list(m.gru.parameters()), True, 1, 0.0, False, False, True)[0]
    return unpacked(m.gru(packed(x))[0])
    return by_cells(m.gru_cell, x)
    torch.stack([m.gru(t)[0] for t in x])
""", **lost)  # fmt: skip
    yield from table("Recurrent networks", "a layer over [x, h]", rnn, """
RNN
    m.rnn(x)[0]
    m.rnn(input=x, hx=torch.zeros(1, 2, 3, dtype=x.dtype))[0]
    torch.rnn_tanh(x, x.new_zeros(1, 2, 3), list(m.rnn.parameters()), True, 1, 0.0, False, False, True)[0]
    return unpacked(m.rnn(packed(x))[0])
    return by_cells(m.rnn_cell, x)
""", **lost)  # fmt: skip
    yield from table("Recurrent networks", "signal-take-all, step by step", None, """
two layers, both directions
    m.deep(x)[0]
    m.deep(input=x)[0]
    return unpacked(m.deep(packed(x))[0])
LSTM with a projection
    m.projected(x)[0]
    m.projected(input=x)[0]
    return unpacked(m.projected(packed(x))[0])
""", note="= the first spelling", **lost)  # fmt: skip

    def plain_attention(x: Signal, f: Any, m: Any) -> Signal:
        return attended(x, ref.moved(x, lambda t: t.flip(1)), x)

    yield from table("Attention", "by its steps; CP-LRP: to the values alone", plain_attention, """
attention
    F.scaled_dot_product_attention(x, x.flip(1), x)
    F.scaled_dot_product_attention(query=x, key=x.flip(1), value=x)
    F.scaled_dot_product_attention(x, x.flip(1), x, None, 0.0, False)
    F.scaled_dot_product_attention(x, value=x, key=x.flip(1), scale=6 ** -0.5)
    F.scaled_dot_product_attention(x[:, None], x.flip(1)[:, None], x[:, None])[:, 0]
""")  # fmt: skip

    def masked_attention(x: Signal, f: Any, m: Any) -> Signal:
        mask = torch.zeros(4, dtype=torch.float64).masked_fill(~m.mask, -math.inf).expand(4, 4)
        return attended(x, x, x, mask)

    yield from table("Attention", "by its steps; CP-LRP: to the values alone", masked_attention, """
attention with a mask
    F.scaled_dot_product_attention(x, x, x, m.mask.expand(4, 4))
    F.scaled_dot_product_attention(x, x, x, attn_mask=m.mask.expand(4, 4))
    F.scaled_dot_product_attention(query=x, key=x, value=x, attn_mask=m.mask.expand(2, 4, 4))
""", drops=True)  # fmt: skip

    def causal(x: Signal, f: Any, m: Any) -> Signal:
        mask = torch.full((4, 4), -math.inf, dtype=torch.float64).triu(1)
        return attended(x, x, x, mask)

    yield from table("Attention", "by its steps; CP-LRP: to the values alone", causal, """
causal attention
    F.scaled_dot_product_attention(x, x, x, is_causal=True)
    F.scaled_dot_product_attention(x, x, x, None, 0.0, True)
    F.scaled_dot_product_attention(x, x, x, attn_mask=torch.ones(4, 4, dtype=torch.bool).tril())
""", drops=True)  # fmt: skip

    def by_hand(x: Signal, f: Any, m: Any) -> Signal:
        q, k, v = (ref.layer(x, lambda t, w=w: t @ w.detach()) for w in (m.W, m.made.detach(), m.W.T))  # fmt: skip
        logits = ref.multiple(ref.contraction(q, k, lambda a, b: a @ b.mT), 6**-0.5)
        return ref.contraction(ref.softmax(logits, -1), v, torch.matmul)

    yield from table("Attention", "by its steps", by_hand, """
attention by hand
    ((x @ m.W) @ (x @ m.made).mT * 6 ** -0.5).softmax(-1) @ (x @ m.W.T)
    torch.softmax((x @ m.W) @ (x @ m.made).transpose(-1, -2) * 6 ** -0.5, dim=-1) @ (x @ m.W.T)
    torch.bmm(F.softmax(torch.bmm(x @ m.W, (x @ m.made).mT) * 6 ** -0.5, dim=-1), x @ m.W.T)
    torch.einsum("bpq,bqd->bpd", F.softmax(torch.einsum("bpd,bqd->bpq", x @ m.W, x @ m.made) * 6 ** -0.5, -1), x @ m.W.T)
    torch.matmul(input=(torch.matmul(x @ m.W, (x @ m.made).mT) / 6 ** 0.5).softmax(dim=-1), other=F.linear(x, m.W))
""", drops=False)  # fmt: skip

    def pooled(x: Signal, f: Any, m: Any) -> Signal:
        logits = ref.layer(x, lambda t: t @ m.w.detach())
        p = ref.moved(ref.softmax(logits, -1), lambda t: t[..., None])
        return ref.mixture(ref.product(x, p), lambda t: t.sum(1))

    yield from table("Attention", "the signal takes all, then a sum", pooled, """
pooling by attention
    (x * (x @ m.w).softmax(-1)[..., None]).sum(1)
    torch.sum(torch.mul((x @ m.w).softmax(dim=1).unsqueeze(-1), x), axis=1)
    (F.softmax(x @ m.w[:, None], dim=1) * x).sum(dim=1)
""")  # fmt: skip

    def pooled_product(x: Signal, f: Any, m: Any) -> Signal:
        logits = ref.layer(x, lambda t: t @ m.w.detach())
        p = ref.softmax(logits, -1)
        return ref.contraction(p, x, lambda a, b: (a[:, None] @ b)[:, 0])

    yield from table("Attention", "a sum weighted by attention", pooled_product, """
pooling by attention, as a product
    ((x @ m.w).softmax(-1)[:, None] @ x)[:, 0]
    torch.bmm((x @ m.w).softmax(-1).unsqueeze(1), x).squeeze(1)
    torch.einsum("bp,bpd->bd", (x @ m.w).softmax(-1), x)
    torch.einsum("bpd,bp->bd", x, (x @ m.w).softmax(-1))
    (x.mT @ (x @ m.w).softmax(-1)[..., None])[..., 0]
    torch.matmul((x @ m.w).softmax(-1)[:, None], x).squeeze(1)
""")  # fmt: skip

    def multi_head(x: Signal, f: Any, m: Any) -> Signal:
        a = m.attention

        def heads(k: int) -> Signal:
            W, b = a.in_proj_weight[6 * k : 6 * k + 6].detach(), a.in_proj_bias[6 * k : 6 * k + 6].detach()  # fmt: skip
            return ref.moved(ref.layer(x, lambda t: t @ W.T + b), lambda t: t.view(2, 4, 2, 3).transpose(1, 2))  # fmt: skip

        found = attended(heads(0), heads(1), heads(2))
        found = ref.moved(found, lambda t: t.transpose(1, 2).reshape(2, 4, 6))
        return ref.layer(found, a.out_proj)

    yield from table("Attention", "by its steps", multi_head, """
multi-head attention
    m.attention(x, x, x)[0]
    m.attention(query=x, key=x, value=x)[0]
    m.attention(x, x, x, need_weights=False)[0]
    m.attention(x, x, x, average_attn_weights=False)[0]
    F.multi_head_attention_forward(x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), 6, 2, m.attention.in_proj_weight, m.attention.in_proj_bias, None, None, False, 0.0, m.attention.out_proj.weight, m.attention.out_proj.bias, training=False)[0].transpose(0, 1)
    torch.stack([m.attention(t, t, t)[0] for t in x])
""")  # fmt: skip
    yield from table("Attention", "by their steps", None, """
encoder layer
    m.encoder(x)
    m.encoder(src=x)
encoder
    m.encoders(x)
    m.encoders(src=x)
encoder, norm first
    m.norm_first(x)
    m.norm_first(src=x)
decoder layer
    m.decoder(x, torch.tanh(x))
    m.decoder(tgt=x, memory=torch.tanh(x))
transformer
    m.transformer(x, torch.tanh(x))
    m.transformer(src=x, tgt=torch.tanh(x))
""", note="= the first spelling")  # fmt: skip


def experts() -> Iterator[Operation]:
    def routed(x: Signal, f: Any, m: Any) -> Signal:
        gates = ref.softmax(ref.layer(x, lambda t: t @ m.W[:, :3].detach()), -1)
        outputs = ref.layer(x, lambda t: torch.einsum("bpd,ndo->bpno", t, m.experts))
        gate = ref.moved(gates, lambda t: t[..., None])
        return ref.mixture(ref.product(gate, outputs), lambda t: t.sum(2))

    yield from table("Experts", "routing is a gate; each expert a layer", routed, """
a mixture of all experts
    ((x @ m.W[:, :3]).softmax(-1)[..., None] * torch.einsum("bpd,ndo->bpno", x, m.experts)).sum(2)
    torch.sum((x @ m.W[:, :3]).softmax(-1).unsqueeze(-1) * torch.stack([x @ e for e in m.experts], 2), dim=2)
    torch.sum((x @ m.W[:, :3]).softmax(-1)[..., None] * torch.stack([F.linear(x, e.T) for e in m.experts.unbind(0)], dim=2), axis=2)
""")  # fmt: skip

    def chosen(x: Signal, f: Any, m: Any) -> Signal:
        number = (x.value @ m.W[:, :3]).argmax(-1)
        W = m.experts[number].detach()
        return ref.layer(x, lambda t: torch.einsum("bpd,bpdo->bpo", t, W))

    yield from table("Experts", "the composite's rule", chosen, """
one expert for each position
    torch.einsum("bpd,bpdo->bpo", x, m.experts[(x @ m.W[:, :3]).argmax(-1)])
    (x[..., None, :] @ m.experts[(x @ m.W[:, :3]).argmax(-1)])[..., 0, :]
    torch.bmm(x.reshape(8, 1, 6), m.experts[(x @ m.W[:, :3]).argmax(-1).flatten()]).view(2, 4, 5)
""", layer=True)  # fmt: skip
    yield from table("Experts", "the composite's rule", None, """
looked-up experts with index_add
    y = x.new_zeros(8, 5); n = (x @ m.W[:, :3]).argmax(-1).flatten(); return sum((y.index_add(0, (n == k).nonzero()[:, 0], x.flatten(0, 1)[n == k] @ m.experts[k]) for k in range(3)), x.new_zeros(8, 5)).view(2, 4, 5)
""", note="conserves", drops=True)  # fmt: skip
    yield from table("Experts", "the composite's rule", None, """
grouped products
    grouped(torch.cat([x, x[..., :2]], -1).flatten(0, 1), m.experts8, torch.tensor([2, 5, 8], dtype=torch.int32)).view(2, 4, 8)
""", note="= the first spelling", drops=True)  # fmt: skip


def complex_numbers() -> Iterator[Operation]:
    def rotated(x: Signal, f: Any, m: Any) -> Signal:
        # Re z = a cos - b sin, Im z = a sin + b cos: each a sum of two.
        a, b = ref.moved(x, lambda t: t[..., 0::2]), ref.moved(x, lambda t: t[..., 1::2])
        c, s = torch.cos(m.constant[:, :3]), torch.sin(m.constant[:, :3])
        re, im = ref.add((a, c), (b, -s)), ref.add((a, s), (b, c))
        return ref.moved([re, im], lambda p, q: torch.stack([p, q], -1).flatten(2))

    yield from table("Complex numbers", "sums of products of the components", rotated, """
rotation by hand
    torch.stack([x[..., 0::2] * m.constant[:, :3].cos() - x[..., 1::2] * m.constant[:, :3].sin(), x[..., 0::2] * m.constant[:, :3].sin() + x[..., 1::2] * m.constant[:, :3].cos()], -1).flatten(2)
""")  # fmt: skip
    yield from table(
        "Complex numbers",
        "sums of products of the components",
        mixture,
        """
rotation
    torch.view_as_real(torch.view_as_complex(x.view(2, 4, 3, 2)) * torch.polar(torch.ones(4, 3, dtype=x.dtype), m.constant[:, :3])).flatten(2)
    torch.view_as_real(torch.mul(torch.polar(torch.ones(4, 3, dtype=x.dtype), m.constant[:, :3]), torch.view_as_complex(x.view(2, 4, 3, 2)))).flatten(2)
    torch.view_as_real(torch.view_as_complex(x.view(2, 4, 3, 2)).mul(other=torch.complex(m.constant[:, :3].cos(), m.constant[:, :3].sin()))).flatten(2)
""",
    )
    yield from table("Complex numbers", "in proportion to the summands", transform, """
Fourier transforms
    torch.view_as_real(torch.fft.fft(x, dim=1))
    torch.view_as_real(torch.fft.fft(input=x, dim=1))
real part of a Fourier transform
    torch.fft.fft(x, dim=1).real
    torch.real(torch.fft.fft(x, dim=1))
inverse Fourier transforms
    torch.view_as_real(torch.fft.ifft(x, dim=1).resolve_conj())
    torch.view_as_real(torch.fft.ifft(input=x, dim=-2, norm="backward").resolve_conj())
normalised Fourier transforms
    torch.view_as_real(torch.fft.fft(x, n=3, dim=1, norm="ortho"))
real Fourier transforms of two axes
    torch.view_as_real(torch.fft.rfft2(x))
    torch.view_as_real(torch.fft.rfftn(x, dim=(1, 2)))
Fourier transforms of Hermitian signals
    torch.fft.hfft(x, dim=1)
    torch.fft.hfft(input=x, dim=-2)
Fourier transforms of Hermitian signals, two axes
    torch.fft.hfft2(x)
    torch.fft.hfftn(x, dim=(1, 2))
inverse Fourier transforms of Hermitian signals
    torch.view_as_real(torch.fft.ihfft(x, dim=1).resolve_conj())
inverse Fourier transforms of Hermitian signals, two axes
    torch.view_as_real(torch.fft.ihfft2(x))
    torch.view_as_real(torch.fft.ihfftn(x, dim=(1, 2)))
inverse real Fourier transforms
    torch.fft.irfft(x, dim=1)
    torch.fft.irfft(input=x, dim=1, n=6)
inverse real Fourier transforms, two axes
    torch.fft.irfft2(x)
    torch.fft.irfftn(x, dim=(1, 2))
inverse Fourier transforms of two axes
    torch.view_as_real(torch.fft.ifft2(x))
    torch.view_as_real(torch.fft.ifftn(x, dim=(1, 2)))
real Fourier transforms
    torch.view_as_real(torch.fft.rfft(x, dim=1))
    torch.view_as_real(torch.fft.rfft(input=x, n=4, dim=1))
Fourier mixing
    torch.fft.fft2(x).real
    torch.fft.fftn(x, dim=(1, 2)).real
""", drops=True)  # fmt: skip

    def mixed_twice(x: Signal, f: Any, m: Any) -> Signal:
        first = ref.mixture(x, lambda t: torch.view_as_real(torch.fft.fft(t, dim=-1)), gate=False)
        return ref.mixture(first, lambda t: torch.fft.fft(torch.view_as_complex(t), dim=1).real)

    yield from table("Complex numbers", "in proportion to the summands, twice", mixed_twice, """
Fourier mixing, one axis after the other
    torch.fft.fft(torch.fft.fft(x, dim=-1), dim=1).real
    torch.real(torch.fft.fft(input=torch.fft.fft(x), dim=1))
""", drops=True)  # fmt: skip
    yield from table("Complex numbers", "refused", None, """
short-time Fourier transforms
    torch.view_as_real(torch.stft(x.flatten(1), 4, return_complex=True, window=torch.ones(4, dtype=x.dtype)))
""", refused="stft|pad|unfold|fft|sum")  # fmt: skip


def ways_of_running() -> Iterator[Operation]:
    """The same small network, in all the ways in which torch runs one."""

    def network(x: Signal, f: Any, m: Any) -> Signal:
        return ref.layer(ref.activation(ref.layer(x, m.before), torch.relu), m.linear)

    yield from table("Ways of running", "as the network itself", network, """
a network, run in other ways
    m.linear(torch.relu(m.before(x)))
    nn.Sequential(m.before, nn.ReLU(), m.linear)(x)
    checkpoint(lambda t: m.linear(torch.relu(m.before(t))), x, use_reentrant=False)
    return without_gradients(lambda: m.linear(torch.relu(m.before(x))))
    return inference(lambda: m.linear(torch.relu(m.before(x))))
    return torch.no_grad()(lambda t: m.linear(torch.relu(m.before(t))))(x)
    return torch.enable_grad()(lambda t: m.linear(torch.relu(m.before(t))))(x)
    return with_hooks(x, m)
    y = torch.relu(m.before(x)); y.requires_grad and y.register_hook(lambda g: g * 0); return m.linear(y)
    y = torch.relu(m.before(x)); y.requires_grad and y.retain_grad(); return m.linear(y)
    return with_cast(x, m)
    m.compiled(x)
    return functional_call(x, m)
    y = torch.relu(m.before(x)); assert y.shape == (2, 4, 6); assert y.dtype == torch.float64; return m.linear(y)
    y = m.before(x); y = y.requires_grad_() if not y.requires_grad else y; return m.linear(y.relu())
    y = torch.relu(m.before(x)); torch.relu(y.detach()); y.detach().numpy(); return m.linear(y)
    y = torch.relu(m.before(x)); float(y.detach().sum()); y.tolist(); return m.linear(y)
    y = m.before(x); y.relu_(); return m.linear(y)
    y = torch.relu(m.before(x)); z = y.detach(); assert not z.requires_grad; return m.linear(y)
    with torch.autograd.set_grad_enabled(False): return m.linear(torch.relu(m.before(x)))
    with torch.set_grad_enabled(False): return m.linear(torch.relu(m.before(x)))
    with torch.autocast("cpu", enabled=False): return m.linear(torch.relu(m.before(x)))
    return in_a_dictionary(x, m)
    return deepcopy(m.linear)(torch.relu(deepcopy(m.before)(x)))
""")  # fmt: skip
    yield from table("Ways of running", "refused", None, """
a reentrant checkpoint | refused=CheckpointFunction
    checkpoint(lambda t: m.linear(torch.relu(m.before(t))), x, use_reentrant=True)
a custom autograd function | refused=Doubling
    Doubling.apply(x)
    Doubling.apply(x) + x
    m.linear(Doubling.apply(x))
    torch.cat([x, Doubling.apply(x)], 1)
a scripted module | refused=scripted|jit
    m.scripted(x)
    torch.relu(m.scripted(x))
    x + m.scripted(x)
a traced module | refused=traced|jit|scripted
    m.traced(x)
    m.linear(torch.relu(m.traced(x)))
a module's backward hooks | refused=BackwardHookFunction|register_full_backward_hook|hook
    return with_backward_hooks(x, m)
vmap | refused=vmap|functorch|torch.func
    torch.vmap(lambda t: t * t.sum())(x)
    torch.func.vmap(torch.tanh)(x)
    torch.vmap(lambda t: m.linear(t), in_dims=0)(x)
    x + torch.vmap(torch.tanh)(x)
gradients of the model's own | refused=grad|torch.func|_make_dual
    return own_gradients(x)
    x + torch.func.grad(lambda t: t.pow(3).sum())(x)
    return own_gradients(x.detach()) + x
    torch.func.grad(lambda t: t.square().sum())(x)
    torch.func.jvp(torch.tanh, (x,), (torch.ones_like(x),))[1]
results written into out= | refused=out
    torch.add(x, x.flip(1), out=torch.empty_like(x))
    torch.mul(x, 2.0, out=torch.empty(2, 4, 6, dtype=x.dtype))
    torch.matmul(x, m.W, out=torch.empty(2, 4, 6, dtype=x.dtype))
    torch.cat([x, x], 1, out=torch.empty(2, 8, 6, dtype=x.dtype))
    torch.relu(x) + torch.tanh(x, out=torch.empty_like(x))
    torch.amax(x, 1, out=torch.empty(2, 6, dtype=x.dtype))
a detached signal | refused=detach|data|numpy|tolist|item|depend
    x.detach() * 2
    x.data * 2
    torch.detach(x) + 1
    torch.tensor(x.tolist(), dtype=x.dtype) * 2
    torch.from_numpy(x.detach().numpy()) * 2
    x.detach().clone().requires_grad_() * 2
    torch.as_tensor(x.detach().numpy())
    torch.zeros_like(x)
    torch.stack([torch.full((4, 6), t.sum().item(), dtype=x.dtype) for t in x])
    x.new_tensor(x.detach().tolist())
    torch.tensor([[float(v) for v in row.flatten()] for row in x.detach()], dtype=x.dtype)
a signal read out of torch | refused=NumPy
    torch.from_numpy(x.numpy()) * 2
    torch.as_tensor(np.tanh(x.numpy()))
    torch.as_tensor(np.asarray(x)) * 2
data that is set | refused=data
    return set_data(x)
    return m.linear(set_data(x)) + 1
dropout that is active | refused=eval
    F.dropout(x, 0.5)
    F.dropout(x, p=0.5, training=True)
    torch.dropout(x, 0.5, True)
    nn.Dropout(0.5).train()(x)
    F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)
    F.scaled_dot_product_attention(x, x, x, None, 0.5)
    F.alpha_dropout(x, training=True)
    F.dropout1d(x, 0.5, True)
    nn.LSTM(6, 3, 2, dropout=0.5).double().train()(x)[0]
batch statistics | refused=batch
    F.batch_norm(x, None, None, training=True)
    F.batch_norm(x, m.b[:4].detach().clone(), m.slopes[:4].clone(), training=True)
    nn.BatchNorm1d(4).double().train()(x)
""", places=("on the embeddings", "after a layer and tanh"))  # fmt: skip

    def half(x: Signal, f: Any, m: Any) -> Signal:
        return ref.add((ref.layer(x, m.before), 1), constant=x.value)

    yield from table("Ways of running", "what is detached is a constant", half, """
a part detached
    m.before(x) + x.detach()
    m.before(x) + x.data
    torch.add(m.before(x), x.clone().detach())
    m.before(x) + torch.from_numpy(x.detach().numpy())
    m.before(x) + torch.tensor(x.tolist(), dtype=x.dtype)
    return m.before(x) + detached_under(x)
""", places=("on the embeddings",))  # fmt: skip


def without_rules() -> Iterator[Operation]:
    """Functions that turn signals into signals, and have no rule."""
    for code, named in {
        "torch.special.i0(x)": "i0", "torch.special.entr(x.square() + 0.1)": "entr",
        "torch.atan2(x[..., :3], x[..., 3:])": "atan2",
        "x.fmod(0.7)": "fmod", "x % 0.7": "mod|remainder", "torch.remainder(x, 0.7)": "remainder",
        "x.cumprod(1)": "cumprod", "x.logcumsumexp(1)": "logcumsumexp",
        "torch.cross(x[..., :3], x[..., 3:], dim=-1)": "cross",
        "torch.linalg.cross(x[..., :3], x[..., 3:])": "cross",
        "torch.linalg.inv(x @ x.mT + torch.eye(4))": "inv",
        "torch.linalg.det(x @ x.mT + torch.eye(4))": "det",
        "torch.linalg.svdvals(x)": "svdvals", "torch.linalg.qr(x)[0]": "qr",
        "torch.linalg.cholesky(x @ x.mT + 9 * torch.eye(4))": "cholesky",
        "torch.linalg.solve(torch.eye(4, dtype=x.dtype) * 2, x)": "solve",
        "torch.matrix_exp(x @ x.mT * 0.1)": "matrix_exp",
        "torch.linalg.matrix_power(x @ x.mT, 2)": "matrix_power|linalg_matrix_power",
        "F.grid_sample(x[:, None], torch.zeros(2, 3, 3, 2, dtype=x.dtype))": "grid_sampl",
        "torch.aminmax(x, dim=1).max": "aminmax", "x.quantile(1.0, dim=1)": "quantile", "torch.quantile(x, 0.5, dim=1)": "quantile",
        "x.round()": "round", "x.floor()": "floor", "x.ceil()": "ceil", "x.sign()": "sign",
        "x.trunc()": "trunc", "torch.heaviside(x, m.constant)": "heaviside", "x.frac()": "frac",
        "torch.div(x, 0.3, rounding_mode='floor')": "div", "x // 0.3": "floordiv|floor_divide",
        "x.renorm(2, 0, 1.0)": "renorm",
        "torch.polygamma(1, x.square() + 1)": "polygamma", "x.copysign(m.constant)": "copysign",
        "torch.trapezoid(x, dim=1)": "trapezoid|trapz", "torch.special.xlogy(x, m.gate)": "xlogy",
        "torch.angle(torch.complex(x[..., :3], x[..., 3:]))": "angle",
        "torch.view_as_real(torch.complex(x[..., :3], x[..., 3:]).exp())": "exp",
        "torch.view_as_real(torch.complex(x[..., :3], x[..., 3:]) ** 2)": "pow|activation",
        "x ** torch.roll(x, 1, 1).abs()": "pow",
        "x.square() ** x.mT.reshape(2, 4, 6)": "pow",
        "torch.linalg.norm(x, 'nuc', (1, 2))": "norm", "x.norm('nuc', dim=(1, 2))": "norm",
        "torch.linalg.matrix_norm(x, 2)": "norm|svd", "x.norm(0, dim=1)": "norm",
        "x.norm(-1, dim=1)": "norm", "torch.linalg.norm(x, 1, (1, 2))": "norm",
        "x.mode(1).values": "mode", "torch.histc(x)[None].expand(2, -1)": "histc",
        "torch.bernoulli(x.sigmoid())": "bernoulli", "torch.normal(x, 1.0)": "normal",
        "torch.rand_like(x) * x.sign()": "sign", "F.embedding(x.argmax(-1), m.W)": "depend",
        "F.one_hot(x.argmax(-1), 6).double() @ m.W": "depend", "(x > 0).double()": "depend",
        "(x > 0).sum(1).double()": "depend", "x.long().double()": "depend|to|long",
        "x.int().to(x.dtype)": "depend|int", "x.bool().double()": "depend|bool",
        "torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8).dequantize().double()": "quantize",
        "torch.fake_quantize_per_tensor_affine(x.float(), 0.1, 0, 0, 255).double()": "fake_quantize",
        "torch.bucketize(x, torch.linspace(-1, 1, 5, dtype=x.dtype)).double()": "depend|bucketize",
        "torch.cov(x[0])[None].expand(2, 4, 4)": "cov", "torch.corrcoef(x[0])[None].expand(2, 4, 4)": "corrcoef",
        "F.huber_loss(x, m.constant.expand(2, 4, 6), reduction='none')": "huber",
        "F.mse_loss(x, m.constant.expand(2, 4, 6), reduction='none')": "mse_loss",
        "F.kl_div(x, m.gate.expand(2, 4, 6), reduction='none')": "kl_div",
        "F.cross_entropy(x, torch.zeros(2, 6, dtype=torch.long), reduction='none')": "cross_entropy",
        "torch.special.bessel_j0(x.square())": "bessel", "torch.mvlgamma(x.square() + 3, 2)": "mvlgamma",
        "torch.linalg.eigvalsh(x @ x.mT)": "eigvalsh", "torch.linalg.pinv(x)": "pinv",
        "torch.linalg.lstsq(x, m.constant.expand(2, 4, 6))[0]": "lstsq",
        "torch.nn.utils.rnn.pad_sequence(list(x.nextafter(m.constant)))": "nextafter",
        "torch.sparse.mm(torch.eye(4).double().to_sparse(), x[0].sgn())[None].expand(2, 4, 6)": "sgn|sign",
        "torch.pdist(x[0])[None].expand(2, -1)": "pdist",
        "torch.cartesian_prod(x[0, 0], x[0, 1])[None].expand(2, -1, -1)": "cartesian_prod|meshgrid",
        "x.to_sparse().to_dense()": "to_sparse|to_dense", "x.scatter_reduce(1, torch.zeros(2, 4, 6, dtype=torch.long), x, 'prod')": "scatter_reduce",
        "F.fractional_max_pool2d(x[:, None], 2, output_size=(2, 3))": "fractional_max_pool2d",
        "F.max_unpool1d(x, torch.arange(6).expand(2, 4, 6), 2)": "max_unpool",
        "torch.combinations(x[0, 0])[None].expand(2, -1, -1)": "combinations|masked_select|meshgrid",
        "torch.segment_reduce(x.transpose(0, 1), 'max', lengths=torch.tensor([2, 2])).transpose(0, 1)": "segment_reduce",
        "torch.lgamma(x.abs() + 1).igamma(m.gate)": "igamma",
    }.items():  # fmt: skip
        name = code if len(code) < 50 else f"{code[:47]}..."
        yield Operation(name, "Without a rule", "refused by name", (code,), refused=named, places=("on the embeddings", "after a layer and tanh"))  # fmt: skip


OPERATIONS = tuple(
    operation
    for group in (
        activations, elementwise, between, sums, layers, convolutions, moving, maxima, norms,
        networks, experts, complex_numbers, ways_of_running, without_rules,
    )
    for operation in group()
)  # fmt: skip
