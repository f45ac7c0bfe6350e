"""The documents of an experiment: long enough, tokenised, classified, and worked on in batches."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from whyword.classifier import Classifier, predict, tokenised
from whyword.data.arrays import Ints
from whyword.data.corpora import Corpus, drawn
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress
from whyword.text import Document

MINIMUM_WORDS = 100
"""Shorter documents are left out, as in the paper (footnote 7)."""


@dataclass(frozen=True, eq=False)
class Documents:
    """The documents that an experiment runs over.

    Attributes:
        names: The name of each document.
        documents: The texts with their tokens.
        labels: ``(document,)`` true classes, as indices into the classifier's classes.
        predicted: ``(document,)`` predicted classes, likewise.
    """

    names: tuple[str, ...]
    documents: tuple[Document, ...]
    labels: Ints
    predicted: Ints

    def __len__(self) -> int:
        return len(self.documents)

    def subset(self, chosen: Ints) -> "Documents":
        """Return the documents at these places."""
        return Documents(
            tuple(self.names[i] for i in chosen),
            tuple(self.documents[i] for i in chosen),
            self.labels[chosen],
            self.predicted[chosen],
        )

    def drawn(self, count: int, *, seed: int = 0) -> "Documents":
        """Return at most ``count`` of the documents, drawn at random, in their old order."""
        return self.subset(drawn(len(self), count, seed=seed))


def choose_documents(
    classifier: Classifier,
    corpus: Corpus,
    *,
    minimum_words: int = MINIMUM_WORDS,
    limit: int | None = None,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> Documents:
    """Tokenise and classify the documents that are long enough.

    Args:
        classifier: The model.
        corpus: Texts with labels.
        minimum_words: Documents with fewer tokens are left out.
        limit: Most documents to use, drawn at random; None for all.
        seed: Seed of the random draw.
        progress: Called in the phases "reading" and "classifying"; see `whyword.progress`.

    Raises:
        InputError: If the model lacks a class of the corpus, or no document is left.
    """
    labels = corpus.labels_in(classifier.classes)
    if limit is not None and limit < 1:
        raise InputError(f"Got the limit {limit}; expected at least 1.")
    candidates = np.arange(len(corpus))
    if limit is not None:
        candidates = np.random.default_rng(seed).permutation(candidates)
    total = len(corpus) if limit is None else limit
    chosen: list[int] = []
    documents: list[Document] = []
    for read, i in enumerate(candidates.tolist(), start=1):
        text = corpus.texts[i]
        document = tokenised(classifier, [text])[0]
        if len(document) >= minimum_words:
            chosen.append(i)
            documents.append(document)
        if progress:
            progress(Progress("reading", len(chosen) if limit else read, total))
        if len(chosen) == limit:
            break
    if not chosen:
        raise InputError(f"No document has {minimum_words} words or more; ask for fewer.")
    scores = predict(
        classifier,
        documents,
        progress=progress,
    )
    return Documents(
        tuple(corpus.names[i] for i in chosen),
        tuple(documents),
        labels[chosen],
        scores.argmax(axis=1),
    )


def for_batches(
    work: Callable[[list[int]], object],
    documents: Sequence[Document],
    *,
    batch_size: int,
    parallel: bool = False,
    phase: str,
    progress: OnProgress | None = None,
) -> None:
    """Call ``work`` with the places of a few documents at a time, shortest documents first.

    Args:
        work: The function to call; it stores its results itself.
        documents: The texts with their tokens.
        batch_size: Documents at a time.
        parallel: Whether ``work`` may run in several threads at once, one torch thread in each:
            small tensors gain nothing from several, which wait for each other at every tensor and
            stand still when the machine has other things to do.
        phase: Name of the work, for ``progress``.
        progress: Called after each batch; see `whyword.progress`.
    """
    by_length = sorted(range(len(documents)), key=lambda i: len(documents[i]))
    batches = [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    done = 0
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            found = pool.map(work, batches) if parallel else map(work, batches)
            for batch, _ in zip(batches, found, strict=True):
                done += len(batch)
                if progress:
                    progress(Progress(phase, done, len(documents)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            if parallel:
                torch.set_num_threads(threads)
