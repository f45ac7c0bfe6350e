"""Models that try to break the promise: no silent gradient, no other scores, no other crash."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from whyword import lrp
from whyword.errors import ModelError
from whyword.lrp.engine import Result

BATCH, POSITIONS, DIMENSION, CLASSES = 3, 5, 4, 3
X = torch.randn(
    BATCH, POSITIONS, DIMENSION, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)


class Model(nn.Module):
    """A layer, something hostile, another layer."""

    def __init__(self, between: Callable[["Model", Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(DIMENSION, DIMENSION)
        self.output: nn.Module = nn.Linear(DIMENSION, CLASSES)
        self.between = between
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.output(self.between(self, self.layer(x)))
        return result


def explained(between: Callable[[Model, Tensor], Tensor], x: Tensor = X) -> Result:
    return explained_model(Model(between), x)


def explained_model(model: Model, x: Tensor = X) -> Result:
    count = model(x).shape[1]
    targets = torch.eye(count, dtype=x.dtype)[:, None].expand(count, len(x), count)
    return lrp.relevance(model, x, targets, model=model)


def winners(model: Model, y: Tensor) -> Tensor:
    """Nothing hostile."""
    return y.relu().amax(dim=1)


# --- What is a weight -------------------------------------------------------------------------


def mean() -> Tensor:
    return torch.full((1, POSITIONS), 1 / POSITIONS, dtype=torch.float64)


PATTERNS: dict[str, Callable[[Model, Tensor], Tensor]] = {
    "to": lambda model, a: a.to(model.layer.weight),
    "type_as": lambda model, a: a.type_as(model.layer.weight),
    "new_full": lambda model, a: model.layer.weight.new_full((1, POSITIONS), 1 / POSITIONS),
    "softmax of zeros": lambda model, a: model.layer.weight.new_zeros(1, POSITIONS).softmax(-1),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_what_has_the_type_of_weights_is_no_weight(name: str) -> None:
    """A mean whose matrix was brought to the weights' type is still a mean."""
    matrix, pattern = mean(), PATTERNS[name]
    found = explained(lambda model, y: (pattern(model, matrix) @ y.relu())[:, 0])
    expected = explained(lambda model, y: (mean() @ y.relu())[:, 0])
    torch.testing.assert_close(found.relevance, expected.relevance)
    assert not vars(matrix)


SPARSE = {
    "@": lambda a, y: a @ y,
    "mm": torch.sparse.mm,
}


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_matrices_are_what_they_hold(name: str) -> None:
    graph = torch.rand(POSITIONS, POSITIONS, dtype=torch.float64).round(decimals=1)
    found = explained(
        lambda model, y: torch.stack([SPARSE[name](graph.to_sparse(), row) for row in y]).amax(1)
    )
    expected = explained(lambda model, y: torch.stack([graph @ row for row in y]).amax(1))
    torch.testing.assert_close(found.relevance, expected.relevance)


# --- Names of others ------------------------------------------------------------------------------


def test_an_operator_of_another_library_is_not_its_namesake() -> None:
    """It may be called ``relu`` and mix all dimensions."""
    mixing = torch.randn(DIMENSION, DIMENSION, dtype=torch.float64)

    @torch.library.custom_op("hostile::relu", mutates_args=())
    def relu(y: torch.Tensor) -> torch.Tensor:
        return y @ mixing

    def operated(operator: Callable[[Tensor], Tensor], model: Model, y: Tensor) -> Tensor:
        return operator(y).amax(dim=1)

    relu.register_autograd(lambda ctx, gradient: gradient @ mixing.T)
    for operator in (torch.ops.hostile.relu, torch.ops.hostile.relu.default):
        with pytest.raises(lrp.UnsupportedFunction, match="The function hostile::relu"):
            explained(partial(operated, operator))
    found = explained(lambda model, y: torch.ops.aten.relu(y).amax(dim=1))
    torch.testing.assert_close(found.relevance, explained(winners).relevance)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_layer_is_torchs_own() -> None:
    """Its refusal is its own too, and says what to do."""
    quantised = torch.ao.quantization.quantize_dynamic(Model(winners).float(), {nn.Linear})
    with pytest.raises(lrp.UnsupportedFunction, match=r"The function linear_dynamic, .* quant"):
        lrp.relevance(quantised, X.float(), torch.ones(1, BATCH, CLASSES), model=quantised)


def test_a_function_of_another_library_is_not_its_namesake() -> None:
    """Libraries may let their own functions be overridden, under any name."""

    def tanh(y: Tensor) -> Tensor:
        if has_torch_function((y,)):
            return handle_torch_function(tanh, (y,), y)
        return y.sum(dim=2, keepdim=True) * y

    with pytest.raises(lrp.UnsupportedFunction, match=f"The function {__name__}.tanh"):
        explained(lambda model, y: tanh(y).amax(dim=1))


# --- Other scores ---------------------------------------------------------------------------------


CLIPS: dict[str, Callable[[Tensor], object]] = {
    "data": lambda y: y.data.clamp_(max=1),
    "detach": lambda y: y.detach().__setitem__(y > 1, 1),
}


@pytest.mark.parametrize("name", CLIPS)
def test_what_is_done_behind_autograd_for_some_texts_alone_is_seen(name: str) -> None:
    """A first text that is not clipped must not vouch for the others."""

    def clipped(model: Model, y: Tensor) -> Tensor:
        if (y > 1).any():
            CLIPS[name](y)
        return winners(model, y)

    model = Model(clipped)
    explained_model(model, X / 100)
    with pytest.raises(ModelError, match="differ from the model's"):
        explained_model(model, X * 10)


def test_a_class_that_is_out_leaves_the_others_alone() -> None:
    """A score of minus infinity is nobody else's."""
    out = torch.tensor([0, -float("inf"), 0], dtype=torch.float64)
    model, masked = Model(winners), Model(winners)
    masked.output = nn.Sequential(model.output, Plus(out))
    found, expected = explained_model(masked), explained_model(model)
    kept = out == 0
    torch.testing.assert_close(found.relevance[kept], expected.relevance[kept])


class Plus(nn.Module):
    """Adds a constant."""

    def __init__(self, constant: Tensor) -> None:
        super().__init__()
        self.constant = constant

    def forward(self, y: Tensor) -> Tensor:
        return y + self.constant


# --- One layer, many spellings --------------------------------------------------------------------


BIASES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "b[None, None]": lambda y, w, b: y @ w.T + b[None, None],
    "b.view(1, -1)": lambda y, w, b: b.view(1, -1) + y @ w.T,
    "b.expand": lambda y, w, b: y @ w.T + b.expand(len(y), POSITIONS, DIMENSION),
    "W @ y + b[:, None]": lambda y, w, b: (w @ y.mT + b[:, None]).mT,
}


@pytest.mark.parametrize("name", BIASES)
def test_a_bias_is_one_however_it_is_laid_out(name: str) -> None:
    spelled = BIASES[name]
    found = explained(
        lambda model, y: winners(model, spelled(y, model.layer.weight, model.layer.bias))
    )
    expected = explained(lambda model, y: winners(model, model.layer(y)))
    torch.testing.assert_close(found.relevance, expected.relevance)


# --- Gradients that the model itself asks for -----------------------------------------------------


def hooked(model: Model, y: Tensor) -> Tensor:
    assert y.grad_fn is not None
    y.grad_fn.register_prehook(lambda gradients: tuple(7 * g for g in gradients))
    return winners(model, y)


def observed(model: Model, y: Tensor) -> Tensor:
    torch.autograd.graph.register_multi_grad_hook([y], lambda gradients: None)
    return winners(model, y)


@pytest.mark.parametrize("between", [hooked, observed])
def test_hooks_on_the_graph_are_refused(between: Callable[[Model, Tensor], Tensor]) -> None:
    """They would change relevance, and fail where no gradients are recorded."""
    with pytest.raises(
        lrp.UnsupportedFunction, match=r"grad_fn, called in Model .* remove the backward hooks"
    ):
        explained(between)


def test_a_model_that_fails_without_gradients_is_explained() -> None:
    def needs(model: Model, y: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            raise AssertionError("Expected gradients")
        return winners(model, y)

    torch.testing.assert_close(explained(needs).relevance, explained(winners).relevance)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_scores_that_depend_on_gradients_are_named_so() -> None:
    """The fused path of nn.TransformerEncoder puts zeros at padded positions."""
    padding = torch.tensor([[False] * 3 + [True] * 2]).expand(BATCH, POSITIONS)

    def encoder(**options: Any) -> nn.TransformerEncoder:
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(DIMENSION, 2, 8, batch_first=True)
        return nn.TransformerEncoder(layer, 1, **options).double().eval()

    def encoded(made: nn.TransformerEncoder, kept: int) -> Result:
        model = Model(
            lambda model, y: made(y, src_key_padding_mask=padding[: len(y)])[:, :kept].sum(1)
        )
        return explained_model(model)

    with pytest.raises(
        ModelError, match=r"where gradients are recorded.*enable_nested_tensor=False"
    ):
        encoded(encoder(), POSITIONS)
    encoded(encoder(enable_nested_tensor=False), POSITIONS)
    encoded(encoder(), 3)


def test_a_model_that_fails_only_where_gradients_are_recorded_is_refused() -> None:
    def careful(x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise NotImplementedError("this kernel has no backward")
        return x.sum(dim=1)

    x = torch.randn(2, 5, 3, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[:, None].expand(3, 2, 3)
    with pytest.raises(lrp.UnsupportedFunction, match="this kernel has no backward"):
        lrp.relevance(careful, x, targets)

    def broken(x: Tensor) -> Tensor:
        raise KeyError("always")

    with pytest.raises(KeyError):  # which is the model's own affair
        lrp.relevance(broken, x, targets)
