"""Products that leave out rows of zeros: the same numbers as by all rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from whyword import lrp
from whyword.lrp import sparse_rows
from whyword.lrp.sparse_rows import rows_times


@given(
    st.integers(1, 300), st.integers(1, 6), st.integers(1, 6), st.floats(0, 1), st.integers(0, 999)
)
def test_equals_the_whole_product(rows: int, out: int, into: int, kept: float, seed: int) -> None:
    torch.manual_seed(seed)
    q, w = torch.randn(2, rows, out).double(), torch.randn(out, into).double()
    q[torch.rand(2, rows) > kept] = 0
    assert torch.allclose(rows_times(q, w), q @ w, rtol=1e-12, atol=1e-14)


def test_a_row_is_zero_only_if_all_of_it_is() -> None:
    q = torch.zeros(100, 3)
    q[7, 2], q[50, 1] = 2.0, float("nan")
    found = rows_times(q, torch.ones(3, 2))
    assert found[7].tolist() == [2.0, 2.0]
    assert found[50].isnan().all()
    assert not found[[i for i in range(100) if i not in (7, 50)]].any()


def test_rows_of_zeros_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that reads one position of many: the layer below it multiplies one row."""
    sizes = []
    select = torch.Tensor.nonzero

    def counted(tensor: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = select(tensor)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(torch.Tensor, "nonzero", counted)
    below, top = nn.Linear(4, 4).double(), nn.Linear(4, 2).double()
    x = torch.randn(1, sparse_rows._WORTH, 4).double()
    composite = lrp.Composite.for_transformers()
    found = lrp.relevance(
        lambda x: top(below(x)[:, 0]), x, torch.eye(2).double()[:1, None], composite=composite
    )
    assert sizes == [1]
    expected = x[0, 0] * (top.weight[0] @ below.weight)
    assert torch.allclose(found.relevance[0, 0, 0], expected)
    assert not found.relevance[0, 0, 1:].any()
