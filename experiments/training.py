"""Train the word CNN on 20 Newsgroups with three seeds, and cut the model that ships.

    python experiments/training.py [fixed|learned]

``fixed`` is the paper's model, on fixed word vectors: one of them ships. ``learned`` are the
defaults of ``whyword train``, whose vectors learn with the task. Each seed learns its own word
vectors from the training documents; epochs are chosen on the latest tenth of each newsgroup's
training documents. Writes ``results/training.json`` and
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
COMMANDS = {
    "fixed": "whyword train --corpus 20news --model cnn --vector-rate 0 --seed {seed} "
    "--output runs/news20-cnn-{seed}",
    "learned": "whyword train --corpus 20news --model cnn --seed {seed} "
    "--output runs/news20-cnn-learned-{seed}",
}
SHIPPED = ROOT / "src" / "whyword" / "models" / "pretrained" / "news20-cnn"
SHIPPED_WORDS = 42_000
"""Most frequent words that the shipped model keeps: 12.6 MB of bytes."""


def main() -> None:
    """Train what is not trained yet, and write the results."""
    path = ROOT / "results" / "training.json"
    results: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in sys.argv[1:] or COMMANDS:
        runs = [train(COMMANDS[name], seed) for seed in SEEDS]
        found: dict[str, Any] = {
            "mean_test_accuracy": sum(run["test_accuracy"] for run in runs) / len(runs),
            "command": COMMANDS[name].format(seed="SEED"),
            "runs": runs,
        }
        if name == "fixed":
            best = max(runs, key=lambda run: float(run["validation_accuracy"]))
            found["test_documents_with_100_tokens"] = long_documents()
            found["shipped"] = ship(int(best["seed"]))
            results |= found
        else:
            results[name] = found
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def train(template: str, seed: int) -> dict[str, Any]:
    """One run in a process of its own, so that its peak memory is its own."""
    command = template.format(seed=seed).split()
    directory = ROOT / command[-1]
    if not (directory / "report.json").exists():
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "validation_accuracy": report["validation_accuracy"],
        "test_accuracy": report["test"]["accuracy"],
        "linear_test_accuracy": report["linear"]["test"]["accuracy"],
        "attempts": report["attempts"],
        "epochs": report["epochs"],
        "seconds": round(report["vector_seconds"] + report["training_seconds"], 1),
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
    model = load(ROOT / COMMANDS["fixed"].format(seed=seed).split()[-1])
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
