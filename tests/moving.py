"""Modules that move their ids before they look them up, and vectors that move in the same way."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from models import WORDS
from whyword import ModuleClassifier

VOCABULARY = {word: i + 2 for i, word in enumerate(WORDS)}
SIZE = len(WORDS) + 2
TEXTS = ["alpha beta gamma beta delta", "beta zeta eta theta iota"]
START, FILL = 11, 1


class Module(nn.Module):
    """Reads its vectors in order, so that it matters where each of them is."""

    def __init__(self, move: Callable[[Tensor], Tensor], *, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.words: nn.Embedding | nn.EmbeddingBag = nn.Embedding(SIZE, 4)
        self.hidden, self.output = nn.Linear(4, 5), nn.Linear(5, 3)
        self.weights = torch.linspace(0.3, 2.0, 64).double()
        self.move = move
        self.double().eval()

    def look_up(self, ids: Tensor) -> Tensor:
        result: Tensor = self.words(self.move(ids))
        return result

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.look_up(ids), len(ids))

    def head(self, x: Tensor, batch: int) -> Tensor:
        """From vectors ``(..., dimension)`` of whatever shape to logits."""
        x = torch.tanh(self.hidden(x.reshape(batch, -1, 4)))
        result: Tensor = self.output((x * self.weights[: x.shape[1], None]).sum(dim=1))
        return result


def classifier(module: Module, **options: Any) -> ModuleClassifier:
    return ModuleClassifier(module, "abc", VOCABULARY, embedding=module.words, **options)


def unmoved(ids: Tensor) -> Tensor:
    return ids


def shifted(ids: Tensor) -> Tensor:  # as decoders get their ids
    new = ids.new_zeros(ids.shape)
    new[:, 1:] = ids[:, :-1].clone()
    new[:, 0] = START
    return new.masked_fill_(new == -100, FILL)
