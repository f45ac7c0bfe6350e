"""Measures how many planted wrong labels are found: 5 % of the labels of some classes, at random.

Run as ``python experiments/labels.py [OTHER CORPUS]``; writes ``results/labels.json``, and prints
what it measures on another corpus.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from whyword.data.arrays import Bools, Floats, Ints
from whyword.data.corpora import Corpus, load_corpus, news20
from whyword.models.linear.baseline import linear_svm, out_of_fold_scores, vectorizer
from whyword.survey.labels import PENALTY
from whyword.survey.labels.confidence import (
    canonical_order,
    probabilities,
    stratified_folds,
    suspected,
)

SEEDS = range(3)
SHARE = 0.05

NEIGHBOURS = ("graphics", "os.ms-windows.misc", "sys.ibm.pc.hardware", "sys.mac.hardware")
CORPORA = {
    "easy": ("rec.autos", "sci.med", "sci.space", "talk.politics.mideast", "rec.sport.hockey"),
    "computers": (*(f"comp.{name}" for name in NEIGHBOURS), "comp.windows.x"),
    "religion": ("alt.atheism", "soc.religion.christian", "talk.religion.misc"),
}
"""Classes of the training part of 20 Newsgroups, far from each other and near."""


def of_classes(corpus: Corpus, names: tuple[str, ...]) -> Corpus:
    """The documents of some classes."""
    numbers = sorted(corpus.classes.index(name) for name in names)
    part = corpus.subset(np.flatnonzero(np.isin(corpus.labels, numbers)))
    classes = tuple(corpus.classes[number] for number in numbers)
    return replace(part, labels=np.searchsorted(numbers, part.labels), classes=classes)


def measured(corpus: Corpus, seed: int) -> dict[str, float]:
    """Plant wrong labels with a seed; shares of what was planted and of what is suspected."""
    rng = np.random.default_rng(seed)
    count, classes = len(corpus), len(corpus.classes)
    planted = rng.choice(count, round(SHARE * count), replace=False)
    given = corpus.single_labels().copy()
    given[planted] = (given[planted] + rng.integers(1, classes, len(planted))) % classes
    order = canonical_order(corpus.texts, given, seed)
    texts, labels = corpus.subset(order).texts, given[order]
    truth, wrong = corpus.single_labels()[order], (given != corpus.labels)[order]
    folds = stratified_folds(texts, labels, 5)
    scores, judged = out_of_fold_scores(texts, labels, folds, classes, penalty=PENALTY, seed=seed)
    p = np.full(scores.shape, 1 / classes)
    p[judged] = probabilities(scores[judged], labels[judged])
    places, counted = suspected(p[judged], labels[judged])
    found = np.flatnonzero(judged)[places]
    matrix = vectorizer(count).fit_transform(texts)
    trained = linear_svm(1.0, seed=seed).fit(matrix, labels).decision_function(matrix)
    disagrees = trained.argmax(axis=1) != labels
    return {
        "planted": len(planted),
        "suspects": len(found),
        "precision": float(wrong[found].mean()),
        "recall": float(wrong[found].sum() / len(planted)),
        "suggested_class_right": float((counted == truth[found])[wrong[found]].mean()),
        "lowest_out_of_fold": lowest(p, labels, wrong),
        "lowest_in_sample": lowest(probabilities(trained, labels), labels, wrong),
        "in_sample_disagreement_recall": float(wrong[disagrees].sum() / len(planted)),
    }


def lowest(p: Floats, labels: Ints, wrong: Bools) -> float:
    """Share of planted labels among as many documents with the lowest probability of theirs."""
    first = np.argsort(p[np.arange(len(labels)), labels], kind="stable")[: wrong.sum()]
    return float(wrong[first].mean())


def mean(corpus: Corpus) -> dict[str, float]:
    """Means over the seeds."""
    rows = [measured(corpus, seed) for seed in SEEDS]
    return {
        "documents": len(corpus),
        **{key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]},
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(json.dumps(mean(load_corpus(sys.argv[1])), indent=2) + "\n")
    else:
        groups = news20("train")
        results = {name: mean(of_classes(groups, names)) for name, names in CORPORA.items()}
        path = Path(__file__).parents[1] / "results" / "labels.json"
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        sys.stdout.write(path.read_text(encoding="utf-8"))
