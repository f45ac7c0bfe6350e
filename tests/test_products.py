"""The table of products: never out of date, bounded, and of no influence on any number."""

import copy
import io
import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models import WORDS, random_cnn, random_text, random_vectors
from whyword.batch import Batch
from whyword.models.cnn.layers import Layers
from whyword.models.cnn.model import WordCNN
from whyword.models.cnn.products import ProductTable

TEXTS = ("alpha beta gamma alpha beta", "zeta unknown", "", "kappa iota theta eta " * 3)

networks = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "dimension": st.integers(1, 20),
        "filters": st.dictionaries(
            st.sampled_from([1, 2, 3, 5]), st.integers(1, 20), min_size=1, max_size=4
        ),
        "shift": st.sampled_from([-5.0, 0.0, 5.0]),
    }
)
lengths = st.lists(st.integers(0, 30), min_size=1, max_size=5)


def targets(model: WordCNN, size: int) -> Tensor:
    """All classes, and a contrast."""
    n = len(model.classes)
    rows = torch.cat([torch.eye(n), torch.eye(n)[:1] - torch.eye(n)[1:2]])
    return rows[:, None].expand(-1, size, -1)


@torch.no_grad()
def everything(model: WordCNN, texts: Sequence[str]) -> dict[str, Tensor]:
    """All numbers that a model computes from products."""
    batch = model.encode(texts)
    chosen = targets(model, len(batch))
    shapley = model.shapley_lrp(batch, chosen, epsilon=0.01, contrast=1.5, depth=3, components=True)
    lrp = model.lrp(batch, chosen, components=True)
    scores, gradient = model.gradient(batch, chosen)
    assert lrp.components is not None
    assert shapley.components is not None
    longest = max(len(document) for document in batch.documents)
    order = torch.full((1, len(batch), longest), -1)
    for row, document in zip(order[0], batch.documents, strict=True):
        row[: len(document)] = torch.arange(len(document)).flip(0)
    vector = torch.linspace(-1, 1, model.embedding.shape[1]).to(model.embedding)
    replaced = batch.mask & (torch.arange(batch.ids.shape[1]) % 3 == 1)
    return {
        "forward": model(batch),
        "lrp": lrp.relevance,
        "components of lrp": lrp.components,
        "shapley": shapley.relevance,
        "components of shapley": shapley.components,
        "scores": scores,
        "gradient": gradient,
        "deleted": model.scores_along(batch, order, replacement=torch.zeros_like(vector)),
        "inserted": model.scores_along(batch, order, replacement=vector, insertion=True),
        "replaced": model.scores_replaced(batch, replaced, replacement=vector),
    }


@contextmanager
def without_table() -> Iterator[None]:
    """Everything goes by padded batches and the products of their own words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layers, "ragged", property(lambda _: False))
        yield


def texts_of(seed: int, sizes: Sequence[int]) -> list[str]:
    """Texts in which words and pairs of words come again, so that windows tie; some are unknown."""
    rng = np.random.default_rng(seed)
    texts = [random_text(rng, size) for size in sizes]
    return [text.replace("kappa", "unknown") for text in texts] + [f"{texts[0]} " * 2]


@given(networks, lengths, st.booleans(), st.sampled_from([0, 3000, 1 << 30]))
@settings(max_examples=60, deadline=None)
def test_with_and_without_a_table_numbers_are_the_same(
    network: dict[str, object], sizes: Sequence[int], double: bool, limit: int
) -> None:
    model = random_cnn(**network)  # type: ignore[arg-type]
    model = model.double() if double else model
    model.products = ProductTable(limit)
    texts = texts_of(model.embedding.shape[1], sizes)
    found = everything(model, texts)
    with without_table():
        expected = everything(model, texts)
        exact = expected if double else everything(deepcopy(model).double(), texts)
    for name, numbers in expected.items():
        if not numbers.numel():
            continue
        # Where a denominator is near zero, rounding moves the numbers without a table, too.
        rounding = float((numbers.double() - exact[name].double()).abs().max())
        scale = max(1.0, float(numbers.abs().max()))
        bound = (1e-10 if double else 1e-5) * scale + 2 * rounding
        torch.testing.assert_close(found[name], numbers, atol=bound, rtol=0, msg=name)


@given(networks, lengths, st.sampled_from([0, 5000, 1 << 30]))
@settings(max_examples=40, deadline=None)
def test_what_was_explained_before_changes_no_bit(
    network: dict[str, object], sizes: Sequence[int], limit: int
) -> None:
    model = random_cnn(**network)  # type: ignore[arg-type]
    texts = texts_of(1, sizes)
    model.products = ProductTable()
    fresh = everything(model, texts)
    model.products = ProductTable(limit)
    for before in (["zeta eta", "alpha"], ["kappa beta theta gamma"], texts[:1]):
        everything(model, before)
    for name, numbers in everything(model, texts).items():
        assert torch.equal(numbers, fresh[name]), name


def test_products_do_not_depend_on_the_words_computed_with_them() -> None:
    """At the size of the model that ships: 300 components, 800 filters of width 2."""
    from whyword.models.cnn.products import multiplied

    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(100, 300, generator=generator)
    weight = torch.randn(800, 300, 2, generator=generator)
    (whole,) = multiplied(vectors, [weight])
    for size in (1, 2, 3, 15, 16, 17, 40):
        chosen = torch.randperm(100, generator=generator)[:size]
        assert torch.equal(multiplied(vectors[chosen], [weight])[0], whole[chosen]), size
    expected = torch.einsum("id,fdk->ikf", vectors.double(), weight.double())
    torch.testing.assert_close(whole.double(), expected, atol=1e-4, rtol=0)


@given(networks, lengths)
@settings(max_examples=30, deadline=None)
def test_maxima_of_a_document_alone_are_those_in_a_batch_to_the_last_bit(
    network: dict[str, object], sizes: Sequence[int]
) -> None:
    model = random_cnn(**network)  # type: ignore[arg-type]
    texts = texts_of(2, sizes)
    with torch.no_grad():
        together = pooled(model, texts)
        for b, text in enumerate(texts):
            for whole, alone in zip(together, pooled(model, [text]), strict=True):
                assert torch.equal(whole[b], alone[0])


def check(model: WordCNN, batch: Batch) -> None:
    """Scores are those of the plain convolution."""
    plain = model.score(model.embed(batch), batch)
    torch.testing.assert_close(model(batch), plain, atol=1e-5, rtol=1e-5)


def pooled(model: WordCNN, texts: Sequence[str]) -> list[Tensor]:
    batch = model.encode(texts)
    return model.layers.maxima(model.layers.find(batch.ids), batch.mask.sum(dim=1))


# --- Never out of date ----------------------------------------------------------------------------


def _kernel(model: WordCNN) -> Tensor:
    return model.layers.kernels[0][0]


def _in_place(model: WordCNN) -> None:
    _kernel(model)[1] *= 2


def _one_weight_past_the_count(model: WordCNN) -> None:
    _kernel(model).data[1, 2, 1] += 1


def _filters_change_places(model: WordCNN) -> None:
    _kernel(model).data[[0, 1]] = _kernel(model).data[[1, 0]]


def _by_numpy(model: WordCNN) -> None:
    _kernel(model).numpy()[0] = 0


def _data(model: WordCNN) -> None:
    _kernel(model).data = torch.randn_like(_kernel(model))


def _memory_given_back(model: WordCNN) -> None:
    """Other weights in the same place, version and all."""
    weight = _kernel(model)
    values = torch.randn_like(weight)
    weight.data = torch.empty(0)
    held = [torch.empty_like(values) for _ in range(50)]
    weight.data = held[-1].copy_(values)


def _parameter(model: WordCNN) -> None:
    layer = model.convolutions[0]
    layer.weight = nn.Parameter(torch.randn_like(_kernel(model)))


def _layer(model: WordCNN) -> None:
    model.convolutions[0] = nn.Conv1d(5, 7, 2)


def _more_filters(model: WordCNN) -> None:
    model.convolutions[0] = nn.Conv1d(5, 9, 2)
    model.output = nn.Linear(9, 3)


def _state(model: WordCNN) -> None:
    model.load_state_dict(random_cnn(1).state_dict())


def _assigned_state(model: WordCNN) -> None:
    model.load_state_dict(random_cnn(1).state_dict(), assign=True)


def _inference(model: WordCNN) -> None:
    with torch.inference_mode():
        _kernel(model).mul_(-1)


@torch.enable_grad()
def _training(model: WordCNN) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    model(model.encode(TEXTS)).square().sum().backward()
    optimiser.step()


def _word(model: WordCNN) -> None:
    model.embedding[model.vectors.ids(["beta"])[0]] = 1


def _word_past_the_count(model: WordCNN) -> None:
    model.embedding.data[model.vectors.ids(["beta"])[0]] = 1


def _word_by_numpy(model: WordCNN) -> None:
    model.embedding.numpy()[model.vectors.ids(["beta"])[0]] *= -1


def _vectors(model: WordCNN) -> None:
    model.embedding = torch.randn_like(model.embedding)


def _double(model: WordCNN) -> None:
    model.double()


def _there_and_back(model: WordCNN) -> None:
    _kernel(model).mul_(3)
    model.double().float()


@pytest.mark.parametrize(
    "change",
    [
        _in_place, _one_weight_past_the_count, _filters_change_places, _by_numpy, _data,
        _memory_given_back, _parameter, _layer, _more_filters, _state, _assigned_state, _inference,
        _training, _word, _word_past_the_count, _word_by_numpy, _vectors, _double, _there_and_back,
    ],
)  # fmt: skip
@torch.no_grad()
def test_it_is_never_out_of_date(change: Callable[[WordCNN], None]) -> None:
    model = random_cnn(0)
    before = model(model.encode(TEXTS))
    assert len(model.products) > 0
    model.convolutions.requires_grad_(False)
    change(model)
    batch = model.encode(TEXTS)
    after = model(batch)
    assert not torch.equal(before.double(), after.double())
    check(model, batch)
    torch.testing.assert_close(everything(model, TEXTS)["scores"], after, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_versions_are_compared_where_components_are_not() -> None:
    model = random_cnn(0, dimension=20)
    batch = model.encode(["alpha beta"])
    model(batch)
    model.embedding[model.vectors.ids(["beta"])[0], 18] = 9
    check(model, batch)


@torch.no_grad()
def test_memory_is_not_given_to_other_vectors() -> None:
    """They would lie in the same place, maybe with the same version."""
    model = random_cnn(0)
    memory = weakref.ref(model.embedding.untyped_storage())
    model(model.encode(TEXTS))
    model.embedding = model.embedding + 1
    assert memory() is not None
    check(model, model.encode(TEXTS))
    assert memory() is None  # and is not held for longer


@torch.no_grad()
def test_what_no_look_up_sees_is_forgotten_when_asked_for() -> None:
    """The one change that goes unseen, as documented: past torch's count, beyond 16 components."""
    model = random_cnn(0, dimension=20)
    batch = model.encode(["alpha beta"])
    before = model(batch)
    model.embedding.data[model.vectors.ids(["beta"])[0], 18] = 9
    assert torch.equal(model(batch), before)
    model.products.clear()
    check(model, batch)


@torch.no_grad()
def test_two_models_do_not_disturb_each_other() -> None:
    one, other = random_cnn(0), random_cnn(1)
    other.products = one.products
    for model in (one, other, one):
        batch = model.encode(TEXTS)
        check(model, batch)


# --- Gradients and modes --------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_gradients_go_past_the_table(training: bool) -> None:
    model = random_cnn(0)
    model.train(training)
    model.word_dropout = model.dropout.p = 0.0
    batch = model.encode(TEXTS)
    weights = list(model.parameters())
    found = torch.autograd.grad(model(batch).square().sum(), weights)
    plain = model.score(model.embed(batch), batch).square().sum()
    for one, expected in zip(found, torch.autograd.grad(plain, weights), strict=True):
        torch.testing.assert_close(one, expected, atol=1e-4, rtol=1e-4)
    assert len(model.products) == 0
    replaced = model.scores_replaced(batch, batch.mask, replacement=torch.ones(5))
    assert torch.autograd.grad(replaced.sum(), weights)[0].any()


def test_inference_mode_may_come_and_go() -> None:
    model = random_cnn(0)
    with torch.inference_mode():
        model(model.encode(["alpha"]))
    with torch.no_grad():
        batch = model.encode(TEXTS)
        check(model, batch)
    with torch.inference_mode():
        made = random_cnn(0)
        _kernel(made).mul_(2)
        batch = made.encode(TEXTS)
        made(batch)
        _kernel(made).mul_(2)  # tensors that were made here have no version
        check(made, batch)
        assert len(made.products) == 0


@torch.no_grad()
def test_what_is_computed_in_half_precision_is_not_kept() -> None:
    model = random_cnn(0)
    batch = model.encode(TEXTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(batch)
    check(model, batch)


@torch.no_grad()
def test_functions_of_the_weights() -> None:
    model = random_cnn(0)
    batch = model.encode(TEXTS)
    model(batch)
    weights = {name: value + 1 for name, value in model.named_parameters()}
    found = torch.func.functional_call(model, weights, (batch,))
    model.load_state_dict(weights)
    torch.testing.assert_close(found, model(batch), atol=1e-5, rtol=1e-5)
    check(model, batch)


# --- Copies ---------------------------------------------------------------------------------------


def _saved(model: WordCNN) -> WordCNN:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded: WordCNN = torch.load(file, weights_only=False)
    return loaded


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m)), _saved],  # noqa: S301
)
@torch.no_grad()
def test_copies_have_their_own(copied: Callable[[WordCNN], WordCNN]) -> None:
    model = random_cnn(0)
    model.products = ProductTable(1 << 20)
    expected = model(model.encode(TEXTS))
    other = copied(model)
    assert other.products.limit == 1 << 20
    if copied is not copy.copy:  # which shares the weights, and so may share their products
        assert len(other.products) == 0
        _kernel(other).mul_(2)
        assert not torch.equal(other(other.encode(TEXTS)), expected)
    assert torch.equal(model(model.encode(TEXTS)), expected)


@torch.no_grad()
def test_it_is_not_among_the_weights() -> None:
    model = random_cnn(0)
    before = len(pickle.dumps(model)), set(model.state_dict())
    model(model.encode(TEXTS))
    assert len(model.products) > 0
    assert (len(pickle.dumps(model)), set(model.state_dict())) == before


# --- Bounds and threads ---------------------------------------------------------------------------


@torch.no_grad()
def test_it_keeps_to_its_bound() -> None:
    """8 bytes for each of 11 ids; 14 products and 5 components of 4 bytes for each word in it.

    A text of one word has padding beside it, which is a word like the others.
    """
    model = random_cnn(0)
    for words in (0, 1, 4, 11):
        model.products = table = ProductTable(8 * 11 + words * 4 * (14 + 5))
        for text in ("alpha beta gamma", "delta", "zeta eta theta", "alpha", " ".join(WORDS)):
            batch = model.encode([text])
            model(batch)
            assert len(table) <= words
        assert len(table) == {0: 0, 1: 0, 4: 2, 11: 11}[words]


@torch.no_grad()
def test_a_small_table_is_begun_anew() -> None:
    model = random_cnn(0)
    model.products = ProductTable(8 * 11 + 4 * 4 * (14 + 5))
    sizes = []
    for text in ("alpha beta", "gamma delta", "alpha zeta eta", "alpha"):
        model(model.encode([text]))
        sizes.append(len(model.products))
    assert sizes == [2, 4, 3, 4]


def test_threads_share_it() -> None:
    """With so little room that it is begun anew all the time."""
    model = random_cnn(0, filters={1: 5, 2: 40, 3: 9})
    rng = np.random.default_rng(0)
    texts = [[random_text(rng, n) for n in rng.integers(0, 6, size=3)] for _ in range(60)]
    expected = [everything(model, text) for text in texts]
    model.products = ProductTable(8 * 11 + 7 * 4 * (5 + 80 + 27 + 5))
    with ThreadPoolExecutor(8, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = list(pool.map(lambda text: everything(model, text), texts))
    assert 0 < len(model.products) <= 7
    for one, other in zip(found, expected, strict=True):
        for name in one:
            assert torch.equal(one[name], other[name]), name


def test_the_bound_is_the_users() -> None:
    model = WordCNN(random_vectors(), ("a", "b"), filters={2: 3})
    assert model.products.limit == 512 << 20
