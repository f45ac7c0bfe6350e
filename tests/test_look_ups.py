"""Where vectors enter a module: whichever way its ids go, the text's vectors go the same way."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from moving import FILL, SIZE, START, TEXTS, VOCABULARY, Module, classifier, shifted, unmoved
from whyword import InputError, ModelError, ModuleClassifier, explain, lrp
from whyword.batch import Batch
from whyword.models.look_ups.positions import CONSTANT, DERIVED, Positions
from whyword.models.look_ups.substitution import Substitution
from whyword.removal import scores_without


def through_an_older_view(ids: Tensor) -> Tensor:
    whole = torch.zeros(len(ids), ids.shape[1] + 2, dtype=torch.long)
    early, inner = whole[:, 1:], whole[:, 1:-1]
    inner.copy_(ids)
    early[:, -1] = START
    return whole.flip(1)


def each(vectors: Tensor, row: Tensor) -> Tensor:
    """A row of the table as a constant vector for each text."""
    return row.expand(len(vectors), 1, -1)


def by_length(ids: Tensor) -> Tensor:
    lengths = (ids != 0).sum(dim=1)
    order = lengths.argsort()
    return ids[order][order.argsort()]


WIDE = torch.tensor([0, 2, 1, 4, 3, 3])
MOVES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "as they are": (lambda i: i, lambda v, t: v),
    "flip": (lambda i: i.flip(1), lambda v, t: v[:, [4, 3, 2, 1, 0]]),
    "fliplr": (torch.fliplr, lambda v, t: v[:, [4, 3, 2, 1, 0]]),
    "roll": (lambda i: torch.roll(i, 1, dims=1), lambda v, t: v[:, [4, 0, 1, 2, 3]]),
    "cut": (lambda i: i[:, 1:4], lambda v, t: v[:, [1, 2, 3]]),
    "step": (lambda i: i[:, ::2], lambda v, t: v[:, [0, 2, 4]]),
    "index": (lambda i: i[:, WIDE], lambda v, t: v[:, [0, 2, 1, 4, 3, 3]]),
    "index_select": (
        lambda i: torch.index_select(input=i, dim=1, index=WIDE),
        lambda v, t: v[:, [0, 2, 1, 4, 3, 3]],
    ),
    "gather": (
        lambda i: i.gather(1, WIDE.expand(len(i), -1)),
        lambda v, t: v[:, [0, 2, 1, 4, 3, 3]],
    ),
    "transposed": (lambda i: i.T.contiguous().t(), lambda v, t: v),
    "flat": (lambda i: i.reshape(-1), lambda v, t: v.flatten(0, 1)),
    "twice": (lambda i: torch.cat([i, i], dim=1), lambda v, t: v[:, [0, 1, 2, 3, 4] * 2]),
    "repeat": (lambda i: i.repeat(1, 2), lambda v, t: v[:, [0, 1, 2, 3, 4] * 2]),
    "chunks": (
        lambda i: torch.cat(i.chunk(2, dim=1)[::-1], dim=1),
        lambda v, t: v[:, [3, 4, 0, 1, 2]],
    ),
    "stack of columns": (lambda i: torch.stack(list(i.unbind(1)), dim=1), lambda v, t: v),
    "rows": (lambda i: torch.stack([row.clone() for row in i]), lambda v, t: v),
    "pad": (
        lambda i: functional.pad(i, (2, 1), value=FILL),
        lambda v, t: torch.cat([each(v, t[FILL])] * 2 + [v] + [each(v, t[FILL])], dim=1),
    ),
    "pad with nothing said": (
        lambda i: functional.pad(input=i, pad=(0, 2)),
        lambda v, t: torch.cat([v] + [each(v, t[0])] * 2, dim=1),
    ),
    "constants": (
        lambda i: torch.cat([torch.full((len(i), 1), START), i], dim=1),
        lambda v, t: torch.cat([each(v, t[START]), v], dim=1),
    ),
    "shift": (shifted, lambda v, t: torch.cat([each(v, t[START]), v[:, :4]], dim=1)),
    "through a view": (
        through_an_older_view,
        lambda v, t: torch.cat([each(v, t[START]), v[:, [4, 3, 2, 1, 0]], each(v, t[0])], dim=1),
    ),
    "where": (
        lambda i: torch.where(torch.arange(5) < 2, i, FILL),
        lambda v, t: torch.cat([v[:, :2]] + [each(v, t[FILL])] * 3, dim=1),
    ),
    "masked": (
        lambda i: i.masked_fill(mask=torch.arange(5) < 1, value=FILL),
        lambda v, t: torch.cat([each(v, t[FILL]), v[:, 1:]], dim=1),
    ),
    "clamp": (lambda i: i.clamp(0, SIZE - 1), lambda v, t: v),
    "remainder": (lambda i: i % SIZE, lambda v, t: v),
    "times a mask": (lambda i: i * (i != 0), lambda v, t: v),
    "other types": (lambda i: i.to(torch.int32).float().long().int(), lambda v, t: v),
    "sorted by length": (by_length, lambda v, t: v),
    "windows": (lambda i: i.unfold(1, 2, 1), lambda v, t: v[:, [0, 1, 1, 2, 2, 3, 3, 4]]),
}


@pytest.mark.parametrize("name", MOVES)
def test_vectors_go_where_their_ids_go(name: str) -> None:
    ids, vectors = MOVES[name]
    module = Module(ids)
    c = classifier(module)
    batch = c.encode(TEXTS)
    torch.testing.assert_close(c.score(c.embed(batch), batch), module(batch.ids))
    given = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)  # one for each position
    table = module.words.weight.detach()
    found, expected = c.score(given, batch), module.head(vectors(given, table), 2)
    torch.testing.assert_close(found, expected)
    directions = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad(found, given, directions),
        torch.autograd.grad(expected, given, directions),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    # The engine's own mode is around the look-ups.
    targets = torch.eye(3).double()[:, None].expand(-1, 2, -1)
    one = lrp.relevance(lambda x: c.score(x, batch), given, targets)
    other = lrp.relevance(lambda x: module.head(vectors(x, table), 2), given, targets)
    torch.testing.assert_close(one.relevance, other.relevance)


class InTwoPlaces(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        first = functional.embedding(ids, self.words.weight.detach())
        return torch.cat([first, self.words(ids.flip(1)).detach() * 1.0], dim=1)


class ByIndex(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return torch.cat(
            [self.words.weight[ids], self.words.weight.index_select(0, ids[:, 0])[:, None]], dim=1
        )


class Bag(Module):
    def __init__(self, mode: str, **options: Any) -> None:
        super().__init__(unmoved)
        self.words = nn.EmbeddingBag(SIZE, 4, mode=mode, **options).double()

    def look_up(self, ids: Tensor) -> Tensor:
        result: Tensor = self.words(ids)
        return result


class Offsets(Bag):
    def look_up(self, ids: Tensor) -> Tensor:
        offsets = torch.arange(0, ids.numel(), ids.shape[1])
        result: Tensor = self.words(ids.flatten(), offsets)
        return result


class Weighted(Bag):
    def look_up(self, ids: Tensor) -> Tensor:
        weights = self.weights[: ids.shape[1]].expand(ids.shape)
        result: Tensor = self.words(ids, per_sample_weights=weights)
        return result


SPELLINGS: dict[str, tuple[Callable[[], Module], Callable[[Module, Tensor], Tensor]]] = {
    "in two places": (
        lambda: InTwoPlaces(unmoved),
        lambda m, v: torch.cat([v, v.flip(1)], dim=1),
    ),
    "by index": (lambda: ByIndex(unmoved), lambda m, v: torch.cat([v, v[:, :1]], dim=1)),
    "sum": (lambda: Bag("sum"), lambda m, v: v.sum(1)),
    "mean": (lambda: Bag("mean"), lambda m, v: v.mean(1)),
    "without padding": (lambda: Bag("mean", padding_idx=3), lambda m, v: skipped(v)),
    "offsets": (lambda: Offsets("mean"), lambda m, v: v.mean(1)),
    "weighted": (lambda: Weighted("sum"), lambda m, v: (v * m.weights[:5, None]).sum(1)),
}


def skipped(vectors: Tensor) -> Tensor:
    """The mean of those that are not "beta", which has the id 3."""
    kept = [[0, 2, 4], [1, 2, 3, 4]]
    return torch.stack([v[k].mean(dim=0) for v, k in zip(vectors, kept, strict=True)])


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_of_a_look_up(name: str) -> None:
    make, vectors = SPELLINGS[name]
    module = make()
    c = classifier(module)
    batch = c.encode(TEXTS)
    given = torch.randn(2, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(c.score(c.embed(batch), batch), module(batch.ids))
        expected = module.head(vectors(module, given), 2)
        torch.testing.assert_close(c.score(given, batch), expected)
    for e in explain(c, TEXTS):
        np.testing.assert_allclose(e.relevance.sum(axis=1) + e.total_remainder, e.scores, atol=1e-9)


def test_a_words_vector_is_one_input_in_all_places() -> None:
    """Another row of the table for a word, and another vector for it, are the same."""
    for module in (Module(shifted), InTwoPlaces(unmoved), Module(lambda i: i.repeat(1, 3))):
        c = classifier(module)
        batch = c.encode(TEXTS)
        other = torch.randn(4, dtype=torch.float64)
        vectors = c.embed(batch).clone()
        vectors[1, 1] = other
        found = c.score(vectors, batch)[1]
        with torch.no_grad():
            module.words.weight[VOCABULARY["zeta"]] = other
            torch.testing.assert_close(found, module(batch.ids)[1])
            # Taken out, it is out everywhere.
            module.words.weight[VOCABULARY["zeta"]] = 0
            removed = torch.tensor([[False] * 5, [False, True, False, False, False]])
            without = scores_without(c, batch, removed, operator="zero")[1]
            torch.testing.assert_close(without, module(batch.ids)[1])


class InPlace(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        x = self.words(ids)
        x *= 2
        result: Tensor = x
        return result


def test_vectors_that_the_module_changes_stay_as_they_are() -> None:
    module = InPlace(unmoved)
    c = classifier(module)
    batch = c.encode(TEXTS)
    vectors = c.embed(batch)
    torch.testing.assert_close(vectors, module.words.weight.detach()[batch.ids])
    torch.testing.assert_close(c.score(vectors, batch), module.head(2 * vectors, 2))
    torch.testing.assert_close(c.score(vectors, batch), module(batch.ids))
    leaves = [vectors.clone().requires_grad_() for _ in range(2)]
    scores = c.score(leaves[0], batch), module.head(2 * leaves[1], 2)
    ours, theirs = (
        torch.autograd.grad(s[:, 0].sum(), leaf)[0] for s, leaf in zip(scores, leaves, strict=True)
    )
    torch.testing.assert_close(ours, theirs)


class OneHot(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return functional.one_hot(ids, SIZE).double() @ self.words.weight


class Scaled(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.words.weight * 2)


class Part(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.words.weight[:, :2]).repeat(1, 1, 2)


class Shortening(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.words.weight, max_norm=1.0)


class Never(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        return torch.ones(len(ids), 3, 4).double()


class Vectorised(Module):
    def look_up(self, ids: Tensor) -> Tensor:
        result: Tensor = torch.func.vmap(self.words)(ids)
        return result


def back_from_lists(ids: Tensor) -> Tensor:
    return torch.tensor([row[::-1] for row in ids.tolist()])


def half_from_lists(ids: Tensor) -> Tensor:
    return torch.cat([ids, torch.tensor(ids.numpy())], dim=1)


def added_in_place(ids: Tensor) -> Tensor:
    new = torch.cat([ids, torch.zeros_like(ids)], dim=1)
    new[:, 5:].add_(ids % 3)
    return new


def accumulated(ids: Tensor) -> Tensor:
    new = torch.cat([ids, torch.zeros_like(ids)], dim=1)
    rows, columns = torch.arange(len(ids))[:, None], torch.arange(5, 10)
    return new.index_put_((rows, columns), ids % 3, accumulate=True)


REFUSED: dict[str, tuple[Callable[[], Module], str]] = {
    "hash": (lambda: Module(lambda i: i * 31 % SIZE), "the function remainder"),
    "offset": (lambda: Module(lambda i: (i + 1).clamp(max=SIZE - 1)), "the function clamp"),
    "bigrams": (lambda: Module(lambda i: (i[:, 1:] + i[:, :-1]) % SIZE), "the function remainder"),
    "unique": (lambda: Module(lambda i: i.unique()[None].expand(2, -1)), "the function unique"),
    "of other ids": (lambda: Module(lambda i: torch.arange(SIZE).flip(0)[i]), "__getitem__"),
    "in part": (lambda: Module(lambda i: torch.cat([i, i // 2], dim=1)), "ids .* the function cat"),
    "in place": (lambda: Module(lambda i: i.clone().add_(1)), "not the text's own"),
    "added in place": (lambda: Module(added_in_place), "the function"),
    "accumulated": (lambda: Module(accumulated), "the function"),
    "halves": (lambda: Module(lambda i: i.view(torch.int32)[:, ::2]), "not the text's own"),
    "comparison": (lambda: Module(lambda i: (i == 3).long()), "the function long"),
    "where a word is": (
        lambda: Module(lambda i: torch.zeros_like(i).masked_fill_(i == 3, 3)),
        "the function masked_fill_",
    ),
    "lists": (lambda: Module(back_from_lists), "the function tolist"),
    "numpy": (lambda: Module(half_from_lists), "numpy"),
    "one-hot": (lambda: OneHot(unmoved), "by the function matmul"),
    "another table": (lambda: Scaled(unmoved), "none of the text's ids"),
    "part of the table": (lambda: Part(unmoved), "a part of the embedding 'words' of Part"),
    "norms": (lambda: Shortening(unmoved), "max_norm"),
    "nothing": (lambda: Never(unmoved), "none of the text's ids in the embedding 'words' of Never"),
    "largest of a bag": (lambda: Bag("max"), 'the mode "max"'),
    "vmap": (lambda: Vectorised(unmoved), "none of the text's ids"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("method", ["lrp", "gradient_x_input", "occlusion", "random"])
def test_other_look_ups_are_refused_by_name(name: str, method: str) -> None:
    make, reason = REFUSED[name]
    c = classifier(make())
    with pytest.raises(ModelError, match=reason):
        explain(c, TEXTS, method=method)
    with pytest.raises(ModelError, match=reason):  # also without `embed`
        c.score(torch.zeros(2, 5, 4).double(), c.encode(TEXTS))
    assert c(c.encode(TEXTS)).shape == (2, 3)


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_scripted_modules_look_up_nothing() -> None:
    module = Module(lambda i: i)
    module.words = torch.jit.script(module.words)  # type: ignore[assignment] # what is refused
    c = classifier(module)
    with pytest.raises(ModelError, match="none of the text's ids"):
        explain(c, TEXTS)


def test_of_compiled_modules_the_original_is_explained() -> None:
    module = Module(shifted)
    expected = explain(classifier(module), TEXTS)
    optimised = torch.compile(module, backend="eager")
    assert isinstance(optimised, nn.Module)
    compiled = ModuleClassifier(optimised, "abc", VOCABULARY, embedding=module.words)
    for ours, theirs in zip(explain(compiled, TEXTS), expected, strict=True):
        np.testing.assert_allclose(ours.relevance, theirs.relevance)
    module.hidden.compile(backend="eager")
    with pytest.raises(ModelError, match="The layer 'hidden' of Module is compiled"):
        explain(classifier(module), TEXTS)


def test_shortened_norms_are_refused() -> None:
    module = Module(unmoved)
    module.words = nn.Embedding(SIZE, 4, max_norm=1.0)
    with pytest.raises(InputError, match="max_norm"):
        classifier(module)


# Programs of moves, beside the same moves of numpy on positions.


def program(  # noqa: PLR0911
    rng: np.random.Generator, ids: Tensor, labels: NDArray[np.int64]
) -> tuple[Tensor, NDArray[np.int64]]:
    """A random move of ids, and of labels by numpy; some with constants, some in place."""
    rows, columns = ids.shape
    choice = rng.integers(13)
    if choice == 0:
        return ids.flip(1), labels[:, ::-1]
    if choice == 1 and columns > 2:
        start = int(rng.integers(1, columns - 1))
        return ids[:, start:], labels[:, start:]
    if choice == 2:
        index = rng.integers(columns, size=columns)
        return ids[:, torch.from_numpy(index)], labels[:, index]
    if choice == 3:
        left, right = (int(n) for n in rng.integers(0, 3, 2))
        wide = np.full((rows, left + columns + right), CONSTANT)
        wide[:, left : left + columns] = labels
        return functional.pad(ids, (left, right), value=FILL), wide
    if choice == 4:
        return ids.t().contiguous().t(), labels
    if choice == 5:
        return torch.cat([ids, ids[:, :2]], dim=1), np.concatenate([labels, labels[:, :2]], 1)
    if choice == 6:
        mask = rng.random((rows, columns)) < 0.2
        return ids.masked_fill(torch.from_numpy(mask), FILL), np.where(mask, CONSTANT, labels)
    if choice == 7:
        ids, labels = ids.clone(), labels.copy()
        ids[:, 1:], labels[:, 1:] = ids[:, :-1].clone(), labels[:, :-1].copy()
        return ids, labels
    if choice == 8:
        ids, labels = ids.clone(memory_format=torch.contiguous_format), labels.copy()
        view = ids.view(-1)[::3]
        view.fill_(FILL)
        labels.reshape(-1)[::3] = CONSTANT
        return ids, labels
    if choice == 9:
        order = rng.permutation(rows)
        return ids[torch.from_numpy(order)], labels[order]
    if choice == 10:
        shift = int(rng.integers(columns))
        return ids.roll(shift, 1), np.roll(labels, shift, 1)
    if choice == 11:
        keep = torch.from_numpy(rng.random((rows, columns)) < 0.5)
        other = ids.new_full(ids.shape, START)
        return torch.where(keep, ids, other), np.where(keep.numpy(), labels, CONSTANT)
    return ids * 2, np.full(labels.shape, DERIVED)


@pytest.mark.parametrize("seed", range(60))
def test_positions_follow_any_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = torch.from_numpy(rng.permutation(np.arange(100, 124)).reshape(4, 6))
    moved, labels = ids, np.arange(24).reshape(4, 6)
    substitution = Substitution(torch.zeros(1), ids, torch.zeros(4, 6, 1))
    substitution.answered = True
    with substitution:
        for _ in range(6):
            moved, labels = program(rng, moved, labels)
            labels = np.ascontiguousarray(labels)
    found = substitution.positions.of(moved)
    assert found is not None
    np.testing.assert_array_equal(found.numpy(), labels)
    assert ids.equal(ids)


def test_changes_that_are_not_seen_are_not_taken_for_the_text() -> None:
    ids = torch.arange(6).view(2, 3)
    positions = Positions(ids)
    ids[0, 1] = 5
    found = positions.of(ids)
    assert found is not None
    assert found.tolist() == [[0, DERIVED, 2], [3, 4, 5]]


def test_other_tables_are_answered_once() -> None:
    table, other = nn.Embedding(5, 2), nn.Embedding(5, 2)
    ids, vectors, added = torch.arange(3)[None], torch.ones(1, 3, 2), torch.zeros(1, 3, 2)
    with Substitution(table.weight, ids, vectors, added=[(other.weight, added)]):
        assert table(ids).equal(vectors)
        assert other(torch.arange(3)).equal(added)
        assert other(torch.arange(2)).equal(other.weight[:2])


def test_nothing_is_left_behind() -> None:
    module = Module(shifted)
    c = classifier(module)
    batch = c.encode(TEXTS)
    before = set(dir(module)), set(dir(batch.ids)), batch.ids.clone()
    state = {k: v.clone() for k, v in module.state_dict().items()}
    explain(c, TEXTS)
    c.score(c.embed(batch), batch)
    assert (set(dir(module)), set(dir(batch.ids))) == before[:2]
    assert batch.ids.equal(before[2])
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    torch.testing.assert_close(module(batch.ids), c(batch))


def test_threads_do_not_disturb_each_other() -> None:
    c = classifier(Module(shifted))
    expected = {text: explain(c, text).relevance for text in [*TEXTS, "eta theta eta", "iota iota"]}
    failed: list[bool] = []

    def work(text: str) -> None:
        found = [explain(c, text).relevance for _ in range(10)]
        failed.extend(not np.array_equal(one, expected[text]) for one in found)

    threads = [threading.Thread(target=work, args=(text,)) for text in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(failed)
    assert len(failed) == 10 * len(expected)


def test_a_batch_of_ones_own() -> None:
    """Ids that lie in a larger tensor."""
    c = classifier(Module(shifted))
    whole = torch.randint(2, SIZE, (3, 9))
    batch = c.encode(TEXTS)
    part = Batch(batch.documents, whole[:2, 2:7], batch.mask, batch.words, batch.known)
    torch.testing.assert_close(c.score(c.embed(part), part), c(part))
