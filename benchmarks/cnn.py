"""What explaining with the word CNN costs, as multiples of its plain forward pass.

    python benchmarks/cnn.py [--json]

The limit. For all classes at once, LRP needs the forward pass and, for each document, a product of
the pooled features with the output layer (filters × classes multiply-adds) and the sharing of each
filter's relevance among its window's words (width × filters × classes): 800 · 20 + 2 · 800 · 20 =
48,000 multiply-adds, against 400 · 2 · 300 · 800 = 192,000,000 for the plain convolution of 400
words. Beyond the forward pass LRP is therefore bound by moving its 32,000 messages, not arithmetic.
By products of unique words with the filters the forward pass itself is shortened by the share of
words that repeat within the batch.

Times are the least of several rounds, taken in turn in one process on one thread.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from whyword import methods
from whyword.data.vectors import WordVectors
from whyword.models.cnn.model import WordCNN
from whyword.text import Document, Span

WORDS, DIMENSION, CLASSES, BATCH, LENGTH, VOCABULARY = 400, 300, 20, 8, 400, 40_000


def zipf_documents(count: int, seed: int = 0) -> list[Document]:
    """Documents of 400 words whose frequencies fall as in natural text."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, VOCABULARY + 1)
    documents = []
    for _ in range(count):
        words = [f"w{i}" for i in rng.choice(VOCABULARY, LENGTH, p=weights / weights.sum())]
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        spans = tuple(Span(int(e) - len(w), int(e)) for w, e in zip(words, ends, strict=True))
        documents.append(Document(" ".join(words), spans))
    return documents


def least_times(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each task's fastest round; tasks take turns, so that noise hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    vectors = WordVectors(
        tuple(f"w{i}" for i in range(VOCABULARY)),
        rng.normal(size=(VOCABULARY, DIMENSION)).astype(np.float32),
    )
    model = WordCNN(vectors, [str(c) for c in range(CLASSES)]).eval().to(options.device)
    batch = model.encode(zipf_documents(BATCH))
    every = torch.eye(CLASSES, device=options.device)[:, None].expand(-1, BATCH, -1)
    one = every[:1]
    embeddings = model.embed(batch)

    def no_grad(task: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            with torch.no_grad():
                task()
            if options.device != "cpu":
                torch.cuda.synchronize()

        return run

    times = least_times(
        {
            "plain forward": no_grad(lambda: model.score(embeddings, batch)),
            "forward by unique words": no_grad(lambda: model(batch)),
            "LRP, one class": no_grad(lambda: methods.lrp(model, batch, one)),
            "LRP, all 20 classes": no_grad(lambda: methods.lrp(model, batch, every)),
            **{
                f"Shapley LRP, all 20 classes, {depth} windows": no_grad(
                    partial(methods.shapley_lrp, model, batch, every, depth=depth)
                )
                for depth in (8, 16)
            },
            "sensitivity, one class": no_grad(lambda: methods.sensitivity(model, batch, one)),
            "sensitivity, all 20 classes": no_grad(
                lambda: methods.sensitivity(model, batch, every)
            ),
        },
        options.rounds,
    )
    plain = times["plain forward"]
    ratios = {name: seconds / plain for name, seconds in times.items()}
    if options.json:
        print(json.dumps({"milliseconds per document": plain / BATCH * 1000, "ratios": ratios}))
        return
    print(f"plain forward pass: {plain / BATCH * 1000:.2f} ms per document (noisy machine)")
    for name, ratio in ratios.items():
        print(f"{name:42s}{ratio:7.2f} plain forward passes")


if __name__ == "__main__":
    main()
