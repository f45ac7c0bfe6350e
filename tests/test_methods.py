"""Methods: what each of them computes, on every kind of classifier."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from models import WORDS, random_cnn, random_vectors
from test_cnn import everything
from whyword import InputError, explain, lrp
from whyword.batch import Batch
from whyword.classifier import predict
from whyword.methods import METHODS, integrated_gradients, method_named
from whyword.methods.gradients import gradient
from whyword.models.base import NetworkClassifier, WordClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.cnn.layers import lengths_of
from whyword.models.recurrent import GRUClassifier, LSTMClassifier
from whyword.text import Document

CLASSES = ("a", "b", "c")
TEXTS = ["alpha beta gamma delta beta", "", "kappa unknown zeta", "alpha", "iota theta"]
CAPTUM = ("lime", "kernel_shap", "deep_lift")


class Linear(WordClassifier):
    """The mean of the words' vectors times a matrix, no bias: every sane method gives w · x."""

    kind = "test"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(random_vectors(seed), CLASSES)
        self.output = torch.nn.Linear(5, 3, bias=False)

    def settings(self) -> dict[str, object]:
        return {}

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        result: Tensor = self.output(embeddings.sum(dim=1))
        return result

    def shares(self, text: str) -> NDArray[np.float64]:
        vectors = self.embedding[self.vectors.ids(text.split())].double().numpy()
        result: NDArray[np.float64] = self.output.weight.detach().numpy() @ vectors.T
        return result


def classifier(kind: str) -> NetworkClassifier:
    torch.manual_seed(0)
    make: dict[str, Callable[[], NetworkClassifier]] = {
        "cnn": lambda: random_cnn(1, filters={1: 3, 2: 20, 3: 4}),
        "lstm": lambda: LSTMClassifier(random_vectors(), CLASSES, hidden=4),
        "gru": lambda: GRUClassifier(random_vectors(), CLASSES, hidden=4, layers=2),
        "characters": lambda: CharacterCNN(CLASSES, dimension=4, filters={2: 5, 3: 4}),
        "linear": Linear,
    }
    return make[kind]().double().eval()


KINDS = ("cnn", "lstm", "gru", "characters", "linear")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_words_and_remainder_make_the_score_in_any_batch(kind: str, method: str) -> None:
    model = classifier(kind)
    if method in CAPTUM:
        pytest.importorskip("captum")
    if method == "deep_lift" and kind in ("lstm", "gru"):
        with pytest.raises(InputError, match="recurrent"):
            explain(model, TEXTS, method=method)
        return
    together = explain(model, TEXTS, method=method, batch_size=3)
    for text, e in zip(TEXTS, together, strict=True):
        alone = explain(model, text, method=method)
        np.testing.assert_allclose(e.relevance, alone.relevance, atol=1e-6)
        np.testing.assert_allclose(e.relevance.sum(axis=1) + e.total_remainder, e.scores, atol=1e-9)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("sa", "random")])
def test_a_linear_model_is_explained_by_its_products(method: str) -> None:
    if method in CAPTUM:
        pytest.importorskip("captum")
    model = Linear(3).double().eval()
    text = "alpha beta gamma delta"
    options: dict[str, Any] = {"samples": 400} if method in ("lime", "kernel_shap") else {}
    options |= {"contrast": None} if method == "shapley_lrp" else {}
    e = explain(model, text, method=method, **options)
    # LIME's is a penalised regression, captum's in float32.
    tolerance = {"lime": 0.3, "kernel_shap": 1e-3, "deep_lift": 1e-6, "lrp": 0.1}.get(method, 1e-9)
    expected = model.shares(text)
    if method in ("lrp", "shapley_lrp"):  # shares of the stabiliser
        np.testing.assert_allclose(e.relevance.sum(axis=1), e.scores, atol=1e-12)
        e = explain(model, text, method=method, epsilon=1e-9, **options)
        tolerance = 1e-6
    np.testing.assert_allclose(e.relevance, expected, atol=tolerance * np.abs(expected).max())


@given(seed=st.integers(0, 10_000), filters=st.sampled_from([{2: 9}, {1: 4, 3: 5}, {2: 3, 4: 4}]))
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_the_engine_equals_the_closed_form(
    dtype: torch.dtype, tolerance: float, seed: int, filters: Mapping[int, int]
) -> None:
    model = random_cnn(seed, filters=filters).to(dtype)
    rng = np.random.default_rng(seed)
    # No word twice: of windows of the same words either may win, by a rounding.
    lengths = rng.integers(0, len(WORDS) + 1, size=4)
    texts = [" ".join(rng.choice(WORDS, size=n, replace=False)) for n in lengths]
    batch = model.encode(texts)
    targets = everything(model, batch)
    closed = model.lrp(batch, targets, epsilon=0.01, components=True)
    found = lrp.relevance(lambda e: model.score(e, batch), model.embed(batch), targets)
    # What is near zero is divided by little more than the stabiliser, which enlarges the rounding
    # of what was summed up to it: first of scores, then of windows.
    assert closed.components is not None
    scale = max(1.0, float(closed.components.abs().max()))
    with torch.no_grad():
        windows = torch.cat(model.layers.maxima(model.layers.find(batch.ids), lengths_of(batch)), 1)
    nearest = [float(values.abs().min()) for values in (closed.scores, windows)]
    gain = math.prod(max(1.0, 0.1 / max(value, 0.01)) for value in nearest)
    assert float((found.relevance - closed.components).abs().max()) <= tolerance * scale * gain


@pytest.mark.parametrize("kind", KINDS)
def test_other_rules_than_the_papers(kind: str) -> None:
    model = classifier(kind)
    flat = lrp.Composite(lrp.Flat())
    by_rule = explain(model, TEXTS[0], composite=flat)
    assert not np.allclose(by_rule.relevance, explain(model, TEXTS[0]).relevance)
    assert "Flat()" in str(by_rule.settings["composite"])
    assert by_rule.to_json()


def test_components_sum_to_relevance() -> None:
    for kind in KINDS:
        model = classifier(kind)
        for method in ("lrp", "sa", "gradient_x_input", "integrated_gradients"):
            e = explain(model, TEXTS[0], method=method, components=True)
            assert e.components is not None
            np.testing.assert_allclose(e.components.sum(axis=2), e.relevance, atol=1e-12)
    for method in ("occlusion", "random", "lime"):
        with pytest.raises(InputError, match="no components"):
            explain(classifier("cnn"), TEXTS[0], method=method, components=True)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    model = classifier(kind)
    batch = model.encode(TEXTS[:1])
    _, found = gradient(model, batch, everything(model, batch))
    embeddings = model.embed(batch).detach()
    rng = np.random.default_rng(0)
    for _ in range(10):
        at = (0, rng.integers(embeddings.shape[1]), rng.integers(embeddings.shape[2]))
        moved = [embeddings.clone(), embeddings.clone()]
        moved[0][at] += 1e-6
        moved[1][at] -= 1e-6
        up, down = (model.score(e, batch).detach() for e in moved)
        torch.testing.assert_close(
            found[:, 0, at[1], at[2]], (up - down)[0] / 2e-6, rtol=1e-5, atol=1e-7
        )


def test_norms_of_sensitivity() -> None:
    model = classifier("cnn")
    batch = model.encode(TEXTS)
    _, gradients = gradient(model, batch, everything(model, batch))
    for norm, expected in {
        "squared_l2": gradients.square().sum(3),
        "l2": gradients.norm(dim=3),
        "l1": gradients.abs().sum(3),
        "max": gradients.abs().amax(3),
    }.items():
        found = METHODS["sa"].run(model, batch, everything(model, batch), norm=norm).relevance
        torch.testing.assert_close(found, expected)
    with pytest.raises(InputError, match="squared_l2, l2, l1, max"):
        explain(model, "alpha", method="sa", norm="l7")
    for norm in ("l2", "max"):
        with pytest.raises(InputError, match="no components"):
            explain(model, "alpha", method="sa", norm=norm, components=True)


@pytest.mark.parametrize("kind", KINDS)
def test_occlusion_is_what_leaving_out_does(kind: str) -> None:
    model = classifier(kind)
    text = TEXTS[0]
    e = explain(model, text, method="occlusion", batch_size=1)
    batch = model.encode([text])
    whole = model.embed(batch).detach()
    for word in range(len(e.words)):
        without = whole.clone()
        without[0, batch.words[0] == word] = 0
        drop = e.scores - model.score(without, batch)[0].detach().numpy()
        np.testing.assert_allclose(e.relevance[:, word], drop, atol=1e-12)
    contrast = explain(model, text, method="occlusion", targets="a - b")
    np.testing.assert_allclose(contrast.relevance[0], e.relevance[0] - e.relevance[1])


def test_integrated_gradients_come_closer_with_more_steps() -> None:
    model = classifier("lstm")
    errors = []
    for steps in (2, 20, 400):
        e = explain(model, TEXTS[0], method="integrated_gradients", steps=steps)
        errors.append(np.abs(e.remainder["integration"]).max())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4  # the maximum over time has kinks
    baseline = explain(model, TEXTS[0], method="integrated_gradients").remainder["baseline"]
    np.testing.assert_allclose(baseline, predict(model, [Document(TEXTS[0], ())])[0], atol=0.2)
    with pytest.raises(InputError, match="at least 1"):
        explain(model, "alpha", method="integrated_gradients", steps=0)
    batch = model.encode(["alpha"])
    assert integrated_gradients(model, batch, everything(model, batch)[:0]).relevance.numel() == 0


def test_random_relevance_depends_on_text_and_seed_alone() -> None:
    model = classifier("cnn")
    first, second = (explain(model, TEXTS[0], method="random", seed=s).relevance for s in (0, 1))
    assert not np.allclose(first, second)
    again = explain(model, ["iota", TEXTS[0]], method="random", seed=0)[1].relevance
    np.testing.assert_array_equal(first, again)
    many = explain(model, "alpha " * 300, method="random").relevance
    assert abs(many.mean()) < 0.15
    assert 0.9 < many.std() < 1.1


def test_shapley_values_by_hand() -> None:
    """Of two words, from all four subsets."""
    pytest.importorskip("captum")
    model = classifier("cnn")
    text = "alpha beta"
    batch = model.encode([text])
    whole = model.embed(batch).detach()

    def value(*kept: int) -> NDArray[np.float64]:
        masked = whole.clone()
        masked[0, [i for i in range(2) if i not in kept]] = 0
        return model.score(masked, batch)[0].detach().numpy()

    e = explain(model, text, method="kernel_shap", samples=200)
    first = (value(0) - value() + value(0, 1) - value(1)) / 2
    np.testing.assert_allclose(e.relevance[:, 0], first, rtol=0.02)  # captum draws samples
    state = torch.get_rng_state()
    explain(model, text, method="lime", samples=10)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(InputError, match="at least 1"):
        explain(model, text, method="lime", samples=0)


def test_deep_lift_is_complete_on_our_cnns() -> None:
    pytest.importorskip("captum")
    for kind in ("cnn", "characters"):
        model = classifier(kind)
        for text in TEXTS:
            e = explain(model, text, method="deep_lift")
            baseline = explain(model, text, method="integrated_gradients").remainder["baseline"]
            between = explain(model, text, method="deep_lift").scores - e.relevance.sum(axis=1)
            if kind == "cnn":  # of characters, those between words take their part
                np.testing.assert_allclose(between, baseline, atol=1e-9)


def test_unknown_methods_and_settings() -> None:
    with pytest.raises(InputError, match='Did you mean "occlusion"'):
        method_named("oclusion")
    with pytest.raises(InputError, match="has no setting"):
        explain(classifier("cnn"), "alpha", method="occlusion", nonsense=1)
