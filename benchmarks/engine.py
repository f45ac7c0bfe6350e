"""The relevance engine on the word CNN, beside captum and zennit: cost, memory, agreement.

    python benchmarks/engine.py [--json] [--device cuda]

The limit. A backward pass moves through the same products as the forward pass: relevance of the
inputs costs one product with the transposed weights, so forward and backward together are two
forward passes for one class, and 1 + 20 for twenty, if every window is visited. Winner-take-all
pooling lets relevance through one window of each filter alone: 800 of 319,200. What is left of the
convolution's backward pass is the sum of 800 rows of its weights for each class, and what bounds it
is moving those rows.

captum needs its rules set by hand on all layers but ReLU. zennit asks for torchvision, of which it
uses names alone: install it with ``pip install --no-deps zennit``; an empty stand-in takes
torchvision's place here. Peers that are not installed are passed over.

Times are the least of several rounds, taken in turn in one process on one thread. Memory is the
peak of a process that does nothing else, with torch in it.
"""

import argparse
import json
import multiprocessing
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from cnn import BATCH, CLASSES, DIMENSION, LENGTH, least_times
from whyword import lrp

FILTERS, WIDTH = 800, 2
PLAIN = lrp.Composite(lrp.Epsilon(1e-9, bias_share=False, stabiliser_share=False))
"""ε-LRP without shares: the rule that captum and zennit have."""


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


def ours(model: nn.Module, x: Tensor, targets: Tensor, composite: lrp.Composite) -> Tensor:
    """``(target, batch, dimension, position)``."""
    return lrp.relevance(model, x, targets, composite=composite).relevance


def with_captum(model: nn.Sequential, x: Tensor, classes: range) -> Tensor:
    """captum's LRP, one class after the other."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    rows = []
    for c in classes:
        for layer in (model[0], *list(model)[2:]):  # captum takes rules off again after each call
            layer.rule = EpsilonRule()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append(LRP(model).attribute(x, target=c).detach())
    return torch.stack(rows)


def with_zennit(model: nn.Sequential, x: Tensor, classes: range) -> Tensor:
    """zennit's Epsilon on every layer, one class after the other."""
    from zennit.attribution import Gradient
    from zennit.composites import LayerMapComposite
    from zennit.rules import Epsilon, Pass
    from zennit.types import Activation, Convolution, Linear

    layers = [(Activation, Pass()), (Convolution, Epsilon(1e-9)), (Linear, Epsilon(1e-9))]
    rows = []
    with Gradient(model, LayerMapComposite(layer_map=layers)) as attributor:
        for c in classes:
            one_hot = torch.eye(CLASSES, dtype=x.dtype, device=x.device)[c]
            _, found = attributor(x, lambda scores, one_hot=one_hot: scores * one_hot)
            rows.append(found.detach())
    return torch.stack(rows)


def peers() -> dict[str, Callable[[nn.Sequential, Tensor, range], Tensor]]:
    """Those that are installed."""
    found: dict[str, Callable[[nn.Sequential, Tensor, range], Tensor]] = {}
    try:
        import captum.attr  # noqa: F401

        found["captum"] = with_captum
    except ImportError:
        pass
    resnet = ModuleType("torchvision.models.resnet")
    resnet.Bottleneck = resnet.BasicBlock = type("StandIn", (nn.Module,), {})  # type: ignore[attr-defined]
    names = ("torchvision", "torchvision.models", "torchvision.models.resnet")
    stand_ins = dict(zip(names, (ModuleType(names[0]), ModuleType(names[1]), resnet), strict=True))
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(stand_ins)
    try:
        import zennit.attribution  # noqa: F401

        found["zennit"] = with_zennit
    except ImportError:
        pass
    finally:
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    return found


def agreement(classes: int = 3) -> dict[str, float]:
    """Largest difference to each peer, relative to the largest relevance, in float64."""
    model = network().double()
    x = torch.randn(2, DIMENSION, LENGTH, dtype=torch.float64)
    targets = torch.eye(CLASSES, dtype=torch.float64)[:classes, None].expand(-1, 2, -1)
    expected = ours(model, x, targets, PLAIN)
    return {
        name: float(
            (explain(model, x, range(classes)) - expected).abs().max() / expected.abs().max()
        )
        for name, explain in peers().items()
    }


def costs(device: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of a forward pass per document, and ratios to it."""
    model = network().to(device)
    x = torch.randn(BATCH, DIMENSION, LENGTH, device=device)
    every = torch.eye(CLASSES, device=device)[:, None].expand(-1, BATCH, -1)

    def forward() -> None:
        with torch.no_grad():
            model(x)

    paper = lrp.Composite()
    tasks: dict[str, Callable[[], object]] = {
        "forward": forward,
        "one class": lambda: ours(model, x, every[:1], paper),
        "20 classes": lambda: ours(model, x, every, paper),
    }
    for name, explain in peers().items():
        tasks[f"{name}, one class"] = partial(explain, model, x, range(1))
        tasks[f"{name}, 20 classes"] = partial(explain, model, x, range(CLASSES))
    if device != "cpu":
        tasks = {name: _synchronised(task) for name, task in tasks.items()}
    times = least_times(tasks, rounds)
    plain = times.pop("forward")
    return {
        "milliseconds per document": plain / BATCH * 1000,
        "ratios": {name: seconds / plain for name, seconds in times.items()},
    }


def _synchronised(task: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        task()
        torch.cuda.synchronize()

    return run


def peak_memory() -> int:
    """Bytes that a process has held at most that explains 20 classes of a batch of 8."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak)


def _peak() -> int:
    torch.set_num_threads(1)
    every = torch.eye(CLASSES)[:, None].expand(-1, BATCH, -1)
    ours(network(), torch.randn(BATCH, DIMENSION, LENGTH), every, lrp.Composite())
    # Not from getrusage, whose peak a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        **costs(options.device, options.rounds),
        "peak memory of 20 classes, batch of 8, bytes": peak_memory(),
        "largest relative difference": agreement(),
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"forward pass: {found['milliseconds per document']:.2f} ms per document (noisy machine)")
    for name, ratio in found["ratios"].items():
        print(f"{name:24}{ratio:8.2f} forward passes")
    memory = found["peak memory of 20 classes, batch of 8, bytes"]
    print(f"peak memory of 20 classes, batch of 8: {memory / 1e6:.0f} MB")
    for name, difference in found["largest relative difference"].items():
        print(f"{name} differs by {difference:.1e} of the largest relevance, in float64")


if __name__ == "__main__":
    main()
