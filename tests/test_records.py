"""From positions to words: as adding one by one gives, to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from documents import ADVERSARIAL
from models import random_cnn, random_text
from whyword.batch import SPECIAL, Attribution, Batch
from whyword.data.arrays import Floats
from whyword.explainer import attribute, explain, records
from whyword.explanation import Explanation
from whyword.targets import resolve
from whyword.text import Document, Span

FINITE = st.floats(-1e300, 1e300) | st.sampled_from([0.0, -0.0])


def one_by_one(values: Floats, words: Floats, n_words: int) -> Floats:
    """The definition: each position's numbers are added to those of its word."""
    result = np.zeros((values.shape[0], n_words, *values.shape[2:]))
    for position, word in enumerate(words):
        if word >= 0:
            result[:, word] += values[:, position]
    return result


@given(st.data(), st.integers(0, 4), st.integers(0, 9), st.integers(0, 4))
def test_words_get_the_sum_of_their_positions(
    data: st.DataObject, targets: int, positions: int, n_words: int
) -> None:
    rest = data.draw(st.sampled_from([(), (3,), (0,)]))
    values = data.draw(arrays(float, (targets, positions, *rest), elements=FINITE))
    words = data.draw(arrays(np.int64, positions, elements=st.integers(SPECIAL, n_words - 1)))
    found = records.by_word(values, words, n_words)
    assert found.dtype == np.float64
    assert found.shape == (targets, n_words, *rest)
    assert found.tobytes() == one_by_one(values, words, n_words).tobytes()


@given(st.data(), st.integers(0, 4), st.integers(0, 9))
def test_words_in_order_are_a_slice(data: st.DataObject, targets: int, n_words: int) -> None:
    rest = data.draw(st.sampled_from([(), (3,)]))
    values = data.draw(arrays(float, (targets, n_words + 2, *rest), elements=FINITE))
    words = np.array([*range(n_words), -1, -1])
    found = records.by_word(values, None, n_words)
    assert found.tobytes() == one_by_one(values, words, n_words).tobytes()
    assert not np.shares_memory(found, values)


def batch_of(words: list[list[int]], mask: list[list[bool]], n_words: int) -> Batch:
    text = "abc"[:n_words]
    document = Document(text, tuple(Span(i, i + 1) for i in range(n_words)))
    return Batch(
        documents=(document,) * len(words),
        ids=torch.zeros(len(words), len(words[0]), dtype=torch.long),
        mask=torch.tensor(mask),
        words=torch.tensor(words),
        known=((True,) * n_words,) * len(words),
    )


def made(batch: Batch, **fields: object) -> list[Explanation]:
    model = random_cnn(0)
    generator = torch.Generator().manual_seed(0)
    relevance = torch.randn(3, *batch.ids.shape, generator=generator, dtype=torch.float64)
    scores = torch.randn(len(batch), 3, generator=generator, dtype=torch.float64)
    found = Attribution(scores, relevance, **{"remainder": {}, **fields})  # type: ignore[arg-type]
    names, weights = resolve("all", model, batch)
    return records.records(model, batch, found, names, weights, "lrp")


def test_what_stands_at_no_word_is_named_where_there_is_any() -> None:
    words = [[SPECIAL, 0, 0, -1, 1, 2, SPECIAL, -1], [2, 1, 0, -1, -1, -1, -1, -1]]
    mask = [[True] * 7 + [False], [True] * 3 + [False] * 5]
    batch = batch_of(words, mask, 3)
    first, second = made(batch)
    assert list(first.remainder) == ["padding", "between words", "special tokens"]
    assert list(second.remainder) == ["padding"]
    generator = torch.Generator().manual_seed(0)
    relevance = torch.randn(3, 2, 8, generator=generator, dtype=torch.float64).numpy()
    expected = {"padding": [7], "between words": [3], "special tokens": [0, 6]}
    for item, places in expected.items():
        sums = relevance[:, 0, places].sum(axis=1)
        np.testing.assert_allclose(first.remainder[item], sums, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(second.relevance, relevance[:, 1, [2, 1, 0]])
    np.testing.assert_allclose(
        second.remainder["padding"], relevance[:, 1, 3:].sum(axis=1), rtol=0, atol=1e-14
    )
    undivided = made(batch, remainder=None)[0]
    assert list(undivided.remainder) == ["not decomposed"]


@pytest.mark.parametrize(
    "words",
    [
        [[0, 1, 2], [0, 1, 2]],
        [[0, 1, 2, -1], [0, 1, 2, -1]],
        [[0, 1], [0, 1]],  # the model does not read the last word
        [[0, 1, 2], [0, 1, -1]],
        [[0, 1, 2], [0, 2, 1]],
        [[0, 1, 2, 2], [0, 1, 2, -1]],
        [[-1, 0, 1, 2], [-1, 0, 1, 2]],
        [[SPECIAL, 0, 1, 2, SPECIAL], [SPECIAL, 0, 2, SPECIAL, -1]],
    ],
)
def test_words_may_stand_anywhere(words: list[list[int]]) -> None:
    batch = batch_of(words, [[word != -1 for word in row] for row in words], 3)
    generator = torch.Generator().manual_seed(0)
    relevance = torch.randn(3, *batch.ids.shape, generator=generator, dtype=torch.float64).numpy()
    for b, e in enumerate(made(batch)):
        expected = one_by_one(relevance[:, b], np.array(words[b]), 3)
        assert e.relevance.tobytes() == expected.tobytes()


@pytest.mark.parametrize("method", ["lrp", "sa"])
def test_records_have_what_the_method_found(method: str) -> None:
    """Texts of several lengths in one batch, against the definition."""
    model = random_cnn(1)
    rng = np.random.default_rng(0)
    texts = ["", "alpha", ADVERSARIAL, *(random_text(rng, n) for n in range(1, 9))]
    batch = model.encode(texts)
    names, weights = resolve("all", model, batch)
    found = attribute(model, batch, weights, method=method, components=True)
    relevance = found.relevance.detach().double().numpy()
    assert found.components is not None
    components = found.components.detach().double().numpy()
    made = records.records(model, batch, found, names, weights, method)
    for b, e in enumerate(made):
        words = batch.words[b].numpy()
        assert e.relevance.tobytes() == one_by_one(relevance[:, b], words, len(e.spans)).tobytes()
        assert e.components is not None
        expected = one_by_one(components[:, b], words, len(e.spans))
        assert e.components.tobytes() == expected.tobytes()


def test_explanations_share_no_memory() -> None:
    """Whoever changes one changes no other, and whoever keeps one keeps not the batch."""
    several = explain(random_cnn(1), ["alpha beta", "beta gamma delta", "kappa"])
    before = [e.to_json() for e in several]
    several[1].relevance[:] = 0
    several[1].scores[:] = 0
    several[1].target_scores[:] = 0
    for values in several[1].remainder.values():
        values[:] = 0
    assert isinstance(several[1].settings, dict)
    several[1].settings.clear()
    assert [several[0].to_json(), several[2].to_json()] == [before[0], before[2]]
    assert all(e.relevance.base is None for e in several)
