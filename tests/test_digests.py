"""Digests: equal for equal contents in every process, different for all that matters."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whyword.data.arrays import Ints
from whyword.data.corpora import Corpus
from whyword.data.digests import (
    digest,
    digest_of_corpus,
    digest_of_file,
    digest_of_files,
    digest_of_vectors,
)
from whyword.data.vectors import WordVectors

TEXTS = ("One.", "Zwei ü", "")


def corpus(
    texts: Sequence[str] = TEXTS,
    labels: Sequence[int] | Ints = (0, 1, 0),
    classes: Sequence[str] = ("a", "b"),
    names: Sequence[str] = "xyz",
    *,
    chronological: bool = False,
) -> Corpus:
    return Corpus(tuple(texts), np.array(labels), tuple(classes), tuple(names), chronological)


def test_a_digest_is_the_same_everywhere() -> None:
    """As it was when this was written; Python's own hash() differs in every process."""
    assert digest_of_corpus(corpus()).startswith("20ecab9af29e8f0b")
    assert digest(["a", np.arange(3, dtype=np.float32)]).startswith("9f53a15394c00027")


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_texts_do_not_run_into_each_other(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_what_makes_another_corpus() -> None:
    others = [
        corpus(texts=TEXTS[::-1]),
        corpus(texts=("One.Zwei ü", "", "")),
        corpus(labels=(1, 0, 1)),
        corpus(classes=("b", "a")),
        corpus(classes=("a", "b", "One."), texts=("Zwei ü", "", "")),
        corpus(chronological=True),
    ]
    assert len({digest_of_corpus(found) for found in [corpus(), *others]}) == 7
    same = [corpus(names="uvw"), corpus(labels=(False, True, False))]
    assert {digest_of_corpus(found) for found in same} == {digest_of_corpus(corpus())}
    digest_of_corpus(corpus(texts=("\ud800", "b", "c")))  # half a character, as JSON may have


def test_arrays_differ_by_numbers_shape_and_type() -> None:
    array = np.arange(6, dtype=np.int32)
    others: list[NDArray[np.integer]] = [
        array,
        array[::-1],
        array.reshape(2, 3),
        array.reshape(3, 2),
        array.astype(np.int64),
    ]
    assert len({digest([found]) for found in others}) == len(others)
    assert digest([array.reshape(2, 3).T]) == digest([array.reshape(2, 3).T.copy()])
    assert digest([array.astype(">i4")]) == digest([array])


def test_what_makes_other_vectors() -> None:
    array = np.eye(2, dtype=np.float32)
    others = [
        WordVectors(("a", "b"), array),
        WordVectors(("b", "a"), array),
        WordVectors(("a", "b"), array + 1),
        WordVectors(("a", "b"), array, lowercase=True),
    ]
    assert len({digest_of_vectors(found) for found in others}) == 4


def test_what_makes_other_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"\0" * 100)
    other.write_bytes(b"\0" * 100)
    assert digest_of_files([one]) != digest_of_files([other])
    assert digest_of_file(one) == digest_of_file(other)
    before = digest_of_files([one, other])
    one.write_bytes(b"\0" * 99 + b"1")
    assert digest_of_files([one, other]) != before
