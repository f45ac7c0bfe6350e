"""Writing at places of an index: what is added shares, what is written last takes all."""

import numpy as np
import pytest
import torch

from laws import check_linear, check_routing, conserves, explained
from whyword import lrp

pytestmark = [
    pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter"),
    pytest.mark.filterwarnings("ignore:index_reduce.. is in beta"),
]
PLACES = torch.tensor([0, 2, 0, 4, 2])


def random_input(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def ones(x, *shape):
    return torch.ones(len(x), *shape, dtype=x.dtype)


def index(x, rows=5):
    """The same for every document; rows of the source beyond it are not written."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 3, (1, 5, 4), generator=generator)[:, :rows].expand(len(x), rows, 4)


def rows(x):
    return torch.arange(len(x))[:, None], PLACES[None]


ADDED = {
    "index_add": lambda x: torch.zeros(len(x), 5, 4).double().index_add(1, PLACES, x),
    "to a signal": lambda x: x.index_add(1, PLACES, x, alpha=2.0),
    "to a constant, in place": lambda x: ones(x, 5, 4).index_add_(-2, PLACES, x),
    "by name": lambda x: torch.index_add(input=2 * x, dim=1, index=PLACES, source=x),
    "scatter_add to a constant": lambda x: ones(x, 6, 4).scatter_add(1, index(x), x),
    "of a part": lambda x: (x * 2).scatter_add(1, index(x, 3), x),
    "scatter_reduce": lambda x: (x * 2).scatter_reduce(1, index(x, 3), x, "sum"),
    "alone": lambda x: (x * 2).scatter_reduce(1, index(x, 3), x, "sum", include_self=False),
    "mean": lambda x: (x * 2).scatter_reduce(1, index(x, 3), x, reduce="mean"),
    "mean alone": lambda x: (x * 2).scatter_reduce(-2, index(x, 3), x, "mean", include_self=False),
    "scatter": lambda x: torch.scatter(x * 2, 1, index(x, 3), x, reduce="add"),
    "scatter a number": lambda x: torch.scatter(x * 2, 1, index(x, 3), 3.0, reduce="add"),
    "index_reduce": lambda x: x.index_reduce(1, PLACES, x * 2, "mean"),
    "index_put": lambda x: (x * 2).index_put(rows(x), x, accumulate=True),
    "index_put_ to a constant": lambda x: ones(x, 5, 4).index_put_(
        rows(x), x[:, :1], accumulate=True
    ),
    "put": lambda x: torch.stack(
        [t.put(torch.tensor([3, 3, -1]), t[0, :3], accumulate=True) for t in x]
    ),
}
WRITTEN = {
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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_shares(name, seed):
    x = random_input(seed)
    x[1, 3:] = 0
    check_linear(ADDED[name], x)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_takes_all(name):
    check_routing(WRITTEN[name], random_input())


@pytest.mark.parametrize("name", [n for n in ADDED if "constant" not in n])
def test_conserves(name):
    assert conserves(ADDED[name], random_input())


def test_nothing_is_counted_twice():
    """Autograd would hand the relevance of a place to each that was written there."""
    x = random_input()
    for f in (WRITTEN["index_put"], WRITTEN["index_copy"], WRITTEN["put"]):
        assert conserves(f, x)


@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_the_first_winner_takes_all(name, include_self):
    x = random_input().round(decimals=0)  # with ties
    places = index(x, 4)

    def f(x):
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
def test_products_are_refused(f):
    with pytest.raises(lrp.UnsupportedFunction, match="no rule for reduce"):
        explained(f, random_input())
