"""Networks in unusual shapes, each beside its relevance derived by hand in plain numpy.

A structure is a torch module from ``(batch, position, dimension)`` to ``(batch, class)``, and a
method ``explain(rule, x, target)`` for one document ``(position, dimension)`` that uses nothing of
torch but the numbers of the weights.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reference import Array, Rule, convolution, gru, layer, lstm, two_terms, weighted_sum

POSITIONS, DIMENSION, HIDDEN, CLASSES = 6, 3, 4, 2


def numbers(module: nn.Module) -> list[Array]:
    return [p.detach().numpy() for p in module.parameters()]


def dense(rule: Rule, x: Array, module: nn.Linear, relevance: Array) -> Array:
    """A linear layer on each row of x."""
    weight, bias = numbers(module)
    return np.array(
        [layer(rule, row, weight.T, bias, r) for row, r in zip(x, relevance, strict=True)]
    )


class Structure(nn.Module):
    """Ends in a linear layer over features; subclasses say how features come about."""

    features = HIDDEN

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(self.features, CLASSES)
        self.build()

    def build(self) -> None:
        """Makes the layers below the output."""
        raise NotImplementedError

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        """Relevance of the inputs ``(position, dimension)``."""
        raise NotImplementedError

    def top(self, rule: Rule, features: Array, target: int) -> Array:
        """Relevance of the features."""
        weight, bias = numbers(self.output)
        score = weight[target] @ features + bias[target]
        return layer(rule, features, weight[[target]].T, bias[[target]], np.array([score]))


class Flattened(Structure):
    features = 5

    def build(self) -> None:
        self.hidden = nn.Linear(POSITIONS * DIMENSION, 5)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(functional.gelu(self.hidden(x.flatten(1))))
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        z = torch.from_numpy(weight @ x.ravel() + bias)
        relevance = self.top(rule, functional.gelu(z).numpy(), target)
        return layer(rule, x.ravel(), weight.T, bias, relevance).reshape(x.shape)


class Convolved(Structure):
    """Convolution, ReLU before or after the maximum over time."""

    options: ClassVar[dict[str, Any]] = {"kernel_size": 2}

    def build(self) -> None:
        self.convolution = nn.Conv1d(DIMENSION, HIDDEN, **self.options)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(torch.relu(self.convolution(x.mT)).max(dim=2).values)
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        values, relevance_of = self.convolved(rule, x, self.convolution)
        winners = values.argmax(axis=0)
        features = np.maximum(values.max(axis=0), 0)
        relevance = np.zeros_like(values)
        # Where no window is above zero, all are equal after the ReLU, and the first one wins.
        winners[features == 0] = 0
        relevance[winners, np.arange(HIDDEN)] = self.top(rule, features, target)
        return relevance_of(relevance)

    @staticmethod
    def convolved(
        rule: Rule, x: Array, module: nn.Conv1d
    ) -> tuple[Array, Callable[[Array], Array]]:
        weight, bias = numbers(module)
        pad, stride, dilation = int(module.padding[0]), module.stride[0], module.dilation[0]
        values, padded, matrix, biases, connected = convolution(
            x, weight, bias, stride=stride, padding=pad, dilation=dilation
        )

        def relevance_of(relevance: Array) -> Array:
            found = layer(rule, padded.ravel(), matrix, biases, relevance.ravel(), connected)
            return found.reshape(padded.shape)[pad : pad + len(x)]

        return values, relevance_of


class Wide(Convolved):
    options: ClassVar[dict[str, Any]] = {"kernel_size": 3, "stride": 2, "padding": 1}


class Dilated(Convolved):
    options: ClassVar[dict[str, Any]] = {"kernel_size": 2, "dilation": 2}


class FunctionalPooling(Convolved):
    def forward(self, x: Tensor) -> Tensor:
        z = functional.relu(self.convolution(x.mT), inplace=True)
        result: Tensor = self.output(functional.max_pool1d(z, z.shape[2]).squeeze(2))
        return result


class AdaptivePooling(Convolved):
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(
            functional.adaptive_max_pool1d(self.convolution(x.mT).relu(), 1)[..., 0]
        )
        return result


class MeanPooled(Convolved):
    """Convolution, local maxima (of two windows each), mean over time."""

    def forward(self, x: Tensor) -> Tensor:
        z = functional.max_pool1d(torch.tanh(self.convolution(x.mT)), 2)
        result: Tensor = self.output(z.mean(dim=-1))
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        values, relevance_of = self.convolved(rule, x, self.convolution)
        values = np.tanh(values)
        pairs = [range(t, t + 2) for t in range(0, len(values) - 1, 2)]
        winners = np.array([[p[values[p, j].argmax()] for p in pairs] for j in range(HIDDEN)]).T
        pooled = np.take_along_axis(values, winners, axis=0)
        top = self.top(rule, pooled.mean(axis=0), target)
        relevance = np.zeros_like(values)
        for j in range(HIDDEN):
            relevance[winners[:, j], j] += weighted_sum(pooled[:, j] / len(pairs), top[j])
        return relevance_of(relevance)


class TwoConvolutions(Convolved):
    """The maximum is over a convolution of a convolution."""

    def build(self) -> None:
        super().build()
        self.second = nn.Conv1d(HIDDEN, HIDDEN, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.second(self.convolution(x.mT).relu()).amax(dim=-1))
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        values, first = self.convolved(rule, x, self.convolution)
        above, second = self.convolved(rule, np.maximum(values, 0), self.second)
        relevance = np.zeros_like(above)
        top = self.top(rule, above.max(axis=0), target)
        relevance[above.argmax(axis=0), np.arange(HIDDEN)] = top
        return first(second(relevance))


class Widths(Convolved):
    """Several widths, concatenated; the last class of network the closed form knows."""

    features = 2 * HIDDEN

    def build(self) -> None:
        self.convolutions = nn.ModuleList(nn.Conv1d(DIMENSION, HIDDEN, k) for k in (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        pooled = [c(x.mT).max(dim=2).values for c in self.convolutions]
        result: Tensor = self.output(torch.cat(pooled, dim=1).relu())
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        parts = [self.convolved(rule, x, cast("nn.Conv1d", layer)) for layer in self.convolutions]
        pooled = np.concatenate([values.max(axis=0) for values, _ in parts])
        top = np.split(self.top(rule, np.maximum(pooled, 0), target), 2)
        total = np.zeros_like(x)
        for (values, relevance_of), share in zip(parts, top, strict=True):
            relevance = np.zeros_like(values)
            relevance[values.argmax(axis=0), np.arange(HIDDEN)] = share
            total += relevance_of(relevance)
        return total


class MaskedAndAttended(Structure):
    """Attention pooling over linear features, with the last position masked out."""

    def build(self) -> None:
        self.hidden = nn.Linear(DIMENSION, HIDDEN)
        self.query = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.hidden(x))
        last = torch.arange(x.shape[1]) == x.shape[1] - 1
        a = self.query(h).masked_fill(last[:, None], -torch.inf).softmax(dim=1)
        result: Tensor = self.output(self.attended(a, h))
        return result

    def attended(self, a: Tensor, h: Tensor) -> Tensor:
        return (a * h).sum(dim=1)

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        h = np.tanh(x @ weight.T + bias)
        weight, bias = numbers(self.query)
        a = np.exp(h @ weight[0] + bias[0])
        a[-1] = 0
        c = a[:, None] / a.sum() * h
        top = self.top(rule, c.sum(axis=0), target)
        relevance = np.array([weighted_sum(c[:, j], top[j]) for j in range(HIDDEN)]).T
        return dense(rule, x, self.hidden, relevance)


class AttendedByProduct(MaskedAndAttended):
    def attended(self, a: Tensor, h: Tensor) -> Tensor:
        return torch.bmm(a.mT, h).squeeze(1)


class Residual(Structure):
    features = DIMENSION

    def build(self) -> None:
        self.hidden = nn.Linear(DIMENSION, DIMENSION)

    def forward(self, x: Tensor) -> Tensor:
        h = self.hidden(x).relu() + x
        result: Tensor = self.output(h.max(dim=1)[0])
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        branch = np.maximum(x @ weight.T + bias, 0)
        h = branch + x
        relevance = np.zeros_like(h)
        top = self.top(rule, h.max(axis=0), target)
        relevance[h.argmax(axis=0), np.arange(DIMENSION)] = top
        through, past = two_terms(branch, x, relevance)
        return dense(rule, x, self.hidden, through) + past


class Reused(Structure):
    """One layer, used twice, then everything subtracted from its first value."""

    features = DIMENSION

    def build(self) -> None:
        self.hidden = nn.Linear(DIMENSION, DIMENSION)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.hidden(x))
        b = torch.tanh(self.hidden(a))
        result: Tensor = self.output((a - b).sum(dim=1))
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        a = np.tanh(x @ weight.T + bias)
        b = np.tanh(a @ weight.T + bias)
        c = a - b
        top = self.top(rule, c.sum(axis=0), target)
        relevance = np.array([weighted_sum(c[:, j], top[j]) for j in range(DIMENSION)]).T
        of_a, of_b = two_terms(a, -b, relevance)
        return dense(rule, x, self.hidden, of_a + dense(rule, a, self.hidden, of_b))


class Concatenated(Structure):
    """Maximum and mean of the same features, side by side."""

    features = 2 * HIDDEN

    def build(self) -> None:
        self.hidden = nn.Linear(DIMENSION, HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.silu(self.hidden(x))
        result: Tensor = self.output(torch.cat([h.max(dim=1).values, h.mean(dim=1)], dim=1))
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        h = functional.silu(torch.from_numpy(x @ weight.T + bias)).numpy()
        top = self.top(rule, np.concatenate([h.max(axis=0), h.mean(axis=0)]), target)
        relevance = np.zeros_like(h)
        for j in range(HIDDEN):
            relevance[:, j] = weighted_sum(h[:, j] / len(h), top[HIDDEN + j])
            relevance[h[:, j].argmax(), j] += top[j]
        return dense(rule, x, self.hidden, relevance)


class Normalised(Structure):
    """LayerNorm after a linear layer: a linear map with its deviation held constant."""

    def build(self) -> None:
        self.hidden = nn.Linear(DIMENSION, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.norm(self.hidden(x)).max(dim=1).values)
        return result

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        weight, bias = numbers(self.hidden)
        scale, shift = numbers(self.norm)
        h = x @ weight.T + bias
        maps, rows = [], []
        for row in h:
            deviation = np.sqrt(row.var() + self.norm.eps)
            centre = np.eye(HIDDEN) - 1 / HIDDEN
            maps.append(centre / deviation * scale)
            rows.append(row @ maps[-1] + shift)
        z = np.array(rows)
        relevance = np.zeros_like(h)
        top = self.top(rule, z.max(axis=0), target)
        relevance[z.argmax(axis=0), np.arange(HIDDEN)] = top
        # The composite's rule for sums, not that for layers with weights.
        from reference import rule_epsilon

        below = [
            layer(rule_epsilon, row, m, shift, r)
            for row, m, r in zip(h, maps, relevance, strict=True)
        ]
        return dense(rule, x, self.hidden, np.array(below))


class Recurrent(Structure):
    """Mean over the states of a recurrent network."""

    network: type[nn.LSTM | nn.GRU] = nn.LSTM
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.directions = 1 + bool(self.options.get("bidirectional"))
        self.features = HIDDEN * self.directions
        super().__init__()

    def build(self) -> None:
        self.recurrent = self.network(DIMENSION, HIDDEN, batch_first=True, **self.options)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.recurrent(x)[0].mean(dim=1))
        return result

    def weights(self, number: int, direction: int) -> tuple[Array, ...]:
        ending = f"_l{number}" + ("_reverse" if direction else "")
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w, u, b, b_state = (
            getattr(self.recurrent, name + ending).detach().numpy() for name in names
        )
        return (w, u, b + b_state) if self.network is nn.LSTM else (w, u, b, b_state)

    def one(
        self, rule: Rule, x: Array, number: int, direction: int, incoming: Array
    ) -> tuple[Array, Array]:
        """States and relevance of the inputs of one layer in one direction."""
        if direction:
            states, relevance = self.one_way(
                rule, x[::-1], self.weights(number, direction), incoming[::-1]
            )
            return states[::-1], relevance[::-1]
        return self.one_way(rule, x, self.weights(number, direction), incoming)

    def one_way(
        self, rule: Rule, x: Array, weights: Sequence[Array], incoming: Array
    ) -> tuple[Array, Array]:
        if self.network is nn.LSTM:
            states, _, relevance = lstm(rule, x, weights, incoming)
            return states, relevance
        return gru(rule, x, weights, incoming)

    def explain(self, rule: Rule, x: Array, target: int) -> Array:
        inputs = [x]
        layers, directions = self.recurrent.num_layers, range(self.directions)
        nothing = np.zeros((len(x), HIDDEN))
        for number in range(layers):
            states = [self.one(rule, inputs[-1], number, d, nothing)[0] for d in directions]
            inputs.append(np.concatenate(states, axis=1))
        last = inputs[-1]
        top = self.top(rule, last.mean(axis=0), target)
        columns = range(self.features)
        relevance = np.array([weighted_sum(last[:, j] / len(x), top[j]) for j in columns]).T
        for number in range(layers - 1, -1, -1):
            parts = np.split(relevance, self.directions, axis=1)
            below = [self.one(rule, inputs[number], number, d, parts[d])[1] for d in directions]
            relevance = np.sum(below, axis=0)
        return relevance


class GRU(Recurrent):
    network = nn.GRU


class StackedLSTM(Recurrent):
    options: ClassVar[dict[str, Any]] = {"num_layers": 2}


class BidirectionalLSTM(Recurrent):
    options: ClassVar[dict[str, Any]] = {"bidirectional": True}


class StackedBidirectionalGRU(GRU):
    options: ClassVar[dict[str, Any]] = {"num_layers": 2, "bidirectional": True}


STRUCTURES = (
    Flattened,
    Convolved,
    Wide,
    Dilated,
    FunctionalPooling,
    AdaptivePooling,
    MeanPooled,
    TwoConvolutions,
    Widths,
    MaskedAndAttended,
    AttendedByProduct,
    Residual,
    Reused,
    Concatenated,
    Normalised,
    Recurrent,
    GRU,
    StackedLSTM,
    BidirectionalLSTM,
    StackedBidirectionalGRU,
)


def random_structure(kind: type[Structure], seed: int) -> tuple[Structure, Tensor]:
    torch.manual_seed(seed)
    module = kind().double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return module, torch.randn(2, POSITIONS, DIMENSION, dtype=torch.float64)
