"""Tensors without axes, empty indices, axes counted from either end: no special cases."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from laws import conserves

PLACES = torch.tensor([0, 2, 0, 4, 2])
NONE = torch.zeros(0, dtype=torch.long)

WITHOUT_AXES: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda t: t.sum(),
    "mean": lambda t: t.mean(0),
    "nansum": lambda t: t.nansum(),
    "prod": lambda t: t.prod(),
    "norm": lambda t: t.norm(),
    "amax": lambda t: t.amax(),
    "max": lambda t: t.max(),
    "logsumexp": lambda t: t.logsumexp(0),
    "cumsum": lambda t: t.cumsum(0),
    "softmax": lambda t: t * t.softmax(0),
    "kron": lambda t: torch.kron(t, torch.ones(2, dtype=t.dtype)),
    "inner": lambda t: torch.inner(t, torch.ones(3, dtype=t.dtype)),
}
EMPTY: dict[str, Callable[[Tensor], Tensor]] = {
    "index_add": lambda t: t.index_add(0, NONE, t[:0]),
    "index_copy": lambda t: t.index_copy(0, NONE, t[:0]),
    "index_put": lambda t: t.index_put((NONE,), t[:0]),
    "scatter": lambda t: t.scatter(0, NONE[:, None].expand(0, 4), t),
    "scatter_reduce": lambda t: t.scatter_reduce(0, NONE[:, None].expand(0, 4), t, "amax"),
    "differences": lambda t: torch.cat([t.diff(n=9, dim=0), t]),
}
ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "one place": lambda t: t.index_add(0, torch.tensor(1), t[:1]),
    "a vector": lambda t: t[0].index_add(0, PLACES[:3], t[1, :3]),
    "a vector from behind": lambda t: t[0].scatter_add(-1, PLACES[:3], t[1]),
    "by a mask": lambda t: t.index_put((PLACES > 1,), t[0, 0]),
    "added by a mask": lambda t: t.index_put(
        (t.detach() > 0,), torch.ones((), dtype=t.dtype), accumulate=True
    ),
    "a list of indices": lambda t: t.index_put([PLACES], t[:1], accumulate=True),
    "two indices": lambda t: t.index_put((PLACES, PLACES.clamp(max=3)), t[:, 0]),
    "no differences": lambda t: t.diff(n=0, dim=0),
    "two axes of a picture": lambda t: functional.avg_pool2d(t[None], 2),
    "sizes in a list": lambda t: functional.interpolate(t[None], size=[7], mode="linear"),
    "factors in a list": lambda t: functional.interpolate(
        t[None, None], scale_factor=[2.0, 0.5], mode="nearest"
    ),
    "vectors at both ends": lambda t: torch.linalg.multi_dot([t[0], t.mT, t[:, 0]]),
    "the smallest": lambda t: torch.topk(input=t, k=2, dim=0, largest=False, sorted=False)[0],
}


@pytest.mark.parametrize("name", [*WITHOUT_AXES, *EMPTY, *ODD])
def test_conserves(name: str) -> None:
    def f(x: Tensor) -> Tensor:
        if name in WITHOUT_AXES:
            return torch.stack([WITHOUT_AXES[name](t[0, 0]) for t in x])
        return torch.stack([(EMPTY | ODD)[name](t) for t in x])

    torch.manual_seed(0)
    assert conserves(f, torch.randn(2, 5, 4, dtype=torch.float64))
