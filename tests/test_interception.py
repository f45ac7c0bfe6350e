"""What the function mode keeps track of: gates, roots, weights, changes in place, refusals."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from whyword import lrp
from whyword.errors import ModelError
from whyword.lrp.composites import Composite
from whyword.lrp.engine import Result

F = nn.functional
DRAW = torch.Generator().manual_seed(0)
X = torch.randn(2, 5, 4, dtype=torch.float64, generator=DRAW)
TARGETS = torch.eye(4, dtype=torch.float64)[:, None].expand(4, 2, 4)
TRANSFORMER = lrp.Composite.for_transformers(epsilon=1e-13)


def explained(
    score: Callable[[Tensor], Tensor],
    *,
    rules: Composite = TRANSFORMER,
    model: nn.Module | None = None,
    x: Tensor = X,
) -> Result:
    return lrp.relevance(score, x, TARGETS, composite=rules, model=model)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "gelu by erf": lambda x: x * 0.5 * (1.0 + torch.erf(x / 1.41421)),
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "squared relu": lambda x: torch.square(x.relu()),
    "product with itself": lambda x: x.relu() * x.relu(),
    "silu by exp": lambda x: x / (1 + torch.exp(-x)),
    "sigmoid by exp": lambda x: 1 / (1 + (-x).exp()),
    "tanh by exp": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "star relu": lambda x: 0.8 * F.relu(x) ** 2 + 0.3,
    "tanhshrink": F.tanhshrink,
    "softsign": lambda x: x / (1 + x.abs()),
    "hard swish": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "residual of itself": lambda x: x + x.tanh() - 0.1 * x.sin(),
    "in place": lambda x: x.clone().mul_(0.5).tanh_().add_(1.0).mul_(x),
    "three times": lambda x: torch.tanh(3 * x - 1) * 2 + 1,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_function_of_one_tensor_is_one_activation(name: str) -> None:
    """R_x = R_z, however many calls it takes; the 1 in 1 + tanh keeps nothing."""
    function = ACTIVATIONS[name]
    weight = torch.randn(4, 4, dtype=X.dtype, generator=torch.Generator().manual_seed(3))
    found = explained(lambda x: F.linear(function(x), weight).sum(dim=1))
    z = function(X)
    for target in range(4):
        contributions = z * weight[target]
        # All of the linear layer and the sum above: R_z = w z, since nothing else is lost.
        torch.testing.assert_close(found.relevance[target], contributions, rtol=1e-9, atol=1e-9)


def test_a_number_added_to_a_signal_is_a_bias() -> None:
    """Only beside a curve is it part of an activation."""
    found = explained(lambda x: (2 * x + 1).sum(dim=1))
    torch.testing.assert_close(found.relevance.sum(dim=(0, 1)).sum(dim=0), 2 * X.sum(dim=(0, 1)))
    with_share = explained(lambda x: (2 * x + 1).sum(dim=1), rules=lrp.Composite())
    torch.testing.assert_close(with_share.relevance.sum(dim=(2, 3)), with_share.scores.T)


def test_tensors_of_two_signals_are_no_activation() -> None:
    weight = torch.randn(4, 4, dtype=X.dtype, generator=torch.Generator().manual_seed(3))
    halves = explained(lambda x: (F.linear(x, weight) * x).sum(dim=1))
    y = F.linear(X, weight) * X
    own = torch.diag_embed(y / 2).permute(2, 0, 1, 3)  # half of each product, class by class
    through = torch.einsum("bpt,bpd,td->tbpd", X / 2, X, weight)
    torch.testing.assert_close(halves.relevance, own + through)


def shares(e: Tensor, epsilon: float | None = None) -> Tensor:
    total = e.sum(-1)[..., None]
    return e / (total if epsilon is None else total + epsilon)


GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "one minus": lambda g: 1 - torch.sigmoid(g),
    "two gates": lambda g: torch.sigmoid(g) * torch.sigmoid(-g),
    "moved": lambda g: torch.sigmoid(g).mT.contiguous().mT,
    "softmax by hand": lambda g: g.exp() / g.exp().sum(-1, keepdim=True),
    "softmax by hand, once": lambda g: shares(g.exp()),
    "softmax by hand, masked": lambda g: shares(g.exp() * (g > -0.5), 1e-9),
    "softmax by hand, shifted": lambda g: shares((g - g.amax(-1, keepdim=True).detach()).exp()),
    "norm": lambda g: g.norm(dim=-1, keepdim=True),
    "one over": lambda g: 1 / (g.abs() + 2),
    "a constant over": lambda g: torch.arange(1.0, 5.0, dtype=g.dtype) / (g.abs() + 2),
    "reciprocal": lambda g: (g.abs() + 2).reciprocal(),
    "a negative power": lambda g: (g.abs() + 2) ** -0.5,
    "sigmoid by hand": lambda g: 1 / (1 + torch.exp(-g)),
    "a root of a mean": lambda g: torch.rsqrt(g.pow(2).mean(-1, keepdim=True) + 1e-6),
}


@pytest.mark.parametrize("name", GATES)
def test_gates_take_nothing_in_a_product(name: str) -> None:
    gate = GATES[name]
    rules = lrp.Composite.for_transformers("cplrp", epsilon=1e-13)
    found = explained(lambda x: (gate(x[:, :, :4].roll(1, 1)) * x).sum(dim=1), rules=rules)
    expected = gate(X.roll(1, 1)) * X
    for target in range(4):
        only = torch.zeros_like(X)
        only[..., target] = expected[..., target]
        torch.testing.assert_close(found.relevance[target], only, rtol=1e-9, atol=1e-9)


def test_names_added_to_routing_count_for_gates_too() -> None:
    """What only moves numbers leaves a gate a gate, also if a user says so."""

    def score(x: Tensor) -> Tensor:
        return (torch.fliplr(torch.sigmoid(x)) * x).sum(dim=1)

    expected = explained(score).relevance
    lrp.ROUTING.discard("fliplr")
    try:
        with pytest.raises(lrp.UnsupportedFunction, match="fliplr"):
            explained(score)
    finally:
        lrp.ROUTING.add("fliplr")
    assert torch.equal(explained(score).relevance, expected)


def test_weights_made_outside_of_the_forward_pass_are_constants() -> None:
    parameter = nn.Parameter(torch.randn(4, dtype=X.dtype))
    outside = parameter * 2
    found = explained(lambda x: (x * outside).sum(dim=1))
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)
    torch.testing.assert_close(found.relevance.sum(dim=0), (X * outside.detach()))
    kept: dict[str, Tensor] = {}

    def keeping(x: Tensor) -> Tensor:  # of another explanation
        kept.setdefault("h", x.tanh())
        result: Tensor = (x * kept["h"]).sum(dim=1)
        return result

    explained(keeping)
    again = explained(keeping)
    torch.testing.assert_close(again.relevance.sum(dim=0), X * X.tanh())


class Caching(nn.Module):
    cache: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(2, 5, 4, dtype=X.dtype))

    def forward(self, x: Tensor) -> Tensor:
        self.cache[:] = x
        return (x + self.cache).sum(dim=1)


def test_what_goes_through_a_buffer_is_refused() -> None:
    model = Caching()
    with pytest.raises(lrp.UnsupportedFunction, match="buffer of the model"):
        explained(model, model=model)
    assert not model.cache.requires_grad


def test_what_is_detached_cannot_be_changed_behind_the_back() -> None:
    def scaled(x: Tensor) -> Tensor:
        h = x.tanh()
        h.data.mul_(3.0)
        return h.sum(dim=1)

    with pytest.raises(ModelError, match="another model"):
        explained(scaled)

    def replaced(x: Tensor) -> Tensor:
        h = x.tanh()
        h.data = torch.ones_like(h)
        return h.sum(dim=1)

    with pytest.raises(lrp.UnsupportedFunction, match=r"sets \.data"):
        explained(replaced)


def test_a_model_cannot_swallow_the_reason_to_start_again() -> None:
    def careful(x: Tensor) -> Tensor:
        h = x.clone()
        try:
            h.mul_(2.0)
        except Exception:
            h = h * 5.0
        return h.sum(dim=1)

    torch.testing.assert_close(explained(careful).relevance.sum(dim=0), 2 * X)


@pytest.mark.parametrize(
    "write",
    [
        lambda h, x: h.__setitem__(([0, 0, 1],), x[:3]),
        lambda h, x: h.__setitem__((slice(None), torch.tensor([2, 0, 2])), x[:, :3]),
        lambda h, x: h.__setitem__((torch.tensor([1, 1]), torch.tensor([0, 0])), x[:2, 1]),
        lambda h, x: h.index_put_((torch.tensor([0, 0, 1]),), x[:3]),
        lambda h, x: h.index_copy_(1, torch.tensor([3, 3]), x[:, :2]),
        lambda h, x: h.scatter_(0, torch.zeros(3, 4, dtype=torch.long), x[:3]),
    ],
)
def test_what_is_written_over_takes_nothing(
    write: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """An index may name a place twice; autograd would hand the same relevance to both sources."""
    x = torch.randn(4, 4, dtype=X.dtype, generator=torch.Generator().manual_seed(5))

    def score(e: Tensor) -> Tensor:
        h = 0.5 * e
        write(h, e)
        return h.sum(dim=0)[None]

    found = lrp.relevance(score, x, torch.eye(4, dtype=X.dtype)[:, None])
    torch.testing.assert_close(found.relevance.sum(dim=(1, 2)), found.scores[0])


def test_views_that_come_together_may_be_changed_in_place() -> None:
    def by_parts(x: Tensor) -> Tensor:
        h = x.clone()
        for i, row in enumerate(h.unbind(1)):
            row.mul_(i + 1.0)
        first, second = h.split(2, dim=2)
        first.add_(second)
        return h.sum(dim=1)

    def plainly(x: Tensor) -> Tensor:
        h = x * torch.arange(1.0, 6.0, dtype=x.dtype)[:, None]
        first, second = h.split(2, dim=2)
        return torch.cat([first + second, second], dim=2).sum(dim=1)

    found, expected = explained(by_parts), explained(plainly)
    torch.testing.assert_close(found.relevance, expected.relevance)


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (lambda x: torch.histc(x.detach() * 1.0, 4)[None] + torch.histc(x, 4)[None], "histc"),
        (lambda x: torch.autograd.grad(x.tanh().sum(), x, create_graph=True)[0].sum(1), "grad"),
        (lambda x: x.tanh().sign().sum(dim=1), "sign"),
        (lambda x: torch.special.i0(input=x).sum(dim=1), "function i0"),
    ],
)
def test_operators_that_would_make_constants_of_signals(
    score: Callable[[Tensor], Tensor], why: str
) -> None:
    with pytest.raises(lrp.UnsupportedFunction, match=why):
        explained(lambda x: score(x).expand(2, 4))


def test_functions_that_torch_writes_in_python_run_step_by_step() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True).double().eval()
    layer = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2, enable_nested_tensor=False
    ).double().eval()  # fmt: skip
    for score in (
        lambda x: attention(x, x, x, need_weights=False)[0].sum(dim=1),
        lambda x: attention(x, x, x)[0].sum(dim=1),
        lambda x: layer(x).sum(dim=1),
        lambda x: F.normalize(x, dim=-1).sum(dim=1),
        lambda x: F.lp_pool1d(x.mT.relu(), 2, 5)[:, :, 0],
        lambda x: torch.atleast_3d(x).sum(dim=1),
    ):
        found = explained(score)
        torch.testing.assert_close(found.scores, score(X).detach())
        assert found.relevance.isfinite().all()
    normal = explained(lambda x: F.normalize(x, dim=-1).sum(dim=1))
    torch.testing.assert_close(normal.relevance.sum(dim=0), F.normalize(X, dim=-1))
    fused = explained(lambda x: attention(x, x, x, need_weights=False)[0].sum(dim=1))
    apart = explained(lambda x: attention(x, x, x)[0].sum(dim=1))
    torch.testing.assert_close(fused.relevance, apart.relevance)


def test_parts_of_a_view_may_be_changed_in_place() -> None:
    """Such as the real part of a complex tensor, whose base has numbers of another kind."""

    def score(x: Tensor) -> Tensor:
        real = torch.complex(x, torch.tanh(x)).real
        first, *rest = real.unbind(1)
        first.mul_(2.0)
        return first + sum(rest)

    def plain(x: Tensor) -> Tensor:
        return 2 * x[:, 0] + x[:, 1:].sum(dim=1)

    found = explained(score)
    torch.testing.assert_close(found.scores, plain(X))
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)
