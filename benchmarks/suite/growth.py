"""How times grow with words, classes, layers and vocabulary."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch

from suite import models
from suite.documents import Texts, of_words
from suite.results import Curve
from suite.timing import Task, interleaved
from whyword import methods
from whyword.classifier import Classifier
from whyword.models.cnn.model import WordCNN


def measure(texts: Texts, seconds: float = 1.0) -> list[Curve]:
    """All curves."""
    words = [word for text in texts.texts for word in text.split()]
    shipped = models.shipped()
    cnn = WordCNN(shipped.vectors, shipped.classes).eval()
    lstm = models.recurrent("lstm")
    curves = [
        _curve(
            "word CNN, LRP, all 20 classes", "words of a document",
            (100, 400, 1600, 6400, 25_600), lambda n: _word_task(cnn, words[:n], 20), seconds,
        ),
        _curve(
            "LSTM, LRP, one class", "words of a document",
            (50, 100, 200, 400, 800), lambda n: _word_task(lstm, words[:n], 1), seconds,
        ),
        _curve(
            "word CNN, LRP, all classes", "classes",
            (2, 10, 50, 200, 1000), lambda n: _random_task(classes=n), seconds,
        ),
        _curve(
            "word CNN, LRP, all 20 classes", "words of the vocabulary",
            (1000, 5000, 20_000, 100_000), lambda n: _random_task(vocabulary=n), seconds,
        ),
        _curve(
            "LSTM, LRP, one class", "layers",
            (1, 2, 4), lambda n: _word_task(models.recurrent("lstm", layers=n), words[:100], 1),
            seconds,
        ),
    ]  # fmt: skip
    if models.minilm_folder() is None:
        return curves
    return [
        *curves,
        _curve(
            "Llama, AttnLRP, one class", "words of a document",
            (128, 256, 512, 1024, 2048), lambda n: _llama_task(texts, length=n), seconds,
        ),
        _curve(
            "Llama, AttnLRP, one class", "layers",
            (1, 2, 4, 8, 16), lambda n: _llama_task(texts, layers=n), seconds,
        ),
        _curve(
            "Llama, AttnLRP, all classes", "classes",
            (1, 5, 20, 100, 1000),
            lambda n: _llama_task(texts, length=32, layers=1, classes=n), seconds,
        ),
    ]  # fmt: skip


def _curve(
    name: str, over: str, sizes: Iterable[int], task: Callable[[int], Task], seconds: float
) -> Curve:
    sizes = list(sizes)
    times = interleaved({str(n): task(n) for n in sizes}, seconds=seconds, most=9)
    found = [times[str(n)].median for n in sizes]
    return Curve(name, over, sizes, [s * 1000 for s in found], exponent(sizes, found))


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """The slope of the logarithms over the three largest sizes; small ones cost overhead."""
    return float(np.polyfit(np.log(sizes[-3:]), np.log(seconds[-3:]), 1)[0])


def _word_task(model: Classifier, words: list[str], classes: int) -> Task:
    batch = model.encode([of_words(words)])
    targets = torch.eye(len(model.classes))[:classes, None]
    return partial(methods.lrp, model, batch, targets)


def _random_task(*, classes: int = 20, vocabulary: int = 20_000) -> Task:
    model = models.random_cnn(classes=classes, vocabulary=vocabulary)
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, vocabulary + 1)
    ids = rng.choice(vocabulary, 400, p=weights / weights.sum())
    return _word_task(model, [f"w{i}" for i in ids], classes)


def _llama_task(texts: Texts, *, length: int = 128, layers: int = 2, classes: int = 1) -> Task:
    classifier = models.transformer(
        "llama", length=length, classes=max(classes, 2), num_hidden_layers=layers
    )
    batch = classifier.encode([" ".join(texts.texts[:50])])
    targets = torch.eye(len(classifier.classes))[:classes, None]
    return partial(methods.lrp, classifier, batch, targets)
