"""Attention by torch's own kernel where the backward pass carries g = R / z.

Products of two signals hand half the relevance to each side, and the softmax is linear in g. So
the relevance of attention is its gradient, with that of the values halved and that of queries and
keys halved twice (Achtibat et al. 2024, Proposition 3.3 and Eq. 13); under CP-LRP that of the
values alone, as it is. No matrix of all pairs of positions is kept where the kernel keeps none.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from whyword.lrp.backward import propagate
from whyword.lrp.calls import Call
from whyword.lrp.traces import is_gate, on_path


def covers(call: Call, query: Any, key: Any, value: Any, mask: Any) -> bool:
    """Whether these arguments have the short way; others go step by step."""
    signals = (value,) if call.attention == "cplrp" else (query, key, value)
    if not all(on_path(t) and not is_gate(t) for t in signals) or on_path(mask):
        return False
    if mask is None:
        return True
    sees = mask if mask.dtype == torch.bool else mask > -torch.inf
    return bool(sees.any(dim=-1).all())  # what kernels make of a query that sees nothing differs


def attention(
    call: Call, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool, scale: Any, gqa: bool
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v; the arguments are those of torch's function."""
    kernel = _Kernel(call, q, k, v, mask, causal, scale, gqa)
    signals = (v,) if call.attention == "cplrp" else (q, k, v)
    return propagate(call, kernel.value, _no_relevance, *signals, gradient=kernel.pull)


def _no_relevance(relevance: Tensor) -> tuple[Tensor, ...]:
    raise AssertionError("it is for g = R / z alone")


class _Kernel:
    """One call of torch's function, which remembers what it needs for its own gradients."""

    def __init__(
        self, call: Call, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool, scale: Any,
        gqa: bool,
    ) -> None:  # fmt: skip
        values_alone = call.attention == "cplrp"
        self.parts = (1.0,) if values_alone else (0.25, 0.25, 0.5)
        inputs = [t.detach() for t in (q, k, v)]
        self.signals = inputs[2:] if values_alone else inputs
        for t in self.signals:
            t.requires_grad_()
        self.result = scaled_dot_product_attention(
            inputs[0], inputs[1], inputs[2],
            attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=gqa,
        )  # fmt: skip

    @property
    def value(self) -> Tensor:
        """The result, detached."""
        return self.result.detach()

    def pull(self, g: Tensor) -> tuple[Tensor, ...]:
        """From that of the value, g of each signal."""
        found: tuple[Tensor, ...] = _OneByOne.apply(self, g)  # type: ignore[no-untyped-call]
        return found

    def gradients(self, g: Tensor) -> tuple[Tensor, ...]:
        """`pull` for one target."""
        found = torch.autograd.grad(self.result, self.signals, g, retain_graph=True)
        return tuple(t.mul_(part) for t, part in zip(found, self.parts, strict=True))


class _OneByOne(torch.autograd.Function):
    """Runs the kernel's backward pass target by target: it knows no axis of targets."""

    @staticmethod
    def forward(kernel: _Kernel, g: Tensor) -> tuple[Tensor, ...]:
        """Run `_Kernel.gradients`."""
        return kernel.gradients(g)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep nothing, as relevance has no backward pass."""

    @staticmethod
    def vmap(
        info: Any, axes: Sequence[int | None], kernel: _Kernel, g: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Run it for all targets."""
        if axes[1] is None:
            raise NotImplementedError("Relevance has a target axis.")
        rows = [kernel.gradients(row) for row in g.unbind(axes[1])]
        return tuple(map(torch.stack, zip(*rows, strict=True))), (0,) * len(kernel.parts)
