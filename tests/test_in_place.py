"""A change in place means what the function out of place means."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from whyword import lrp

CALLS = {
    "unsqueeze": (1,), "squeeze": (1,), "transpose": (1, 2), "swapaxes": (1, 2), "t": (),
    "add": (0.5,), "sub": (0.5,), "mul": (2.0,), "div": (2.0,), "neg": (), "relu": (), "tanh": (),
    "sigmoid": (), "clamp": (-1.0, 1.0), "abs": (), "exp": (), "pow": (2,), "tril": (),
    "masked_fill": (torch.tensor([True, False, False, False, False]), 0.0),
    "index_fill": (1, torch.tensor([0]), 0.0),
}  # fmt: skip
RULES = lrp.Composite.for_transformers()
AXES = {"t": (4, 5), "tril": (4, 5)}
"""Shape of the tensor, if the function does not take any."""


@pytest.mark.parametrize("name", CALLS)
def test_in_place_is_out_of_place(name: str) -> None:
    shape = AXES.get(name, (2, 1, 4, 5) if name == "squeeze" else (2, 4, 5))
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=draw, dtype=torch.float64)
    weight = torch.randn(3, x.numel(), generator=draw, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[:, None]

    def score(function: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
        def run(e: Tensor) -> Tensor:
            y = function(e * 1.5, *CALLS[name])
            return torch.nn.functional.linear((y + e.sum()).reshape(1, -1), weight)

        return run

    found, expected = (
        lrp.relevance(score(getattr(torch.Tensor, spelling)), x, targets, composite=RULES)
        for spelling in (f"{name}_", name)
    )
    torch.testing.assert_close(found.scores, expected.scores)
    torch.testing.assert_close(found.relevance, expected.relevance)
    assert found.relevance.abs().max() > 0
