"""Writing at places of an index: what is added shares, what is written last takes all."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from laws import check_routing, conserves, explained, linear
from whyword import lrp

pytestmark = [
    pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter"),
    pytest.mark.filterwarnings("ignore:index_reduce.. is in beta"),
]
PLACES = torch.tensor([0, 2, 0, 4, 2])


def random_input(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def index(x: Tensor, rows: int = 5) -> Tensor:
    """The same for every document; rows of the source beyond it are not written."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 3, (1, 5, 4), generator=generator)[:, :rows].expand(len(x), rows, 4)


def rows(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.arange(len(x))[:, None], PLACES[None]


ADDED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "index_add": lambda base, x: base.index_add(1, PLACES, x),
    "times a number": lambda base, x: base.index_add(1, PLACES, x, alpha=2.0),
    "in place": lambda base, x: base.clone().index_add_(-2, PLACES, x),
    "by name": lambda base, x: torch.index_add(input=base, dim=1, index=PLACES, source=x),
    "scatter_add": lambda base, x: base.scatter_add(1, index(x), x),
    "of a part": lambda base, x: base.scatter_add(1, index(x, 3), x),
    "scatter_reduce": lambda base, x: base.scatter_reduce(1, index(x, 3), x, "sum"),
    "alone": lambda base, x: base.scatter_reduce(1, index(x, 3), x, "sum", include_self=False),
    "mean": lambda base, x: base.scatter_reduce(1, index(x, 3), x, reduce="mean"),
    "mean alone": lambda base, x: base.scatter_reduce(
        -2, index(x, 3), x, "mean", include_self=False
    ),
    "scatter": lambda base, x: torch.scatter(base, 1, index(x, 3), x, reduce="add"),
    "index_reduce": lambda base, x: base.index_reduce(1, PLACES, x, "mean"),
    "index_put": lambda base, x: base.index_put(rows(x), x, accumulate=True),
    "index_put_": lambda base, x: base.clone().index_put_(rows(x), x[:, :1], accumulate=True),
    "put": lambda base, x: torch.stack(
        [
            b.put(torch.tensor([3, 3, -1]), t[0, :3], accumulate=True)
            for b, t in zip(base, x, strict=True)
        ]
    ),
}
BASES: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros": lambda x: torch.zeros(len(x), 5, 4, dtype=x.dtype),
    "a constant": lambda x: torch.full((len(x), 5, 4), 0.5, dtype=x.dtype),
    "a signal": lambda x: 2 * x,
    "itself": lambda x: x,
}
WRITTEN: dict[str, Callable[[Tensor], Tensor]] = {
    "scatter": lambda x: x.scatter(1, index(x, 3), 2 * x),
    "scatter a number": lambda x: x.scatter(1, index(x, 3), 3.0),
    "scatter, by name": lambda x: torch.scatter(input=x, dim=1, index=index(x, 3), value=0.5),
    "index_copy": lambda x: x.index_copy(1, PLACES, x * 3),
    "index_put": lambda x: (x * 2).index_put(rows(x), x),
    "put": lambda x: torch.stack([t.put(torch.tensor([3, 3, -1]), t[0, :3]) for t in x]),
    "masked_scatter": lambda x: x.masked_scatter(PLACES[1:] > 2, 2 * x[..., :1]),
    "masked_select": lambda x: torch.stack([t.masked_select(PLACES[:4] > 0) for t in x]),
    "take": lambda x: torch.stack([t.take(PLACES) for t in x]),
    "index_fill": lambda x: x.index_fill(1, PLACES, 2.0),
}


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_shares(name: str, base: str, shares: bool) -> None:
    """As the matrix says where something is added; elsewhere relevance stays where it is."""
    x = random_input()
    x[1, 3:] = 0

    def f(x: Tensor) -> Tensor:
        result: Tensor = ADDED[name](BASES[base](x), x)
        return result

    reached = ADDED[name](torch.zeros_like(x), torch.ones_like(x)).reshape(2, -1) != 0
    _, found = explained(f, x, "paper" if shares else "plain")
    stays = linear(f, x, shares=False, epsilon=0.0)
    expected = np.where(reached.T[..., None, None], linear(f, x, shares=shares), stays)
    if base == "a constant":
        expected = np.where(reached.T[..., None, None], expected, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ADDED)
def test_conserves(name: str) -> None:
    assert conserves(lambda x: ADDED[name](2 * x, x), random_input())
    assert conserves(lambda x: ADDED[name](torch.zeros_like(x), x), random_input())


def test_a_number_is_added_as_a_constant() -> None:
    def f(x: Tensor) -> Tensor:
        return torch.scatter(x, 1, index(x, 5), 3.0, reduce="add")

    assert conserves(f, random_input())


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_takes_all(name: str) -> None:
    check_routing(WRITTEN[name], random_input())


def test_nothing_is_counted_twice() -> None:
    """Autograd would hand the relevance of a place to each that was written there."""
    x = random_input()
    for f in (WRITTEN["index_put"], WRITTEN["index_copy"], WRITTEN["put"]):
        assert conserves(f, x)


@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_the_first_winner_takes_all(name: str, include_self: bool) -> None:
    x = random_input().round(decimals=0)  # with ties
    places = index(x, 4)

    def f(x: Tensor) -> Tensor:
        return x.scatter_reduce(1, places, 2 * x, name, include_self=include_self)

    scores, found = explained(f, x)
    best = np.max if name == "amax" else np.min
    for document, row, column in np.ndindex(2, 5, 4):
        values = x[document, :, column].numpy()
        came = [i for i in range(4) if places[document, i, column] == row]
        candidates = [(values[row], row)] if include_self or not came else []
        candidates += [(2 * values[i], i) for i in came]
        value = best([v for v, _ in candidates])
        winner = next(i for v, i in candidates if v == value)
        assert scores[document, 4 * row + column] == value
        expected = np.zeros((5, 4))
        expected[winner, column] = value
        np.testing.assert_allclose(found[4 * row + column, document], expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.scatter_reduce(1, index(x), x, "prod"),
        lambda x: x.index_reduce(1, PLACES, x, "prod"),
        lambda x: x.scatter(1, index(x), 2.0, reduce="multiply"),
    ],
)
def test_products_are_refused(f: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(lrp.UnsupportedFunction, match="no rule for reduce"):
        explained(f, random_input())
