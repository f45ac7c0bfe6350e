"""The word CNN: our closed forms beside the engine, captum, zennit and shap."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from suite import models
from suite.documents import Texts
from suite.machine import Machine
from suite.results import Agreement, Group
from suite.timing import Task, interleaved
from whyword import lrp, methods
from whyword.batch import Batch
from whyword.models.cnn.model import WordCNN

PLAIN = lrp.Composite(lrp.Epsilon(1e-9, bias_share=False, stabiliser_share=False))
"""ε-LRP without shares of bias and stabiliser: the rule that captum and zennit have."""
SAMPLES = 500
"""Evaluations of the model that shap's estimates may take: KernelSHAP's default in this package."""

Peer = Callable[[nn.Module, Tensor, Iterable[int]], Tensor]


def measure(
    texts: Texts, machine: Machine, size: int, missing: Iterable[str], seconds: float = 2.0
) -> Group:
    """Times of a batch of real documents, one class and all."""
    model = models.shipped()
    batch = model.encode(list(texts.texts[:size]))
    count = len(model.classes)
    tasks = ours(model, batch)
    if size > 8:  # the gradients of all classes by all vectors: seconds, and gigabytes
        for name in ("sensitivity", "gradient x input"):
            del tasks[f"{name}, all {count} classes"]
    alone = written_out(models.shipped_copy(), batch)
    for name, peer in peers(missing).items():
        tasks[f"{name}, one class"] = partial(each, peer, alone, range(1))
        if size <= 8:
            tasks[f"{name}, all {count} classes"] = partial(each, peer, alone, range(count))
    if size <= 8:
        every = targets(model, batch)
        for kind, chosen in (("one class", every[:1]), (f"all {count} classes", every)):
            tasks[f"engine, rule of captum and zennit, {kind}"] = partial(
                _engine, alone, chosen[:, :1]
            )
    if size == 1:
        tasks |= {"occlusion, all classes": lambda: methods.occlusion(model, batch, every)}
        if "shap" not in missing:
            tasks |= shap_tasks(model, batch)
    times = interleaved(tasks, seconds=seconds)
    plain = times["Conv1d forward"].median
    words, unique = int(batch.mask.sum()), len(batch.ids[batch.mask].unique())
    filters, width = 800, 2
    limits = {
        "Conv1d forward": (
            f"{width} · {filters} · 300 multiply-adds a word",
            machine.multiply_adds(words * width * filters * 300),
        ),
        "own forward": (
            f"reading {width} · {filters} products with filters for each unique word",
            machine.move(unique * width * filters * 4),
        ),
        f"LRP, all {count} classes": (
            "the same; then filters × classes multiply-adds, and moving as many messages for "
            "each word of a window",
            machine.move(unique * width * filters * 4)
            + machine.multiply_adds(size * filters * count * (1 + width))
            + machine.move(size * filters * count * width * 4),
        ),
        f"captum LRP, all {count} classes": (
            f"a forward pass and a backward pass for each class, {1 + count} plain forward passes",
            (1 + count) * plain,
        ),
        f"zennit ε-LRP, all {count} classes": ("the same", (1 + count) * plain),
    }
    return Group.of(
        f"cnn {size}",
        f"Word CNN, batch of {size}",
        times,
        "Conv1d forward",
        limits,
        [f"{texts.source}; {words} words, {unique} unique."],
    )


def ours(model: WordCNN, batch: Batch) -> dict[str, Task]:
    """Our own methods, one class and all; "Conv1d" reads vectors that were looked up before."""
    embeddings, every = model.embed(batch), targets(model, batch)
    tasks: dict[str, Task] = {
        "Conv1d forward": torch.no_grad()(lambda: model.score(embeddings, batch)),
        "own forward": torch.no_grad()(lambda: model(batch)),
    }
    named: dict[str, Callable[..., object]] = {
        "LRP": methods.lrp,
        "Shapley LRP": methods.shapley_lrp,
        "sensitivity": methods.sensitivity,
        "gradient x input": methods.gradient_times_input,
    }
    for name, method in named.items():
        tasks[f"{name}, one class"] = partial(method, model, batch, every[:1])
        tasks[f"{name}, all {len(every)} classes"] = partial(method, model, batch, every)
    return tasks


def targets(model: WordCNN, batch: Batch) -> Tensor:
    """``(class, batch, class)`` every class as a target."""
    return torch.eye(len(model.classes))[:, None].expand(-1, len(batch), -1)


def written_out(model: WordCNN, batch: Batch) -> list[tuple[nn.Module, Tensor]]:
    """Each document's network of modules, and its vectors without padding.

    One by one captum and zennit read no padding, and give the relevance of the model; in a padded
    batch a window of padding could win.
    """
    found = []
    for b in range(len(batch)):
        one = batch.rows(torch.tensor([b]))
        network, positions = model.written_out(one)
        found.append((network.eval(), model.embed(one)[:, :positions].clone()))
    return found


def peers(missing: Iterable[str]) -> dict[str, Peer]:
    """Those that are installed."""
    found: dict[str, Peer] = {}
    if "captum" not in missing:
        from suite.peers import captum

        found["captum LRP"] = captum.lrp
        found["captum gradient x input"] = captum.gradient_times_input
    if "zennit" not in missing:
        from suite.peers import zennit

        found["zennit ε-LRP"] = zennit.lrp
    return found


def each(peer: Peer, alone: list[tuple[nn.Module, Tensor]], classes: range) -> None:
    """Run a peer on one document after the other."""
    for network, x in alone:
        peer(network, x, classes)


def _engine(alone: list[tuple[nn.Module, Tensor]], chosen: Tensor) -> list[Tensor]:
    return [
        lrp.relevance(network, x, chosen, composite=PLAIN, model=network).relevance
        for network, x in alone
    ]


def shap_tasks(model: WordCNN, batch: Batch) -> dict[str, Task]:
    """KernelSHAP and Partition of one document: all classes at once, words taken out by zeros."""
    import shap

    document = batch.documents[0]
    embeddings = model.embed(batch)

    def scores(kept: Any) -> Any:
        found = []
        for part in torch.from_numpy(np.atleast_2d(kept)).float().split(32):
            copies = batch.rows(torch.zeros(len(part), dtype=torch.long))
            with torch.no_grad():
                found.append(model.score(embeddings * part[:, :, None], copies))
        return torch.cat(found).numpy()

    whole, nothing = np.ones((1, len(document))), np.zeros((1, len(document)))

    def kernel() -> None:
        explainer = shap.KernelExplainer(scores, nothing)
        explainer.shap_values(whole, nsamples=SAMPLES, silent=True)

    def partition() -> None:
        clustering = _in_order(len(document))
        masker = shap.maskers.Partition(nothing, clustering=clustering)
        shap.PartitionExplainer(scores, masker)(whole, max_evals=SAMPLES, silent=True)

    return {
        f"KernelSHAP of shap, {SAMPLES} samples, all classes": kernel,
        f"Partition of shap, {SAMPLES} samples, all classes": partition,
    }


def _in_order(words: int) -> Any:
    """A clustering of words in the order of the text, in scipy's form: halves of halves."""
    rows: list[tuple[int, int, float, int]] = []

    def join(start: int, stop: int) -> tuple[int, int]:
        if stop - start == 1:
            return start, 1
        middle = (start + stop) // 2
        (left, a), (right, b) = join(start, middle), join(middle, stop)
        rows.append((left, right, float(a + b), a + b))
        return words + len(rows) - 1, a + b

    join(0, words)
    return np.array(rows, dtype=float)


def agreement(texts: Texts, missing: Iterable[str], classes: int = 3) -> list[Agreement]:
    """Peers beside the engine and the closed form, in float64, on a real document."""
    shipped = models.shipped()
    batch = shipped.encode(list(texts.texts[:1]))
    model = models.shipped_copy().double()
    ((network, x),) = written_out(model, batch)
    every = targets(model, batch).double()[:classes]
    paper = lrp.relevance(network, x, every, model=network).relevance.sum(dim=-1)
    plain = lrp.relevance(network, x, every, composite=PLAIN, model=network).relevance
    gradients = methods.gradient_times_input(model, batch, every).relevance
    closed = methods.lrp(model, batch, every).relevance
    found = [compare("closed form", closed, "engine, the paper's rule", paper)]
    expected = {"captum gradient x input": ("closed form, gradient x input", gradients)}
    for name, peer in peers(missing).items():
        theirs = peer(network, x, range(classes)).sum(dim=-1)
        ours, values = expected.get(name, ("engine, the same rule", plain.sum(dim=-1)))
        found.append(compare(name, theirs, ours, values))
    return found


def compare(peer: str, theirs: Tensor, ours: str, expected: Tensor) -> Agreement:
    """How far two tensors of relevance are from each other."""
    pair = torch.stack([theirs.flatten(), expected.flatten()]).double()
    difference = (pair[0] - pair[1]).abs().max() / pair[1].abs().max()
    return Agreement(peer, ours, float(difference), float(torch.corrcoef(pair)[0, 1]))
