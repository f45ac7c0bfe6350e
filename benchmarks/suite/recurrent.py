"""LSTM and GRU classifiers: LRP by the engine beside captum's gradient × input.

captum and zennit have no LRP for recurrent networks.
"""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn

from suite import models
from suite.cnn import compare
from suite.documents import Texts
from suite.machine import Machine, weights_of
from suite.results import Agreement, Group
from suite.timing import Task, interleaved
from whyword import methods
from whyword.batch import Batch
from whyword.models.base import WordClassifier


class FromVectors(nn.Module):
    """A classifier as a module from vectors to scores, as captum wants it."""

    def __init__(self, model: WordClassifier, batch: Batch) -> None:
        super().__init__()
        self.model, self.batch = model, batch

    def forward(self, vectors: Tensor) -> Tensor:
        return self.model.score(vectors, self.batch)


def measure(
    texts: Texts,
    machine: Machine,
    kind: str,
    size: int,
    missing: Iterable[str],
    seconds: float = 2.0,
) -> Group:
    """Times of a batch of real documents, one class and all."""
    model = models.recurrent(kind)
    batch = model.encode(list(texts.texts[:size]))
    embeddings = model.embed(batch)
    every = torch.eye(models.CLASSES)[:, None].expand(-1, size, -1)
    network = FromVectors(model, batch)
    tasks: dict[str, Task] = {"forward": torch.no_grad()(lambda: model(batch))}
    for name, targets in (("one class", every[:1]), ("all 20 classes", every)):
        if size > 8 and len(targets) > 1:
            continue
        tasks[f"LRP, {name}"] = partial(methods.lrp, model, batch, targets)
        tasks[f"gradient x input, {name}"] = partial(
            methods.gradient_times_input, model, batch, targets
        )
        if "captum" not in missing:
            from suite.peers import captum

            tasks[f"captum gradient x input, {name}"] = partial(
                captum.gradient_times_input, network, embeddings, range(len(targets))
            )
    times = interleaved(tasks, seconds=seconds)
    once = machine.passes(weights_of(model), batch.ids.numel(), 1)
    limits = {
        "forward": ("the multiply-adds of the layers' weights, for each position", once),
        "LRP, one class": ("those of a forward and a backward pass", 2 * once),
        "LRP, all 20 classes": ("those of a forward pass and 20 backward passes", 21 * once),
    }
    return Group.of(
        f"{kind} {size}",
        f"{kind.upper()}, 128 units in both directions, batch of {size}",
        times,
        "forward",
        limits,
        [f"Random weights; {texts.source}; {int(batch.mask.sum())} words."],
    )


def agreement(texts: Texts, missing: Iterable[str]) -> list[Agreement]:
    """captum's gradient × input beside ours."""
    if "captum" in missing:
        return []
    from suite.peers import captum

    model = models.recurrent("lstm")
    batch = model.encode([" ".join(texts.texts[0].split()[:50])])
    targets = torch.eye(models.CLASSES)[:3, None]
    ours = methods.gradient_times_input(model, batch, targets).relevance
    network = FromVectors(model, batch)
    theirs = captum.gradient_times_input(network, model.embed(batch), range(3)).sum(dim=-1)
    return [compare("captum gradient x input, LSTM", theirs, "gradient x input", ours)]
