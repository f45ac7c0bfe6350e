"""Every metric of several methods on the word CNN, and SRG under every removal operator.

    python experiments/metrics.py [--documents 200]

Writes ``results/metrics.json``. The documents are drawn at random from the test documents of at
least 100 words, of which the model reads 400; the class explained is the predicted one. Nothing is
chosen by them: the methods have their default settings.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from whyword import explain, load
from whyword.classifier import Classifier
from whyword.data import corpora
from whyword.evaluation.documents import choose_documents
from whyword.evaluation.measurements import Measurement, summarise
from whyword.evaluation.metrics import METRICS, measure
from whyword.text import Document

ROOT = Path(__file__).parent.parent
MODEL = "news20-cnn"
DOCUMENTS, SLOW_DOCUMENTS = 200, 20
METHODS = (
    "lrp",
    "sa",
    "gradient_x_input",
    "integrated_gradients",
    "shapley_lrp",
    "occlusion",
    "random",
)
"""The first is what the others are compared with."""

SLOW = ("integrated_gradients", "occlusion")
"""Measured on the first `SLOW_DOCUMENTS` by metrics that explain again, up to eleven times."""

OPERATORS = ("zero", "unknown", "mean", "remove")


def main() -> None:
    """Explain, measure, and write the results after each part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "metrics.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    model = load(MODEL)
    chosen = choose_documents(model, corpora.news20("test"), limit=options.documents)
    texts = chosen.documents
    explained = {name: explain(model, texts, method=name, targets="predicted") for name in METHODS}
    results: dict[str, Any] = {
        "command": "python experiments/metrics.py",
        "model": MODEL,
        "target": "predicted",
        "documents": len(texts),
        "words": sum(len(text) for text in texts),
        "slow_methods": {name: min(SLOW_DOCUMENTS, len(texts)) for name in SLOW},
        "metrics": {},
        "srg_by_removal": {},
    }

    def write() -> None:
        results["seconds"] = round(time.perf_counter() - started)
        options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")

    for operator in OPERATORS:
        rows = measure(model, texts, [], ["srg"], operator=operator, given=explained)
        results["srg_by_removal"][operator] = summarise(rows)["srg"]["methods"]
        write()
    for name, metric in METRICS.items():
        rows = (
            explained_again(model, texts, name)
            if metric.uses_method
            else measure(model, texts, [], [name], given=explained)
        )
        results["metrics"] |= summarise(rows)
        write()


def explained_again(
    model: Classifier, texts: tuple[Document, ...], metric: str
) -> list[Measurement]:
    """A metric that explains again, of slow methods on fewer documents."""
    rows = []
    for name in METHODS:
        part = texts[:SLOW_DOCUMENTS] if name in SLOW else texts
        rows += measure(model, part, {name: partial(explain, method=name)}, [metric])
    return rows


if __name__ == "__main__":
    main()
