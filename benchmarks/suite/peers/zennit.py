"""zennit: LRP by the ε-rule on every layer, one class after the other."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from suite.peers.stand_ins import stand_ins, torchvision

with stand_ins(torchvision()):
    from zennit.attribution import Gradient
    from zennit.composites import LayerMapComposite
    from zennit.rules import Epsilon, Pass
    from zennit.types import Activation, Convolution, Linear

EPSILON = 1e-9


def lrp(network: nn.Module, x: Tensor, classes: Iterable[int]) -> Tensor:
    """``(class, batch, ...)``."""
    layers = [(Activation, Pass()), (Convolution, Epsilon(EPSILON)), (Linear, Epsilon(EPSILON))]
    rows = []
    with Gradient(network, LayerMapComposite(layer_map=layers)) as attributor:
        for c in classes:
            _, found = attributor(x, lambda scores, c=c: _only(scores, c))
            rows.append(found.detach())
    return torch.stack(rows)


def _only(scores: Tensor, c: int) -> Tensor:
    return scores * torch.eye(scores.shape[1], dtype=scores.dtype, device=scores.device)[c]
