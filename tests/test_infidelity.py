"""Infidelity and maximal sensitivity: by hand, by captum, and by their laws."""

from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor

from models import Bag, random_cnn, random_text, random_vectors
from test_faithfulness import TEXT, relevant, toy
from whyword import Explanation, InputError, TransformerClassifier, explain
from whyword.classifier import (
    AddsVectors,
    Classifier,
    FollowsDeletions,
    HasClosedForm,
    HasGradient,
    HasShapleyLRP,
    HasUnknownId,
    HasVectorTable,
    WritesOutLayers,
)
from whyword.evaluation import infidelity as module
from whyword.evaluation.again import Explain, document_of
from whyword.evaluation.infidelity import infidelity, max_sensitivity
from whyword.lrp import Composite
from whyword.methods.propagation import rules_for
from whyword.models.cnn.model import WordCNN
from whyword.models.linear.model import LinearClassifier
from whyword.models.recurrent import GRUClassifier
from whyword.removal import scores_without

SIGNED = ("lrp", "gradient_x_input", "integrated_gradients", "occlusion")
seeds = st.integers(0, 10_000)


def random_case(seed: int) -> tuple[WordCNN, Explanation, np.random.Generator]:
    rng = np.random.default_rng(seed)
    model = random_cnn(seed).double()
    explanation = explain(model, random_text(rng, 6), method="sa", targets="predicted")
    return model, explanation, rng


def test_of_one_word_by_hand() -> None:
    """The only set is the word itself, whose removal takes 3 away."""
    explanation = explain(toy(), "alpha", targets="a")
    for relevance in (3, 1, -1):
        found = infidelity(toy(), [relevant(explanation, [relevance])])
        np.testing.assert_allclose(found, [(relevance - 3) ** 2])
        best = infidelity(toy(), [relevant(explanation, [relevance])], normalize=True)
        np.testing.assert_allclose(best, [0], atol=1e-12)


def test_of_an_error_in_one_word_by_hand() -> None:
    """It counts, squared, in the sets that have the word: 2/3 of them, by sizes 1, 2 and 3."""
    explanation = explain(toy(), TEXT, targets="a")
    wrong = relevant(explanation, [1, 3 + 0.5, -2])
    found = infidelity(toy(), [wrong], samples=20_000)
    np.testing.assert_allclose(found, [0.25 * 2 / 3], rtol=0.03)  # of a fixed seed
    sets = module._random_sets(document_of(explanation), 20_000, 0)
    np.testing.assert_allclose(sets.mean(axis=0), [2 / 3] * 3, atol=0.02)
    np.testing.assert_allclose(np.bincount(sets.sum(axis=1)) / 20_000, [0, *[1 / 3] * 3], atol=0.02)


@pytest.mark.parametrize("method", SIGNED)
def test_products_have_no_infidelity_on_a_linear_model(method: str) -> None:
    model = Bag({"alpha": (3.0, 1.0), "beta": (1.0, -3.0), "gamma": (-2.0, 0.0)}, (0.0, 0.0))
    options: dict[str, Any] = (
        {"epsilon": 1e-12} if method == "lrp" else {}
    )  # no share of the stabiliser
    for target in ("a", "b", "a - b"):
        e = explain(model, f"{TEXT} alpha", method=method, targets=target, **options)
        np.testing.assert_allclose(infidelity(model, [e]), [0], atol=1e-20)
    e = explain(model, TEXT, method="random", targets="a")
    assert infidelity(model, [e]) > 0.1


def test_products_have_no_infidelity_in_a_pipeline() -> None:
    texts = ["the cat sat", "a dog sat", "the dog ran", "a cat ran off"]
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [0, 1, 1, 0])
    e = explain(pipeline, texts, targets="predicted")
    np.testing.assert_allclose(infidelity(LinearClassifier(pipeline), e), 0, atol=1e-20)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("normalize", [False, True])
def test_it_is_captums(normalize: bool, seed: int) -> None:
    metrics = pytest.importorskip("captum.metrics")
    model, explanation, _ = random_case(seed)
    document = document_of(explanation)
    batch = model.encode([document])
    whole = model.embed(batch).detach()
    sets = iter(torch.from_numpy(module._random_sets(document, 12, 0)))
    target = model.classes.index(explanation.targets[0])

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        removed = torch.stack([next(sets) for _ in range(len(inputs))])[:, :, None]
        return removed.double().expand_as(inputs), inputs.masked_fill(removed, 0)

    found = metrics.infidelity(
        lambda embeddings: model.score(embeddings, batch.rows(torch.zeros(len(embeddings)).long())),
        perturb,
        whole,
        # Each word's relevance in equal parts for its components, all of which are removed.
        torch.from_numpy(explanation.relevance[0])[None, :, None].expand_as(whole) / whole.shape[2],
        target=target,
        n_perturb_samples=12,
        normalize=normalize,
    )
    ours = infidelity(model, [explanation], samples=12, normalize=normalize)
    np.testing.assert_allclose(ours, found.detach().numpy(), rtol=1e-9, atol=1e-12)


@given(seed=seeds, factor=st.sampled_from([-3.0, 0.01, 100.0]))
@settings(max_examples=20, deadline=None)
def test_normalized_it_does_not_depend_on_the_unit(seed: int, factor: float) -> None:
    model, explanation, _ = random_case(seed)
    plain = infidelity(model, [explanation])
    best = infidelity(model, [explanation], normalize=True)
    assert best <= plain * (1 + 1e-9) + 1e-12
    scaled = relevant(explanation, factor * explanation.relevance[0])
    np.testing.assert_allclose(
        infidelity(model, [scaled], normalize=True), best, rtol=1e-9, atol=1e-12
    )
    nothing = relevant(explanation, np.zeros(6))
    for normalize in (False, True):  # no number makes something of nothing
        assert infidelity(model, [nothing], normalize=normalize) >= best - 1e-9


def noisy(seed: int) -> Explain:
    """The same numbers for the same text, and not those of the model."""
    return cast("Explain", partial(explain, method="random", seed=seed))


def explains(method: str, **options: Any) -> Explain:
    return cast("Explain", partial(explain, method=method, **options))


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("method", ["sa", "gradient_x_input", "lrp"])
def test_sensitivity_is_captums(method: str, seed: int) -> None:
    metrics = pytest.importorskip("captum.metrics")
    model, explanation, _ = random_case(seed)
    texts = [document_of(explanation)]
    moved = [module._Moved(model, 0.1, sample) for sample in range(4)]
    batch = model.encode(texts)
    vectors = iter([classifier.embed(batch) for classifier in moved])

    def attribute(inputs: tuple[Tensor]) -> tuple[Tensor]:
        fixed = module._Moved(model, 0.0, 0)
        fixed.embed = lambda batch: inputs[0]  # type: ignore[method-assign]
        e = explains(method)(fixed, texts, targets=explanation.targets[0])[0]
        return (torch.from_numpy(e.relevance),)

    found = metrics.sensitivity_max(
        attribute,
        (model.embed(batch),),
        perturb_func=lambda inputs, radius: (next(vectors),),
        n_perturb_samples=4,
        max_examples_per_batch=1,
    )
    ours = max_sensitivity(model, [explanation], explains(method), radius=0.1, samples=4)
    np.testing.assert_allclose(ours, found.numpy(), rtol=1e-6)


def test_of_a_linear_model_by_hand() -> None:
    """Gradient × input moves as the vectors do: word t by its weight times δ_tt."""
    model = toy()
    e = explain(model, TEXT, method="gradient_x_input", targets="a")
    batch = model.encode([TEXT])
    weights = np.array([3.0, 1.0, -2.0])
    changes = []
    for sample in range(3):
        noise = (module._Moved(model, 0.5, sample).embed(batch) - model.embed(batch))[0].numpy()
        size = np.sqrt(1 / 3)  # of one-hot vectors of three components
        assert np.abs(noise).max() <= 0.5 * size
        changes.append(np.linalg.norm(noise @ weights))
    expected = max(changes) / np.linalg.norm(weights)
    found = max_sensitivity(model, [e], explains("gradient_x_input"), radius=0.5, samples=3)
    np.testing.assert_allclose(found, [expected])


def test_noise_is_uniform_and_grows_with_the_vectors() -> None:
    model = Bag({"alpha": (1.0, 0.0), "beta": (0.0, 1.0)}, (0.0, 0.0))
    batch = model.encode(["alpha beta " * 1000])
    noise = (module._Moved(model, 0.2, 0).embed(batch) - model.embed(batch)).numpy()
    size = 0.2 * np.sqrt(1 / 2)
    assert 0.99 * size < noise.max() <= size
    assert -size <= noise.min() < -0.99 * size
    np.testing.assert_allclose(noise.mean(), 0, atol=0.03 * size)
    np.testing.assert_allclose(noise.std(), size / np.sqrt(3), rtol=0.03)
    again = (module._Moved(model, 0.2, 0).embed(batch) - model.embed(batch)).numpy()
    np.testing.assert_array_equal(noise, again)


@pytest.mark.parametrize("method", ["lrp", "sa", "gradient_x_input"])
def test_padding_does_not_move_and_batches_change_nothing(method: str) -> None:
    torch.manual_seed(0)
    model = GRUClassifier(random_vectors(), ("a", "b", "c"), hidden=4).double().eval()
    texts = [TEXT, "", "kappa " * 9]
    batch = model.encode(texts)
    assert not module._Moved(model, 0.5, 0).embed(batch)[~batch.mask].any()
    e = explain(model, texts, method=method, targets="a")
    together = max_sensitivity(model, e, explains(method), samples=3)
    alone = [max_sensitivity(model, [one], explains(method), samples=3)[0] for one in e]
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    assert together[0] > 0
    assert together[1] == 0


def test_what_does_not_look_at_the_model_is_steady() -> None:
    model = random_cnn().double()
    e = explain(model, TEXT, targets="a")
    assert max_sensitivity(model, [e], noisy(3)) == 0
    assert max_sensitivity(model, [e], explains("lrp")) > 0
    assert max_sensitivity(model, [e], explains("lrp"), radius=0) == 0
    more = [max_sensitivity(model, [e], explains("lrp"), samples=n)[0] for n in (1, 2, 5)]
    assert more == sorted(more)
    other = max_sensitivity(model, [e], explains("lrp"), seed=1)
    assert other != max_sensitivity(model, [e], explains("lrp"))


def test_sensitivity_of_a_pipeline() -> None:
    texts = ["the cat sat", "a dog sat", "the dog ran", "a cat ran off"]
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [0, 1, 1, 0])
    e = explain(pipeline, texts, targets="predicted")
    for method in ("lrp", "gradient_x_input", "sa", "occlusion"):
        found = max_sensitivity(LinearClassifier(pipeline), e, explains(method))
        assert (found < 0.5).all()
        assert (found > 0).all() or method == "sa"  # whose weights do not depend on the input


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_of_a_transformer_the_rules_are_those_of_the_explanation(name: str) -> None:
    """Without the vectors that it adds to the tokens' own, it would get those of other models."""
    pytest.importorskip("transformers")
    import transformers_small

    family = "wordpiece" if name == "bert" else "bytes"
    model = TransformerClassifier(
        transformers_small.model(name).double(), transformers_small.tokenizer(family)
    )
    still = module._Moved(model, 0.0, 0)
    assert rules_for(still) == rules_for(model) == Composite.for_transformers("attnlrp")
    texts = ["the shuttle reached its orbit", "good film"]
    for method in ("lrp", "gradient_x_input"):
        expected = explain(model, texts, method=method, targets="predicted")
        for e, same in zip(
            expected, explain(still, texts, method=method, targets="predicted"), strict=True
        ):
            np.testing.assert_array_equal(same.relevance, e.relevance)
            assert {**same.remainder}.keys() == {**e.remainder}.keys()
            assert same.settings == e.settings
    assert "positions" in explain(still, texts[0]).remainder
    both = explain(model, texts, targets="predicted")
    np.testing.assert_array_equal(max_sensitivity(model, both, explains("lrp"), radius=0), [0, 0])
    found = max_sensitivity(model, both, explains("lrp"), radius=1e-4, samples=2)
    assert ((found > 0) & (found < 0.1)).all()


def test_what_moves_offers_what_the_classifier_does_but_no_short_cuts() -> None:
    model = random_cnn()
    moved = module._Moved(model, 0.1, 0)
    for capability in (HasClosedForm, HasGradient, HasShapleyLRP, FollowsDeletions, AddsVectors):
        assert not isinstance(moved, capability)
    for kept in (Classifier, HasVectorTable, HasUnknownId, WritesOutLayers):
        assert isinstance(moved, kept)
    e = [explain(model, TEXT, targets="a")]
    batch = model.encode([TEXT])
    removed = torch.ones(1, len(batch.documents[0]), dtype=torch.bool)
    for operator in ("mean", "unknown"):
        np.testing.assert_array_equal(
            scores_without(moved, batch, removed, operator=operator),
            scores_without(model, batch, removed, operator=operator),
        )
    pytest.importorskip("captum")
    assert max_sensitivity(model, e, explains("deep_lift"), radius=0) == 0


def test_labels_stay_labels() -> None:
    model = random_cnn()
    vars(model)["multilabel"] = True
    assert explain(module._Moved(model, 0.0, 0), TEXT).multilabel


def test_wrong_options() -> None:
    e = [explain(toy(), TEXT, targets="a")]
    with pytest.raises(InputError, match="0 samples"):
        infidelity(toy(), e, samples=0)
    with pytest.raises(InputError, match="0 samples"):
        max_sensitivity(toy(), e, explains("lrp"), samples=0)
    several = [explain(toy(), TEXT)]
    with pytest.raises(InputError, match="0 has 2 targets"):
        infidelity(toy(), several)
    with pytest.raises(InputError, match="0 has 2 targets"):
        max_sensitivity(toy(), several, explains("lrp"))
