"""The relevance engine on the word CNN, beside captum and zennit, on a processor or graphics card.

    python benchmarks/engine.py [--json] [--device cuda]

The limit. A backward pass moves through the same products as the forward pass: relevance of the
inputs costs one product with the transposed weights, so forward and backward together are two
forward passes for one class, and 1 + 20 for twenty, if every window is visited. Winner-take-all
pooling lets relevance through one window of each filter alone: 800 of 319,200. What is left of the
convolution's backward pass is the sum of 800 rows of its weights for each class, and what bounds it
is moving those rows.

Peers that are not installed are passed over (`suite.peers`). Medians of several rounds, taken in
turn in one process on one thread. `make bench` measures the same on real documents, with agreement
and memory.
"""

import argparse
import json
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import nn

from suite import cnn
from suite.peers import missing
from suite.timing import Task, interleaved
from whyword import lrp

DIMENSION, LENGTH, BATCH, CLASSES, FILTERS, WIDTH = 300, 400, 8, 20, 800, 2


def network() -> nn.Sequential:
    """The word CNN out of modules, as captum and zennit need it."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(DIMENSION, FILTERS, WIDTH),
        nn.ReLU(),
        nn.MaxPool1d(LENGTH - WIDTH + 1),
        nn.Flatten(),
        nn.Linear(FILTERS, CLASSES),
    ).eval()


def costs(device: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of a forward pass per document, and ratios to it."""
    model = network().to(device)
    x = torch.randn(BATCH, DIMENSION, LENGTH, device=device)
    every = torch.eye(CLASSES, device=device)[:, None].expand(-1, BATCH, -1)
    tasks: dict[str, Task] = {"forward": torch.no_grad()(lambda: model(x))}
    peers = cnn.peers(missing())
    for name, targets in (("one class", every[:1]), (f"{CLASSES} classes", every)):
        tasks[name] = partial(lrp.relevance, model, x, targets)
        for peer, explain in peers.items():
            tasks[f"{peer}, {name}"] = partial(explain, model, x, range(len(targets)))
    if device != "cpu":
        tasks = {name: _synchronised(task) for name, task in tasks.items()}
    times = interleaved(tasks, most=rounds, clock=perf_counter)
    plain = times.pop("forward").median
    return {
        "milliseconds per document": plain / BATCH * 1000,
        "ratios": {name: found.median / plain for name, found in times.items()},
    }


def _synchronised(task: Task) -> Task:
    def run() -> None:
        task()
        torch.cuda.synchronize()

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = costs(options.device, options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"forward pass: {found['milliseconds per document']:.2f} ms per document (noisy machine)")
    for name, ratio in found["ratios"].items():
        print(f"{name:40}{ratio:8.2f} forward passes")


if __name__ == "__main__":
    main()
