"""The pointing game on hybrid documents, every method on several classifiers.

    python experiments/hybrid.py [MODEL ...] [--documents NUMBER]

Writes ``results/hybrid.json``. Models are names or folders; those that do not exist are skipped,
and results of models that are not named stay. Hybrid documents come from the test part of
20 Newsgroups: nothing is chosen by them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whyword import ModelError, WhywordError, explain, load
from whyword.classifier import Classifier
from whyword.data import corpora
from whyword.evaluation.again import Explain
from whyword.evaluation.measurements import Measurement, difference
from whyword.evaluation.pointing import HybridDocument, hybrid_documents
from whyword.evaluation.pointing import play as play_game
from whyword.methods import METHODS

ROOT = Path(__file__).parent.parent
MODELS = (
    "news20-cnn",
    "runs/news20-gru",
    "runs/news20-lstm",
    "runs/news20-linear",
    "runs/news20-minilm",
)
DOCUMENTS = 400
"""Hybrid documents for methods of a few passes."""

FEWER = {
    "integrated_gradients": 60,
    "deep_lift": 60,
    "occlusion": 60,
    "shapley": 20,
    "lime": 20,
    "kernel_shap": 20,
}
"""The first of them, for methods of many."""

REFERENCE = "lrp"
"""The first method; the others are compared with it, document by document."""
DIFFERENCE = ("difference", "low", "high")


def main() -> None:
    """Play with each model, and write the results after each."""
    torch.set_num_threads(1)
    path = ROOT / "results" / "hybrid.json"
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    given = parser.parse_args()
    documents = hybrid_documents(corpora.news20("test"), given.documents)
    described = {
        "command": "python experiments/hybrid.py",
        "sentences": 10,
        "words_per_sentence": [5, 40],
        "seed": 0,
        "for_slow_methods": FEWER,
    }
    for name in given.models:
        try:
            classifier = load(name)
        except ModelError as error:
            print(f"Skipped {name}: {error}", file=sys.stderr)  # noqa: T201
            continue
        for record in play(classifier, documents):
            write(path, described, Path(name).name, record)


def write(path: Path, described: dict[str, Any], model: str, record: dict[str, Any]) -> None:
    """Put one model's record into the file, which may have others."""
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    results["documents"] = described
    results.setdefault("models", {})[model] = record
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def play(classifier: Classifier, documents: Sequence[HybridDocument]) -> Iterator[dict[str, Any]]:
    """The record of a model, after each method, quick methods first."""
    reference: Measurement | None = None
    expected: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for name, method in sorted(methods().items(), key=lambda item: item[0] in FEWER):
        start = time.perf_counter()
        part = documents[: FEWER.get(name, len(documents))]
        try:
            game, chance = play_game(classifier, part, {name: method})
        except WhywordError as error:
            rows[name] = {"not_for_this_model": str(error)}
            continue
        rows[name] = {**accuracy(game), "seconds": round(time.perf_counter() - start, 1)}
        if reference is None:
            reference, expected = game, accuracy(chance)
        elif found := difference(reference, game):
            higher = {name: number for name, number in found.items() if name in DIFFERENCE}
            rows[name][f"{REFERENCE}_higher_by"] = higher
        print(name, rows[name], file=sys.stderr)  # noqa: T201
        yield {
            "made": len(documents),
            "documents_that_count": expected["documents"],
            "left_out": len(documents) - expected["documents"],
            "expected_of_random": expected,
            "methods": rows,
        }


def methods() -> dict[str, Explain]:
    """By name; of SA also other norms (l2 has the order of its square)."""
    variants: dict[str, Callable[..., Any]] = {
        name: partial(explain, method=name) for name in METHODS
    }
    for norm in ("l1", "max"):
        variants[f"sa ({norm})"] = partial(explain, method="sa", norm=norm)
    return variants


def accuracy(game: Measurement) -> dict[str, Any]:
    """Share of hits with its bootstrap interval, and the documents that count."""
    count = int(np.isfinite(game.values).sum())
    return {"accuracy": game.mean, "low": game.low, "high": game.high, "documents": count}


if __name__ == "__main__":
    main()
