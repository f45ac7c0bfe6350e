"""Choose the settings of `shapley_lrp` on validation, measure on test: ``results/method.json``.

    whyword train --vectors src/whyword/models/pretrained/news20-cnn --no-refit --epochs 4
        --validation 0.4 --output runs/news20-cnn-validation  (one line)
    python experiments/method.py

The model that ships was refitted on all training documents and makes no mistakes on them. So the
settings are chosen with one that has not seen the latest 40 % of each newsgroup's training
documents, on those; they are then measured once on the test documents with ``news20-cnn``.

Word deletion as in the paper: documents of at least 100 words, the true class as the target,
decreasing relevance where the model is right and increasing where it is wrong. A method's coverage
is (random - method) / (random - oracle) of the mean accuracy over 0 to 50 deletions.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyword import load, methods
from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier, predict
from whyword.data import corpora
from whyword.data.corpora import Corpus
from whyword.evaluation.deletion import curves, deletion_order, random_orders
from whyword.evaluation.oracle import oracle_orders
from whyword.text import Document
from whyword.training.validation import split

ROOT = Path(__file__).parent.parent
LEAST_WORDS, RUNS, HELD_OUT, THINNING = 100, 10, 0.4, 6
DEPTHS, CONTRASTS = (1, 8, 16), (None, 1.0, 1.5, 2.0)

Method = Callable[[Classifier, Batch, Tensor], Attribution]


def main() -> None:
    """Choose, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--validation-model", default=str(ROOT / "runs/news20-cnn-validation"))
    options = parser.parse_args()
    path = ROOT / "results" / "method.json"
    results: dict[str, Any] = {"command": "python experiments/method.py"}
    results["validation"] = validation = choose(load(options.validation_model))
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    results["test"] = test(load("news20-cnn"), **validation["chosen"])
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def choose(model: Classifier) -> dict[str, Any]:
    """The settings with the highest mean of both coverages, and those of all others.

    All documents that the model gets wrong, and every sixth that it gets right.
    """
    corpus = corpora.news20("train")
    _, held_out = split(corpus.single_labels(), HELD_OUT, chronological=True)
    documents, labels, right = eligible(model, corpus.subset(held_out))
    kept = np.flatnonzero(~right | (np.cumsum(right) % THINNING == 1))
    documents, labels, right = [documents[i] for i in kept], labels[kept], right[kept]
    grid = {(d, c): shapley_lrp(d, c) for d in DEPTHS for c in CONTRASTS}
    found = coverage(model, documents, labels, right, {str(k): m for k, m in grid.items()})
    table = [
        {"depth": depth, "contrast": contrast, **found["methods"][str((depth, contrast))]}
        for depth, contrast in grid
    ]
    best = max(table, key=lambda row: float(row["correct"]["coverage"] + row["wrong"]["coverage"]))
    found["methods"] = table
    return {**found, "chosen": {"depth": best["depth"], "contrast": best["contrast"]}}


def test(model: Classifier, *, depth: int, contrast: float | None) -> dict[str, Any]:
    """The chosen settings on every test document that is long enough, beside LRP and parts."""
    documents, labels, right = eligible(model, corpora.news20("test"))
    chosen: dict[str, Method] = {
        "lrp": methods.lrp,
        "sa": methods.sensitivity,
        "lrp, contrast": shapley_lrp(1, contrast),
        "shapley_lrp, no contrast": shapley_lrp(depth, None),
        "shapley_lrp": shapley_lrp(depth, contrast),
    }
    return coverage(model, documents, labels, right, chosen)


def shapley_lrp(depth: int, contrast: float | None) -> Method:
    """The method with these settings."""
    return lambda model, batch, targets: methods.shapley_lrp(
        model, batch, targets, depth=depth, contrast=contrast
    )


def eligible(
    model: Classifier, corpus: Corpus
) -> tuple[list[Document], NDArray[np.int64], NDArray[np.bool_]]:
    """Documents with enough words, their classes, and whether the model gets them right."""
    every = [document for text in corpus.texts for document in model.encode([text]).documents]
    long = [i for i, document in enumerate(every) if len(document) >= LEAST_WORDS]
    documents, labels = [every[i] for i in long], corpus.single_labels()[long]
    right: NDArray[np.bool_] = predict(model, documents).argmax(axis=1) == labels
    return documents, labels, right


def coverage(
    model: Classifier,
    documents: Sequence[Document],
    labels: NDArray[np.int64],
    right: NDArray[np.bool_],
    chosen: dict[str, Method],
) -> dict[str, Any]:
    """Mean accuracies and coverages of methods, on correct and on wrong documents."""
    started = time.perf_counter()
    orders = [ranked(model, documents, labels, right, method) for method in chosen.values()]
    oracle = oracle_orders(model, documents, labels, right)
    random = random_orders([len(document) for document in documents], runs=RUNS)
    accuracy = curves(
        model, documents, np.concatenate([random, oracle[None], np.stack(orders)]), labels=labels
    ).correct.mean(axis=2)
    result: dict[str, Any] = {"methods": {name: {} for name in chosen}}
    for panel, rows in {"correct": right, "wrong": ~right}.items():
        mean = accuracy[:, rows].mean(axis=1)
        start, end = float(mean[:RUNS].mean()), float(mean[RUNS])
        result[panel] = {"documents": int(rows.sum()), "random": start, "oracle": end}
        for name, value in zip(chosen, mean[RUNS + 1 :].tolist(), strict=True):
            result["methods"][name][panel] = {
                "mean": value,
                "coverage": (start - value) / (start - end),
            }
    return {**result, "seconds": round(time.perf_counter() - started, 1)}


def ranked(
    model: Classifier,
    documents: Sequence[Document],
    labels: NDArray[np.int64],
    right: NDArray[np.bool_],
    method: Method,
) -> NDArray[np.int64]:
    """The orders of deletion, ``(document, step)``."""
    orders: list[NDArray[np.int64]] = []
    for start in range(0, len(documents), 8):
        batch = model.encode(documents[start : start + 8])
        target = torch.eye(len(model.classes))[torch.from_numpy(labels[start : start + 8])]
        relevance = method(model, batch, target[None]).relevance[0].double().numpy()
        orders += [
            deletion_order(row[: len(document)], decreasing=bool(is_right))
            for row, document, is_right in zip(
                relevance, batch.documents, right[start : start + 8], strict=True
            )
        ]
    return np.stack(orders)


if __name__ == "__main__":
    main()
