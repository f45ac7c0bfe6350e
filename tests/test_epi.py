"""The explanatory power index, against scikit-learn's classifier and against guessing."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from whyword import InputError
from whyword.progress import Progress
from whyword.survey.explanatory_power import Epi, epi, epi_of_all, gap, halves

rng = np.random.default_rng(0)
LABELS = rng.integers(0, 4, 90)
VECTORS = rng.normal(size=(4, 6))[LABELS] + rng.normal(size=(90, 6))
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def test_every_number_of_neighbours_is_scikit_learns() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    found = epi(VECTORS, LABELS, neighbours=20, splits=3, seed=5)
    assert found.accuracies.shape == (3, 20)
    for split, (asked, known) in enumerate(halves(90, 3, 5)):
        for k in range(1, 21):
            model = KNeighborsClassifier(k).fit(VECTORS[known], LABELS[known])
            assert found.accuracies[split, k - 1] == model.score(VECTORS[asked], LABELS[asked])


def test_the_index_is_the_best_mean() -> None:
    found = epi(VECTORS, LABELS, neighbours=30)
    means = [found.accuracies[:, k].mean() for k in range(30)]
    assert found.mean == max(means)
    assert found.k == 1 + means.index(max(means))
    assert found.std == pytest.approx(np.std(found.accuracies[:, found.k - 1], ddof=1))
    assert found.to_dict() == {"mean": found.mean, "std": found.std, "k": found.k}


def test_halves_are_halves() -> None:
    for asked, known in halves(11, 4, 0):
        assert len(asked) == 5
        assert sorted([*asked, *known]) == list(range(11))
    assert len({tuple(asked) for asked, _known in halves(11, 4, 0)}) == 4


def test_classes_that_are_apart_are_told_apart_and_labels_without_meaning_are_not() -> None:
    labels = np.arange(200) % 4
    apart = np.eye(4)[labels] + rng.normal(size=(200, 4)) / 50
    assert epi(apart, labels, neighbours=10).mean == 1
    assert epi(apart, rng.permutation(labels), neighbours=10).mean < 0.45


def test_length_does_not_count_and_zero_is_near_to_nothing() -> None:
    found = epi(VECTORS, LABELS, neighbours=10)
    longer = epi(VECTORS * rng.uniform(1, 9, (90, 1)), LABELS, neighbours=10)
    np.testing.assert_allclose(longer.accuracies, found.accuracies)
    # Six documents without words, at distance 1 from all where the others are at up to 2: asked
    # by Euclidean distance they would outvote the true neighbours of two opposite clusters.
    labels = np.array([0] * 20 + [1] * 6 + [2] * 20)
    spread = np.vstack([np.eye(20), np.zeros((6, 20)), -np.eye(20)])
    spread[:20, 0] += 0.5
    spread[26:, 0] -= 0.5
    assert epi(spread, labels, neighbours=3).accuracies[:, 2].mean() > 0.8


def test_the_gap_is_taken_split_by_split() -> None:
    one, other = (
        Epi(0.0, 0.0, 1, np.array([[a], [b], [c]]))
        for a, b, c in ((0.9, 0.8, 1.0), (0.7, 0.6, 0.8))
    )
    assert gap(one, other) == pytest.approx((0.2, 0.0), rel=1e-6, abs=1e-12)
    third = Epi(0.0, 0.0, 1, np.array([[0.9], [0.7], [0.8]]))
    assert gap(one, third) == pytest.approx((0.1, 0.1 / np.sqrt(3)))


@pytest.mark.parametrize(
    ("vectors", "labels", "options", "message"),
    [
        (VECTORS, LABELS[:5], {}, "expected"),
        (VECTORS[0], LABELS, {}, "expected"),
        (VECTORS, LABELS, {"splits": 1}, "Got 1 splits"),
        (VECTORS, LABELS, {"neighbours": 46}, "Got 46 neighbours; expected 1 to 45"),
        (VECTORS, LABELS, {"neighbours": 0}, "Got 0 neighbours"),
    ],
)
def test_what_cannot_be_is_refused(
    vectors: NDArray[np.float64],
    labels: NDArray[np.int64],
    options: Mapping[str, int],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        epi(vectors, labels, **options)


def test_several_weightings_are_compared_with_the_first() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    good = np.eye(3)[labels] + rng.normal(0, 0.1, (90, 3))
    vectors = {"good": good, "noise": rng.normal(size=(90, 3)), "same": good.copy()}
    done: list[Progress] = []
    rows = epi_of_all(vectors, labels, neighbours=7, progress=done.append)
    assert list(rows) == list(vectors)
    for name, at in zip(rows, done, strict=True):
        alone = epi(vectors[name], labels, neighbours=7)
        assert {key: rows[name][key] for key in ("mean", "std", "k")} == alone.to_dict()
        assert (at.phase, at.latest) == ("EPI", {"EPI": alone.mean})
        assert list(vectors)[at.done - 1] == name
    assert set(rows["good"]) == {"mean", "std", "k"}
    expected = gap(epi(good, labels, neighbours=7), epi(vectors["noise"], labels, neighbours=7))
    assert expected[0] > 0.3
    assert (rows["noise"]["below_first"], rows["noise"]["standard_error"]) == expected
    assert (rows["same"]["below_first"], rows["same"]["standard_error"]) == (0.0, 0.0)
