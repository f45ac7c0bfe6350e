"""`explain`: every class, every document, in any batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import whyword
from documents import ADVERSARIAL
from models import random_cnn, random_text
from whyword import InputError, ModelError, PerText, explain, lrp
from whyword.progress import Progress

TEXTS = ["alpha beta gamma", "", "  \n ", "unknown words only", "beta", ADVERSARIAL, "kappa " * 500]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@given(seed=st.integers(0, 1000), shift=st.sampled_from([-100.0, 0.0, 100.0]))
@settings(max_examples=15, deadline=None)
def test_words_and_remainder_make_the_score(
    dtype: torch.dtype, tolerance: float, seed: int, shift: float
) -> None:
    model = random_cnn(seed, filters={2: 20, 3: 5}, shift=shift).to(dtype)
    for e in explain(model, TEXTS):
        total = e.relevance.sum(axis=1) + e.total_remainder
        assert e.targets == model.classes
        np.testing.assert_array_equal(e.target_scores, e.scores)
        assert (np.abs(total - e.scores) <= tolerance * np.maximum(1, np.abs(e.scores))).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_two_words_or_more_leave_no_remainder(dtype: torch.dtype, tolerance: float) -> None:
    """With windows of two words; a single word shares its window with padding."""
    model = random_cnn(5, filters={2: 20}).to(dtype)
    rng = np.random.default_rng(0)
    for e in explain(model, [random_text(rng, n) for n in range(2, 12)]):
        assert (np.abs(e.total_remainder) <= tolerance * np.maximum(1, np.abs(e.scores))).all()
    assert abs(explain(model, "alpha").total_remainder).max() > 1e-3


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("method", ["lrp", "sa"])
def test_batches_give_what_one_by_one_gives(
    method: str, texts: Sequence[str], batch_size: int
) -> None:
    model = random_cnn(2).double()
    together = explain(model, texts, method=method, batch_size=batch_size)
    for text, e in zip(texts, together, strict=True):
        alone = explain(model, text, method=method)
        assert e.text == text
        np.testing.assert_allclose(e.relevance, alone.relevance, atol=1e-10)
        np.testing.assert_allclose(e.scores, alone.scores, atol=1e-10)


def test_a_target_for_each_text() -> None:
    model = random_cnn(1).double()
    texts = ["alpha beta gamma", "", "kappa beta"]
    wanted = ["b", "a - c", "a"]
    found = explain(model, texts, targets=PerText(wanted), batch_size=2)
    for text, name, e in zip(texts, wanted, found, strict=True):
        assert e.targets == (name,)
        np.testing.assert_allclose(e.relevance, explain(model, text, targets=name).relevance)
    with pytest.raises(InputError, match="Got 2 targets for 3 texts"):
        explain(model, texts, targets=PerText(wanted[:2]))
    with pytest.raises(InputError, match="no target"):
        explain(model, texts, targets=[])


def test_an_account_starts_with_the_score_and_ends_at_the_words() -> None:
    model = random_cnn(2, filters={2: 20}).double()
    text = "alpha beta gamma delta"
    without = lrp.Composite(lrp.Epsilon(bias_share=False))
    for composite in (None, without):
        options: dict[str, Any] = {"composite": composite} if composite else {}
        e = explain(model, text, targets="b", **options)
        account = whyword.account(model, text, target="b", composite=composite)
        assert account.started == pytest.approx(float(e.target_scores[0]))
        assert account.arrived == pytest.approx(float(e.relevance.sum()))
    assert account.lost["bias"] != 0


@pytest.mark.parametrize("target", ["all", ["a"], ["a", "b"], PerText(["a"]), 3])
def test_an_account_is_of_one_target(target: Any) -> None:
    with pytest.raises(InputError, match="one class or contrast"):
        whyword.account(random_cnn(), "alpha beta", target=target)


def test_a_stream_explains_no_more_than_is_asked_for() -> None:
    model = random_cnn(1)
    done: list[Progress] = []
    stream = whyword.stream(model, TEXTS, batch_size=2, progress=done.append)
    first = next(stream)
    assert (first.text, done) == (TEXTS[0], [])
    assert [e.text for e in stream] == TEXTS[1:]
    assert done == [Progress("explaining", so_far, 7) for so_far in (2, 4, 6, 7)]


def test_targets() -> None:
    model = random_cnn(1, classes=("space", "bikes", "all")).double()
    text = "alpha beta gamma delta"
    every = explain(model, text, targets="all")
    assert every.targets == ("space", "bikes", "all")
    predicted = explain(model, text, targets="predicted")
    assert predicted.targets == (every.predicted,)
    np.testing.assert_allclose(predicted.relevance[0], every.relevance[every.index()])
    contrast = explain(model, text, targets="space - bikes")
    np.testing.assert_allclose(contrast.relevance[0], every.relevance[0] - every.relevance[1])
    np.testing.assert_allclose(contrast.target_scores, every.scores[0] - every.scores[1])
    with pytest.raises(InputError, match=r'no class "spce". Did you mean "space"'):
        explain(model, text, targets="spce")


def test_sensitivity_is_the_squared_gradient_and_never_negative() -> None:
    model = random_cnn(4).double()
    text = "alpha beta gamma delta beta"
    squared = explain(model, text, method="sa", components=True)
    simple = explain(model, text, method="sa", norm="l2")
    assert (squared.relevance >= 0).all()
    np.testing.assert_allclose(simple.relevance**2, squared.relevance)
    assert squared.components is not None
    np.testing.assert_allclose(squared.components.sum(axis=2), squared.relevance)
    np.testing.assert_allclose(
        squared.relevance.sum(axis=1) + squared.remainder["not decomposed"], squared.scores
    )


def test_components_sum_to_the_words() -> None:
    e = explain(random_cnn(4).double(), "alpha beta gamma", components=True)
    assert e.components is not None
    assert e.components.shape == (3, 3, 5)
    np.testing.assert_allclose(e.components.sum(axis=2), e.relevance, atol=1e-12)


def test_unknown_words_are_marked_and_keep_their_place() -> None:
    e = explain(random_cnn(0), "alpha zzz beta")
    assert e.words == ["alpha", "zzz", "beta"]
    assert e.known == (True, False, True)


def test_one_text_gives_one_explanation_and_progress_is_told() -> None:
    seen = []
    several = explain(random_cnn(0), TEXTS, batch_size=3, progress=lambda at: seen.append(at.done))
    assert isinstance(several, list)
    assert seen == [3, 6, 7]
    assert isinstance(explain(random_cnn(0), "alpha"), whyword.Explanation)
    assert explain(random_cnn(0), []) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "lrpp"}, 'Did you mean "lrp"'),
        ({"epsilon": 0}, "positive"),
        ({"batch_size": 0}, "batch_size"),
        ({"epsilom": 0.1}, 'has no setting "epsilom". Did you mean "epsilon"'),
        ({"method": "sa", "norm": "l3"}, "norm"),
        ({"method": "sa", "norm": "l2", "components": True}, "components"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain(random_cnn(0), ["alpha"], **arguments)


def test_what_is_no_classifier_or_text_is_refused() -> None:
    with pytest.raises(InputError, match="expected an object with classes"):
        explain(torch.nn.Linear(2, 2), ["alpha"])  # type: ignore[call-overload]
    with pytest.raises(InputError, match="expected a text"):
        explain(random_cnn(0), [None])  # type: ignore[list-item]


def test_a_model_in_training_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        explain(random_cnn(0).train(), ["alpha"])


def test_damaged_weights_are_reported() -> None:
    model = random_cnn(0)
    with torch.no_grad():
        model.output.weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match="not finite"):
        explain(model, ["alpha beta"])


def test_explaining_leaves_the_model_as_it_was() -> None:
    model = random_cnn(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    attributes = set(vars(model))
    for method in ("lrp", "sa"):
        explain(model, TEXTS, method=method)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert set(vars(model)) == attributes
    assert not model.training
