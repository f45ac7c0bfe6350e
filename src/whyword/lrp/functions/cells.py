"""Rules of one step of an LSTM, a GRU or a simple RNN: in products signals take all.

Arras et al. 2017, section 3.1: in a product of gate and signal the signal takes all; the sum in a
cell is a layer with two inputs; the candidate is a layer over the current input and the previous
state, to which the composite's rule applies.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.lrp.backward import losses, one_deeper, propagate, through_layer
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.sums import share_sum
from whyword.lrp.rules import Layer
from whyword.lrp.traces import on_path

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """The weights of one layer in one direction.

    Attributes:
        w: The weights of the input.
        u: The weights of the state.
        biases: The biases of both; empty if there are none.
        projection: ``(projected, hidden)`` the weights that project an LSTM's outputs, if any.
    """

    w: Tensor
    u: Tensor
    biases: tuple[Tensor, ...] = ()
    projection: Tensor | None = None

    def part(self, number: int, parts: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """The weights of one gate, from those of all."""
        w, u, *biases = (t.chunk(parts)[number] for t in (self.w, self.u, *self.biases))
        return w, u, tuple(biases)


_Step = Callable[[Call, Tensor, State, Weights], State]
"""A function from the input ``(row, input)`` and state of a step to the next state, h first."""


def _lstm_step(call: Call, x: Tensor, state: State, weights: Weights) -> State:
    """c' = f ⊙ c + i ⊙ g and h' = o ⊙ tanh(c'), with candidate g = tanh(W x + U h + b)."""
    h, c = state
    i, f, g, o = _affine(x.detach(), h.detach(), weights).chunk(4, dim=1)
    w, u, b = weights.part(2, 4)
    candidate = _candidate(call, x, h, g, lambda: torch.cat([w, u], dim=1), sum(b) if b else None)
    i, f, o = i.sigmoid(), f.sigmoid(), o.sigmoid()
    value = f * c.detach() + i * candidate.detach()
    c = share_sum(call, value, (c, f), (candidate, i))
    h = propagate(call, o * value.tanh(), lambda R: (R,), c)
    return (h if weights.projection is None else _projected(call, h, weights.projection)), c


def _projected(call: Call, h: Tensor, weight: Tensor) -> Tensor:
    layer = Layer(
        x=h.detach(),
        weight=weight,
        bias=None,
        z=h.detach() @ weight.T,
        apply=lambda x, w: x @ w.T,
        pull=lambda q, w: q @ w,
        share=lambda v: v.sum(dim=-1, keepdim=True) / weight.shape[1],
    )
    return through_layer(call, h, layer)


def _gru_step(call: Call, x: Tensor, state: State, weights: Weights) -> State:
    """h' = (1 - z) ⊙ n + z ⊙ h, with candidate n = tanh(W x + b + r ⊙ (U h + b'))."""
    (h,) = state
    b_in, b_state = weights.biases or (None, None)
    from_x = torch.nn.functional.linear(x.detach(), weights.w, b_in).chunk(3, dim=1)
    from_h = torch.nn.functional.linear(h.detach(), weights.u, b_state).chunk(3, dim=1)
    r, z = ((from_x[k] + from_h[k]).sigmoid() for k in range(2))
    w, u, b = weights.part(2, 3)
    bias = b[0] + r * b[1] if b else None

    def weight() -> Tensor:
        # r scales what each unit gets from the state: weights of their own for every row.
        return torch.cat([w.expand(len(r), -1, -1), r[:, :, None] * u], dim=2)

    candidate = _candidate(call, x, h, from_x[2] + r * from_h[2], weight, bias)
    value = (1 - z) * candidate.detach() + z * h.detach()
    return (share_sum(call, value, (h, z), (candidate, 1 - z)),)


def _rnn_step(call: Call, x: Tensor, state: State, weights: Weights) -> State:
    """h' = tanh(W x + U h + b), or ReLU."""
    (h,) = state
    z = _affine(x.detach(), h.detach(), weights)
    w, u, b = weights.part(0, 1)
    function = torch.relu if "relu" in call.name else torch.tanh
    bias = sum(b) if b else None
    return (_candidate(call, x, h, z, lambda: torch.cat([w, u], dim=1), bias, function),)


def _affine(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    w, u, b = weights.part(0, 1)
    return x @ w.T + h @ u.T + (sum(b) if b else 0)


def _candidate(
    call: Call,
    x: Tensor,
    h: Tensor,
    z: Tensor,
    weight: Callable[[], Tensor],
    bias: Any,
    function: Callable[[Tensor], Tensor] = torch.tanh,
) -> Tensor:
    """The activation of a layer over [x, h], whose rule is the composite's.

    Args:
        call: The call.
        x: ``(row, input)`` the input.
        h: ``(row, hidden)`` the state.
        z: ``(row, hidden)`` the layer's value.
        weight: Returns the weights ``(hidden, input + hidden)``, or such weights for every row.
        bias: ``(hidden,)`` or ``(row, hidden)`` the bias, or None.
        function: The activation.
    """
    inputs = torch.cat([x.detach(), h.detach()], dim=1)

    def apply(x: Tensor, w: Tensor) -> Tensor:
        return x @ w.T if w.ndim == 2 else (w @ x[:, :, None])[:, :, 0]

    def pull(q: Tensor, w: Tensor) -> Tensor:
        return q @ w if w.ndim == 2 else (q[:, None, :] @ w)[:, 0]

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        layer = Layer(
            x=inputs,
            weight=weight(),
            bias=bias,
            z=z,
            apply=apply,
            pull=pull,
            share=lambda v: v.sum(dim=1, keepdim=True) / inputs.shape[1],
        )
        found = call.rule()(layer, relevance)
        return found[:, : x.shape[1]], found[:, x.shape[1] :]

    def lost(relevance: Tensor) -> dict[str, Tensor]:
        return losses(call.rule(), z, bias, relevance)

    return propagate(call, function(z), backward, x, h, lost=lost)


STEPS: dict[str, _Step] = {
    "lstm": _lstm_step,
    "gru": _gru_step,
    "rnn_tanh": _rnn_step,
    "rnn_relu": _rnn_step,
}
_CELLS: dict[str, _Step] = {f"{name}_cell": step for name, step in STEPS.items()}


@register(*_CELLS)
def cell(
    call: Call, input: Tensor, hx: Any, w: Tensor, u: Tensor, b_in: Any = None, b_state: Any = None
) -> Any:
    """One step, as called by `torch.nn.LSTMCell`, `torch.nn.GRUCell` and `torch.nn.RNNCell`."""
    must_be_constant(call, weights=(w, u, b_in, b_state))
    weights = Weights(w, u, tuple(b for b in (b_in, b_state) if b is not None))
    many = isinstance(hx, tuple | list)
    state = tuple(hx) if many else (hx,)
    after = _CELLS[call.name](call, input, state, weights)
    after = tuple(one_deeper(s, input, *state) if on_path(s) else s for s in after)
    return after if many else after[0]
