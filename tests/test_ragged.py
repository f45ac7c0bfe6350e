"""Windows of one document after the other: maxima, their windows, and those above zero."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from whyword.models.cnn import ragged
from whyword.models.cnn.layers import inside, places_of, window_values

shapes = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 3, 5]),
    st.integers(1, 40),
    st.lists(st.one_of(st.integers(0, 40), st.integers(200, 600)), min_size=1, max_size=3),
)


def given_case(
    seed: int, width: int, filters: int, sizes: list[int], *, ties: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Products, slots of documents and their lengths; with ties, few words and whole numbers."""
    generator = torch.Generator().manual_seed(seed)
    words = 3 if ties else 50
    rows = torch.randn(words * width, filters, generator=generator)
    lengths = torch.tensor(sizes)
    shape = (len(sizes), max(*sizes, width))
    slots = torch.randint(words, shape, generator=generator)
    return rows.mul(2).round() if ties else rows, slots, lengths


@given(shapes, st.booleans())
@settings(max_examples=80, deadline=None)
def test_winners_are_those_of_padded_batches(
    shape: tuple[int, int, int, list[int]], ties: bool
) -> None:
    seed, width, filters, sizes = shape
    rows, slots, lengths = given_case(seed, width, filters, sizes, ties=ties)
    values = window_values(places_of(rows, width), slots, lengths)
    best, start = ragged.winners(rows, slots, lengths, width)
    assert torch.equal(best, values.amax(dim=1))
    first = (values == best[:, None]).numpy().argmax(axis=1)  # numpy's is the first of equals
    np.testing.assert_array_equal(start, first)
    assert torch.equal(ragged.maxima(rows, slots, lengths, width), best)


@given(shapes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_windows_above_zero(shape: tuple[int, int, int, list[int]], ties: bool) -> None:
    seed, width, filters, sizes = shape
    rows, slots, lengths = given_case(seed, width, filters, sizes, ties=ties)
    bias = torch.randn(filters, generator=torch.Generator().manual_seed(seed)).sub(3)
    bias[::2] = 1.0 if ties else -100.0
    best, document, column, start, value = ragged.sharing(rows, slots, lengths, width, bias)
    values = window_values(places_of(rows, width), slots, lengths)
    assert torch.equal(best, values.amax(dim=1))
    highest = best[:, None]
    real = inside(lengths, values.shape[1], width)[:, :, None]
    wanted = ((values + bias > 0) | ((highest + bias <= 0) & (values == highest))) & real
    expected = wanted.nonzero().T  # documents, windows, filters, in this order
    assert torch.equal(torch.stack([document, start, column]), expected)
    assert torch.equal(value, values[document, start, column])


@pytest.mark.parametrize("windows", [1, 8, 9, 254, 255, 256, 3000])
def test_the_first_of_equals_wins_however_long_the_document(windows: int) -> None:
    slots = torch.zeros(1, windows + 1, dtype=torch.long)
    rows = torch.ones(4, 3)
    best, start = ragged.winners(rows, slots, torch.tensor([windows + 1]), 2)
    assert best.tolist() == [[2, 2, 2]]
    assert start.tolist() == [[0, 0, 0]]
    slots[0, -1] = 1
    rows[3] = 2
    best, start = ragged.winners(rows, slots, torch.tensor([windows + 1]), 2)
    assert best.tolist() == [[3, 3, 3]]
    assert start.tolist() == [[windows - 1] * 3]


def test_weights_that_are_no_numbers_break_nothing() -> None:
    rows = torch.full((4, 3), torch.nan)
    slots = torch.zeros(2, 9, dtype=torch.long)
    best, start = ragged.winners(rows, slots, torch.tensor([9, 3]), 2)
    assert best.isnan().all()
    assert (start >= 0).all()
    assert (start[1] <= 7).all()
