"""The walk through autograd's graph: what no function mode sees is refused by its name."""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from whyword import lrp
from whyword.errors import InputError
from whyword.lrp import audit
from whyword.lrp.engine import Result
from whyword.lrp.functions import ROUTING

POSITIONS, DIMENSION = 6, 4
X = torch.randn(
    2, POSITIONS, DIMENSION, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)


def targets(classes: int = DIMENSION) -> Tensor:
    return torch.eye(classes, dtype=torch.float64)[:, None].expand(classes, 2, classes)


def explained(score: Callable[..., Tensor], x: Tensor = X, **options: Any) -> Result:
    return lrp.relevance(score, x, targets(), **options)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result: Tensor = 3 * x**2 * gradient
        return result


class Blend(torch.autograd.Function):
    """x + 2 y, of a number, a tensor that is constant, and two more."""

    @staticmethod
    def forward(ctx: Any, factor: float, shift: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return shift + x + factor * y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor, Tensor]:
        return None, None, gradient, ctx.factor * gradient


class Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = Cube.apply(x)  # type: ignore[no-untyped-call]
        return result


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cube, self.output = Inner(), nn.Linear(DIMENSION, DIMENSION).double()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.cube(x).sum(dim=1))
        return result


def scripted(
    function: Callable[..., Tensor],
) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        result: nn.Module = torch.jit.script(function)
        return result


def traced(module: nn.Sequential) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        result: nn.Module = torch.jit.trace(module, X)
        return result


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(DIMENSION, DIMENSION), nn.Tanh()).double()


DENSE = layers()
SILENT: dict[str, Callable[[Tensor], Tensor]] = {
    "Cube": Inner(),
    "lrp.register(Cube)": Outer(),
    "scripted": scripted(layers()),
    "scripted (torch.jit)": traced(layers()),
    "torch.func": lambda x: torch.func.vmap(lambda row: row.tanh().sum(dim=0))(x)[:, None],
    "use_reentrant=False": lambda x: checkpoint(DENSE, x, use_reentrant=True),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_nobody_saw_is_refused_by_name(name: str) -> None:
    model = SILENT[name]
    whole = model if isinstance(model, nn.Module) else None

    def score(x: Tensor) -> Tensor:
        found = model(x)
        result: Tensor = found.sum(dim=1) if found.ndim == 3 else found
        return result

    with pytest.raises(lrp.UnsupportedFunction) as refused:
        explained(score, model=whole)
    assert name.strip() in str(refused.value)


def curve(x: Tensor) -> Tensor:
    return (2 * x + 3).tanh()


class Elsewhere(nn.Module):
    """Computes in a thread of its own, where no function mode of ours is."""

    nodes = ("TanhBackward0", "AddBackward0", "MulBackward0")

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            result: Tensor = pool.submit(curve, x).result()
            return result


def test_a_node_let_through_would_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the audit is for: without it, the gradient passes for relevance."""
    model = Elsewhere()
    monkeypatch.setattr(audit, "NODES", {*audit.NODES, *model.nodes})
    found = explained(lambda x: model(x).sum(dim=1))
    lost = found.scores.sum() - found.relevance.sum(dim=(2, 3)).diagonal().sum()
    assert abs(lost) > 0.1
    monkeypatch.undo()
    with pytest.raises(lrp.UnsupportedFunction, match="Backward"):
        explained(lambda x: model(x).sum(dim=1))


def test_the_refusal_says_where_the_result_was_used() -> None:
    model = Outer()
    with pytest.raises(lrp.UnsupportedFunction, match=r"called in Outer at .*test_lrp_audit"):
        explained(model, model=model)


def _halved(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 0].mul_(0.5)
    return y


def test_a_part_that_a_script_wrote_into_is_refused() -> None:
    """autograd hides what was written into a view behind one node."""

    halved = scripted(_halved)

    with pytest.raises(lrp.UnsupportedFunction, match="CopySlices"):
        explained(lambda x: halved(x).sum(dim=1))

    found = explained(lambda x: _halved(x).sum(dim=1))
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)


@pytest.mark.parametrize("accounting", [False, True])
def test_a_custom_function_gets_a_rule_that_reads_like_its_backward(accounting: bool) -> None:
    seen = []

    @lrp.register(Cube)
    def cube(ctx: Any, relevance: Tensor) -> Tensor:
        seen.append(ctx.saved_tensors[0])
        return relevance

    @lrp.register(Blend)
    def blend(ctx: Any, relevance: Tensor) -> tuple[None, None, Tensor, Tensor]:
        x, y = ctx.saved_tensors
        z = x + ctx.factor * y
        return None, None, relevance * x / z, relevance * ctx.factor * y / z

    try:
        model = Outer()
        rules = lrp.Composite.for_transformers(epsilon=1e-12)
        found = explained(
            lambda x: model.output(
                Blend.apply(2.0, x.detach() * 0, model.cube(x), x * 2).sum(dim=1)  # type: ignore[no-untyped-call]
            ),
            composite=rules,
            accounting=accounting,
        )
        expected = explained(
            lambda x: model.output((torch.pow(x, 3) + 4 * (1 * x)).sum(dim=1)), composite=rules
        )
    finally:
        for function in (Cube, Blend):
            del lrp.calls.HANDLERS[lrp.calls.qualified(function)]
    assert seen
    torch.testing.assert_close(found.relevance, expected.relevance)
    for account in found.accounts or ():
        assert {"Cube", "Blend"} <= {entry.function for entry in account.entries}
        assert account.started - account.arrived == pytest.approx(sum(account.lost.values()))


def test_a_custom_function_by_its_name() -> None:
    lrp.register(f"{__name__}.Cube")(lambda ctx, relevance: 2 * relevance)
    try:
        found = explained(lambda x: Cube.apply(x).amax(dim=1))  # type: ignore[no-untyped-call]
    finally:
        del lrp.calls.HANDLERS[f"{__name__}.Cube"]
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), 2 * found.scores.T)


def test_module_hooks_on_gradients_are_named() -> None:
    model = nn.Linear(DIMENSION, DIMENSION).double()
    handle = model.register_full_backward_hook(lambda module, before, after: None)
    with pytest.raises(lrp.UnsupportedFunction, match="remove the backward hooks"):
        explained(lambda x: model(x).sum(dim=1), model=model)
    handle.remove()
    explained(lambda x: model(x).sum(dim=1), model=model)


def test_scores_without_a_way_to_the_embeddings() -> None:
    for cut, why in (
        (lambda x: x.sum(dim=1).detach(), "constant of them by detach"),
        (lambda x: x.sum(dim=1).data, "constant of them by data"),
        (lambda x: torch.ones_like(x).sum(dim=1), "No function of torch"),
        (lambda x: torch.ones(2, DIMENSION, requires_grad=True).double(), "No function of torch"),
    ):
        with pytest.raises(InputError, match=why):
            explained(cut)


ROUTED: dict[str, Callable[[Tensor], Tensor]] = {
    "permute": lambda x: x.permute(0, 2, 1).permute(0, 2, 1),
    "unfold": lambda x: x.unfold(1, 2, 1).flatten(2)[..., :DIMENSION],
    "Fold's inverse": lambda x: nn.functional.unfold(x[:, None], (1, 1))[:, 0].reshape(x.shape),
    "circular": lambda x: nn.functional.pad(x.mT, (1, 1), mode="circular").mT,
    "reflect": lambda x: nn.functional.pad(x.mT, (1, 1), mode="reflect").mT,
    "median": lambda x: x.median(dim=1).values[:, None],
    "kthvalue": lambda x: x.kthvalue(2, dim=1).values[:, None],
    "topk": lambda x: x.topk(2, dim=1).values,
    "cummax": lambda x: x.cummax(dim=1).values,
    "max_pool2d": lambda x: nn.functional.max_pool2d(x, (2, 1)),
    "tril": lambda x: x.tril(),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
    "take_along_dim": lambda x: x.take_along_dim(x.argsort(dim=1), 1),
    "masked_scatter": lambda x: torch.zeros_like(x).masked_scatter(x > 0, x),
    "index_copy": lambda x: torch.zeros_like(x).index_copy(1, torch.arange(2), x[:, :2]),
    "slice_scatter": lambda x: torch.zeros_like(x).slice_scatter(x[:, :2], 1, 0, 2),
    "scatter": lambda x: torch.zeros_like(x).scatter(1, x.argsort(dim=1), x),
    "complex": lambda x: torch.view_as_real(torch.complex(x, x)).flatten(2)[..., :DIMENSION],
    "to": lambda x: x.to(torch.float32).to(torch.float64),
    "iteration": lambda x: torch.stack(list(x), dim=0),
}


@pytest.mark.parametrize("name", ROUTED)
def test_what_only_moves_numbers_conserves(name: str) -> None:
    """Each listed node hands on all that its outputs receive."""
    found = explained(lambda x: ROUTED[name](x).sum(dim=1))
    rtol = 1e-6 if name == "to" else 1e-10
    handed_on, started = found.relevance.sum(dim=(1, 2, 3)), found.scores.sum(dim=0)
    torch.testing.assert_close(handed_on, started, rtol=rtol, atol=rtol)


def test_listed_nodes_are_those_of_routing_functions() -> None:
    """No arithmetic is among the nodes that pass."""
    for word in (
        "Mul",
        "Add",
        "Div",
        "Sum",
        "Mean",
        "Mm",
        "Linear",
        "Tanh",
        "Norm",
        "Exp",
        "Sort2",
    ):
        assert not any(node.startswith(f"{word}Backward") for node in audit.NODES)
    assert "ConvolutionBackward0" not in audit.NODES
    assert "MaxBackward1" not in audit.NODES  # over everything: splits among equals
    assert "sum" not in ROUTING
