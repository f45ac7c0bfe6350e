"""Rules without shares carry g = R / z: the limit of the ε-rule, over all families and by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import transformers_small
from whyword import InputError, ModelError, TransformerClassifier, explain, lrp
from whyword.lrp import Composite, Epsilon, Gamma

RULES = Composite.for_transformers()
TEXTS = [
    "The shuttle reached its orbit, didn't it?",
    "good film: bad café, the shuttle is good, well-known 42 naïve orbits (it's bad!)",
]
FAMILIES = sorted(transformers_small.CONFIGS)


def close(got: Any, expected: Any, tolerance: float) -> bool:
    got, expected = np.asarray(got), np.asarray(expected)
    return bool(np.abs(got - expected).max() <= tolerance * np.abs(expected).max())


def classifier(name: str, attention: str, **options: Any) -> TransformerClassifier:
    try:
        module = transformers_small.model(name, attention, **options)
    except ValueError as error:
        pytest.skip(str(error))
    return TransformerClassifier(module.double(), transformers_small.tokenizer("wordpiece"))


# --- Which form -----------------------------------------------------------------------------------


def test_the_composite_says_which_form_and_why() -> None:
    bare = Epsilon(0.0, bias_share=False, stabiliser_share=False)
    assert RULES.form == ("gradient", "no rule has shares or a stabiliser")
    assert Composite().form == ("relevance", "inputs get shares of bias or stabiliser")
    assert Composite.for_transformers(epsilon=1e-3).form.why == "there is a stabiliser of 0.001"
    for shares in ({"bias_share": False}, {"stabiliser_share": False}):
        rule = Epsilon(0.0, **shares)
        for composite in (Composite(rule, sums=bare), Composite(bare, sums=rule)):
            assert composite.form == ("relevance", "inputs get shares of bias or stabiliser")
    for composite in (
        Composite(bare, sums=bare, layers={"top": Gamma()}),
        Composite(bare, sums=bare, places={0: Gamma()}),
        Composite(bare, sums=bare, functions={"linear": Gamma()}),
    ):
        assert composite.form == ("relevance", "Gamma shares relevance in its own way")
    assert Composite(bare, sums=bare, maxima="shapley").form.carries == "gradient"


def test_the_result_says_which_form_it_had() -> None:
    layer = nn.Linear(3, 2).double()
    x, targets = torch.randn(1, 3).double(), torch.eye(2).double()[:, None]
    assert lrp.relevance(layer, x, targets, composite=RULES).form.carries == "gradient"
    assert lrp.relevance(layer, x, targets).form.carries == "relevance"


class _Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x**3

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0] * 0


def test_a_custom_function_with_a_rule_for_relevance_has_relevance() -> None:
    lrp.register(_Cube)(lambda ctx, relevance: relevance)
    layer = nn.Linear(3, 2).double()
    x, targets = torch.randn(2, 3).double(), torch.eye(2).double()[:, None].expand(2, 2, 2)

    def model(x: Tensor) -> Tensor:
        scores: Tensor = layer(_Cube.apply(x))  # type: ignore[no-untyped-call]
        return scores

    found = lrp.relevance(model, x, targets, composite=RULES)
    assert found.form == ("relevance", "the rule of _Cube is one for relevance")
    expected = (x**3)[None] * layer.weight[:, None]
    assert torch.allclose(found.relevance, expected, rtol=1e-4)


# --- The numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_limit_of_the_epsilon_rule(family: str, attention: str) -> None:
    c = classifier(family, attention)
    for kind in ("attnlrp", "cplrp"):
        for text in TEXTS:
            one = explain(c, text, attention=kind)
            other = explain(c, text, attention=kind, epsilon=1e-12)
            assert close(one.relevance, other.relevance, 1e-6)
            assert np.allclose(
                one.relevance.sum(axis=1) + one.total_remainder, one.target_scores, atol=1e-9
            )


@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "gemma3_text", "modernbert"])
def test_the_kernel_of_attention_gives_what_its_steps_give(family: str) -> None:
    for text in TEXTS:
        fused, steps = (explain(classifier(family, a), text) for a in ("sdpa", "eager"))
        assert close(fused.relevance, steps.relevance, 2e-6)  # some have a softmax in float32


def derived(x: Tensor, mask: Tensor, p: dict[str, Tensor], target: int) -> Tensor:
    """R of attention, a GELU and a layer over one text, in plain formulas of g."""
    q, k, v = (x @ p[name].T for name in "qkv")
    scale = q.shape[1] ** -0.5
    a = torch.softmax((q @ k.T * scale).masked_fill(~mask, -torch.inf), dim=-1)
    h = a @ v + x
    z = h @ p["in"].T + p["bias"]
    phi = (1 + torch.erf(z / 2**0.5)) / 2
    g = p["out"][target].expand(len(x), -1) / len(x)  # of the mean over positions
    g = (g * phi) @ p["in"]  # at h, and by the residual at x
    of_a, of_v = g @ v.T / 2, a.T @ g / 2
    of_s = a * (of_a - (a * of_a).sum(dim=-1, keepdim=True)) / 2
    of_q, of_k = of_s @ k * scale, of_s.T @ q * scale
    total: Tensor = g + of_q @ p["q"] + of_k @ p["k"] + of_v @ p["v"]
    return x * total


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 10**6), st.booleans())
def test_equals_formulas_by_hand(length: int, width: int, seed: int, causal: bool) -> None:
    torch.manual_seed(seed)
    names = {"q": (4, width), "k": (4, width), "v": (width, width), "in": (6, width), "out": (3, 6)}
    p = {name: torch.randn(shape).double() for name, shape in names.items()}
    p["bias"] = torch.randn(6).double()
    x = torch.randn(1, length, width).double()

    def model(x: Tensor) -> Tensor:
        q, k, v = (functional.linear(x, p[name]) for name in "qkv")
        h = functional.scaled_dot_product_attention(q, k, v, is_causal=causal) + x
        up = functional.gelu(functional.linear(h, p["in"], p["bias"]))
        scores: Tensor = functional.linear(up, p["out"]).mean(dim=1)
        return scores

    targets = torch.eye(3).double()[:, None]
    found = lrp.relevance(model, x, targets, composite=RULES)
    mask = torch.ones(length, length, dtype=torch.bool)
    mask = mask.tril() if causal else mask
    for target in range(3):
        expected = derived(x[0], mask, p, target)
        assert torch.allclose(found.relevance[target, 0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [torch.relu, functional.gelu, torch.tanh, torch.sigmoid])
def test_a_value_of_zero_takes_nothing(function: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 2).double()
    x = torch.tensor([[0.0, -1.0, 0.5, -0.0]]).double()
    targets = torch.eye(2).double()[:, None]

    def model(x: Tensor) -> Tensor:
        scores: Tensor = layer(function(functional.linear(x, torch.eye(4).double())))
        return scores

    found = lrp.relevance(model, x, targets, composite=RULES).relevance
    expected = layer.weight[:, None] * function(x) * (x != 0)
    assert torch.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("rows", [1, 3])
def test_targets_together_and_one_by_one(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    c = classifier("bert", "sdpa")
    whole = explain(c, TEXTS)
    monkeypatch.setitem(lrp.engine._AT_ONCE, "gradient", rows)
    for one, other in zip(whole, explain(c, TEXTS), strict=True):
        assert close(one.relevance, other.relevance, 1e-12)


def test_the_account_has_the_same_numbers() -> None:
    c = classifier("bert", "eager")
    found = explain(c, TEXTS[0])
    from whyword import account

    kept = account(c, TEXTS[0], target=found.predicted)
    assert kept.started == pytest.approx(found.target_scores[found.index()])
    remainder = found.remainder
    arrived = found.relevance[found.index()].sum() + sum(
        remainder[name][found.index()] for name in remainder if name != "lost"
    )
    assert kept.arrived == pytest.approx(arrived)
    assert sum(kept.lost.values()) == pytest.approx(remainder["lost"][found.index()])


def test_a_query_that_sees_nothing_takes_nothing() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 4).double()
    mask = torch.ones(3, 3, dtype=torch.bool)
    mask[1] = False

    def model(x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x, attn_mask=mask).sum(dim=1)

    targets = torch.eye(4).double()[:, None]
    found = lrp.relevance(model, x, targets, composite=RULES)
    limit = lrp.relevance(model, x, targets, composite=Composite.for_transformers(epsilon=1e-13))
    assert torch.allclose(found.relevance, limit.relevance, atol=1e-9)


# --- Precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma", "mistral", "gpt2", "bert"])
def test_half_precision_gives_nearly_the_same(family: str) -> None:
    module = transformers_small.model(family, "sdpa")
    tokenizer = transformers_small.tokenizer("wordpiece")
    exact = explain(TransformerClassifier(module.double(), tokenizer), TEXTS)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    half = explain(TransformerClassifier(module.bfloat16(), tokenizer), TEXTS)
    for one, other in zip(half, exact, strict=True):
        assert np.corrcoef(one.relevance.ravel(), other.relevance.ravel())[0, 1] > 0.98
        assert np.isfinite(one.relevance).all()


# --- Checkpointing --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointing_changes_nothing(family: str) -> None:
    c = classifier(family, "sdpa" if family not in ("xlnet", "deberta-v2", "funnel") else "eager")
    found = explain(c, TEXTS, checkpointing=True)
    for one, other in zip(found, explain(c, TEXTS), strict=True):
        assert close(one.relevance, other.relevance, 1e-12)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in c.module.modules())


class Blocks(nn.Module):
    """Two blocks, of which the second may see more than what the first hands to it."""

    def __init__(self, around: str) -> None:
        super().__init__()
        self.around = around
        self.blocks = nn.ModuleList([Block(), Block()])
        self.top = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.blocks
        h = first(x)
        if self.around == "an attribute":
            second.kept = first.kept
        h = second(h, self.around)
        if self.around == "to the top":
            h = h + first.kept
        logits: Tensor = self.top(h.mean(dim=1))
        return logits


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.kept: Any = None
        self.calls = 0

    def forward(self, x: Tensor, around: str = "") -> Tensor:
        self.calls += 1
        inner = torch.relu(self.layer(x))
        if around == "an attribute":
            inner = inner + self.kept
        if around == "counts":
            inner = inner * (1 if self.calls < 3 else 2)  # the third run is that of the way back
        self.kept = inner
        return x + inner


@pytest.mark.parametrize("around", ["an attribute", "to the top"])
def test_what_goes_around_blocks_is_refused(around: str) -> None:
    torch.manual_seed(0)
    model = Blocks(around).double()
    x, targets = torch.randn(2, 3, 4).double(), torch.eye(2).double()[:, None].expand(2, 2, 2)
    lrp.relevance(model, x, targets, composite=RULES, model=model)
    with pytest.raises(InputError, match="checkpointing=False"):
        lrp.relevance(model, x, targets, composite=RULES, model=model, checkpointing=True)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_block_that_answers_otherwise_the_second_time_is_refused() -> None:
    torch.manual_seed(0)
    model = Blocks("counts").double()
    x, targets = torch.randn(2, 3, 4).double(), torch.eye(2).double()[:, None].expand(2, 2, 2)
    with pytest.raises(ModelError, match="something else when it runs again"):
        lrp.relevance(model, x, targets, composite=RULES, checkpointing=True, model=model)


class Pair(nn.Module):
    """A block with two inputs and two results, of which the second may be left unused."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x + torch.tanh(self.layer(y)), y * torch.relu(self.layer(x))


@pytest.mark.parametrize("at_once", [1, 30, 10**6])
@pytest.mark.parametrize("both", [True, False])
def test_blocks_with_several_results(
    at_once: int, both: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setitem(lrp.engine._AT_ONCE, "gradient", at_once)
    blocks = nn.ModuleList([Pair(), Pair(), Pair()]).double()
    model = nn.ModuleDict({"blocks": blocks, "top": nn.Linear(4, 5).double()})
    x, targets = torch.randn(2, 4).double(), torch.eye(5).double()[:, None].expand(-1, 2, -1)

    def score(x: Tensor) -> Tensor:
        y = first = x
        for number, block in enumerate(blocks):
            x, y = block(x, y)
            first = first if number else x
        scores: Tensor = model["top"](first + x + y if both else x)
        return scores

    options: dict[str, Any] = {"composite": RULES, "model": model}
    found = lrp.relevance(score, x, targets, checkpointing=True, **options).relevance
    assert torch.allclose(found, lrp.relevance(score, x, targets, **options).relevance, rtol=1e-12)


def test_checkpointing_is_refused_where_it_cannot_be() -> None:
    model = Blocks("").double()
    x, targets = torch.randn(2, 3, 4).double(), torch.eye(2).double()[:, None].expand(2, 2, 2)
    for options, why in (
        ({"model": model}, "inputs get shares"),
        ({"composite": RULES, "model": model, "accounting": True}, "account"),
        ({"composite": RULES, "model": nn.Linear(4, 2)}, "without a list of blocks"),
        ({"composite": RULES}, "without a list of blocks"),
    ):
        chosen: dict[str, Any] = options
        with pytest.raises(InputError, match=why):
            lrp.relevance(model, x, targets, checkpointing=True, **chosen)
