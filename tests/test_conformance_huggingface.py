"""A part of ``conformance_huggingface.py``, and the activations that its families write out."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from whyword import explain, lrp
from whyword.lrp.calls import Call
from whyword.models.transformer.model import TransformerClassifier

transformers = pytest.importorskip("transformers", reason="needs transformers")

import conformance_huggingface as conformance  # noqa: E402 - needs transformers
from transformers_small import tokenizer  # noqa: E402

REFUSED = {"canine": "has no one table of input embeddings"}


@pytest.mark.parametrize("family", conformance.QUICK)
def test_families_are_explained_or_refused_truly(family: str) -> None:
    found = conformance.row(family)
    expected = conformance.REFUSED if family in REFUSED else conformance.EXPLAINED
    assert found.verdict == expected, found.note
    assert REFUSED.get(family, "") in found.note


def test_every_family_is_known() -> None:
    assert len(conformance.families()) >= 120
    assert set(conformance.QUICK) <= set(conformance.families())


def test_what_is_wrong_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = lrp.calls.HANDLERS
    fused = handlers["scaled_dot_product_attention"]

    def double(call: Call, input: Tensor) -> Tensor:
        return lrp.propagate(call, 2 * call.value(input.detach()), lambda R: (R,), input)

    def values_alone(
        call: Call, query: Tensor, key: Tensor, value: Tensor, *others: object, **options: Any
    ) -> Tensor:
        return cast(Tensor, fused(call, query.detach(), key.detach(), value, *others, **options))

    for name, wrong, what in (
        ("gelu", double, "differ from the model's"),
        ("scaled_dot_product_attention", values_alone, "eager and fused attention differ"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(handlers, name, wrong)
            found = conformance.row("bert")
        assert found.verdict == conformance.FAILED
        assert what in found.note


def _written_out() -> list[str]:
    return sorted(transformers.activations.ACT2FN.keys() - {"xielu"})  # which has weights


@pytest.mark.parametrize("name", _written_out())
def test_activations_pass_relevance_however_they_are_written(name: str) -> None:
    activation = transformers.activations.ACT2FN[name].double()
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 7, generator=draw, dtype=torch.float64) * 2
    weight = torch.randn(3, 7, generator=draw, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[:, None].expand(3, 2, 3)
    rules = lrp.Composite.for_transformers()

    def head(z: Tensor) -> Tensor:
        return torch.nn.functional.linear(z.mean(dim=1), weight)

    found = lrp.relevance(lambda e: head(activation(e)), x, targets, composite=rules)
    with torch.no_grad():
        z = activation(x)
    expected = lrp.relevance(head, z, targets, composite=rules)
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.relevance, expected.relevance, rtol=1e-12, atol=1e-12)


def test_a_gelu_by_hand_is_a_gelu(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPT-2's own activation against torch's, which is one function."""
    found = []
    for name in ("gelu_new", "gelu_pytorch_tanh"):
        monkeypatch.setitem(conformance.ODD, "gpt2", {"activation_function": name})
        network = conformance.build("gpt2", "eager")
        classifier = TransformerClassifier(network, tokenizer("wordpiece"))
        found.append(explain(classifier, conformance.TEXTS))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.relevance, theirs.relevance, rtol=0, atol=1e-12)


def test_a_model_may_change_its_vectors_in_place() -> None:
    """CTRL multiplies what it looked up in place; the next call gets the words' own again."""
    classifier = TransformerClassifier(conformance.build("ctrl", "eager"), tokenizer("wordpiece"))
    batch = classifier.encode(conformance.TEXTS)
    vectors = classifier.embed(batch)
    before = vectors.clone()
    with torch.no_grad():
        scores = classifier.score(vectors, batch)
        assert torch.equal(vectors, before)
        torch.testing.assert_close(scores, classifier(batch), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
def test_a_mask_of_zeros_changes_nothing(epsilon: float) -> None:
    draw = torch.Generator().manual_seed(0)
    x, q, k, head = (
        torch.randn(shape, generator=draw, dtype=torch.float64)
        for shape in ((1, 5, 4), (4, 4), (4, 4), (2, 20))
    )
    rules = lrp.Composite.for_transformers(epsilon=epsilon)

    def score(*mask: Tensor) -> Callable[[Tensor], Tensor]:
        def run(e: Tensor) -> Tensor:
            scores = (e @ q) @ (e @ k).mT
            for part in mask:
                scores = scores + part
            return (scores.softmax(dim=-1) @ e).reshape(1, -1) @ head.T

        return run

    zeros, targets = torch.zeros(1, 5, 5, dtype=torch.float64), torch.ones(1, 1, 2)
    expected = lrp.relevance(score(), x, targets, composite=rules, accounting=True)
    found = lrp.relevance(score(zeros), x, targets, composite=rules, accounting=True)
    torch.testing.assert_close(found.relevance, expected.relevance, rtol=1e-12, atol=1e-12)
    assert found.accounts is not None
    assert expected.accounts is not None
    lost = [accounts[0].lost["stabiliser"] for accounts in (found.accounts, expected.accounts)]
    assert lost[0] == pytest.approx(lost[1])
