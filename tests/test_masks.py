"""Masks of attention: what they take out takes no relevance, however they are written."""

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from laws import explained
from whyword import lrp
from whyword.lrp.composites import Attention

FUTURE = torch.ones(6, 6, dtype=torch.bool).triu(1)
INFINITE = torch.zeros(6, 6, dtype=torch.float64).masked_fill(FUTURE, -torch.inf)
BLIND = INFINITE.index_fill(0, torch.tensor([2]), -torch.inf)
ATTENDS = {
    "causal": lambda x: scaled_dot_product_attention(x, x, x, is_causal=True),
    "minus infinity": lambda x: scaled_dot_product_attention(x, x, x, INFINITE),
    "a query that sees nothing": lambda x: scaled_dot_product_attention(x, x, x, BLIND),
    "nor by a Boolean mask": lambda x: scaled_dot_product_attention(
        x, x, x, attn_mask=BLIND == 0, scale=0.5
    ),
    "by hand": lambda x: (x @ x.mT + INFINITE).softmax(-1) @ x,
    "a mask, then a bias": lambda x: (x @ x.mT + INFINITE + 0.5 * torch.ones(6)).softmax(-1) @ x,
    "masked, then a bias": lambda x: (
        ((x @ x.mT).masked_fill(FUTURE, -torch.inf) + torch.ones(6)).softmax(-1) @ x
    ),
}


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("attention", ["cplrp", "attnlrp"])
@pytest.mark.parametrize("name", ATTENDS)
def test_masks_of_minus_infinity(name: str, attention: Attention, shares: bool) -> None:
    """What is masked takes nothing, and nothing becomes NaN."""
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    rule = lrp.Epsilon(0.01, shares, shares)
    scores, found = explained(ATTENDS[name], x, lrp.Composite(rule, sums=rule, attention=attention))
    assert np.isfinite(found).all()
    if attention == "cplrp" and shares:
        np.testing.assert_allclose(found.sum(axis=(2, 3)), scores.T)
    first = found.reshape(6, 4, 2, 6, 4)
    for query in range(6):  # later words do not matter
        assert not first[query, :, :, query + 1 :].any()
