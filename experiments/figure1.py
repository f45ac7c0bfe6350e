"""The paper's Figure 1: word deletion on 20 Newsgroups, with every curve's numbers.

    python experiments/figure1.py [METHOD ...]

Writes ``results/figure1.json`` and ``docs/figure1.svg`` and ``.png``. The experiment runs twice, in
processes of their own: once with the paper's methods alone, for seconds and peak memory, and once
with the methods named (by default those and the greedy oracle), for the numbers. The plain way, a
forward pass for each deletion, is compared with the fast one on 200 documents.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from whyword import load
from whyword.data import corpora
from whyword.evaluation.deletion import curves, deletion_order, random_orders
from whyword.evaluation.documents import choose_documents
from whyword.evaluation.experiment import relevances

ROOT = Path(__file__).parent.parent
COMMAND = "whyword evaluate --model news20-cnn --corpus 20news --methods {}"
PAPER = ("lrp", "sa", "random")
COMPARED = 200


def main() -> None:
    """Measure, and write numbers and pictures."""
    methods = sys.argv[1:] or [*PAPER, "oracle"]
    timed, _ = run(PAPER)
    everything, folder = run(methods)
    result = {
        "command": COMMAND.format(",".join(methods)),
        "timed_command": COMMAND.format(",".join(PAPER)),
        "seconds": timed["seconds"],
        "cpu_seconds": timed["cpu_seconds"],
        "phase_seconds": timed["phase_seconds"],
        "peak_memory_bytes": timed["peak_memory_bytes"],
        "seconds_of_all_methods": everything["seconds"],
        **{panel: everything[panel] for panel in everything["panels"]},
        "comparisons": everything["comparisons"],
        "settings": everything["settings"],
        "plain_way": compare_with_plain_way(),
    }
    path = ROOT / "results" / "figure1.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for ending in ("svg", "png"):
        shutil.copy(folder / f"curves.{ending}", ROOT / "docs" / f"figure1.{ending}")


def run(methods: list[str] | tuple[str, ...]) -> tuple[dict[str, Any], Path]:
    """One run in a process of its own: its results, and the folder with its pictures."""
    folder = Path(tempfile.mkdtemp())
    command = COMMAND.format(",".join(methods)).split()
    subprocess.run([sys.executable, "-m", *command, "--output", str(folder)], cwd=ROOT, check=True)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found, folder


def compare_with_plain_way() -> dict[str, Any]:
    """How many predictions along LRP, SA and a random order differ between the two ways."""
    model = load("news20-cnn")
    chosen = choose_documents(model, corpora.news20("test"), limit=COMPARED)
    names = [model.classes[label] for label in chosen.labels]
    decreasing = chosen.predicted == chosen.labels
    orders = [
        [
            deletion_order(relevance, decreasing=bool(falls))
            for relevance, falls in zip(
                relevances(model, chosen.documents, method, names), decreasing, strict=True
            )
        ]
        for method in ("lrp", "sa")
    ]
    lengths = [len(document) for document in chosen.documents]
    every = np.concatenate([np.array(orders), random_orders(lengths, runs=1)])
    fast, plain = (
        curves(model, chosen.documents, every, labels=chosen.labels, fast=fast)
        for fast in (True, False)
    )
    difference = np.abs(fast.true_probability - plain.true_probability).max()
    return {
        "documents": len(chosen),
        "predictions": int(fast.predicted.size),
        "different_predictions": int((fast.predicted != plain.predicted).sum()),
        "largest_difference_of_probability": float(difference),
    }


if __name__ == "__main__":
    main()
