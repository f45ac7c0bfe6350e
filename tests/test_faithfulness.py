"""Faithfulness metrics: by hand, by ferret's formulas, and by their laws."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau

from models import WORDS, Bag, random_cnn, random_text
from whyword import Explanation, InputError, explain
from whyword.classifier import predict
from whyword.evaluation import faithfulness
from whyword.evaluation.faithfulness import (
    comprehensiveness,
    leave_one_out_agreement,
    log_odds,
    sufficiency,
    symmetric_relevance_gain,
)
from whyword.evaluation.subsets import scores_of_subsets
from whyword.models.cnn.model import WordCNN

TEXT = "beta alpha gamma"
METRICS: tuple[Callable[..., NDArray[np.float64]], ...] = (
    comprehensiveness,
    sufficiency,
    log_odds,
    symmetric_relevance_gain,
    leave_one_out_agreement,
)
seeds = st.integers(0, 10_000)


def toy() -> Bag:
    """The score of class a is 3 for alpha, 1 for beta, -2 for gamma; that of b is 0."""
    return Bag({"alpha": (3.0, 0.0), "beta": (1.0, 0.0), "gamma": (-2.0, 0.0)}, (0.0, 0.0))


def relevant(explanation: Explanation, relevance: ArrayLike) -> Explanation:
    """The same text with another relevance."""
    words = np.asarray(relevance, dtype=float)[None]
    rest = explanation.target_scores - words.sum(axis=1)
    return replace(explanation, relevance=words, remainder={"rest": rest})


def p(score: int) -> float:
    return 1 / (1 + math.exp(-score))


@pytest.fixture
def explained() -> Explanation:
    return explain(toy(), TEXT, method="gradient_x_input", targets="a")


def random_case(seed: int, words: int = 7) -> tuple[WordCNN, Explanation, np.random.Generator]:
    """A random CNN, and a random relevance of a random text without equal values."""
    rng = np.random.default_rng(seed)
    model = random_cnn(seed).double()
    explanation = explain(model, random_text(rng, words), targets="predicted")
    return model, relevant(explanation, rng.permutation(words) - rng.integers(words)), rng


def test_comprehensiveness_and_sufficiency_by_hand(explained: Explanation) -> None:
    """Of one word and of two: alpha goes first, then beta. The whole text has the score 2."""
    shares = (1 / 3, 2 / 3)
    drops = [p(2) - p(-1), p(2) - p(-2)]
    np.testing.assert_allclose(
        comprehensiveness(toy(), [explained], shares=shares), [np.mean(drops)]
    )
    drops = [p(2) - p(3), p(2) - p(4)]
    np.testing.assert_allclose(sufficiency(toy(), [explained], shares=shares), [np.mean(drops)])


def test_shares_are_rounded_up_to_whole_words(explained: Explanation) -> None:
    """The usual bins of three words are one word four times, and two once."""
    by_bins = (4 * (p(2) - p(-1)) + (p(2) - p(-2))) / 5
    np.testing.assert_allclose(comprehensiveness(toy(), [explained]), [by_bins])
    model = Bag({"alpha": (1.0, 0.0)}, (0.0, 0.0))
    many = explain(model, "alpha " * 100, targets="a")
    for share, words in {0.07: 7, 0.29: 29, 0.575: 58}.items():  # 0.07 * 100 > 7 in floats
        found = log_odds(model, [many], share=share)
        np.testing.assert_allclose(found, math.log(p(100 - words)) - math.log(p(100)), atol=1e-15)


def test_log_odds_by_hand(explained: Explanation) -> None:
    expected = math.log(p(-1)) - math.log(p(2))
    np.testing.assert_allclose(log_odds(toy(), [explained]), [expected])
    np.testing.assert_allclose(log_odds(toy(), [explained], share=1), math.log(p(0) / p(2)))


def test_log_odds_of_certain_decisions_stay_finite() -> None:
    model = Bag({"alpha": (2000.0, 0.0)}, (-1000.0, 0.0))
    found = log_odds(model, [explain(model, "alpha", targets="a")])
    np.testing.assert_allclose(found, [-1000])


def test_symmetric_relevance_gain_by_hand(explained: Explanation) -> None:
    """Least first: gamma, beta, alpha; most first: alpha, beta, gamma."""
    least, most = [p(2), p(4), p(3), p(0)], [p(2), p(-1), p(-2), p(0)]
    area = sum(least[i] - most[i] for i in (1, 2)) / 3
    np.testing.assert_allclose(symmetric_relevance_gain(toy(), [explained], steps=3), [area])


def test_leave_one_out_agreement_by_hand(explained: Explanation) -> None:
    """What p loses: alpha most, then beta, then gamma (which it gains from)."""
    for relevance, tau, rho in [((2, 3, 1), 1, 1), ((2, 1, 3), -1, -1), ((3, 2, 1), 1 / 3, 0.5)]:
        one = [relevant(explained, relevance)]
        np.testing.assert_allclose(leave_one_out_agreement(toy(), one), [tau])
        found = leave_one_out_agreement(toy(), one, coefficient="spearman")
        np.testing.assert_allclose(found, [rho])


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_they_are_ferrets(seed: int) -> None:
    """Its formulas, with tokens removed and its default of all k, one text at a time."""
    model, explanation, _ = random_case(seed)
    words, relevance = np.array(explanation.words), explanation.relevance[0]
    target = model.classes.index(explanation.targets[0])

    def probability(chosen: NDArray[np.str_]) -> float:
        scores = predict(model, [" ".join(chosen)])[0]
        return float(np.exp(scores[target]) / np.exp(scores).sum())

    baseline = probability(words)
    tops = [np.argsort(-relevance)[:k] for k in range(1, len(words) + 1)]
    removed = [baseline - probability(np.delete(words, top)) for top in tops]
    kept = [baseline - probability(words[np.sort(top)]) for top in tops]
    left_out = [baseline - probability(np.delete(words, i)) for i in range(len(words))]
    shares = [k / len(words) for k in range(1, len(words) + 1)]
    options: dict[str, Any] = {"operator": "remove"}
    given = model, [explanation]
    np.testing.assert_allclose(
        comprehensiveness(*given, shares=shares, **options), np.mean(removed), atol=1e-12
    )
    np.testing.assert_allclose(
        sufficiency(*given, shares=shares, **options), np.mean(kept), atol=1e-12
    )
    # Words that change nothing but for rounding are ties of chance.
    if np.diff(np.sort(left_out)).min() > 1e-9:
        np.testing.assert_allclose(
            leave_one_out_agreement(*given, **options), kendalltau(left_out, relevance).statistic
        )


@given(seed=seeds, steps=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_the_gain_changes_its_sign_with_the_relevance(seed: int, steps: int) -> None:
    model, explanation, rng = random_case(seed)
    for relevance in (explanation.relevance[0], rng.integers(0, 3, size=7)):  # with ties, too
        there, back = (
            symmetric_relevance_gain(model, [relevant(explanation, r)], steps=steps)[0]
            for r in (relevance, -relevance)
        )
        assert there == -back
    constant = relevant(explanation, np.ones(7))
    assert symmetric_relevance_gain(model, [constant], steps=steps) == 0


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_limits(seed: int) -> None:
    """All words gone, or none."""
    model, explanation, _ = random_case(seed)
    target = model.classes.index(explanation.targets[0])
    whole, empty = (
        np.exp(s[target]) / np.exp(s).sum() for s in predict(model, [explanation.text, ""])
    )
    one = [explanation]
    gone = comprehensiveness(model, one, shares=[1])
    np.testing.assert_allclose(gone, whole - empty, atol=1e-12)
    np.testing.assert_allclose(sufficiency(model, one, shares=[0]), gone, atol=1e-12)
    np.testing.assert_allclose(comprehensiveness(model, one, shares=[0]), 0, atol=1e-12)
    np.testing.assert_allclose(sufficiency(model, one, shares=[1]), 0, atol=1e-12)
    # The k most relevant are what the others are not.
    opposite = relevant(explanation, -explanation.relevance[0])
    np.testing.assert_allclose(
        sufficiency(model, one, shares=[2 / 7]),
        comprehensiveness(model, [opposite], shares=[5 / 7]),
        atol=1e-12,
    )


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("metric", METRICS)
def test_only_the_order_counts_and_each_text_alone(
    metric: Callable[..., NDArray[np.float64]], seed: int
) -> None:
    model, first, _ = random_case(seed)
    second = explain(model, "alpha beta kappa", targets="c")
    together = metric(model, [first, second])
    alone = [metric(model, [explanation])[0] for explanation in (first, second)]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    cubed = relevant(first, first.relevance[0] ** 3 / 7)
    np.testing.assert_allclose(metric(model, [cubed])[0], alone[0], atol=1e-12)
    bound = 1 if metric is not log_odds else np.inf
    assert np.abs(together).max() <= bound + 1e-12


@pytest.mark.parametrize("metric", METRICS)
def test_texts_without_words_have_no_value(metric: Callable[..., NDArray[np.float64]]) -> None:
    model = toy()
    found = metric(model, explain(model, ["", TEXT, "zz 12"], targets="a"))
    assert np.isnan(found[0])
    assert not np.isnan(found[1])
    if metric is leave_one_out_agreement:
        assert np.isnan(found[2])  # no order of one word


@pytest.mark.parametrize("metric", METRICS)
def test_what_cannot_be_measured_is_refused(metric: Callable[..., NDArray[np.float64]]) -> None:
    model = random_cnn()
    with pytest.raises(InputError, match="0 has 3 targets; expected one"):
        metric(model, [explain(model, WORDS[0], targets="all")])
    with pytest.raises(InputError, match='"a - b", of which there is no probability'):
        metric(model, [explain(model, WORDS[0], targets="a - b")])
    with pytest.raises(InputError, match='removal "nothing"'):
        metric(model, [explain(model, WORDS[0], targets="a")], operator="nothing")


def test_wrong_options(explained: Explanation) -> None:
    for share in (-0.1, 1.1, math.nan):
        for metric in (comprehensiveness, sufficiency):
            with pytest.raises(InputError, match="numbers from 0 to 1"):
                metric(toy(), [explained], shares=[0.5, share])
    with pytest.raises(InputError, match="0 steps"):
        symmetric_relevance_gain(toy(), [explained], steps=0)
    with pytest.raises(InputError, match="kendall, spearman"):
        leave_one_out_agreement(toy(), [explained], coefficient="pearson")  # type: ignore[arg-type]


def test_leaving_out_is_done_once_for_all_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    model = toy()

    def counted(*args: Any, **options: Any) -> object:
        calls.append(args)
        return scores_of_subsets(*args, **options)

    monkeypatch.setattr(faithfulness, "scores_of_subsets", counted)
    explanations = [explain(model, TEXT, method=m, targets="a") for m in ("lrp", "sa", "random")]
    leave_one_out_agreement(model, [*explanations, explain(model, TEXT, targets="b")])
    assert len(calls) == 2
