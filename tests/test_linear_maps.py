"""Windows, interpolation, differences and sums so far: each as its matrix says."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from laws import check_linear, conserves, explained
from whyword import lrp


def ones(x: Tensor, *shape: int) -> Tensor:
    return torch.ones(len(x), *shape, dtype=x.dtype)


WINDOWS: dict[str, Callable[[Tensor], Tensor]] = {
    "avg_pool1d": lambda x: functional.avg_pool1d(x, 2),
    "stride, padding, ceiling": lambda x: functional.avg_pool1d(
        x, 3, stride=2, padding=1, ceil_mode=True
    ),
    "without padding": lambda x: functional.avg_pool1d(x, (3,), 2, 1, count_include_pad=False),
    "one document": lambda x: torch.stack([functional.avg_pool1d(t, 2) for t in x]),
    "avg_pool2d": lambda x: functional.avg_pool2d(x[:, None], 2, ceil_mode=True),
    "a divisor": lambda x: functional.avg_pool2d(
        x[:, None], (3, 2), (2, 1), (1, 1), divisor_override=5
    ),
    "two axes without padding": lambda x: functional.avg_pool2d(
        x[:, None], (3, 2), (2, 1), (1, 1), True, False
    ),
    "avg_pool3d": lambda x: functional.avg_pool3d(
        x[:, None, None], (1, 3, 2), (1, 2, 1), (0, 1, 1), True
    ),
    "adaptive_avg_pool1d": lambda x: functional.adaptive_avg_pool1d(x, 3),
    "adaptive_avg_pool2d": lambda x: functional.adaptive_avg_pool2d(x[:, None], (3, None)),
    "adaptive_avg_pool3d": lambda x: functional.adaptive_avg_pool3d(x[:, None, None], (1, 3, 2)),
    "fold": lambda x: functional.fold(x[:, :4], (3, 3), 2),
    "fold with padding": lambda x: functional.fold(
        x[:, :4].repeat(1, 1, 2)[:, :, :6], (2, 3), 2, padding=(1, 0), stride=1
    ),
}
BETWEEN: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: functional.interpolate(x, 7, mode="linear"),
    "by a factor": lambda x: functional.interpolate(x, scale_factor=1.7, mode="linear"),
    "by the factor of the sizes": lambda x: functional.interpolate(
        x, scale_factor=1.7, mode="linear", recompute_scale_factor=True
    ),
    "corners": lambda x: functional.interpolate(x, 7, mode="linear", align_corners=True),
    "nearest": lambda x: functional.interpolate(x, scale_factor=1.7),
    "nearest-exact": lambda x: functional.interpolate(x, 3, mode="nearest-exact"),
    "area": lambda x: functional.interpolate(x, scale_factor=0.7, mode="area"),
    "bilinear": lambda x: functional.interpolate(x[:, None], (7, 3), mode="bilinear"),
    "bicubic": lambda x: functional.interpolate(
        x[:, None], scale_factor=(1.3, 1.9), mode="bicubic"
    ),
    "antialias": lambda x: functional.interpolate(
        x[:, None], (3, 3), mode="bilinear", antialias=True
    ),
    "trilinear": lambda x: functional.interpolate(x[:, None, None], (2, 3, 3), mode="trilinear"),
    "module": torch.nn.Upsample(scale_factor=2, mode="linear"),
}
ALONG: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum((1, 2)),
    "mean by NumPy's names": lambda x: x.mean(axis=1, keepdims=True),  # type: ignore[call-overload]
    "nansum": lambda x: x.nansum(1),
    "nanmean": lambda x: torch.nanmean(x, dim=(1, 2), keepdim=True),
    "cumsum": lambda x: x.cumsum(1),
    "cumsum from behind": lambda x: torch.cumsum(input=x, dim=-2),
    "trace": lambda x: torch.stack([t.trace() for t in x]),
    "diff": lambda x: x.diff(n=2, dim=1),
    "diff with more": lambda x: torch.diff(x, prepend=x[:, :, :2], append=ones(x, 5, 1)),
}
FUNCTIONS = WINDOWS | BETWEEN | ALONG


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_its_matrix(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    x[1, 3:] = 0  # as padding of a shorter document
    check_linear(FUNCTIONS[name], x)


@pytest.mark.parametrize("name", ["avg_pool1d", "stride, padding, ceiling", "adaptive_avg_pool2d"])
def test_zeros_of_a_document_take_nothing(name: str) -> None:
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    x[1, 3:] = 0
    _, relevance = explained(FUNCTIONS[name], x)
    assert relevance[:, 1, :3].any()
    assert not relevance[:, 1, 3:].any()


def over_words(function: Callable[[Tensor, int], Tensor], x: Tensor) -> Tensor:
    return function(x, 1)


def test_what_is_no_number_does_not_count() -> None:
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    x[0, 1] = torch.nan
    for function, over in ((torch.nansum, 1), (torch.nanmean, 4)):
        scores, found = explained(partial(over_words, function), x)
        values = x[0, [0, 2, 3, 4]].numpy()
        z = values.sum(axis=0) / over
        np.testing.assert_allclose(scores[0], z)
        size = np.abs(values) / np.abs(values).sum(axis=0)
        share = (values / over + 0.01 * np.sign(z) * size) / (z + 0.01 * np.sign(z)) * z
        assert not found[:, 0, 1].any()
        for c in range(4):
            np.testing.assert_allclose(found[c, 0, [0, 2, 3, 4], c], share[:, c])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: functional.lp_pool1d(x.abs(), 2, 2),
        lambda x: functional.lp_pool2d(x[:, None], 2.0, 3, stride=1, ceil_mode=True),
        lambda x: functional.adaptive_avg_pool1d(x.relu(), 1).squeeze(-1),
        lambda x: functional.avg_pool1d(x.mT, 3, 1, 1).tanh().amax(-1),
    ],
)
def test_conserves(f: Callable[[Tensor], Tensor]) -> None:
    assert conserves(f, torch.randn(2, 5, 4, dtype=torch.float64))


def test_power_averages_share_by_powers() -> None:
    x = torch.rand(1, 1, 4, dtype=torch.float64)
    scores, relevance = explained(lambda x: functional.lp_pool1d(x, 3, 2), x)
    for j in range(2):
        window = x[0, 0, 2 * j : 2 * j + 2].numpy() ** 3
        expected = window / window.sum() * scores[0, j]
        assert relevance[j, 0, 0, 2 * j : 2 * j + 2] == pytest.approx(expected)


def test_what_has_no_rule_is_refused_by_name() -> None:
    x = torch.randn(2, 4, 6, dtype=torch.float64)

    def unpooled(x: Tensor) -> Tensor:
        values, places = functional.max_pool1d(x, 2, return_indices=True)
        return functional.max_unpool1d(values, places, (2,))

    with pytest.raises(lrp.UnsupportedFunction, match="max_unpool"):
        explained(unpooled, x)
    table = torch.randint(0, 4, (2, 3))
    with pytest.raises(lrp.UnsupportedFunction, match="embedding_bag"):
        explained(lambda x: torch.stack([functional.embedding_bag(table, t) for t in x]), x)
