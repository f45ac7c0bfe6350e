"""Train the linear baseline: TF-IDF of words and pairs of words, and a linear SVM."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress
from whyword.training.loop import split

if TYPE_CHECKING:
    from whyword.models.linear.model import LinearClassifier

PENALTIES = (0.1, 0.3, 1.0, 3.0)
"""Values of C that the validation part chooses from."""


@dataclass(frozen=True)
class LinearHistory:
    """What happened.

    Attributes:
        penalty: The C chosen.
        validation_accuracy: For every C tried.
        seconds: In all.
    """

    penalty: float
    validation_accuracy: dict[float, float]
    seconds: float


def train_linear(
    corpus: Corpus,
    *,
    ngrams: int = 2,
    validation: float = 0.1,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> tuple["LinearClassifier", LinearHistory]:
    """Choose C on a validation part, then fit on all documents.

    Args:
        corpus: The training documents.
        ngrams: Words per feature, at most.
        validation: Share of the documents that chooses.
        seed: Of the split and of the solver.
        progress: Called after each fit; see `whyword.progress`.

    Raises:
        InputError: If ``ngrams`` is below 1, or there are too few documents.
    """
    for library in ("sklearn.feature_extraction.text", "sklearn.svm"):
        require(library, extra="train", what="Training a linear model")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    from whyword.models.linear.model import LinearClassifier

    if ngrams < 1:
        raise InputError(f"Got ngrams={ngrams}; expected at least 1.")
    started = time.perf_counter()

    def vectorizer() -> TfidfVectorizer:
        # In a large corpus, what stands in one document alone says little and takes most memory.
        rare = 2 if len(corpus) >= 1000 else 1
        return TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, min_df=rare)

    def report(done: int, latest: float) -> None:
        if progress:
            progress(Progress("fit", done, len(PENALTIES) + 1, {"validation": latest}))

    learn, held_out = split(
        corpus.labels, validation, chronological=corpus.chronological, seed=seed
    )
    texts = np.array(corpus.texts, dtype=object)
    features = vectorizer()
    fitted, tried = features.fit_transform(texts[learn]), features.transform(texts[held_out])
    accuracy: dict[float, float] = {}
    for penalty in PENALTIES:
        model = LinearSVC(C=penalty, random_state=seed).fit(fitted, corpus.labels[learn])
        accuracy[penalty] = float((model.predict(tried) == corpus.labels[held_out]).mean())
        report(len(accuracy), accuracy[penalty])
    best = max(accuracy, key=lambda penalty: accuracy[penalty])
    names = np.array(corpus.classes)[corpus.labels]
    pipeline = make_pipeline(vectorizer(), LinearSVC(C=best, random_state=seed))
    classifier = LinearClassifier(pipeline.fit(corpus.texts, names))
    report(len(PENALTIES) + 1, accuracy[best])
    return classifier, LinearHistory(best, accuracy, time.perf_counter() - started)
