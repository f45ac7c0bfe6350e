"""Modes that a model runs in change nothing of what is explained."""

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from whyword import lrp
from whyword.lrp.engine import Result

X = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(3, dtype=torch.float64)[:, None].expand(3, 2, 3)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double().eval()


MODEL = network()


def plain(x: Tensor) -> Tensor:
    result: Tensor = MODEL(x).amax(dim=1)
    return result


def under_inference_mode(x: Tensor) -> Tensor:
    with torch.inference_mode():
        result: Tensor = MODEL(x).amax(dim=1)
        return result


def under_no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        h = MODEL[1](MODEL[0](x))
    result: Tensor = MODEL[2](h).amax(dim=1)
    return result


@torch.no_grad()
def decorated(x: Tensor) -> Tensor:
    return plain(x)


def switched_off(x: Tensor) -> Tensor:
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        return plain(x)
    finally:
        torch.set_grad_enabled(before)


def checkpointed(x: Tensor) -> Tensor:
    result: Tensor = checkpoint(MODEL, x, use_reentrant=False).amax(dim=1)
    return result


def retaining(x: Tensor) -> Tensor:
    h = MODEL(x)
    h.retain_grad()
    result: Tensor = h.amax(dim=1)
    return result


INSIDE = [under_inference_mode, under_no_grad, decorated, switched_off, checkpointed]


def explained(score: Callable[..., Tensor], x: Tensor = X) -> Result:
    return lrp.relevance(score, x, TARGETS.to(x.dtype))


@pytest.mark.parametrize("score", INSIDE, ids=lambda score: score.__name__)
def test_inside_of_a_model(score: Callable[..., Tensor]) -> None:
    found, expected = explained(score), explained(plain)
    assert torch.equal(found.relevance, expected.relevance)
    assert torch.equal(found.scores, expected.scores)
    assert torch.is_grad_enabled()
    assert all(p.requires_grad for p in MODEL.parameters())


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_around_an_explanation(mode: Callable[[], AbstractContextManager[object]]) -> None:
    expected = explained(plain)
    with mode():
        x = X.clone()  # of inference, perhaps
        found = explained(plain, x)
        inner = explained(under_inference_mode, x)
    assert torch.equal(found.relevance, expected.relevance)
    assert torch.equal(inner.relevance, expected.relevance)
    assert not found.relevance.requires_grad


def test_models_made_in_inference_mode() -> None:
    with torch.inference_mode():
        model = network()
    found = explained(lambda x: model(x).amax(dim=1))
    assert torch.equal(found.relevance, explained(plain).relevance)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_autocast_inside_of_a_model(kind: torch.dtype) -> None:
    model = network().float()
    norm = nn.LayerNorm(6)

    def score(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=kind):
            h = norm(model[1](model[0](x))).softmax(dim=-1)
            result: Tensor = model[2](h).float().amax(dim=1)
            return result

    x = X.float()
    found = explained(score, x)
    with torch.no_grad():
        torch.testing.assert_close(found.scores, score(x), rtol=1e-2, atol=1e-2)
    assert found.relevance.isfinite().all()
    lost = (found.relevance.sum(dim=(2, 3)) - found.scores.T).abs().max()
    assert lost < 0.05 * found.scores.abs().max()


def test_autocast_around_an_explanation() -> None:
    """Relevance is computed in the precision of the embeddings."""
    model = network().float()
    expected = explained(lambda x: model(x).amax(dim=1), X.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = explained(lambda x: model(x).amax(dim=1), X.float())
    assert torch.equal(found.relevance, expected.relevance)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_models_run_as_they_were_written() -> None:
    model = network()
    compiled = torch.compile(model)
    found = explained(lambda x: compiled(x).amax(dim=1))
    assert torch.equal(found.relevance, explained(plain).relevance)
    # In any number of threads, and afterwards torch does what it did before.
    failures = []

    def work() -> None:
        try:
            for _ in range(3):
                assert torch.equal(
                    explained(lambda x: compiled(x).amax(dim=1)).relevance, found.relevance
                )
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    stance = sys.modules["torch._dynamo"].eval_frame._stance.stance
    assert stance == "default"


def test_hooks_on_tensors_are_about_gradients() -> None:
    def hooked(x: Tensor) -> Tensor:
        h = MODEL(x)
        handle = h.register_hook(lambda gradient: 100 * gradient)
        handle.remove()
        h.register_hook(lambda gradient: 100 * gradient)
        result: Tensor = h.amax(dim=1)
        return result

    assert torch.equal(explained(hooked).relevance, explained(plain).relevance)
    assert torch.equal(explained(retaining).relevance, explained(plain).relevance)
