"""Training of the linear baseline: TF-IDF of words and pairs of words, and a linear SVM."""

import time
from typing import TYPE_CHECKING

import numpy as np

from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.models.checks import whole
from whyword.progress import OnProgress
from whyword.training.config import checked_seed
from whyword.training.validation import PenaltyHistory, fit_with_best_penalty, split

if TYPE_CHECKING:
    from whyword.models.linear.model import LinearClassifier

PENALTIES = (0.1, 0.3, 1.0, 3.0)
"""The values of C, scikit-learn's inverse penalty, from which the validation part chooses."""


def train_linear(
    corpus: Corpus,
    *,
    ngrams: int = 2,
    validation: float = 0.1,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> tuple["LinearClassifier", PenaltyHistory]:
    """Choose C, the inverse penalty, on a validation part; then fit on all documents.

    Args:
        corpus: The training documents.
        ngrams: Most words in a feature.
        validation: Share of the documents held out for choosing C.
        seed: Seed of the split and of the solver.
        progress: Called after each fit; see `whyword.progress`.

    Raises:
        InputError: If a setting is out of its range, or there are too few documents.
    """
    for library in ("sklearn.feature_extraction.text", "sklearn.svm"):
        require(library, extra="train", what="Training a linear model")
    from sklearn.pipeline import make_pipeline

    from whyword.models.linear.baseline import linear_svm, vectorizer
    from whyword.models.linear.model import LinearClassifier

    ngrams, seed = whole("ngrams", ngrams), checked_seed(seed)
    started = time.perf_counter()

    learn, held_out = split(
        corpus.labels, validation, chronological=corpus.chronological, seed=seed
    )
    texts = np.array(corpus.texts, dtype=object)
    features = vectorizer(len(corpus), ngrams=ngrams)
    fitted, tried = features.fit_transform(texts[learn]), features.transform(texts[held_out])

    def accuracy(penalty: float) -> float:
        model = linear_svm(penalty, seed=seed).fit(fitted, corpus.labels[learn])
        return float((model.predict(tried) == corpus.labels[held_out]).mean())

    def fit(penalty: float) -> "LinearClassifier":
        names = np.array(corpus.classes)[corpus.labels]
        features = vectorizer(len(corpus), ngrams=ngrams)
        pipeline = make_pipeline(features, linear_svm(penalty, seed=seed))
        return LinearClassifier(pipeline.fit(corpus.texts, names))

    classifier, found = fit_with_best_penalty(
        PENALTIES, accuracy=accuracy, fit=fit, progress=progress
    )
    return classifier, PenaltyHistory(found, time.perf_counter() - started)
