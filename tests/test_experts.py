"""Mixtures of experts: answers take relevance, routing does not; a layer for each group of rows."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from laws import COMPOSITES, PLAIN, explained
from reference import Rule, layer, rule_epsilon, rule_gamma
from whyword import lrp
from whyword.lrp.composites import Attention

EXPERTS, DIMENSION, CLASSES = 4, 3, 2


class Mixture(nn.Module):
    """Two of four experts answer each word; answers are summed."""

    def __init__(self, routing: str, seed: int = 0) -> None:
        super().__init__()
        self.routing = routing
        generator = torch.Generator().manual_seed(seed)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, dtype=torch.float64, generator=generator))

        self.router = weight(DIMENSION, EXPERTS)
        self.bank = weight(EXPERTS, DIMENSION, CLASSES)

    def weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Which experts are asked, and how much each answer counts."""
        scores = x @ self.router
        if self.routing == "softmax, then the largest":
            weights, experts = scores.softmax(-1).float().double().topk(2)
            return experts, weights / weights.sum(-1, keepdim=True)
        if self.routing == "the largest, then softmax":
            picked, experts = torch.topk(input=scores, k=2, dim=-1)
            return experts, torch.softmax(picked, dim=-1)
        if self.routing == "softmax, by an index":
            experts = scores.topk(2).indices
            return experts, scores.softmax(-1).gather(-1, experts)
        if self.routing == "the one":
            best = scores.softmax(-1).max(-1, keepdim=True)
            return best.indices, best.values
        experts = scores.topk(2).indices
        return experts, scores.sigmoid().gather(-1, experts)

    def forward(self, x: Tensor) -> Tensor:
        words = x.reshape(-1, DIMENSION)
        experts, weights = self.weights(words)
        result = torch.zeros(len(words), CLASSES, dtype=x.dtype)
        for number in range(EXPERTS):
            rows, place = (experts == number).nonzero(as_tuple=True)
            answer = words[rows] @ self.bank[number]
            result.index_add_(0, rows, answer * weights[rows, place, None])
        return result.reshape(len(x), -1, CLASSES).sum(1)


ROUTING = [
    "softmax, then the largest", "the largest, then softmax", "softmax, by an index", "the one",
    "sigmoid",
]  # fmt: skip


@pytest.mark.parametrize("attention", ["attnlrp", "cplrp"])
@pytest.mark.parametrize("routing", ROUTING)
def test_routing_is_a_gate(routing: str, attention: Attention) -> None:
    """Relevance is that of the same experts under constant weights."""
    for seed in range(5):
        model = Mixture(routing, seed)
        x = torch.randn(2, 4, DIMENSION, dtype=torch.float64)
        experts, weights = model.weights(x.reshape(-1, DIMENSION))
        _, found = explained(model, x, lrp.Composite(sums=PLAIN, attention=attention))
        by_hand = [
            derived(model, document, experts.reshape(2, 4, -1)[i], weights.reshape(2, 4, -1)[i])
            for i, document in enumerate(x)
        ]
        np.testing.assert_allclose(found, np.stack(by_hand, axis=1), atol=1e-9)


def derived(
    model: Mixture, document: Tensor, experts: Tensor, weights: Tensor
) -> NDArray[np.float64]:
    """Relevance ``(class, word, dimension)`` for one document, by plain loops."""
    counts, bank = weights.detach().numpy(), model.bank.detach().numpy()
    count = len(experts)
    answers = np.zeros((count, experts.shape[1], CLASSES))
    for word, place in np.ndindex(answers.shape[:2]):
        answers[word, place] = document[word].numpy() @ bank[experts[word, place]]
    parts = answers * counts[..., None]
    result = np.zeros((CLASSES, count, DIMENSION))
    for c in range(CLASSES):
        words = parts[..., c].sum(axis=1)
        score = words.sum()
        of_word = words / (score + 0.01 * np.copysign(1, score)) * score
        for word in range(count):
            # Experts answer one after the other; each answer is added to what stood there.
            order = sorted(range(experts.shape[1]), key=lambda k: int(experts[word, k]))
            arriving = of_word[word]
            for k in reversed(order):
                before = sum(parts[word, i, c] for i in order[: order.index(k)])
                z = before + parts[word, k, c]
                q = arriving / (z + 0.01 * np.copysign(1, z))
                arriving, share = before * q, parts[word, k, c] * q
                matrix = bank[experts[word, k]][:, [c]]
                answer = answers[word, k, [c]] * 0
                x = document[word].numpy()
                result[c, word] += layer(rule_epsilon, x, matrix, answer, np.array([share]))
    return result


def test_a_softmax_of_which_nothing_is_picked_is_a_signal() -> None:
    x = torch.randn(2, 4, 3, dtype=torch.float64)

    def f(x: Tensor, softmax: Callable[[Tensor], Tensor]) -> Tensor:
        return (softmax(x) * x.flip(-1)).sum(-1)

    def picked(x: Tensor) -> Tensor:
        weights, order = x.softmax(-1).topk(3)
        return torch.zeros_like(x).scatter(-1, order, weights)

    composite = lrp.Composite(attention="attnlrp")
    _, as_signal = explained(lambda x: f(x, lambda x: x.softmax(-1)), x, composite)
    _, as_gate = explained(lambda x: f(x, picked), x, composite)
    assert not np.allclose(as_signal, as_gate)


GROUPED: list[Callable[..., Tensor]] = [torch._grouped_mm]
if hasattr(nn.functional, "grouped_mm"):
    GROUPED.append(nn.functional.grouped_mm)


@pytest.mark.parametrize("function", GROUPED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("rule", [(lrp.Epsilon(), rule_epsilon), (lrp.Gamma(), rule_gamma)])
def test_grouped_products_are_a_layer_for_each_group(
    function: Callable[..., Tensor],
    rule: tuple[lrp.Rule, Rule],
) -> None:
    torch.manual_seed(0)
    weight, ends = torch.randn(3, 8, 4), [3, 3, 6]
    x = torch.randn(1, 6, 8)

    def f(x: Tensor) -> Tensor:
        return function(x[0], weight, offs=torch.tensor(ends, dtype=torch.int32))[None].flatten(1)

    targets = torch.eye(24)[:, None]
    found = lrp.relevance(f, x, targets, composite=lrp.Composite(rule[0]))
    group = np.array([0, 0, 0, 2, 2, 2])
    for row, column in np.ndindex(6, 4):
        matrix = weight[group[row]][:, [column]].numpy().astype(float)
        values = x[0, row].numpy().astype(float)
        expected = layer(rule[1], values, matrix, np.zeros(1), values @ matrix)
        actual = found.relevance[4 * row + column, 0]
        np.testing.assert_allclose(actual[row], expected, rtol=1e-3, atol=1e-4)
        assert not actual[np.arange(6) != row].any()


def test_grouped_products_are_the_same_as_products_of_selected_weights() -> None:
    torch.manual_seed(1)
    weight = nn.Parameter(torch.randn(3, 8, 4))
    x = torch.randn(1, 6, 8)
    ends = torch.tensor([1, 4, 6], dtype=torch.int32)
    number = torch.tensor([0, 1, 1, 1, 2, 2])
    targets = torch.eye(24)[:, None]
    grouped, selected = (
        lrp.relevance(f, x, targets, composite=lrp.Composite(lrp.Gamma()))
        for f in (
            lambda x: torch._grouped_mm(x[0], weight, ends)[None].flatten(1),
            lambda x: torch.bmm(x[0][:, None], weight[number]).reshape(1, 24),
        )
    )
    torch.testing.assert_close(grouped.relevance, selected.relevance, rtol=1e-4, atol=1e-5)


def test_other_groups_are_refused() -> None:
    x = torch.randn(1, 6, 8)
    ends = torch.tensor([2, 6], dtype=torch.int32)
    with pytest.raises(lrp.UnsupportedFunction, match="a rule for rows"):
        lrp.relevance(
            lambda x: torch._grouped_mm(x[0].mT, torch.ones(6, 8), ends).sum((1, 2))[None],
            x,
            torch.eye(2)[:, None],
            composite=COMPOSITES["plain"],
        )
