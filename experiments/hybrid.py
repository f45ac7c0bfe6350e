"""The pointing game on hybrid documents, every method on several classifiers.

    python experiments/hybrid.py [MODEL ...]

Writes ``results/hybrid.json``. Models are names or folders; those that do not exist are skipped,
and results of models that are not named stay. Hybrid documents come from the test part of
20 Newsgroups: nothing is chosen by them.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whyword import ModelError, WhywordError, corpora, explain, load
from whyword.classifier import Classifier
from whyword.evaluation.again import Explain
from whyword.evaluation.pointing import (
    HybridDocument,
    PointingGame,
    hybrid_documents,
    pointing_game,
)
from whyword.evaluation.statistics import Bootstrap, compare
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


def main() -> None:
    """Play with each model, and write the results after each."""
    torch.set_num_threads(1)
    path = ROOT / "results" / "hybrid.json"
    documents = hybrid_documents(corpora.news20("test"), DOCUMENTS)
    described = {
        "command": "python experiments/hybrid.py",
        "sentences": 10,
        "words_per_sentence": [5, 40],
        "seed": 0,
        "made": DOCUMENTS,
        "for_slow_methods": FEWER,
    }
    for name in sys.argv[1:] or MODELS:
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
    reference: PointingGame | None = None
    rows: dict[str, Any] = {}
    for name, method in sorted(methods().items(), key=lambda item: item[0] in FEWER):
        start = time.perf_counter()
        game = attempt(classifier, documents[: FEWER.get(name, len(documents))], method)
        if isinstance(game, str):
            rows[name] = {"not_for_this_model": game}
            continue
        rows[name] = {
            **interval(game.hits),
            "seconds": round(time.perf_counter() - start, 1),
        }
        reference = reference or game
        if game is not reference:
            count = len(game.hits)
            rows[name][f"{REFERENCE}_higher_by"] = higher(reference.hits[:count], game.hits)
        print(name, rows[name], file=sys.stderr)  # noqa: T201
        yield {
            "documents_that_count": len(reference.hits),
            "left_out": reference.left_out,
            "expected_of_random": interval(reference.chance),
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


def attempt(
    classifier: Classifier, documents: Sequence[HybridDocument], method: Explain
) -> PointingGame | str:
    """The game, or why the method is not for this model."""
    try:
        explanations = method(classifier, [d.text for d in documents], targets="predicted")
    except WhywordError as error:
        return str(error)
    return pointing_game(explanations, documents)


def interval(hits: NDArray[np.float64]) -> dict[str, Any]:
    """The accuracy with its bootstrap interval."""
    low, high = Bootstrap(len(hits)).interval(hits).tolist()
    return {"accuracy": float(hits.mean()), "low": low, "high": high, "documents": len(hits)}


def higher(reference: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, Any]:
    """How much more often the reference hits, on the same documents."""
    found = compare(reference, other, bootstrap=Bootstrap(len(reference)))
    return {"difference": found.difference, "low": found.low, "high": found.high}


if __name__ == "__main__":
    main()
