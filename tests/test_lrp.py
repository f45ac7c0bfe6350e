"""The engine: rules against a second derivation, laws, refusal, accounts."""

import gc
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import reference
from reference import rule_alpha_beta, rule_epsilon, rule_flat, rule_gamma
from structures import (
    CLASSES,
    DIMENSION,
    GRU,
    POSITIONS,
    STRUCTURES,
    Convolved,
    Recurrent,
    Residual,
    Structure,
    Widths,
    random_structure,
)
from whyword import lrp
from whyword.errors import InputError
from whyword.lrp.calls import Call
from whyword.lrp.functions import pooling

RULES: dict[str, tuple[lrp.Rule, reference.Rule]] = {
    "paper": (lrp.Epsilon(), rule_epsilon),
    "epsilon": (
        lrp.Epsilon(0.05, False, False),
        partial(rule_epsilon, epsilon=0.05, delta=0, sigma=0),
    ),
    "bias factor 0": (lrp.Epsilon(0.01, False), partial(rule_epsilon, delta=0)),
    "gamma": (lrp.Gamma(0.3), partial(rule_gamma, gamma=0.3)),
    "alpha beta": (lrp.AlphaBeta(), rule_alpha_beta),
    "z plus": (lrp.ZPlus(), partial(rule_alpha_beta, alpha=1.0, beta=0.0)),
    "flat": (lrp.Flat(), rule_flat),
    "w square": (lrp.WSquare(), "w_square"),
}


def every_class(batch: int = 2, classes: int = CLASSES) -> Tensor:
    return torch.eye(classes)[:, None].expand(classes, batch, classes)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("few", [1, 10**9], ids=["winning windows", "every window"])
def test_equals_the_second_derivation(
    monkeypatch: pytest.MonkeyPatch, kind: type[Structure], rule: str, few: int
) -> None:
    monkeypatch.setattr(pooling, "_FEW", few)  # the two ways of relevance through a convolution
    ours, theirs = RULES[rule]
    for seed in range(20):
        model, x = random_structure(kind, seed)
        found = lrp.relevance(model, x, every_class(), composite=lrp.Composite(ours))
        torch.testing.assert_close(found.scores, model(x).detach(), rtol=1e-12, atol=1e-12)
        target, document = seed % CLASSES, seed // CLASSES % 2
        expected = model.explain(theirs, x[document].numpy(), target)
        scale = max(1.0, np.abs(expected).max())
        actual = found.relevance[target, document].numpy()
        assert np.abs(actual - expected).max() / scale < 1e-8


@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: kind.__name__)
def test_conserves_with_shares(kind: type[Structure]) -> None:
    for seed in range(20):
        model, x = random_structure(kind, seed)
        found = lrp.relevance(model, x, every_class(), model=model, accounting=True)
        assert found.accounts is not None
        initial = sum(a.lost.get("initial state", 0.0) for a in found.accounts)
        assert isinstance(model, Recurrent) or initial == 0
        lost = found.scores.sum() - found.relevance.sum()
        assert float(lost) == pytest.approx(initial, abs=1e-10)


@pytest.mark.parametrize("kind", [Convolved, Recurrent, GRU], ids=lambda kind: kind.__name__)
def test_the_composite_chooses_by_name_function_and_place(kind: type[Structure]) -> None:
    model, x = random_structure(kind, 1)
    name = {"Convolved": "convolution", "Recurrent": "recurrent", "GRU": "recurrent"}[kind.__name__]
    function = {"Convolved": "conv1d", "Recurrent": "lstm", "GRU": "gru"}[kind.__name__]
    same = [
        lrp.Composite(layers={name[:4] + "*": lrp.Gamma(0.3)}),
        lrp.Composite(functions={function: lrp.Gamma(0.3)}),
        lrp.Composite(places={0: lrp.Gamma(0.3)}),
        lrp.Composite(lrp.Gamma(0.3), places={-1: lrp.Epsilon()}),
    ]
    found = [
        lrp.relevance(model, x, every_class(), model=model, composite=c).relevance for c in same
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=0)
    everywhere = lrp.relevance(model, x, every_class(), composite=lrp.Composite(lrp.Gamma(0.3)))
    assert not torch.allclose(everywhere.relevance, found[0])
    assert not torch.allclose(lrp.relevance(model, x, every_class()).relevance, found[0])


@pytest.mark.parametrize("delta", [0, 1])
def test_lstm_as_the_2017_paper_has_it(delta: int) -> None:
    rule = partial(rule_epsilon, epsilon=0.001, delta=delta)
    half = lrp.Epsilon(0.001, bias_share=bool(delta))
    for seed in range(20):
        torch.manual_seed(seed)
        model = nn.LSTM(DIMENSION, 4).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn_like(parameter))
        x = torch.randn(1, POSITIONS, DIMENSION, dtype=torch.float64)
        w, u, b, b_state = (p.detach().numpy() for p in model.parameters())

        def final(e: Tensor, model: nn.LSTM = model) -> Tensor:
            result: Tensor = model(e.transpose(0, 1))[1][0][-1]
            return result

        found = lrp.relevance(
            final,
            x,
            every_class(1, 4),
            composite=lrp.Composite(half, sums=half),
        )
        for unit in range(4):
            top = np.zeros((POSITIONS, 4))
            states, _, _ = reference.lstm(rule, x[0].numpy(), (w, u, b + b_state), top)
            top[-1, unit] = states[-1, unit]
            original = reference.two_terms
            reference.two_terms = partial(original, epsilon=0.001)
            _, _, expected = reference.lstm(rule, x[0].numpy(), (w, u, b + b_state), top)
            reference.two_terms = original
            np.testing.assert_allclose(found.relevance[unit, 0].numpy(), expected, atol=1e-8)


class Packed(nn.Module):
    """Reads sequences of different lengths, packed; scores from outputs and final states."""

    def __init__(
        self,
        network: type[nn.LSTM | nn.GRU | nn.RNN],
        *,
        lengths: list[int] | None = None,
        batch_first: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        self.network = network(3, 4, batch_first=batch_first, **options)
        self.lengths, self.batch_first = lengths, batch_first
        self.output = nn.Linear(4 * (1 + self.network.bidirectional), 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.batch_first else x.transpose(0, 1)
        given: Tensor | nn.utils.rnn.PackedSequence = x
        if self.lengths is not None:
            given = nn.utils.rnn.pack_padded_sequence(
                x, self.lengths, batch_first=self.batch_first, enforce_sorted=False
            )
        outputs, state = self.network(given)
        if self.lengths is not None:
            outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=self.batch_first)
        outputs = outputs if self.batch_first else outputs.transpose(0, 1)
        final = state[0] + state[1] if isinstance(state, tuple) else state
        last = final[-1 - self.network.bidirectional :].transpose(0, 1).flatten(1)
        result: Tensor = self.output(outputs.sum(dim=1) + last)
        return result


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU, nn.RNN])
def test_packed_sequences_are_explained_as_each_alone(
    network: type[nn.LSTM | nn.GRU | nn.RNN], bidirectional: bool, bias: bool, batch_first: bool
) -> None:
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": bidirectional, "bias": bias}
    torch.manual_seed(0)
    lengths = [2, 5, 1, 5]
    model = Packed(network, lengths=lengths, batch_first=batch_first, **options).double()
    alone = Packed(network, batch_first=batch_first, **options).double()
    alone.load_state_dict(model.state_dict())
    x = torch.randn(4, 5, 3, dtype=torch.float64)
    found = lrp.relevance(model, x, every_class(4), accounting=True)
    torch.testing.assert_close(found.scores, model(x).detach())
    torch.testing.assert_close(lrp.relevance(model, x, every_class(4)).relevance, found.relevance)
    for i, length in enumerate(lengths):
        one = lrp.relevance(alone, x[[i], :length], every_class(1))
        torch.testing.assert_close(found.relevance[:, [i], :length], one.relevance)
        assert not found.relevance[:, i, length:].any()


def test_cells_as_the_whole_network() -> None:
    for cell, network in (
        (nn.LSTMCell, nn.LSTM), (nn.GRUCell, nn.GRU), (partial(nn.RNNCell, nonlinearity="relu"),
         partial(nn.RNN, nonlinearity="relu")),
    ):  # fmt: skip
        torch.manual_seed(0)
        whole, single = network(3, 4).double(), cell(3, 4).double()
        for ours, theirs in zip(single.parameters(), whole.parameters(), strict=True):
            ours.data = theirs.data

        def by_cells(x: Tensor, single: nn.RNNCellBase = single) -> Tensor:
            state = None
            for row in x.unbind(1):
                state = single(row, state)
            assert state is not None
            result: Tensor = state[0] if isinstance(state, tuple) else state
            return result

        def by_network(x: Tensor, whole: nn.RNNBase = whole) -> Tensor:
            result: Tensor = whole(x.transpose(0, 1))[0][-1]
            return result

        x = torch.randn(2, 5, 3, dtype=torch.float64)
        expected = lrp.relevance(by_network, x, every_class(2, 4))
        found = lrp.relevance(by_cells, x, every_class(2, 4))
        torch.testing.assert_close(found.relevance, expected.relevance)


def test_weights_made_of_the_embeddings_are_refused() -> None:
    w, u = torch.randn(6, 3), torch.randn(6, 2)

    def cell(x: Tensor) -> Tensor:
        return torch.gru_cell(x[:, 0], torch.zeros(2, 2), w * x.mean(), u)

    def network(x: Tensor) -> Tensor:
        options = (False, 1, 0.0, False, False, True)
        return torch.gru(x, torch.zeros(1, 2, 2), [w * x.mean(), u], *options)[0][:, -1]

    for f in (cell, network):
        with pytest.raises(lrp.UnsupportedFunction, match="weights depends on the embeddings"):
            lrp.relevance(f, torch.randn(2, 4, 3), every_class(2, 2))


def test_the_three_ways_of_asking_agree() -> None:
    model, x = random_structure(Widths, 3)
    together = lrp.relevance(model, x, every_class()).relevance
    for c in range(CLASSES):
        alone = lrp.relevance(model, x, every_class()[[c]]).relevance
        torch.testing.assert_close(alone[0], together[c])
    contrast = every_class()[[0]] - every_class()[[1]]
    torch.testing.assert_close(
        lrp.relevance(model, x, contrast).relevance[0], together[0] - together[1]
    )
    assert lrp.relevance(model, x, every_class()[:0]).relevance.shape == (0, *x.shape)


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.strange = Strange()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.strange(x).sum(dim=1)
        return result


class Strange(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.special.i0(x)
        return result


def test_a_function_without_a_rule_is_refused() -> None:
    with pytest.raises(lrp.UnsupportedFunction) as refused:
        lrp.relevance(Odd(), torch.randn(2, 4, 3), every_class(2, 3), model=Odd())
    for part in ("function i0", "Strange", "test_lrp.py", "whyword.lrp.register"):
        assert part in str(refused.value)
    model = Odd()
    with pytest.raises(lrp.UnsupportedFunction, match=r"'strange'"):
        lrp.relevance(model, torch.randn(2, 4, 3), every_class(2, 3), model=model)
    # Of constants it may be called.
    with_constant = lrp.relevance(
        lambda x: (x + torch.special.i0(torch.ones(3))).sum(dim=1),
        torch.randn(2, 4, 3),
        every_class(2, 3),
    )
    assert with_constant.relevance.shape == (3, 2, 4, 3)


def test_a_rule_of_ones_own() -> None:
    calls = []

    @lrp.register("i0")
    def bessel(call: Call, input: Tensor) -> Tensor:
        calls.append(call)
        return lrp.propagate(call, call.value(input.detach()), lambda R: (2 * R,), input)

    try:
        x = torch.randn(2, 4, 3, dtype=torch.float64)
        found = lrp.relevance(Odd(), x, every_class(2, 3))
    finally:
        del lrp.calls.HANDLERS["i0"]
    assert len(calls) == 1
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), 2 * found.scores.T)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda x: torch.cumprod(x, dim=1).sum(dim=1), "function cumprod"),
        (lambda x: nn.functional.prelu(x, x[0, 0]).sum(dim=1), "weight depends"),
        (lambda x: torch.dropout(x, 0.5, True).sum(dim=1), "model.eval"),
        (lambda x: torch.zeros(len(x), 3), "do not depend"),
        (lambda x: x, "expected .batch, class."),
        (lambda x: [x], "Got scores of list"),
        (lambda x: x.sum(dim=1).detach(), "constant of them by detach"),
    ],
)
def test_what_cannot_be_explained(broken: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises((InputError, lrp.UnsupportedFunction), match=message):
        lrp.relevance(broken, torch.randn(2, 4, 3), every_class(2, 3))


def state_of(model: Structure) -> tuple[dict[str, Any], ...]:
    """Everything that an explanation could have changed, down to the bits."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return (
        {n: (t.detach().numpy().tobytes(), t.requires_grad, id(t)) for n, t in tensors.items()},
        {n: None if t.grad is None else t.grad.numpy().tobytes() for n, t in tensors.items()},
        {n: m.training for n, m in model.named_modules()},
        {
            n: {k: repr(v) for k, v in vars(m).items() if k not in ("_parameters", "_buffers")}
            for n, m in model.named_modules()
        },
        {n: sorted(vars(t)) if hasattr(t, "__dict__") else [] for n, t in tensors.items()},
    )


@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(kind: type[Structure], fails: bool) -> None:
    model, x = random_structure(kind, 5)
    model(x).sum().backward()
    before = state_of(model)
    if fails:
        with pytest.raises(lrp.UnsupportedFunction):
            lrp.relevance(lambda e: torch.special.i0(model(e)), x, every_class(), model=model)
    else:
        lrp.relevance(model, x, every_class(), model=model, accounting=True)
    assert state_of(model) == before
    assert not x.requires_grad


def test_threads_do_not_disturb_each_other() -> None:
    models = [random_structure(kind, 7) for kind in (Convolved, Recurrent, Residual, Widths)]
    expected = [lrp.relevance(m, x, every_class()).relevance for m, x in models]
    plain = [m(x).detach() for m, x in models]
    found: dict[int, Tensor] = {}
    failures: list[BaseException] = []

    def work(i: int) -> None:
        model, x = models[i % len(models)]
        try:
            for _ in range(5):
                assert torch.equal(model(x).detach(), plain[i % len(models)])
                found[i] = lrp.relevance(model, x, every_class()).relevance
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all(torch.equal(found[i], expected[i % len(models)]) for i in range(8))


def test_the_account_says_where_relevance_went() -> None:
    model, x = random_structure(Widths, 2)
    composite = lrp.Composite(lrp.Epsilon(0.01, bias_share=False, stabiliser_share=False))
    found = lrp.relevance(
        model, x, every_class(), model=model, composite=composite, accounting=True
    )
    assert found.accounts is not None
    for c, account in enumerate(found.accounts):
        assert account.started == pytest.approx(float(found.scores[:, c].sum()))
        assert account.arrived == pytest.approx(float(found.relevance[c].sum()))
        assert account.started - account.arrived == pytest.approx(sum(account.lost.values()))
        assert set(account.lost) == {"bias", "stabiliser"}
        for entry in account.entries:
            assert entry.received - entry.passed == pytest.approx(sum(entry.lost.values()))
        layers = [entry.layer for entry in account.entries if entry.layer]
        assert layers == ["output", "convolutions.1", "convolutions.0"]
        # The bias of the output layer by hand: b / (z + s) of the score.
        z = found.scores[:, c]
        lost = (model.output.bias[c].detach() / (z + 0.01 * torch.sign(z)) * z).sum()
        assert account.entries[0].lost["bias"] == pytest.approx(float(lost))
        table = str(account)
        assert "convolutions.1" in table
        assert "bias" in table
    with torch.no_grad():
        model.output.bias.fill_(1.0)
    z_plus = lrp.relevance(
        model, x, every_class(), composite=lrp.Composite(lrp.ZPlus()), accounting=True
    )
    assert z_plus.accounts is not None
    assert "rule" in z_plus.accounts[0].lost


def test_what_has_been_overwritten_takes_nothing() -> None:
    """Windows that a mask or an assignment replaced have not won, whatever the pooling says."""
    weight = torch.randn(4, 3, 1, dtype=torch.float64)
    x = torch.randn(1, 40, 3, dtype=torch.float64)
    kept = torch.arange(40) >= 20

    def masked(x: Tensor) -> Tensor:
        z = nn.functional.conv1d(x.mT, weight)
        return z.masked_fill(~kept, 0.0).masked_fill(z < -100, 1.0).max(dim=2).values

    def assigned(x: Tensor) -> Tensor:
        z = nn.functional.conv1d(x.mT, weight)
        z[:, :, :20] = 0.0
        return z.max(dim=2).values

    def through_a_view(x: Tensor) -> Tensor:
        z = nn.functional.conv1d(x.mT, weight)
        z[:, :, :20].masked_fill_(torch.ones(20, dtype=torch.bool), 100.0)
        return z.max(dim=2).values

    assert not lrp.relevance(through_a_view, x, every_class(1, 4)).relevance.any()
    for model in (masked, assigned):
        relevance = lrp.relevance(model, x, every_class(1, 4)).relevance
        assert relevance[:, :, 20:].any()
        assert not relevance[:, :, :20].any()

    def all_blocked(x: Tensor) -> Tensor:
        z = nn.functional.conv1d(x.mT, weight)
        return z.masked_fill(torch.ones(40, dtype=torch.bool), 3.0).amax(-1) + x.sum(1).sum()

    found = lrp.relevance(all_blocked, x, every_class(1, 4))
    rest, s = x.sum(), 0.01 * torch.sign(found.scores)
    expected = (rest + s / 2) / (found.scores + s) * found.scores  # what the filter gets is lost
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), expected.T)


def test_values_changed_in_place_after_use() -> None:
    """Rules remember values; a model that overwrites them later must not change what they were."""
    first, second = nn.Linear(3, 3).double(), nn.Linear(3, 3).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64)

    def out_of_place(x: Tensor) -> Tensor:
        h = first(x)
        h = h + torch.tanh(second(h))
        total = torch.cat([h[:, :1], 2 * h[:, 1:]], dim=1).relu()
        return total.sum(dim=1)

    def in_place(x: Tensor) -> Tensor:
        h = first(x)
        h += second(h).tanh_()
        h[:, 1:] *= 2
        nn.functional.relu(h, inplace=True)
        result: Tensor = h.sum(dim=1)
        return result

    torch.testing.assert_close(in_place(x), out_of_place(x))
    found, expected = (
        lrp.relevance(f, x, every_class(2, 3)).relevance for f in (in_place, out_of_place)
    )
    torch.testing.assert_close(found, expected)
    row_by_row = lrp.relevance(partial(filled, first), x, every_class(2, 3)).relevance
    whole = lrp.relevance(lambda x: first(x).amax(1), x, every_class(2, 3)).relevance
    torch.testing.assert_close(row_by_row, whole)


def filled(layer: nn.Linear, x: Tensor) -> Tensor:
    """Fills a tensor of zeros position by position."""
    h = torch.zeros_like(x)
    for t in range(x.shape[1]):
        h[:, t] = layer(x[:, t])
    return h.amax(dim=1)


def test_a_filled_tensor_knows_how_deep_it_is() -> None:
    layer, output = nn.Linear(3, 3).double(), nn.Linear(3, 2).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    top = lrp.Composite(places={-1: lrp.Flat()})
    found, expected = (
        lrp.relevance(f, x, every_class(2), composite=top).relevance
        for f in (lambda x: output(filled(layer, x)), lambda x: output(layer(x).amax(1)))
    )
    torch.testing.assert_close(found, expected)
    # What is called last need not be deepest.
    aside = lrp.relevance(
        lambda x: (output(layer(x).amax(1)), x.sum())[0], x, every_class(2), composite=top
    )
    torch.testing.assert_close(aside.relevance, expected)


def test_sums_of_nothing_and_of_different_shapes_conserve() -> None:
    output = nn.Linear(3, 2).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    for model in (
        lambda x: output((x - 100).relu().mean(dim=1)),
        lambda x: output((x + x.mean(dim=1, keepdim=True)).sum(dim=1)),
        lambda x: output(torch.ones(1, 4, dtype=torch.float64) @ (x * 0)).squeeze(1),
    ):
        found = lrp.relevance(model, x, every_class())
        torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)


def test_nothing_is_kept_in_memory() -> None:
    """No cycle from a tensor through its rule to itself."""
    model, x = random_structure(Widths, 0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            before = sum(type(o) is torch.Tensor for o in gc.get_objects())
            lrp.relevance(model, x, every_class())
        assert sum(type(o) is torch.Tensor for o in gc.get_objects()) == before
    finally:
        gc.enable()


def test_arithmetic_of_users() -> None:
    """Operators in all their spellings: a signal, halves for two, nothing for constants."""
    x = torch.rand(1, 3, 2, dtype=torch.float64) + 1
    target = every_class(1, 2)

    def total(f: Callable[[Tensor], Tensor]) -> Tensor:
        found = lrp.relevance(lambda x: f(x).sum(dim=1), x, target)
        assert torch.allclose(found.scores, f(x).sum(dim=1))
        torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)
        return found.relevance

    double = total(lambda x: 2 * x)
    gate = torch.sigmoid
    for f in (
        lambda x: x * 2, lambda x: x / 0.5, lambda x: x + x, lambda x: x.mul(2.0),
        lambda x: torch.add(x, x), lambda x: 3 * x - x, lambda x: 2 * x / gate(x) * gate(x),
    ):  # fmt: skip
        torch.testing.assert_close(total(f), double)
    for f in (
        lambda x: x - 0.5, lambda x: 5 - x, lambda x: 1 + x, lambda x: x * gate(x), lambda x: -x,
        lambda x: x * x, lambda x: x**2, lambda x: 1 / x, lambda x: x / x.norm(dim=-1)[..., None],
        lambda x: x.clone().add_(1.0), lambda x: x.clone().mul_(gate(x)), lambda x: x.abs().sqrt(),
        lambda x: torch.where(x > 1.5, x, 0.0), lambda x: x[:, [2, 0, 1]].flip(1),
        lambda x: x.reshape(1, 6).reshape(1, 3, 2),
        lambda x: x @ torch.eye(2, dtype=torch.float64), lambda x: x.unbind(1)[0][:, None],
        lambda x: torch.stack([x, x]).amax(0), lambda x: x.softmax(dim=1) @ torch.eye(2).double(),
    ):  # fmt: skip
        total(f)


def test_grouped_and_same_convolutions() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 9, 4, dtype=torch.float64)
    grouped = nn.Conv1d(4, 6, 3, groups=2, padding="same").double()
    whole = nn.Conv1d(4, 6, 3, padding=1).double()
    with torch.no_grad():
        whole.weight.zero_()
        whole.weight[:3, :2] = grouped.weight[:3]
        whole.weight[3:, 2:] = grouped.weight[3:]
        assert whole.bias is not None
        assert grouped.bias is not None
        whole.bias.copy_(grouped.bias)
    rule = lrp.Composite(lrp.Epsilon(stabiliser_share=False, bias_share=False))

    def explained(convolution: nn.Conv1d) -> lrp.Result:
        return lrp.relevance(
            lambda x: convolution(x.mT).amax(-1), x, every_class(2, 6), composite=rule
        )

    found, expected = explained(grouped), explained(whole)
    torch.testing.assert_close(found.relevance, expected.relevance)
    flat = lrp.Composite(lrp.Flat())
    found = lrp.relevance(lambda x: grouped(x.mT)[:, :, 4], x, every_class(2, 6), composite=flat)
    first_group = found.relevance[0, 0]
    assert first_group[3:6, :2].allclose(found.scores[0, 0] / 6)
    assert not first_group[:, 2:].any()
