"""Rules for whole recurrent networks, which are run again step by step (``cells``).

``torch.lstm``, ``torch.gru`` and the RNNs are one function each, and have one entry in the account.
The relevance that reaches initial states is lost, as "initial state".
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.accounting import Entry
from whyword.lrp.backward import one_deeper, propagate
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.cells import STEPS, State, Weights
from whyword.lrp.traces import on_path


@register(*STEPS)
def recurrent(call: Call, *arguments: Any) -> Any:
    """A recurrent network with its layers and directions, over padded or packed sequences.

    Returns:
        What torch returns: outputs ``(position, batch, direction · hidden)``, or with the batch
        first, or one row per step and sequence if these are packed; then the final states.

    Raises:
        Refusal: If dropout is active.
    """
    if packed := isinstance(arguments[3], list | tuple):
        data, sizes, initial, flat, biases, layers, dropout, training, both = arguments
    else:
        data, initial, flat, biases, layers, dropout, training, both, batch_first = arguments
    if training and dropout:
        raise call.refuse("Dropout is active; call model.eval() before explaining.")
    must_be_constant(call, weights=flat)
    per_direction = len(flat) // (layers * (1 + both))
    count = 4 if biases else 2
    states = tuple(initial) if isinstance(initial, tuple | list) else (initial,)
    weights = [
        Weights(w, u, tuple(rest[: count - 2]), rest[count - 2] if per_direction > count else None)
        for w, u, *rest in (flat[k : k + per_direction] for k in range(0, len(flat), per_direction))
    ]

    books = _Books(call)
    data = books.paid_out(data)
    steps = list(data.split(sizes.tolist()) if packed else data.unbind(int(batch_first)))
    finals: list[State] = []
    for layer in range(layers):
        outputs = []
        for direction in range(1 + both):
            k = layer * (1 + both) + direction
            start = tuple(s[k] for s in states)
            run, final = _run(books.inner, steps, start, weights[k], reverse=bool(direction))
            outputs.append(run)
            finals.append(final)
        steps = [torch.cat(parts, dim=1) for parts in zip(*outputs, strict=True)]
    output = torch.cat(steps) if packed else torch.stack(steps, dim=int(batch_first))
    last = (torch.stack(parts) for parts in zip(*finals, strict=True))
    found = (books.taken_in(output), *map(books.taken_in, last))
    return tuple(one_deeper(t, data) if on_path(t) and on_path(data) else t for t in found)


def _run(
    call: Call, steps: Sequence[Tensor], initial: State, weights: Weights, *, reverse: bool
) -> tuple[list[Tensor], State]:
    """One layer in one direction: the states h of every step, and the final state.

    Where sequences are packed, later steps have fewer rows: those of the longer sequences, which
    come first. Forwards, rows end; backwards, rows begin.
    """
    step = STEPS[call.name]
    order = range(len(steps))[::-1] if reverse else range(len(steps))
    state = tuple(s[: len(steps[order[0]])] for s in initial)
    outputs: list[Tensor] = []
    ended: list[State] = []
    for t in order:
        rows, wanted = len(state[0]), len(steps[t])
        if wanted < rows:
            ended.insert(0, tuple(s[wanted:] for s in state))
            state = tuple(s[:wanted] for s in state)
        elif wanted > rows:
            state = tuple(
                torch.cat([s, first[rows:wanted]]) for s, first in zip(state, initial, strict=True)
            )
        state = step(call, steps[t], state, weights)
        outputs.append(state[0])
    if ended:
        state = tuple(torch.cat(parts) for parts in zip(state, *ended, strict=True))
    return outputs[::-1] if reverse else outputs, state


class _Books:
    """Collects the entries of all steps into one entry in the account for the network.

    Attributes:
        inner: The call under which the steps run; their entries end up in that of the network.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.received = 0.0
        self.entries: list[Entry] = []
        self.inner = replace(call, record=self.entries.append if call.record else None)

    def taken_in(self, output: Tensor) -> Tensor:
        """Count the relevance of an output."""

        def count(relevance: Tensor) -> tuple[Tensor]:
            self.received += float(relevance.sum())
            return (relevance,)

        return self._metered(output, count)

    def paid_out(self, data: Tensor) -> Tensor:
        """Count the relevance of the inputs, which comes last, and make the entry."""

        def count(relevance: Tensor) -> tuple[Tensor]:
            passed = float(relevance.sum())
            causes: dict[str, float] = {}
            for entry in self.entries:
                for cause, amount in entry.lost.items():
                    causes[cause] = causes.get(cause, 0.0) + amount
            causes["initial state"] = self.received - passed - sum(causes.values())
            if self.call.record:
                entry = Entry(self.call.name, self.call.layer, self.received, passed, causes)
                self.call.record(entry)
            self.received = 0.0
            self.entries.clear()
            return (relevance,)

        return self._metered(data, count)

    def _metered(self, value: Tensor, count: Callable[[Tensor], tuple[Tensor]]) -> Tensor:
        if self.call.record is None or not on_path(value):
            return value
        return propagate(replace(self.call, record=None), value.detach(), count, value)
