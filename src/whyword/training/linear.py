"""Training of the linear baseline: TF-IDF of words and pairs of words, and a linear SVM."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whyword.data.arrays import Bools, Floats
from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.errors import InputError
from whyword.models.checks import whole
from whyword.progress import OnProgress
from whyword.training.class_weights import ClassWeights
from whyword.training.config import checked_seed
from whyword.training.labels import fit_labels
from whyword.training.objective import Objective
from whyword.training.parts import parts_of
from whyword.training.thresholds import thresholds_of
from whyword.training.validation import PenaltyHistory, fit_with_best_penalty

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    from whyword.models.linear.model import LinearClassifier

PENALTIES = (0.1, 0.3, 1.0, 3.0)
"""The values of C, scikit-learn's inverse penalty, from which the validation part chooses."""


def train_linear(
    corpus: Corpus,
    *,
    ngrams: int = 2,
    validation: float = 0.1,
    seed: int = 0,
    development: int = 0,
    class_weights: ClassWeights = None,
    progress: OnProgress | None = None,
) -> tuple["LinearClassifier", PenaltyHistory]:
    """Choose C, the inverse penalty, on a validation part; then fit on all training documents.

    If documents have labels, there is one SVM for each, and thresholds are folded into the biases;
    see `whyword.training.thresholds`.

    Args:
        corpus: The training documents, and after them the development part, if there is one.
        ngrams: Most words in a feature.
        validation: Share of the documents held out for choosing C.
        seed: Seed of the split and of the solver.
        development: Number of documents in the development part.
        class_weights: Weights of the classes in the loss.
        progress: Called after each fit; see `whyword.progress`.

    Raises:
        InputError: If a setting is out of its range, or there are too few documents.
    """
    for library in ("sklearn.feature_extraction.text", "sklearn.svm"):
        require(library, extra="train", what="Training a linear model")
    from sklearn.pipeline import make_pipeline

    from whyword.models.linear.baseline import linear_svm, vectorizer
    from whyword.models.linear.coefficients import Weights
    from whyword.models.linear.model import LinearClassifier

    ngrams, seed = whole("ngrams", ngrams), checked_seed(seed)
    parts = parts_of(
        corpus.labels,
        validation,
        chronological=corpus.chronological,
        seed=seed,
        development=development,
    )
    learn, held_out = parts.learned, parts.held_out

    def features() -> "TfidfVectorizer":
        return vectorizer(len(parts.final), ngrams=ngrams)

    texts = np.array(corpus.texts, dtype=object)
    first = features()
    try:
        fitted, tried = first.fit_transform(texts[learn]), first.transform(texts[held_out])
    except ValueError as error:  # scikit-learn's: nothing is left of the texts
        raise InputError(
            f"A linear model finds no words in the documents: {error}. It reads words of two "
            "letters or more"
            + (" that stand in two documents." if len(parts.final) >= 1000 else ".")
        ) from error
    if not corpus.multilabel and len(np.unique(corpus.labels[learn])) < 2:
        raise InputError(
            "Got documents of one class to learn from; expected two classes beside those documents "
            "that validate."
        )

    objective = Objective(
        corpus.labels, corpus.classes, class_weights=class_weights, development=development
    )
    weights = objective.class_weights

    def svm(penalty: float, keys: Sequence[Any]) -> "LinearSVC":
        weighted = None if weights is None else dict(zip(keys, weights.tolist(), strict=True))
        return linear_svm(penalty, seed=seed, class_weights=weighted)

    def fit_all(penalty: float, x: Any, y: Bools) -> tuple[Floats, Floats]:
        return fit_labels(
            lambda weighted: linear_svm(penalty, seed=seed, class_weights=weighted),
            x,
            y,
            weights,
        )

    def scores(penalty: float) -> Floats:
        if corpus.multilabel:
            found, biases = fit_all(penalty, fitted, corpus.labels[learn].astype(bool))
            return np.asarray(tried @ found.T + biases)
        model = svm(penalty, range(len(corpus.classes))).fit(fitted, corpus.labels[learn])
        decided = model.decision_function(tried)
        if decided.ndim == 1:  # two classes: the second against the first
            decided = np.stack([-decided, decided], axis=1)
        every = np.full((len(held_out), len(corpus.classes)), -np.inf)
        every[:, model.classes_] = decided
        return every

    def fit(penalty: float) -> "LinearClassifier":
        if corpus.multilabel:
            last = features()
            every = corpus.labels[parts.final].astype(bool)
            found, biases = fit_all(penalty, last.fit_transform(texts[parts.final]), every)
            given = corpus.labels[held_out].astype(bool)
            biases = biases - thresholds_of(scores(penalty), given)
            return LinearClassifier(
                make_pipeline(last, Weights(corpus.classes, found, biases, multilabel=True))
            )
        names = np.array(corpus.classes)[corpus.labels[parts.final]]
        pipeline = make_pipeline(features(), svm(penalty, corpus.classes))
        return LinearClassifier(pipeline.fit(texts[parts.final], names))

    return fit_with_best_penalty(
        PENALTIES,
        scores=scores,
        quality=lambda found: objective.quality(found, held_out),
        right=lambda found: objective.right(found, held_out),
        fit=fit,
        progress=progress,
    )
