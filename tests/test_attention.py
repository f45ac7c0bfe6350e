"""Transformer blocks: a second derivation, conservation, accounts, functions that are alike."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, scaled_dot_product_attention, silu

import reference_attention as reference
from reference import Array
from whyword import lrp
from whyword.errors import InputError
from whyword.lrp.composites import Attention
from whyword.lrp.engine import Result

POSITIONS, DIMENSION, HEADS, SIZE, HIDDEN = 4, 6, 2, 4, 5
EPSILON = 1e-12
MASKS = ("none", "boolean", "causal", "bias")


Given = tuple[Array, Array, Array, float, NDArray[np.bool_], Array]
"""What a head is made of: queries, keys, values, scale, what it may see, bias."""


class Block(nn.Module):
    """Attention, sum, norm, gated MLP, sum; the score is a linear function of the first position.

    Args:
        seed: Of all the weights.
        mask: One of `MASKS`.
        fused: Whether attention is one function.
        kind: "layer" or "rms" norm, with or without rotary positions and shared keys.
        bias: Whether linear layers have biases.
    """

    def __init__(
        self,
        seed: int,
        mask: str = "none",
        *,
        fused: bool = True,
        kind: str = "layer",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.mask, self.fused, self.kind = mask, fused, kind
        self.groups = 1 if kind == "rms" else HEADS
        draw = torch.Generator().manual_seed(seed)

        def weight(*shape: int) -> Tensor:
            return nn.Parameter(torch.randn(*shape, dtype=torch.float64, generator=draw) * 0.6)

        inner, shared = HEADS * SIZE, self.groups * SIZE
        self.w = nn.ParameterDict(
            {
                "q": weight(inner, DIMENSION), "k": weight(shared, DIMENSION),
                "v": weight(shared, DIMENSION), "o": weight(DIMENSION, inner),
                "gate": weight(HIDDEN, DIMENSION), "up": weight(HIDDEN, DIMENSION),
                "down": weight(DIMENSION, HIDDEN), "score": weight(2, DIMENSION),
                "norm": weight(DIMENSION),
            }
        )  # fmt: skip
        self.b = {n: weight(w.shape[0]).detach() * (0.3 if bias else 0) for n, w in self.w.items()}
        angles = torch.arange(POSITIONS)[:, None] * torch.tensor([1.0, 0.1]).repeat(2)
        self.cos, self.sin = angles.double().cos(), angles.double().sin()
        self.bias = weight(POSITIONS, POSITIONS).detach()

    def apply_linear(self, name: str, x: Tensor) -> Tensor:
        return linear(x, self.w[name], self.b[name])

    def allowed(self) -> Tensor:
        if self.mask == "boolean":
            return torch.tensor([True, True, False, True]).expand(POSITIONS, POSITIONS)
        full = torch.ones(POSITIONS, POSITIONS, dtype=torch.bool)
        return full.tril() if self.mask == "causal" else full

    def norm(self, x: Tensor) -> Tensor:
        if self.kind == "rms":
            result: Tensor = (
                x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.w["norm"]
            )
            return result
        return layer_norm(x, (DIMENSION,), self.w["norm"], self.b["norm"])

    def rotate(self, x: Tensor) -> Tensor:
        if self.kind != "rms":
            return x
        turned = torch.cat((-x[..., SIZE // 2 :], x[..., : SIZE // 2]), dim=-1)
        return (x * self.cos) + (turned * self.sin)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mask = None
        if self.mask == "boolean":
            mask = self.allowed()
        if self.mask == "bias":
            mask = self.bias
        if self.fused:
            return scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                is_causal=self.mask == "causal",
                enable_gqa=self.groups < HEADS,
            )
        k, v = (
            t[:, :, None].expand(-1, -1, HEADS // self.groups, -1, -1).flatten(1, 2) for t in (k, v)
        )
        scores = torch.matmul(q, k.transpose(2, 3)) * SIZE**-0.5
        if self.mask == "bias":
            scores = scores + self.bias
        scores = scores.masked_fill(~self.allowed(), -math.inf)
        return torch.matmul(torch.softmax(scores, dim=-1), v)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            self.apply_linear(n, x).view(len(x), POSITIONS, -1, SIZE).transpose(1, 2) for n in "qkv"
        )
        out = self.attend(self.rotate(q), self.rotate(k), v).transpose(1, 2).flatten(2)
        h = self.norm(x + self.apply_linear("o", out))
        gated = silu(self.apply_linear("gate", h)) * self.apply_linear("up", h)
        h = h + self.apply_linear("down", gated)
        return linear(h[:, 0], self.w["score"])

    def derive(self, x: NDArray[np.float64], target: int, attention: str) -> NDArray[np.float64]:
        """Relevance of one document, from the equations."""
        w = {n: p.detach().numpy() for n, p in self.w.items()}
        b = {n: p.numpy() for n, p in self.b.items()}
        cos, sin, rms = self.cos.numpy(), self.sin.numpy(), self.kind == "rms"
        bias = self.bias.numpy() if self.mask == "bias" else np.zeros((POSITIONS, POSITIONS))
        q, k, v = (x @ w[n].T + b[n] for n in "qkv")

        def parts(
            i: int,
        ) -> tuple[slice, slice, Given]:
            own, shared = slice(i * SIZE, (i + 1) * SIZE), i * self.groups // HEADS
            common = slice(shared * SIZE, (shared + 1) * SIZE)
            turned, back = (
                reference.rotate(t, cos, sin) if rms else t for t in (q[:, own], k[:, common])
            )
            allowed = self.allowed().numpy()
            return own, common, (turned, back, v[:, common], SIZE**-0.5, allowed, bias)

        out = np.concatenate(
            [reference.head(*parts(i)[2], None, EPSILON, attention) for i in range(HEADS)], axis=1
        )
        summand = out @ w["o"].T + b["o"]
        h0 = x + summand
        if rms:
            h = h0 / np.sqrt((h0**2).mean(axis=1, keepdims=True) + 1e-5) * w["norm"]
        else:
            centred = h0 - h0.mean(axis=1, keepdims=True)
            h = centred / np.sqrt(h0.var(axis=1, keepdims=True) + 1e-5) * w["norm"] + b["norm"]
        gate, up = h @ w["gate"].T + b["gate"], h @ w["up"].T + b["up"]
        inner = gate / (1 + np.exp(-gate)) * up
        added = inner @ w["down"].T + b["down"]
        top = np.zeros_like(x)
        top[0] = (h + added)[0] * w["score"][target]
        to_h, to_added = reference.add(h, added, top, EPSILON)
        to_inner = reference.linear(inner, w["down"], b["down"], to_added, EPSILON)
        for name in ("gate", "up"):
            to_h = to_h + reference.linear(h, w[name], b[name], to_inner / 2, EPSILON)
        if not rms:
            to_h = reference.layer_norm(h0, w["norm"], b["norm"], to_h, EPSILON)
        result, to_summand = reference.add(x, summand, to_h, EPSILON)
        to_out = reference.linear(out, w["o"], b["o"], to_summand, EPSILON)
        to = {n: np.zeros_like(t) for n, t in (("q", q), ("k", k), ("v", v))}
        for i in range(HEADS):
            own, common, given = parts(i)
            found = list(reference.head(*given, to_out[:, own], EPSILON, attention))
            if rms:
                for j, (t, s) in enumerate(((q, own), (k, common))):
                    found[j] = reference.unrotate(t[:, s], cos, sin, found[j], EPSILON)
            for n, s, r in zip("qkv", (own, common, common), found, strict=True):
                to[n][:, s] += r
        for n in "qkv":
            result = result + reference.linear(x, w[n], b[n], to[n], EPSILON)
        return result


def explained(model: Block, x: Tensor, attention: Attention, **options: Any) -> Result:
    target = torch.eye(2, dtype=x.dtype)[:, None].expand(2, len(x), 2)
    rules = lrp.Composite.for_transformers(attention, epsilon=EPSILON)
    return lrp.relevance(model, x, target, composite=rules, model=model, **options)


def inputs(seed: int, batch: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(1000 + seed)
    return torch.randn(batch, POSITIONS, DIMENSION, dtype=torch.float64, generator=draw)


@pytest.mark.parametrize("attention", ["attnlrp", "cplrp"])
@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("fused", [True, False], ids=["sdpa", "eager"])
def test_equals_the_second_derivation(
    mask: str, kind: str, attention: Attention, fused: bool
) -> None:
    for seed in range(3):
        model, x = Block(seed, mask, fused=fused, kind=kind), inputs(seed)
        found = explained(model, x, attention)
        torch.testing.assert_close(found.scores, model(x).detach(), rtol=1e-12, atol=1e-12)
        target, document = seed % 2, seed // 2
        expected = model.derive(x[document].numpy(), target, attention)
        scale = max(1.0, np.abs(expected).max())
        actual = found.relevance[target, document].numpy()
        assert np.abs(actual - expected).max() / scale < 1e-8


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("mask", ["none", "boolean", "causal"])
def test_cplrp_conserves_without_biases(mask: str, kind: str) -> None:
    for seed in range(20):
        model, x = Block(seed, mask, kind=kind, bias=False), inputs(seed)
        found = explained(model, x, "cplrp")
        difference = found.relevance.sum(dim=(2, 3)) - found.scores.T
        assert (difference.abs() / found.relevance.abs().amax(dim=(2, 3)).clamp(min=1)).max() < 1e-8


def test_the_account_says_where_conservation_is_lost() -> None:
    model, x = Block(0, kind="layer"), inputs(0)
    found = explained(model, x, "attnlrp", accounting=True)
    assert found.accounts is not None
    for account in found.accounts:
        assert account.started - account.arrived == pytest.approx(sum(account.lost.values()))
        assert {"softmax", "bias"} <= set(account.lost)
        by_name: dict[str, set[str]] = {}
        for entry in account.entries:
            assert entry.received - entry.passed == pytest.approx(sum(entry.lost.values()))
            by_name.setdefault(entry.function, set()).update(entry.lost)
        assert "softmax" in by_name["softmax"]
        assert abs(account.lost["softmax"]) > 1e-3
        # A product of two signals hands all on.
        assert "rule" not in by_name["matmul"]
    without = Block(0, kind="layer", bias=False)
    found = explained(without, x, "attnlrp", accounting=True)
    assert found.accounts is not None
    lost = found.accounts[0].lost
    assert abs(lost["softmax"] - sum(lost.values())) < 1e-8
    found = explained(without, x, "cplrp", accounting=True)
    assert found.accounts is not None
    lost = found.accounts[0].lost
    assert max(map(abs, lost.values())) < 1e-8


def test_spellings_of_products_agree() -> None:
    """matmul, bmm, einsum and baddbmm, with and without broadcasting, of one and two axes."""
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    other = torch.randn(4, 4, dtype=torch.float64)
    vector = torch.randn(4, dtype=torch.float64)
    targets = torch.eye(4, dtype=torch.float64)[:, None].expand(4, 2, 4)
    zeros = torch.zeros(2, 3, 3, dtype=torch.float64)

    def found(weights: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        def model(x: Tensor) -> Tensor:
            w = weights(x, x.tanh())
            return (w.softmax(-1) @ x).sum(dim=1) if w.ndim == 3 else w[..., None].expand(-1, 4)

        rules = lrp.Composite.for_transformers(epsilon=EPSILON)
        return lrp.relevance(model, x, targets, composite=rules).relevance

    expected = found(lambda x, y: x @ y.mT)
    for same in (
        lambda x, y: torch.bmm(x, y.mT),
        lambda x, y: torch.einsum("bid,bjd->bij", x, y),
        lambda x, y: torch.einsum("...id,...jd->...ij", x, y),
        lambda x, y: torch.einsum("bjd , bid -> bij", [y, x]),
        lambda x, y: torch.baddbmm(zeros, x, y.mT),
        lambda x, y: torch.baddbmm(zeros + 7, x, y.mT, beta=0),
        lambda x, y: (x[:, None] @ y.mT[:, None])[:, 0],
    ):
        torch.testing.assert_close(found(same), expected)
    torch.testing.assert_close(
        found(lambda x, y: torch.einsum("bid,de->bie", x, other) @ y.mT),
        found(lambda x, y: (x @ other) @ y.mT),
    )
    torch.testing.assert_close(
        found(lambda x, y: (x @ vector).sum(dim=1)),
        found(lambda x, y: torch.einsum("bid,d->bi", x, vector).sum(dim=1)),
    )
    torch.testing.assert_close(
        found(lambda x, y: (x[:, 0, None] @ y.mT).sum(dim=(1, 2))),
        found(lambda x, y: torch.einsum("bd,bjd->bj", x[:, 0], y).sum(dim=1)),
    )


def test_einsum_with_weights_is_a_layer() -> None:
    weight = nn.Parameter(torch.randn(3, 2, 4, dtype=torch.float64))
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    targets = torch.eye(8, dtype=torch.float64)[:, None].expand(8, 2, 8)

    class Projection(nn.Module):
        def __init__(self, einsum: bool) -> None:
            super().__init__()
            self.weight, self.einsum = weight, einsum

        def forward(self, x: Tensor) -> Tensor:
            if self.einsum:
                return torch.einsum("bih,hnd->bind", x.sum(1, keepdim=True), self.weight).flatten(1)
            return linear(x.sum(1), self.weight.flatten(1).T)

    for rule in (lrp.Epsilon(), lrp.Gamma(), lrp.Flat(), lrp.WSquare(), lrp.ZPlus()):
        rules = lrp.Composite(rule)
        ours, theirs = (
            lrp.relevance(model, x, targets, composite=rules, model=model).relevance
            for model in (nn.Sequential(Projection(True)), nn.Sequential(Projection(False)))
        )
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shares", [True, False])
def test_products_of_signals_conserve(shares: bool) -> None:
    rule = lrp.Epsilon(0.01 if shares else 1e-13, stabiliser_share=shares)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    targets = torch.eye(4, dtype=torch.float64)[:, None].expand(4, 3, 4)
    found = lrp.relevance(
        lambda x: (x @ x.tanh().mT).sum(dim=1), x, targets, composite=lrp.Composite(sums=rule)
    )
    torch.testing.assert_close(found.relevance.sum(dim=(2, 3)), found.scores.T)


def test_queries_that_may_look_at_nothing_get_zeros() -> None:
    mask = torch.tensor([[True, False], [False, False]])
    x = torch.randn(1, 2, 4, dtype=torch.float64)
    targets = torch.eye(4, dtype=torch.float64)[:, None]

    def model(x: Tensor) -> Tensor:
        return scaled_dot_product_attention(x, x, x, attn_mask=mask).sum(dim=1)

    found = lrp.relevance(model, x, targets, composite=lrp.Composite.for_transformers())
    torch.testing.assert_close(found.scores, model(x))
    assert torch.isfinite(found.relevance).all()
    assert not found.relevance[:, :, 1].any()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda x: scaled_dot_product_attention(x, x, x, dropout_p=0.5), "Dropout"),
        (lambda x: torch.einsum("bii->bi", x[:, :, :2]), "diagonal"),
    ],
)
def test_what_has_no_rule(broken: Callable[[Tensor], Tensor], message: str) -> None:
    x = torch.randn(1, 2, 4)
    with pytest.raises(lrp.UnsupportedFunction, match=message):
        lrp.relevance(broken, x, torch.ones(1, 1, 4))


def test_there_are_two_ways_of_attention() -> None:
    with pytest.raises(InputError, match="attnlrp"):
        lrp.Composite(attention="lrp")  # type: ignore[arg-type]
