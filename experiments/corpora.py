"""What the defaults of ``whyword train`` make of small and odd corpora: ``results/corpora.json``.

    python experiments/corpora.py [NAME ...]

The corpora are cut from the training part of 20 Newsgroups: the first four fifths of each group are
learned from, the last fifth is tested on, so that the test part of 20 Newsgroups is not touched.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.corpora import Corpus, news20
from whyword.text import Tokenizer
from whyword.training import Recipe
from whyword.training.train import train_model

ROOT = Path(__file__).parent.parent
NEAR = ("comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware")
FAR = ("talk.politics.misc", "talk.religion.misc")
Parts = tuple[Corpus, Corpus]
"""Documents to learn from, and documents to test on."""


def windows(classes: tuple[str, ...], words: int, most: int) -> Parts:
    """Windows of so many words, at most ``most`` of a class and a quarter of that to test on."""
    news, tokenize, rng = news20("train"), Tokenizer(max_tokens=None), np.random.default_rng(0)

    def cut(rows: Any, limit: int) -> list[str]:
        found = []
        for row in rows:
            document = tokenize(news.texts[row])
            for start in range(0, len(document) - words + 1, words):
                spans = document.spans[start : start + words]
                found.append(document.text[spans[0][0] : spans[-1][1]])
        return [found[i] for i in np.sort(rng.permutation(len(found))[:limit])]

    return _parts(news, classes, lambda rows: cut(rows, most), lambda rows: cut(rows, most // 4))


def few(documents: int) -> Parts:
    """Ten classes of so many documents each, and a hundred of each to test on."""
    news, rng = news20("train"), np.random.default_rng(0)
    classes = tuple(sorted(rng.permutation(news.classes)[:10].tolist()))

    def some(rows: Any, limit: int) -> list[str]:
        return [news.texts[i] for i in np.sort(rng.permutation(rows)[:limit])]

    return _parts(news, classes, lambda rows: some(rows, documents), lambda rows: some(rows, 100))


def _parts(
    news: Corpus,
    classes: tuple[str, ...],
    learn: Callable[[Any], list[str]],
    test: Callable[[Any], list[str]],
) -> Parts:
    def of(take: Callable[[Any], list[str]], begin: float, end: float) -> Corpus:
        texts: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(classes):
            rows = np.flatnonzero(news.labels == news.classes.index(name))
            found = take(rows[round(begin * len(rows)) : round(end * len(rows))])
            texts += found
            labels += [label] * len(found)
        names = tuple(map(str, range(len(texts))))
        return Corpus(tuple(texts), np.array(labels), classes, names)

    return of(learn, 0, 0.8), of(test, 0.8, 1)


CORPORA: dict[str, Callable[[], Parts]] = {
    "ten classes of 50 documents": lambda: few(50),
    "two near classes, 200 words": lambda: windows(NEAR, 200, 400),
    "two near classes, 20 words": lambda: windows(NEAR, 20, 4000),
    "two far classes, 20 words": lambda: windows(FAR, 20, 4000),
    "twenty classes, 10 words": lambda: windows(tuple(news20("train").classes), 10, 400),
}


def main() -> None:
    """Train on each, and write what came of it."""
    path = ROOT / "results" / "corpora.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in sys.argv[1:] or CORPORA:
        results[name] = dict(_measured(*CORPORA[name]()))
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(results[name]), flush=True)  # noqa: T201


def _measured(learn: Corpus, test: Corpus) -> Iterator[tuple[str, object]]:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = train_model(Recipe(), learn, Path(folder) / "model", test=test)
    yield "documents", len(learn)
    yield "cnn", report["test"]["accuracy"]
    yield "linear", report["linear"]["test"]["accuracy"]
    yield "validation", {key: report["linear"][key] for key in ("model", "linear", "low", "high")}
    yield "take", report["linear"]["take"]
    yield "vector_rate", report["training"]["vector_rate"]
    yield "seconds", round(time.perf_counter() - started)
    yield "threads", os.environ.get("OMP_NUM_THREADS", "all")


if __name__ == "__main__":
    main()
