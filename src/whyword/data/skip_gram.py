"""Word vectors learned from a corpus: skip-gram with negative sampling, by gensim.

Gensim's own threads write into one table as they come, so that no two runs are alike. Here each
worker has a table of its own and a share of the documents. After each pass the tables become one:
the vector of a word moves by the mean of its moves, weighted by how often the word stands in each
share. A word of one share alone moves as far as it did there; and what comes out depends on the
seed and the number of workers, not on their speed.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from whyword.data.arrays import Singles
from whyword.data.extras import require
from whyword.data.vectors import WordVectors
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress

if TYPE_CHECKING:
    from gensim.models import Word2Vec

EPOCHS = 10
"""The number of passes that `learn` makes over the documents, by default."""

_RATE, _LEAST_RATE = 0.025, 0.0001
"""Learning rates at the beginning and at the end: gensim's and word2vec's own."""


def learn(
    documents: Sequence[Sequence[str]],
    *,
    dimension: int = 300,
    window: int = 40,
    epochs: int = EPOCHS,
    min_count: int = 2,
    negative: int = 5,
    sample: float = 1e-4,
    seed: int = 0,
    workers: int = 1,
    seconds: float | None = None,
    progress: OnProgress | None = None,
) -> WordVectors:
    """Learn word vectors by skip-gram with negative sampling (Mikolov et al. 2013), by gensim.

    Words are lower-cased first. The same documents, seed and number of workers give the same
    vectors.

    Args:
        documents: The words of each document, not truncated: only the classifier truncates them.
        dimension: Number of components of each vector.
        window: Number of words to each side that are predicted.
        epochs: Passes over the documents.
        min_count: Words that occur less often get no vector.
        negative: Number of noise words per predicted word.
        sample: Share of all words above which a frequent word is skipped at random.
        seed: Seed of the initial vectors, the skipping and the noise.
        workers: Number of threads, each with a share of the documents.
        seconds: Time for all passes; None for as long as they take. There is one pass at least.
        progress: Called after each epoch; see `whyword.progress`.

    Raises:
        InputError: If no word occurs ``min_count`` times, or gensim is not installed.
    """
    require("gensim", extra="train", what="Learning word vectors")
    from gensim.models import Word2Vec

    texts = [[word.lower() for word in document] for document in documents]
    counts = Counter(word for text in texts for word in text)
    if not any(count >= min_count for count in counts.values()):
        raise InputError(
            f"No word occurs {min_count} times in {len(documents)} documents; expected a corpus to "
            "learn vectors from. Give more text, or a smaller min_count."
        )
    # Neighbours in a corpus often belong to one class, so workers take documents at random.
    drawn = (
        np.random.default_rng(seed).permutation(len(texts)) if workers > 1 else range(len(texts))
    )
    places = [sorted(drawn[k::workers]) for k in range(workers)]
    parts = [part for rows in places if any(part := [texts[i] for i in rows])]
    models = [
        Word2Vec(
            vector_size=dimension,
            window=window,
            min_count=min_count,
            negative=negative,
            sample=sample,
            seed=seed,
            sg=1,
            workers=1,
        )
        for _ in parts
    ]
    for number, model in enumerate(models):
        model.build_vocab_from_freq(counts, corpus_count=len(texts))
        model.random = np.random.RandomState((seed + number) % 2**32)
    words = models[0].wv.index_to_key
    shares = _shares(parts, words)
    started, way = time.perf_counter(), 0.0
    with ThreadPoolExecutor(len(models)) as pool:
        for epoch in range(epochs):
            before = _tables(models[0])
            # The way to go in this pass: by passes, or by time if that is longer.
            elapsed = (time.perf_counter() - started) / (seconds or math.inf)
            each = max(1 / epochs, elapsed / epoch if epoch else 0.0)
            ahead = min(way + each, 1.0)
            rates = [_RATE + (_LEAST_RATE - _RATE) * at for at in (way, ahead)]
            passes = [
                pool.submit(_one_pass, model, part, *rates)
                for model, part in zip(models, parts, strict=True)
            ]
            for running in passes:
                running.result()
            if len(models) > 1:
                _merge(models, before, shares)
            way = ahead
            if progress:
                progress(Progress("word vectors", epoch + 1, epochs))
            if way >= 1:
                break
    return WordVectors(tuple(words), models[0].wv.vectors, lowercase=True)


def _one_pass(model: "Word2Vec", part: Sequence[list[str]], start: float, end: float) -> None:
    words = sum(map(len, part))
    model.train(
        part,
        total_examples=len(part),
        total_words=words,
        epochs=1,
        start_alpha=start,
        end_alpha=end,
    )


def _shares(parts: Sequence[Sequence[Sequence[str]]], words: Sequence[str]) -> list[Singles]:
    """For each part ``(word, 1)``, which share of each word's occurrences stands in it."""
    counts = [Counter(word for text in part for word in text) for part in parts]
    table = np.array([[count[word] for word in words] for count in counts], dtype=np.float32)
    return list((table / table.sum(axis=0))[:, :, None])


def _tables(model: "Word2Vec") -> tuple[Singles, Singles]:
    return model.wv.vectors.copy(), model.syn1neg.copy()


def _merge(
    models: Sequence["Word2Vec"], before: tuple[Singles, Singles], shares: Sequence[Singles]
) -> None:
    """Give all models the tables of before, moved by the weighted mean of their moves."""
    moved = [
        sum(share * (table - start) for share, table in zip(shares, tables, strict=True))
        for start, tables in zip(
            before, zip(*((m.wv.vectors, m.syn1neg) for m in models), strict=True), strict=True
        )
    ]
    for model in models:
        model.wv.vectors[:] = before[0] + moved[0]
        model.syn1neg[:] = before[1] + moved[1]
