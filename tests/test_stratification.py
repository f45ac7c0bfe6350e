"""The split of documents with several labels: every label on both sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword import InputError
from whyword.training.stratification import split_labels
from whyword.training.validation import split

MATRICES = st.integers(2, 40).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=n, max_size=n)
)
SHARES = st.floats(0.05, 0.9)


@given(MATRICES, SHARES, st.booleans(), st.integers(0, 5))
def test_no_label_loses_its_last_document(
    drawn: list[list[bool]], share: float, chronological: bool, seed: int
) -> None:
    labels = np.array(drawn)
    try:
        chosen, held_out = split_labels(labels, share, chronological=chronological, seed=seed)
    except InputError:
        # Then each document is the only one of some label, or of those without.
        alone = np.hstack([labels, ~labels.any(axis=1, keepdims=True)])
        assert alone[:, alone.sum(axis=0) == 1].any(axis=1).all()
        return
    assert sorted([*chosen, *held_out]) == list(range(len(labels)))
    assert (labels[chosen].any(axis=0) == labels.any(axis=0)).all()
    assert len(chosen)


@given(st.lists(st.integers(0, 4), min_size=6, max_size=60), SHARES, st.integers(0, 5))
def test_of_one_label_each_as_many_are_held_out_as_of_classes(
    drawn: list[int], share: float, seed: int
) -> None:
    classes = np.array(drawn)
    labels = classes[:, None] == np.arange(4)  # 4: no label
    for chronological in (False, True):
        _, of_labels = split_labels(labels, share, chronological=chronological, seed=seed)
        _, of_classes = split(classes, share, chronological=chronological, seed=seed)
        np.testing.assert_array_equal(
            np.bincount(classes[of_labels], minlength=5),
            np.bincount(classes[of_classes], minlength=5),
        )
        if chronological:
            np.testing.assert_array_equal(of_labels, of_classes)


@pytest.mark.parametrize("seed", range(20))
def test_labels_stand_on_both_sides_by_about_their_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((400, 12)) < rng.uniform(0.004, 0.4, 12)
    _, held_out = split_labels(labels, 0.1, chronological=False, seed=seed)
    count, out = labels.sum(axis=0), labels[held_out].sum(axis=0)
    assert (out[count >= 2] >= 1).all()
    assert (out <= 0.1 * count + 1 + 0.05 * len(labels)).all()
    assert 20 <= len(held_out) <= 80


def test_rare_labels_come_first() -> None:
    """The document held out for the rare label is one of the frequent label, too."""
    labels = np.zeros((10, 2), dtype=bool)
    labels[:, 0], labels[:2, 1] = True, True
    _, held_out = split_labels(labels, 0.1, chronological=True)
    assert held_out.tolist() == [1]


def test_seeds_differ_and_repeat() -> None:
    labels = np.random.default_rng(0).random((50, 3)) < 0.4
    found = [split_labels(labels, 0.2, chronological=False, seed=s)[1].tolist() for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_nothing_to_hold_out_is_refused() -> None:
    with pytest.raises(InputError, match="at least two of some label"):
        split_labels(np.eye(3, dtype=bool), 0.1, chronological=False)
    with pytest.raises(InputError, match=r"Got validation 1\.0"):
        split_labels(np.ones((4, 1), dtype=bool), 1.0, chronological=False)
