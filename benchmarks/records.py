"""What explanations and their JSON cost, as multiples of computing the relevance.

    python benchmarks/records.py [--json] [--rounds N]

The limit. A text's explanation needs its tokens and the model's relevance. Beyond these it is a
copy of (words × classes) numbers, 230 · 20 · 8 bytes = 37 kB for an average text: microseconds. Its
JSON has each of these 4,600 numbers with the name of its class beside it, 190 kB of text. orjson
writes them in 0.08 ms as a bare array and in 0.5 ms by name, half of which goes into making the
dictionaries; `json` needs 2.6 ms. Text to JSON is to cost no more than twice text to explanation,
for all 20 classes of the word CNN that ships.

Texts are those of 20 Newsgroups. Times are processor time, the least of several rounds, taken in
turn in one process on one thread.
"""

import argparse
import json
import time
from collections.abc import Callable
from io import BytesIO

import torch

import whyword
from whyword.data.corpora import load_corpus
from whyword.explainer import attribute, records
from whyword.models.base import WordClassifier
from whyword.targets import resolve

TEXTS, BATCH = 64, 16


def least_times(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds a text of each task's fastest round; tasks take turns."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.process_time()
            task()
            times[name].append((time.process_time() - start) / TEXTS * 1000)
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = load_corpus("20news", "test").texts[:TEXTS]
    model = whyword.load("news20-cnn")
    assert isinstance(model, WordClassifier)
    documents = model.documents(texts)
    found = whyword.explain(model, texts)
    encoded = [model.encode(documents[i : i + BATCH]) for i in range(0, TEXTS, BATCH)]
    aimed = [(batch, *resolve("all", model, batch)) for batch in encoded]
    known = [(*one, attribute(model, one[0], one[2], method="lrp")) for one in aimed]
    written = [e.to_json() for e in found]

    def to_lines() -> None:
        lines = BytesIO()
        for explanation in whyword.stream(model, texts):
            lines.write(explanation.to_json_bytes() + b"\n")

    times = least_times(
        {
            "tokens": lambda: model.documents(texts),
            "relevance": lambda: [attribute(model, b, w, method="lrp") for b, _, w in aimed],
            "relevance to explanation": lambda: [
                records.records(model, b, a, n, w, "lrp") for b, n, w, a in known
            ],
            "explanation to dictionary": lambda: [e.to_dict() for e in found],
            "explanation to JSON": lambda: [e.to_json_bytes() for e in found],
            "the same by json": lambda: [json.dumps(e.to_dict()) for e in found],
            "JSON to explanation": lambda: [whyword.Explanation.from_json(s) for s in written],
            "text to explanation": lambda: whyword.explain(model, texts),
            "text to JSON": to_lines,
        },
        options.rounds,
    )
    whole = times["text to explanation"]
    ratios = {name: value / whole for name, value in times.items()}
    if options.json:
        print(json.dumps({"milliseconds per text": times, "of text to explanation": ratios}))
        return
    print(f"text to explanation: {whole:.2f} ms a text (noisy machine)")
    for name, ratio in ratios.items():
        print(f"{name:28s}{times[name]:7.3f} ms {ratio:7.3f}")


if __name__ == "__main__":
    main()
