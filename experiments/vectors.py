"""EPI on 20 Newsgroups, every weighting, for one or more models: writes results/epi.json.

    python experiments/vectors.py [MODEL ...] [--limit DOCUMENTS]

Models that are not named keep their results. A limit draws test documents at random, for models
that take long.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from whyword import load
from whyword.classifier import predict, tokenised
from whyword.data import corpora
from whyword.survey.explanatory_power import epi_of_all
from whyword.survey.vectors import FIGURE_3, document_vectors, inverse_document_frequencies

ROOT = Path(__file__).parent.parent
WEIGHTINGS = (*FIGURE_3, "gradient_x_input-elementwise", "gradient_x_input")


def main() -> None:
    """Some five minutes on one core for the word CNN and all documents."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["news20-cnn"])
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    path = ROOT / "results" / "epi.json"
    for name in given.models:
        found = measure(name, given.limit)
        results = json.loads(path.read_text("utf-8")) if path.exists() else {}
        results[Path(name).name] = found
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(name: str, limit: int | None) -> dict[str, Any]:
    """The index of every weighting, with the gap to the first and its standard error."""
    started = time.perf_counter()
    model, test = load(name), corpora.news20("test").sample(limit)
    documents = tokenised(model, test.texts)
    idf = inverse_document_frequencies(tokenised(model, corpora.news20("train").texts))
    vectors = document_vectors(
        model,
        documents,
        weightings=WEIGHTINGS,
        idf=idf,
        progress=lambda at: sys.stderr.write(f"\r{name}: {at.done} of {at.total} documents"),
    )
    return {
        "accuracy": float((predict(model, documents).argmax(axis=1) == test.labels).mean()),
        "documents": len(test),
        "seconds": round(time.perf_counter() - started),
        "epi": epi_of_all(vectors, test.single_labels()),
    }


if __name__ == "__main__":
    main()
