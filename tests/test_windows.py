"""Batches of texts of similar length; the order of the results stays that of the texts."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import whyword
from models import random_cnn, random_text
from whyword.batch import Batch
from whyword.explainer.windows import batches_by_length
from whyword.models.cnn.model import WordCNN
from whyword.text import Document

TEXTS = st.lists(st.integers(0, 40).map("x".__mul__), max_size=60)


@given(TEXTS, st.integers(1, 5), st.integers(1, 4))
def test_every_text_is_in_one_batch_of_its_window(
    texts: list[str], batch_size: int, window: int
) -> None:
    batches = list(batches_by_length(texts, batch_size, window=window))
    assert sorted(i for batch in batches for i in batch) == list(range(len(texts)))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(texts) // batch_size)
    size = batch_size * window
    for number, batch in enumerate(batches):
        assert {i // size for i in batch} == {number // window}


@given(TEXTS, st.integers(1, 5), st.integers(1, 4))
def test_lengths_in_a_batch_are_neighbours(texts: list[str], batch_size: int, window: int) -> None:
    """And of a window's batches the one that is wanted first comes first."""
    batches = list(batches_by_length(texts, batch_size, window=window))
    for start in range(0, len(batches), window):
        part = batches[start : start + window]
        assert [min(batch) for batch in part] == sorted(min(batch) for batch in part)
        lengths = sorted(sorted(len(texts[i]) for i in batch) for batch in part)
        assert all(one[-1] <= other[0] for one, other in pairwise(lengths))


def test_only_the_window_at_hand_is_looked_at() -> None:
    class Far(list[str]):
        def __getitem__(self, i):  # type: ignore[no-untyped-def]
            assert not isinstance(i, slice) or i.stop <= 4
            return super().__getitem__(i)

    assert next(batches_by_length(Far("abcdefgh"), 2, window=2)) == [0, 1]


def test_documents_and_texts_are_measured_alike() -> None:
    mixed: Sequence[str | Document] = ["xxx", Document("x", ()), "xxxx", Document("xx", ())]
    assert list(batches_by_length(mixed, 2)) == [[0, 2], [1, 3]]


@given(st.integers(0, 20), st.integers(1, 4), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_results_stand_in_the_order_of_the_texts(count: int, batch_size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [random_text(rng, int(rng.integers(0, 30))) for _ in range(count)]
    model = random_cnn(2).double()
    names = [str(rng.choice(model.classes)) for _ in texts]
    seen: list[whyword.Progress] = []
    found = whyword.explain(
        model,
        texts,
        targets=whyword.PerText(names),
        batch_size=batch_size,
        progress=seen.append,
    )
    assert [at.done for at in seen] == sorted(at.done for at in seen)
    assert [at.done for at in seen][-1:] == [count][: len(seen)]
    assert len(seen) == -(-count // batch_size)
    for text, name, e in zip(texts, names, found, strict=True):
        alone = whyword.explain(model, text, targets=name)
        assert (e.text, e.targets) == (text, (name,))
        np.testing.assert_allclose(e.relevance, alone.relevance, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("components", "most"), [(False, 32), (True, 2)])
def test_a_stream_holds_no_more_than_a_window(
    monkeypatch: pytest.MonkeyPatch, components: bool, most: int
) -> None:
    encoded = 0
    encode = WordCNN.encode

    def count(self: WordCNN, texts: Sequence[str | Document]) -> Batch:
        nonlocal encoded
        encoded += len(texts)
        return encode(self, texts)

    monkeypatch.setattr(WordCNN, "encode", count)
    rng = np.random.default_rng(0)
    texts = [random_text(rng, int(rng.integers(0, 30))) for _ in range(100)]
    stream = whyword.stream(random_cnn(0), texts, batch_size=2, components=components)
    for given_out, e in enumerate(stream):
        assert e.text == texts[given_out]
        assert encoded <= given_out + most
    assert encoded == 100
