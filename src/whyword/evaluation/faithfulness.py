"""Faithfulness: does the classifier lose its decision with the words that are called relevant?

All but the last metric compare p, the probability of the class explained (softmax of the scores;
of labels sigmoid), before and after words are deleted. Words are ranked by signed relevance, equal
ones in the order of the text. Each function returns one number per text, NaN for a text without
words.
"""

from collections.abc import Sequence

import numpy as np

from whyword.classifier import Classifier, is_multilabel
from whyword.data.arrays import Bools, Floats, Ints
from whyword.errors import InputError, did_you_mean
from whyword.evaluation.again import document_of, target_names
from whyword.evaluation.deletion import deletion_order
from whyword.evaluation.ranks import Coefficient, rank_correlation
from whyword.evaluation.subsets import scores_of_subsets
from whyword.explanation import Explanation
from whyword.text import Document

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of the words that are deleted or kept (DeYoung et al. 2020, section 4.2)."""


def comprehensiveness(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    shares: Sequence[float] = BINS,
) -> Floats:
    """Mean over k of p(x) - p(x without its k most relevant words), ``(text,)``; from -1 to 1.

    Higher is better: without the words the decision is gone (DeYoung et al. 2020, ERASER, section
    4.2). k is a share of the words, rounded up.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, each of one class.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        shares: Shares of the words, from 0 to 1.

    Raises:
        InputError: If a share is out of its range, or a target is no class.
    """
    return _mean_drop(classifier, explanations, operator, shares, keep=False)


def sufficiency(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    shares: Sequence[float] = BINS,
) -> Floats:
    """Mean over k of p(x) - p(the k most relevant words alone), ``(text,)``; from -1 to 1.

    Lower is better: the words alone give the decision (DeYoung et al. 2020, ERASER, section 4.2).

    Args:
        classifier: The model.
        explanations: Explanations of the texts, each of one class.
        operator: How the other words are deleted, one of `whyword.removal.OPERATORS`.
        shares: Shares of the words, from 0 to 1, rounded up to whole words.

    Raises:
        InputError: If a share is out of its range, or a target is no class.
    """
    return _mean_drop(classifier, explanations, operator, shares, keep=True)


def log_odds(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    share: float = 0.2,
) -> Floats:
    """log p(x without its most relevant words) - log p(x), ``(text,)``; at most -log p(x).

    Lower is better. After Shrikumar et al. 2017, section 4.1, who look at the difference of two
    classes' scores, in the form used for texts since: the log-probability of one class.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, each of one class.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        share: Share of the words that are deleted, from 0 to 1, rounded up to whole words.

    Raises:
        InputError: If the share is out of its range, or a target is no class.
    """
    results = []
    for explanation, order in zip(explanations, _orders(explanations), strict=True):
        removed = _first(order, [share])
        before, after = _log_probability(classifier, explanation, removed, operator)
        results.append(float(after[0] - before) if len(order) else np.nan)
    return np.array(results)


def symmetric_relevance_gain(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    steps: int = 20,
) -> Floats:
    """SRG: area between two deletion curves, least and most relevant first: ``(text,)``, -1 to 1.

    ∫₀¹ p(x without the share u of least relevant words) - p(x without as many most relevant) du, by
    the trapezoidal rule (Blücher, Vielhaben and Strodthoff 2024). Higher is better. A random order
    gives zero on average, whatever the removal operator: the way in which words are deleted. One
    of the two curves alone does depend on it.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, each of one class.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        steps: Number of equal steps from no word deleted to all words deleted.

    Raises:
        InputError: If there are no steps, or a target is no class.
    """
    if steps < 1:
        raise InputError(f"Got {steps} steps; expected at least 1.")
    results = []
    for explanation, most in zip(explanations, _orders(explanations), strict=True):
        least = _order(explanation, decreasing=False)
        shares = np.linspace(0, 1, steps + 1)
        curves = []
        for order in (least, most):
            removed = _first(order, shares)
            curves.append(np.exp(_log_probability(classifier, explanation, removed, operator)[1]))
        area = np.trapezoid(curves[0] - curves[1], shares)
        results.append(float(area) if len(most) else np.nan)
    return np.array(results)


def leave_one_out_agreement(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    coefficient: Coefficient = "kendall",
) -> Floats:
    """Rank correlation of relevance with what p loses without each word, ``(text,)``; -1 to 1.

    Higher is better (ferret's ``taucorr_loo``: Attanasio et al. 2023; Jain and Wallace 2019,
    section 4.1). It is NaN too where no word changes p, or every word by the same amount.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, each of one class.
        operator: How a word is deleted, one of `whyword.removal.OPERATORS`.
        coefficient: The rank correlation: ``"kendall"`` or ``"spearman"``.

    Raises:
        InputError: If there is no such coefficient, or a target is no class.
    """
    results = []
    drops: dict[tuple[Document, str], Floats] = {}  # a text's drops are the same for every method
    for explanation, target in zip(explanations, target_names(explanations), strict=True):
        case = (document_of(explanation), target)
        if case not in drops:
            each = np.eye(len(explanation.spans), dtype=bool)
            before, after = _log_probability(classifier, explanation, each, operator)
            drops[case] = np.exp(before) - np.exp(after)
        results.append(rank_correlation(explanation.relevance[0], drops[case], coefficient))
    return np.array(results)


def _mean_drop(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    operator: str,
    shares: Sequence[float],
    *,
    keep: bool,
) -> Floats:
    """Mean loss of probability when the most relevant words are deleted, or all others are."""
    results = []
    for explanation, order in zip(explanations, _orders(explanations), strict=True):
        chosen = _first(order, shares)
        before, after = _log_probability(
            classifier, explanation, ~chosen if keep else chosen, operator
        )
        drop = np.exp(before) - np.exp(after)
        results.append(float(drop.mean()) if len(order) else np.nan)
    return np.array(results)


def _orders(explanations: Sequence[Explanation]) -> list[Ints]:
    """Return the words of each text, the most relevant first."""
    target_names(explanations)  # raises if an explanation has not exactly one target
    return [_order(explanation) for explanation in explanations]


def _order(explanation: Explanation, *, decreasing: bool = True) -> Ints:
    relevance = explanation.relevance[0]
    return deletion_order(relevance, steps=len(relevance), decreasing=decreasing)


def _first(order: Ints, shares: Sequence[float] | Floats) -> Bools:
    """``(share, word)`` True for the words that come first in an order: each share, rounded up."""
    if not all(0 <= share <= 1 for share in shares):
        raise InputError(f"Got the shares {list(shares)}; expected numbers from 0 to 1.")
    words = len(order)
    # As counts are whole numbers, the rounding of products such as 0.07 * 100 must not add a word.
    counts = np.ceil(np.round(np.asarray(shares) * words, 9)).astype(int)
    places = np.empty(words, dtype=int)
    places[order] = np.arange(words)
    return places < counts[:, None]


def _log_probability(
    classifier: Classifier, explanation: Explanation, removed: Bools, operator: str
) -> tuple[float, Floats]:
    """log p of the class explained, for the whole text and without each set of words ``(set,)``."""
    target, labels = explanation.targets[0], is_multilabel(classifier)
    if len(classifier.classes) < 2 and not labels:
        raise InputError(
            f"The model has {len(classifier.classes)} class, whose probability is always 1; "
            "expected two classes or more. Infidelity and the residual take scores instead."
        )
    if target not in classifier.classes:
        raise InputError(
            f'Got the target "{target}", of which there is no probability. '
            + did_you_mean(target, classifier.classes)
        )
    whole, without = scores_of_subsets(
        classifier, document_of(explanation), removed, operator=operator
    )
    chosen = list(classifier.classes).index(target)
    scores = np.vstack([whole, without])
    if labels:
        found = -np.logaddexp(0, -scores[:, chosen])
        return float(found[0]), found[1:]
    scores -= scores.max(axis=1, keepdims=True)
    found = scores[:, chosen] - np.log(np.exp(scores).sum(axis=1))
    return float(found[0]), found[1:]
