"""Peak memory: what a process holds at most above its model, each task in a process of its own."""

import ctypes
import multiprocessing
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from suite import cnn, models, transformer
from suite.documents import Texts
from suite.results import Memory
from suite.timing import Task
from whyword import methods
from whyword.models.transformer.model import TransformerClassifier

PROCESS = Path("/proc/self")
MODULES = [f"transformers.models.{name}.modeling_{name}" for name in ("bert", "llama")]
WITH_WEIGHTS = "llama, with its weights"
"""The group of the long document in which the model itself counts, too."""
_MMAP_THRESHOLD = -3
"""glibc's M_MMAP_THRESHOLD."""
LONG = 2048
"""Tokens of the long document."""


def measure(texts: Texts, missing: Iterable[str]) -> list[Memory]:
    """Peaks of all tasks; nothing where the system does not tell."""
    if not can_measure():
        return []
    missing = tuple(missing)
    groups = {
        "cnn": ("Word CNN, batch of 8", "Conv1d forward"),
        "lstm": ("LSTM, batch of 8", "forward"),
        "bert": ("MiniLM, batch of 8 × 128 tokens", "forward"),
        "llama": (f"Llama, 6 layers, one document of {LONG} tokens", "forward"),
    }
    found: list[Memory] = []
    kept = Texts(texts.texts[:200], texts.source)
    for name, (title, reference) in groups.items():
        if name in ("bert", "llama") and models.minilm_folder() is None:
            continue
        peak, failed = {}, {}
        for task in BUILDERS[name](kept, missing, False):
            try:
                peak[task] = peak_of(name, kept, missing, task)
            except Exception as error:  # whatever it is, the others are measured
                failed[task] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        found.append(Memory(name, title, reference, peak, failed))
        if name == "llama":
            module = models.transformer("llama").module
            own = sum(p.numel() * p.element_size() for p in module.parameters())
            whole = {task: extra + own for task, extra in peak.items()}
            full = f"{title}, with its weights"
            found.append(Memory(WITH_WEIGHTS, full, reference, whole, failed))
    return found


def can_measure() -> bool:
    """Whether the system tells a process's peak, and lets it start anew."""
    return (PROCESS / "clear_refs").exists()


def peak_of(group: str, texts: Texts, missing: tuple[str, ...], task: str) -> int:
    """Extra bytes of a task of a group, in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    # Imported once; each task then has a copy of that process.
    context.set_forkserver_preload(["suite.memory", *MODULES])
    with context.Pool(1) as pool:
        return pool.apply(_peak, (group, texts, missing, task))


def _peak(group: str, texts: Texts, missing: tuple[str, ...], task: str) -> int:
    """Extra bytes of a task, without what libraries take when they are first used."""
    torch.set_num_threads(1)
    models.quieten()
    # What is freed goes back to the system at once: else glibc keeps it, and counts it again.
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 16)
    build = BUILDERS[group]
    build(Texts(texts.texts[:1], texts.source), missing, True)[task]()
    run = build(texts, missing, False)[task]
    (PROCESS / "clear_refs").write_text("5")  # the peak starts anew
    before = _kilobytes("VmRSS")
    run()
    return (_kilobytes("VmHWM") - before) * 1024


def _kilobytes(name: str) -> int:
    status = (PROCESS / "status").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise OSError(f"The system does not say {name}.")
    return int(found[1])


def _cnn(texts: Texts, missing: tuple[str, ...], small: bool) -> dict[str, Task]:
    model = models.shipped()
    batch = model.encode(list(texts.texts[: 1 if small else 8]))
    tasks = cnn.ours(model, batch)
    kept = ("Conv1d forward", "own forward", "LRP, all 20 classes", "Shapley LRP, all 20 classes")
    found = {name: tasks[name] for name in kept}
    alone = cnn.written_out(models.shipped_copy(), batch)
    for name, peer in cnn.peers(missing).items():
        found[f"{name}, all 20 classes"] = partial(cnn.each, peer, alone, range(20))
    return found


def _lstm(texts: Texts, missing: tuple[str, ...], small: bool) -> dict[str, Task]:
    model = models.recurrent("lstm")
    batch = model.encode(["One word." if small else text for text in texts.texts[:8]])
    every = torch.eye(models.CLASSES)[:, None].expand(-1, len(batch), -1)
    return {
        "forward": torch.no_grad()(lambda: model(batch)),
        "gradient x input, one class": lambda: methods.gradient_times_input(
            model, batch, every[:1]
        ),
        "LRP, one class": lambda: methods.lrp(model, batch, every[:1]),
        "LRP, all 20 classes": lambda: methods.lrp(model, batch, every),
    }


def _bert(texts: Texts, missing: tuple[str, ...], small: bool) -> dict[str, Task]:
    length = 16 if small else transformer.LENGTH
    classifier = models.transformer("bert", length=length)
    batch = transformer.encoded(classifier, texts, 1 if small else 8, length)
    found: dict[str, Task] = {"forward": torch.no_grad()(lambda: classifier(batch))}
    for classes in (1, models.CLASSES):
        found |= transformer.explaining(classifier, batch, "bert", missing, classes)
    return found


def _llama(texts: Texts, missing: tuple[str, ...], small: bool) -> dict[str, Task]:
    length = 16 if small else LONG
    classifier = models.transformer("llama", length=length)
    batch = classifier.encode([" ".join(texts.texts)[: 50 * length]])
    found: dict[str, Task] = {
        "forward": torch.no_grad()(lambda: classifier(batch)),
        **transformer.explaining(classifier, batch, "llama", missing, 1),
    }
    found["AttnLRP, one class, checkpointed"] = lambda: methods.lrp(
        classifier, batch, transformer.targets(1)[:1], checkpointing=True
    )
    for name in ("lxt AttnLRP", "gradient x input"):
        if plain := found.get(f"{name}, one class"):
            found[f"{name}, one class, checkpointed"] = partial(_checkpointed, classifier, plain)
    return found


def _checkpointed(classifier: TransformerClassifier, task: Task) -> None:
    """Run a task with the checkpointing of transformers."""
    checkpoint(classifier)
    task()


def checkpoint(classifier: TransformerClassifier) -> None:
    """Let the layers forget what they computed, and compute it again on the way back.

    transformers does so in training alone, and only layers look whether it is; what is inside
    them, such as dropout, stays as it is.
    """
    module: Any = classifier.module
    module.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in module.model.layers:
        layer.training = True


BUILDERS: dict[str, Callable[[Texts, tuple[str, ...], bool], dict[str, Task]]] = {
    "cnn": _cnn,
    "lstm": _lstm,
    "bert": _bert,
    "llama": _llama,
}
"""What makes the tasks of each group, from texts, missing peers, and whether to make them small."""
