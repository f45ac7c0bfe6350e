"""The loss and the quality of a training, derived a second time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score
from torch.nn.functional import cross_entropy

from whyword.data.arrays import Floats
from whyword.training.objective import Objective

SMOOTHINGS = st.sampled_from([0.0, 0.1, 0.4])
SEEDS = st.integers(0, 10**6)


def logits(documents: int, classes: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 3, (documents, classes))


def loss(objective: Objective, scores: Floats, rows: list[int]) -> float:
    return float(objective.loss(torch.from_numpy(scores), np.array(rows)))


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), SMOOTHINGS, SEEDS)
def test_without_weights_it_is_the_cross_entropy_bit_for_bit(
    drawn: list[int], smoothing: float, seed: int
) -> None:
    labels, scores = np.array(drawn), torch.from_numpy(logits(len(drawn), 3, seed)).float()
    objective = Objective(labels, "abc", label_smoothing=smoothing)
    found = objective.loss(scores, np.arange(len(labels)))
    expected = cross_entropy(scores, torch.from_numpy(labels), label_smoothing=smoothing)
    assert torch.equal(found, expected)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), SMOOTHINGS, SEEDS)
def test_a_weight_of_two_is_every_document_of_the_class_twice(
    drawn: list[int], smoothing: float, seed: int
) -> None:
    labels, scores = np.array(drawn), logits(len(drawn), 3, seed)
    twice = np.repeat(np.arange(len(labels)), np.where(labels == 1, 2, 1))
    weighted = Objective(labels, "abc", class_weights={"b": 2.0}, label_smoothing=smoothing)
    doubled = Objective(labels[twice], "abc", label_smoothing=smoothing)
    every = list(range(len(labels)))
    expected = loss(doubled, scores[twice], list(range(len(twice))))
    assert loss(weighted, scores, every) == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=12), SEEDS)
def test_the_loss_of_all_is_the_mean_over_batches(drawn: list[int], seed: int) -> None:
    """A rare document counts the same, whatever stands beside it in the batch."""
    labels, scores = np.array(drawn), logits(len(drawn), 3, seed)
    objective = Objective(labels, "abc", class_weights={"b": 5.0, "c": 0.5}, label_smoothing=0.1)
    each = [loss(objective, scores[[i]], [i]) for i in range(len(labels))]
    every = loss(objective, scores, list(range(len(labels))))
    assert every == pytest.approx(np.mean(each), rel=1e-5)


def test_a_development_part_has_no_say_in_the_weights() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    found = Objective(labels, "ab", class_weights="balanced", development=3)
    assert found.class_weights is not None
    np.testing.assert_allclose(found.class_weights, [4 / 6, 2])
    assert found.counts.tolist() == [3, 1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), SEEDS)
def test_quality_is_accuracy_or_with_weights_balanced_accuracy(drawn: list[int], seed: int) -> None:
    labels, scores = np.array(drawn), logits(len(drawn), 4, seed)
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(labels)) < 0.7)
    rows = rows if len(rows) else np.array([0])
    predicted = scores.argmax(axis=1)
    plain = Objective(labels, "abcd")
    assert plain.quality(scores[rows], rows) == np.mean((predicted == labels)[rows])
    weighted = Objective(labels, "abcd", class_weights={"a": 3.0})
    recalls = [(predicted == c)[rows][labels[rows] == c].mean() for c in np.unique(labels[rows])]
    assert weighted.quality(scores[rows], rows) == pytest.approx(np.mean(recalls))
    if set(predicted[rows]) == set(labels[rows]) and len(recalls) > 1:  # else scikit-learn warns
        expected = balanced_accuracy_score(labels[rows], predicted[rows])
        assert weighted.quality(scores[rows], rows) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "weights", "says"),
    [
        ((30, 3), None, False),
        ((31, 3), None, True),
        ((31, 3), "balanced", False),
        ((5, 0), None, False),
    ],
)
def test_advice_where_a_class_is_rare(
    counts: tuple[int, int], weights: str | None, says: bool
) -> None:
    labels = np.repeat([0, 1], counts)
    found = Objective(labels, "ab", class_weights=weights).advice("ab")
    assert (found is not None) == says
    assert not says or found == (
        'The class "b" has 3 training documents and the largest has 31: look at the class\'s F1, '
        "and if it is low, train with --class-weights balanced, or find more documents of it."
    )


LABELS = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=10)


def binary_cross_entropy(scores: Floats, given: Floats, smoothing: float) -> Floats:
    """In plain float64, for every document and label."""
    p = 1 / (1 + np.exp(-scores))
    target = np.where(given, 1 - smoothing / 2, smoothing / 2)
    found: Floats = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    return found


@given(LABELS, SMOOTHINGS, SEEDS)
def test_the_loss_of_labels_is_their_mean_binary_cross_entropy(
    drawn: list[list[bool]], smoothing: float, seed: int
) -> None:
    labels, scores = np.array(drawn), logits(len(drawn), 3, seed)
    rows = np.random.default_rng(seed).permutation(len(labels))
    objective = Objective(labels, "abc", label_smoothing=smoothing)
    expected = binary_cross_entropy(scores, labels[rows], smoothing).mean()
    assert loss(objective, scores, rows.tolist()) == pytest.approx(expected, rel=1e-6)
    ones = Objective(labels, "abc", class_weights={"b": 1.0}, label_smoothing=smoothing)
    assert loss(ones, scores, rows.tolist()) == loss(objective, scores, rows.tolist())


@given(LABELS, SMOOTHINGS, SEEDS)
def test_a_weight_of_a_label_counts_the_documents_with_it_so_often(
    drawn: list[list[bool]], smoothing: float, seed: int
) -> None:
    labels, scores = np.array(drawn), logits(len(drawn), 3, seed)
    weighted = Objective(labels, "abc", class_weights={"b": 2.0}, label_smoothing=smoothing)
    each = binary_cross_entropy(scores, labels, smoothing)
    of_label = np.repeat(each[:, 1], np.where(labels[:, 1], 2, 1)).mean()
    expected = (each[:, 0].mean() + of_label + each[:, 2].mean()) / 3
    every = list(range(len(labels)))
    assert loss(weighted, scores, every) == pytest.approx(expected, rel=1e-5)


@given(LABELS, SEEDS)
def test_the_quality_of_labels_is_the_best_micro_f1_of_one_threshold(
    drawn: list[list[bool]], seed: int
) -> None:
    labels, scores = np.array(drawn), logits(len(drawn), 3, seed)
    objective = Objective(labels, "abc")
    found = objective.quality(scores, np.arange(len(labels)))
    best = max(
        2 * (labels & (scores > t)).sum() / max(labels.sum() + (scores > t).sum(), 1)
        for t in [*scores.ravel(), scores.min() - 1]
    )
    assert found == pytest.approx(best)
    assert objective.chosen_by == "micro F1"


def test_what_is_right_means_what_the_objective_says() -> None:
    scores = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0], [2.0, 1.0]])
    labels, rows = np.array([1, 1, 0, 1]), np.arange(4)
    plain = Objective(labels, ("a", "b"))
    np.testing.assert_array_equal(plain.right(scores, rows), [1, 0, 0, 0])
    weighted = Objective(labels, ("a", "b"), class_weights="balanced")
    assert weighted.right(scores, rows).mean() == pytest.approx(weighted.quality(scores, rows))
    given = np.array([[True, False], [True, False], [False, True], [True, False]])
    assert Objective(given, ("a", "b")).right(scores, rows).tolist() == [0.5, 1, 1, 0.5]
