"""The scores of the engine's forward pass against the plain model's: a difference is an error."""

import pytest
import torch
from torch import Tensor, nn

from whyword import lrp
from whyword.errors import ModelError
from whyword.lrp.calls import Call

X = torch.randn(2, 5, 3, dtype=torch.float64)
TARGETS = torch.eye(3, dtype=torch.float64)[:, None].expand(3, 2, 3)


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3).double()
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        h = self.layer(x)
        result: Tensor = (h.relu() if x.shape[1] > 3 else h.tanh()).sum(dim=1)
        return result


def test_once_for_a_model_and_kind_of_call() -> None:
    model = Counted()
    lrp.relevance(model, X, TARGETS, model=model)
    assert model.runs == 2
    lrp.relevance(model, X + 1, TARGETS, model=model)
    assert model.runs == 3
    lrp.relevance(model, X[:, :3], TARGETS, model=model)  # another way through the model
    assert model.runs == 5
    lrp.relevance(model, X[:, :4], TARGETS, model=model)  # another length is the same way
    assert model.runs == 6
    model.float()
    lrp.relevance(model, X.float(), TARGETS, model=model)  # other kernels
    assert model.runs == 8
    other = Counted()
    lrp.relevance(other, X, TARGETS, model=other)
    assert other.runs == 2
    lrp.relevance(other, X, TARGETS)  # whose it is is not known
    assert other.runs == 4


def test_another_axis_is_another_call() -> None:
    class Pooled(Counted):
        def forward(self, x: Tensor) -> Tensor:
            self.runs += 1
            h = self.layer(x)
            result: Tensor = h.mean(1) if len(x) == 2 else h.mean(-2)
            return result

    model = Pooled()
    lrp.relevance(model, X, TARGETS, model=model)
    lrp.relevance(model, X[:1], TARGETS[:, :1], model=model)
    assert model.runs == 4


def test_a_rule_that_changes_the_scores_is_an_error() -> None:
    @lrp.register("i1")
    def wrong(call: Call, input: Tensor) -> Tensor:
        value = call.value(input.detach()) * (1 + 1e-3)
        return lrp.propagate(call, value, lambda R: (R,), input)

    try:
        with pytest.raises(ModelError, match="another model"):
            lrp.relevance(lambda x: torch.special.i1(x).sum(dim=1), X, TARGETS)
    finally:
        del lrp.calls.HANDLERS["i1"]


def test_a_model_that_draws_at_random() -> None:
    draws = torch.Generator().manual_seed(0)
    with pytest.raises(ModelError, match="draws at random"):
        lrp.relevance(
            lambda x: x.sum(dim=1) + 5 * torch.rand(3, generator=draws).double(), X, TARGETS
        )
    # What comes from torch's own generator is drawn alike, and the generator goes on behind it.
    torch.manual_seed(0)
    found = lrp.relevance(lambda x: x.sum(dim=1) + torch.rand(3).double(), X, TARGETS)
    after = torch.rand(1)
    torch.manual_seed(0)
    torch.testing.assert_close(found.scores, X.sum(dim=1) + torch.rand(3).double())
    assert torch.equal(torch.rand(1), after)


def test_rounding_is_no_difference() -> None:
    """Scores near zero that come from large numbers differ by more than their own size says."""
    weight = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))

    def cancels(x: Tensor) -> Tensor:
        h = nn.functional.linear(x, weight) * 1e4
        return (h - nn.functional.linear(x, weight * 1e4)).sum(dim=1) * 1.0 + 1e-4 * x.sum(dim=1)

    lrp.relevance(cancels, x, TARGETS.float())


def test_scores_that_are_not_finite_are_alike() -> None:
    found = lrp.relevance(lambda x: x.sum(dim=1) / 0.0, X, TARGETS)
    assert not found.scores.isfinite().any()


def test_models_that_need_gradients_themselves() -> None:
    def hooked(x: Tensor) -> Tensor:
        h = x * 2
        h.register_hook(lambda gradient: 5 * gradient)
        return h.sum(dim=1)

    found = lrp.relevance(hooked, X, TARGETS)
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)


def test_scores_in_which_everything_cancels_differ_by_rounding_alone() -> None:
    """What is left of a mean of equal numbers less one of them has no digit to compare."""

    def score(x: Tensor) -> Tensor:
        same = x.mean(dim=(1, 2))[:, None].expand(-1, 3).cos()
        return same - same.mean(dim=-1, keepdim=True)

    for seed in range(50):
        torch.manual_seed(seed)
        x = torch.randn(2, 3, 3, dtype=torch.float64)
        lrp.relevance(score, x, torch.ones(1, 2, 3))
