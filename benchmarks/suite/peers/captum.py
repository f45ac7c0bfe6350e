"""captum: LRP by the ε-rule, and gradient × input, one class after the other."""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def lrp(network: nn.Module, x: Tensor, classes: Iterable[int]) -> Tensor:
    """``(class, batch, ...)``; captum wants its rules set by hand on all layers but ReLU."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    layers: list[Any] = [m for m in network.modules() if not any(m.children())]
    rows = []
    for c in classes:
        for layer in layers:  # captum takes rules off again after each call
            if not isinstance(layer, nn.ReLU):
                layer.rule = EpsilonRule()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append(LRP(network).attribute(x, target=c).detach())
    return torch.stack(rows)


def gradient_times_input(network: nn.Module, x: Tensor, classes: Iterable[int]) -> Tensor:
    """``(class, batch, ...)``."""
    from captum.attr import InputXGradient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = InputXGradient(network)
        return torch.stack([method.attribute(x, target=c).detach() for c in classes])


def layer_gradient_times_input(
    module: Any, ids: Tensor, mask: Tensor, classes: Iterable[int]
) -> Tensor:
    """``(class, batch, position)``, by the gradient at a transformer's embedding layer."""
    from captum.attr import LayerGradientXActivation

    def forward(ids: Tensor) -> Tensor:
        logits: Tensor = module(input_ids=ids, attention_mask=mask).logits
        return logits

    method = LayerGradientXActivation(forward, module.get_input_embeddings())
    return torch.stack([method.attribute(ids, target=c).detach().sum(dim=-1) for c in classes])
