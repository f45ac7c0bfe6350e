"""Train the paper's CNN on 20 Newsgroups with three seeds, and cut the model that ships.

    python experiments/training.py

Each seed learns its own word vectors from the training documents; epochs are chosen on the latest
tenth of each newsgroup's training documents. Writes ``results/training.json`` and
``src/whyword/models/pretrained/news20-cnn``. Stopped and started again, it goes on where it was.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from whyword import load
from whyword.data import corpora
from whyword.models import store
from whyword.models.base import WordClassifier
from whyword.text import Tokenizer
from whyword.training.performance import performance_on

ROOT = Path(__file__).parent.parent
SEEDS = (0, 1, 2)
COMMAND = "whyword train --corpus 20news --model cnn --seed {seed} --output runs/news20-cnn-{seed}"
SHIPPED = ROOT / "src" / "whyword" / "models" / "pretrained" / "news20-cnn"
SHIPPED_WORDS = 42_000
"""Most frequent words that the shipped model keeps: 12.6 MB of bytes."""


def main() -> None:
    """Train what is not trained yet, and write the results."""
    runs = [train(seed) for seed in SEEDS]
    results: dict[str, Any] = {
        "mean_test_accuracy": sum(run["test_accuracy"] for run in runs) / len(runs),
        "test_documents_with_100_tokens": long_documents(),
        "command": COMMAND.format(seed="SEED"),
        "runs": runs,
    }
    best = max(runs, key=lambda run: float(run["validation_accuracy"]))
    results["shipped"] = ship(int(best["seed"]))
    path = ROOT / "results" / "training.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def train(seed: int) -> dict[str, Any]:
    """One run in a process of its own, so that its peak memory is its own."""
    command = COMMAND.format(seed=seed).split()
    directory = ROOT / command[-1]
    if not (directory / "report.json").exists():
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "validation_accuracy": report["validation_accuracy"],
        "test_accuracy": report["test"]["accuracy"],
        "epochs": report["epochs"],
        "seconds": report["vector_seconds"] + report["training_seconds"],
        "vector_seconds": report["vector_seconds"],
        "training_seconds": report["training_seconds"],
        "peak_memory_bytes": report["peak_memory_bytes"],
    }


def long_documents() -> int:
    """Test documents with at least 100 tokens; the paper counts 4,963."""
    tokenizer = Tokenizer(max_tokens=100)
    return sum(len(tokenizer(text)) == 100 for text in corpora.news20("test").texts)


def ship(seed: int) -> dict[str, Any]:
    """Save the model with fewer words and bytes for numbers, and say what that costs."""
    model = load(ROOT / COMMAND.format(seed=seed).split()[-1])
    if not isinstance(model, WordClassifier):
        raise TypeError(f"Got {type(model).__name__}; expected a classifier of words.")
    about = "The word CNN of Arras et al. 2016 on 20 Newsgroups, with vectors learned from it."
    model.vectors = model.vectors.first(SHIPPED_WORDS)
    store.save(model, SHIPPED, quantise=True, about=about)
    accuracy = performance_on(load("news20-cnn"), corpora.news20("test")).accuracy
    size = sum(file.stat().st_size for file in SHIPPED.iterdir())
    return {"seed": seed, "words": SHIPPED_WORDS, "bytes": size, "test_accuracy": accuracy}


if __name__ == "__main__":
    main()
