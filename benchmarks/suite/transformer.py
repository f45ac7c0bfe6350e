"""Transformers: AttnLRP beside gradient × input, captum and lxt."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from suite import models
from suite.cnn import compare
from suite.documents import Texts
from suite.machine import Machine, weights_of
from suite.results import Agreement, Group
from suite.timing import Task, interleaved
from whyword import methods
from whyword.models.transformer.batch import TransformerBatch
from whyword.models.transformer.model import TransformerClassifier

FAMILIES = {
    "bert": "bert",
    "gpt2": "gpt2",
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma3": "gemma3_text",
}
"""The families that lxt knows, by its name and that of the configuration."""
LENGTH = 128


def encoded(
    classifier: TransformerClassifier, texts: Texts, size: int, length: int = LENGTH
) -> TransformerBatch:
    """A batch of so many tokens each, without padding: what peers do with padding differs."""
    chosen = texts.long(length, size)
    while len(chosen) < size:
        chosen += chosen or [" ".join(texts.texts)]
    batch = classifier.encode(chosen[:size])
    if not bool(batch.mask.all()):
        raise ValueError(f"Got texts of fewer than {length} tokens; expected no padding.")
    return batch


def measure(
    texts: Texts,
    machine: Machine,
    family: str,
    size: int,
    missing: Iterable[str],
    *,
    seconds: float = 2.0,
    length: int = LENGTH,
    every: bool = True,
) -> Group:
    """Times of a batch: one class, and all if ``every``."""
    classifier = models.transformer(FAMILIES[family], length=length)
    batch = encoded(classifier, texts, size, length)
    tasks: dict[str, Task] = {
        "forward": torch.no_grad()(lambda: classifier(batch)),
        **explaining(classifier, batch, family, missing, 1),
        "AttnLRP, one class, checkpointed": lambda: methods.lrp(
            classifier, batch, targets(size)[:1], checkpointing=True
        ),
        "CP-LRP, one class": lambda: methods.lrp(
            classifier, batch, targets(size)[:1], attention="cplrp"
        ),
    }
    if every:
        tasks |= explaining(classifier, batch, family, missing, models.CLASSES)
    times = interleaved(tasks, seconds=seconds)
    once = machine.passes(weights_of(classifier.module), batch.ids.numel(), 1)
    limits = {
        "forward": ("the multiply-adds of the linear layers, for each token", once),
        "AttnLRP, one class": ("those of a forward and a backward pass", 2 * once),
        "AttnLRP, all 20 classes": ("those of a forward pass and 20 backward passes", 21 * once),
    }
    name = "MiniLM (BERT)" if family == "bert" else f"{family}, random weights"
    return Group.of(
        f"{family} {size}",
        f"{name}, 6 layers, 384 wide, batch of {size} × {length} tokens",
        times,
        "forward",
        limits,
        [texts.source + "."],
    )


def targets(size: int) -> Tensor:
    """``(class, batch, class)`` every class as a target."""
    return torch.eye(models.CLASSES)[:, None].expand(-1, size, -1)


def explaining(
    classifier: TransformerClassifier,
    batch: TransformerBatch,
    family: str,
    missing: Iterable[str],
    classes: int,
) -> dict[str, Task]:
    """Explaining so many classes, by us and by those that are installed."""
    name = "one class" if classes == 1 else f"all {classes} classes"
    chosen, asked = targets(len(batch))[:classes], range(classes)
    mask = batch.mask.long()
    tasks: dict[str, Task] = {
        f"AttnLRP, {name}": partial(methods.lrp, classifier, batch, chosen),
        f"gradient x input, {name}": partial(
            methods.gradient_times_input, classifier, batch, chosen
        ),
    }
    if "captum" not in missing:
        from suite.peers import captum

        tasks[f"captum layer gradient x input, {name}"] = partial(
            captum.layer_gradient_times_input, classifier.module, batch.ids, mask, asked
        )
    if "lxt" not in missing:
        from suite.peers import lxt

        tasks[f"lxt AttnLRP, {name}"] = partial(
            lxt.lrp, classifier.module, family, batch.ids, mask, asked
        )
    return tasks


def agreement(texts: Texts, missing: Iterable[str]) -> list[Agreement]:
    """lxt's relevance beside ours for each family, and captum's beside gradient × input."""
    found = []
    for family, kind in FAMILIES.items():
        classifier = models.transformer(kind)
        batch = encoded(classifier, texts, 2)
        mask, chosen = batch.mask.long(), targets(2)[:2]
        if "lxt" not in missing:
            from suite.peers import lxt

            theirs = lxt.lrp(classifier.module, family, batch.ids, mask, range(2))
            ours = methods.lrp(classifier, batch, chosen).relevance
            found.append(compare(f"lxt AttnLRP, {family}", theirs, "AttnLRP", ours))
        if family == "bert" and "captum" not in missing:
            from suite.peers import captum

            theirs = captum.layer_gradient_times_input(classifier.module, batch.ids, mask, range(2))
            ours = methods.gradient_times_input(classifier, batch, chosen).relevance
            found.append(
                compare("captum layer gradient x input, bert", theirs, "gradient x input", ours)
            )
    return found
