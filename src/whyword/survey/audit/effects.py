"""The effect of suspects on decisions: each suspect is deleted alone, then all of them together.

A deleted word gets a zero vector (Arras et al. 2016, section 3.3). Only documents that have a
suspect are scored again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from whyword.batch import Batch
from whyword.classifier import Classifier
from whyword.data.arrays import Floats
from whyword.progress import OnProgress, Progress
from whyword.removal import scores_without
from whyword.survey.audit.traces import traces


@dataclass
class Effect:
    """What one suspect does in the documents that are predicted as its class.

    Attributes:
        documents: The documents that have the word, as places in the corpus.
        drop: Change of the class's probability without the word, summed over these documents.
        turned: How many of these documents are predicted as another class without the word.
        occurrences: How often the word occurs in them.
        traces: How many of its occurrences show each trace.
    """

    documents: set[int] = field(default_factory=set)
    drop: float = 0.0
    turned: int = 0
    occurrences: int = 0
    traces: Counter[str] = field(default_factory=Counter)


def effects(
    classifier: Classifier,
    texts: Sequence[str],
    scores: Floats,
    suspects: Mapping[int, Sequence[str]],
    *,
    batch_size: int,
    progress: OnProgress | None = None,
) -> tuple[dict[tuple[int, str], Effect], dict[int, int]]:
    """Delete suspects: each alone in the documents predicted as its class, then all everywhere.

    Args:
        classifier: The model.
        texts: The documents.
        scores: ``(document, class)`` scores of the documents as they are.
        suspects: For each class its suspects, in lower case.
        batch_size: Documents at a time.
        progress: Called after each batch; see `whyword.progress`.

    Returns:
        The effect of each class and word; and for each document with suspects, by its place, the
        class that is predicted without them.
    """
    every = {word for words in suspects.values() for word in words}
    predicted = scores.argmax(axis=1).tolist()
    found = {(c, word): Effect() for c, words in suspects.items() for word in words}
    without: dict[int, int] = {}
    for start in range(0, len(texts), batch_size):
        batch = classifier.encode(texts[start : start + batch_size])
        rows: list[int] = []
        removed: list[list[int]] = []
        alone: list[Effect | None] = []
        for b, document in enumerate(batch.documents):
            places = _places(document.words, every)
            if not places:
                continue
            rows.append(b)
            removed.append([place for words in places.values() for place in words])
            alone.append(None)
            for word, where in places.items():
                effect = found.get((predicted[start + b], word))
                if effect is not None:
                    effect.documents.add(start + b)
                    effect.occurrences += len(where)
                    effect.traces += traces(document, where)
                    rows.append(b)
                    removed.append(where)
                    alone.append(effect)
        changed = _scores_without(classifier, batch, rows, removed, batch_size)
        for b, effect, row in zip(rows, alone, changed, strict=True):
            number = start + b
            if effect is None:
                without[number] = int(row.argmax())
            else:
                c = predicted[number]
                effect.drop += _probability(row, c) - _probability(scores[number], c)
                effect.turned += int(row.argmax()) != c
        if progress:
            progress(Progress("deleting", start + len(batch), len(texts)))
    return found, without


def _places(words: Sequence[str], wanted: set[str]) -> dict[str, list[int]]:
    """Find the places of each wanted word in a document."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if (key := word.lower()) in wanted:
            places.setdefault(key, []).append(place)
    return places


def _scores_without(
    classifier: Classifier,
    batch: Batch,
    rows: Sequence[int],
    removed: Sequence[Sequence[int]],
    batch_size: int,
) -> Floats:
    """Score documents of the batch without some of their words: ``(row, class)``."""
    longest = max(map(len, batch.documents), default=0)
    scores = np.zeros((len(rows), len(classifier.classes)))
    for start in range(0, len(rows), batch_size):
        part = slice(start, start + batch_size)
        gone = torch.zeros(len(rows[part]), longest, dtype=torch.bool)
        for row, places in zip(gone, removed[part], strict=True):
            row[places] = True
        chosen = batch.rows(torch.tensor(rows[part]))
        scores[part] = scores_without(classifier, chosen, gone).cpu().double().numpy()
    return scores


def _probability(scores: Floats, c: int) -> float:
    """Return the probability of a class: the softmax of the scores."""
    return float(np.exp(scores[c] - np.logaddexp.reduce(scores)))
