"""What explaining with the word CNN costs, beside its limit, the plain network and captum's LRP.

    python benchmarks/cnn.py [--json] [--rounds 7] [--documents 80]

The limit. A word's products with all filters are fixed and known, so a forward pass must read, for
each of n words, K rows of F numbers: at n = 200, K = 2, F = 800 and 4 bytes that is 1.28 MB, where
the plain convolution multiplies n · 2 · 300 · 800 = 96,000,000 times. The table of all words (269
MB) lies in main memory, so the limit is its bandwidth; "reading the rows" below adds up those
of eight words at a time, so that little is written and nothing compared. Of LRP, besides, K · F
numbers per document must be shared among words, with K · F · classes multiply-adds (32,000).

Documents are real, of the test split of 20 Newsgroups, explained by the model that ships; where
scikit-learn has no copy, random words whose frequencies fall as in natural text, by random weights.
Times are medians of several rounds, in which all take turns, in one process on one thread; captum
explains fewer documents, since one of them takes it as long as the others hundreds.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from whyword import load, methods
from whyword.batch import Batch
from whyword.data import corpora
from whyword.data.vectors import WordVectors
from whyword.errors import InputError
from whyword.models.cnn.model import WordCNN
from whyword.text import Document, Span

BATCH, CLASSES, DIMENSION, LENGTH, VOCABULARY = 8, 20, 300, 400, 40_000
FEW = 2
"""Documents that captum explains in each round."""

Task = Callable[[Batch], object]


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


def model_and_documents(count: int) -> tuple[WordCNN, list[Document], str]:
    """The model, documents, and what they are."""
    try:
        texts = corpora.news20("test", download=False).texts
    except InputError:
        rng = np.random.default_rng(0)
        array = rng.normal(size=(VOCABULARY, DIMENSION)).astype(np.float32)
        vectors = WordVectors(tuple(f"w{i}" for i in range(VOCABULARY)), array)
        made = WordCNN(vectors, [str(c) for c in range(CLASSES)]).eval()
        return made, zipf_documents(count), "random words, random weights"
    model = load("news20-cnn")
    if not isinstance(model, WordCNN):
        raise TypeError(f"Got {type(model).__name__}; expected the word CNN that ships.")
    step = len(texts) // count
    return model, list(model.documents(texts[: step * count : step])), "20 Newsgroups, test split"


def batches_of(model: WordCNN, documents: Sequence[Document]) -> list[Batch]:
    """The documents in their order, encoded by eights."""
    starts = range(0, len(documents), BATCH)
    return [model.encode(documents[start : start + BATCH]) for start in starts]


def classes_of(model: WordCNN, batch: Batch, count: int | None = None) -> Tensor:
    """Targets that ask for the first classes of all documents, by default for all."""
    n = len(model.classes)
    return torch.eye(n, device=model.embedding.device)[:count, None].expand(-1, len(batch), -1)


def read_rows(model: WordCNN, batch: Batch) -> Tensor:
    """The limit of a forward pass: add up the rows of products, of eight words at a time."""
    found = model.layers.find(batch.ids)
    words, result = found.slots[batch.mask], torch.empty(0)
    for rows, (weight, _) in zip(found.rows, model.layers.kernels, strict=True):
        width = weight.shape[2]
        every = (words[:, None] * width + torch.arange(width)).flatten()
        ends = torch.arange(0, len(every), 8 * width)
        result = embedding_bag(every, rows, ends, mode="sum")
    return result


def captum_lrp(model: WordCNN, batch: Batch, classes: Sequence[int]) -> Tensor:
    """captum's LRP of each document, one class after the other; ``(class, position, dimension)``.

    Returns:
        The relevance of the last document.
    """
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    found: list[Tensor] = []
    for b in range(len(batch)):
        single = batch.rows(torch.tensor([b]))
        network, positions = model.written_out(single)
        x = model.embed(single)[:, :positions].detach()
        found = []
        for c in classes:
            for layer in network.modules():  # captum takes rules off again after each call
                if not list(layer.children()):
                    layer.rule = EpsilonRule()
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                found.append(LRP(network).attribute(x.requires_grad_(), target=c)[0].detach())
    return torch.stack(found)


def tasks(model: WordCNN) -> dict[str, Task]:
    """What is measured on every batch, by name."""

    def explained(method: Callable[..., object], count: int | None, batch: Batch) -> object:
        return method(model, batch, classes_of(model, batch, count))

    return {
        "plain forward": lambda batch: model.score(model.embed(batch), batch),
        "reading the rows": partial(read_rows, model),
        "forward": model,
        "LRP, one class": partial(explained, methods.lrp, 1),
        "LRP, all classes": partial(explained, methods.lrp, None),
        "Shapley LRP, all classes": partial(explained, methods.shapley_lrp, None),
        "sensitivity, one class": partial(explained, methods.sensitivity, 1),
        "sensitivity, all classes": partial(explained, methods.sensitivity, None),
    }


def peers(model: WordCNN) -> dict[str, Task]:
    """What is measured on few documents, if it is installed."""
    try:
        import captum.attr  # noqa: F401
    except ImportError:
        return {}
    every = range(len(model.classes))
    own = deepcopy(model)  # captum writes weights anew, and tables of products would be, too
    return {
        "captum's LRP, one class": lambda batch: captum_lrp(own, batch, every[:1]),
        "captum's LRP, all classes": lambda batch: captum_lrp(own, batch, every),
    }


@torch.no_grad()
def median_times(
    parts: Mapping[str, tuple[Task, Sequence[Batch]]], rounds: int, *, cuda: bool = False
) -> dict[str, float]:
    """Seconds per document of each task on its batches: the median of rounds, taken in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for task, batches in parts.values():
        task(batches[0])
    for _ in range(rounds):
        for name, (task, batches) in parts.items():
            start = time.perf_counter() if cuda else time.process_time()
            for batch in batches:
                task(batch)
            if cuda:
                torch.cuda.synchronize()
            spent = (time.perf_counter() if cuda else time.process_time()) - start
            seconds[name].append(spent / sum(map(len, batches)))
    return {name: median(values) for name, values in seconds.items()}


def measure(
    model: WordCNN, documents: Sequence[Document], rounds: int, *, cuda: bool = False
) -> dict[str, float]:
    """Seconds per document of everything."""
    batches = batches_of(model, documents)
    few = [batches[0].rows(torch.arange(FEW))]
    for batch in batches:  # whose words are then known
        model.layers.find(batch.ids)
    parts: dict[str, tuple[Task, Sequence[Batch]]] = {
        name: (task, batches) for name, task in tasks(model).items()
    }
    if cuda:  # where there is no table of products
        del parts["reading the rows"]
    else:
        parts |= {name: (task, few) for name, task in peers(model).items()}
    return median_times(parts, rounds, cuda=cuda)


def ratios(times: Mapping[str, float]) -> dict[str, float]:
    """The comparisons that are kept an eye on, by name."""
    forward, lrp = times["forward"], times["LRP, all classes"]
    found = {
        "plain forward / forward": times["plain forward"] / forward,
        "LRP of all classes / forward": lrp / forward,
        "Shapley LRP of all classes / LRP": times["Shapley LRP, all classes"] / lrp,
    }
    if "reading the rows" in times:
        found["reading the rows / forward"] = times["reading the rows"] / forward
    for count in ("one class", "all classes"):
        if (peer := f"captum's LRP, {count}") in times:
            found[f"captum / LRP, {count}"] = times[peer] / times[f"LRP, {count}"]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--documents", type=int, default=80)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, documents, what = model_and_documents(options.documents)
    cuda = options.device != "cpu"
    times = measure(model.to(options.device), documents, options.rounds, cuda=cuda)
    words = sum(map(len, documents)) / len(documents)
    if options.json:
        seconds = {"documents": what, "words": words, "seconds": times, "ratios": ratios(times)}
        print(json.dumps(seconds))
        return
    print(f"{len(documents)} documents ({what}), {words:.0f} words on average")
    for name, spent in times.items():
        print(f"{name:34s}{spent * 1000:10.3f} ms per document")
    for name, ratio in ratios(times).items():
        print(f"{name:34s}{ratio:10.2f}")


if __name__ == "__main__":
    main()
