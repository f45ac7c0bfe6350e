"""The linear baseline: TF-IDF of words and pairs of words, and a linear SVM; untrained."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whyword.data.arrays import Bools, Floats, Ints
from whyword.progress import OnProgress, Progress, ignore

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC


def vectorizer(documents: int, *, ngrams: int = 2) -> "TfidfVectorizer":
    """Features for a corpus of this size: TF-IDF with logarithmic counts.

    Args:
        documents: The number of documents of the corpus.
        ngrams: Most words in a feature.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    # In a large corpus, features of one document alone say little and take most of the memory.
    rare = 2 if documents >= 1000 else 1
    return TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, min_df=rare)


def linear_svm(
    penalty: float, *, seed: int = 0, class_weights: Mapping[Any, float] | None = None
) -> "LinearSVC":
    """A linear SVM of one class against the others.

    Args:
        penalty: C, scikit-learn's inverse penalty.
        seed: Seed of the solver.
        class_weights: Weight of each class in the loss, by its label; None for equal ones.
    """
    from sklearn.svm import LinearSVC

    return LinearSVC(C=penalty, random_state=seed, class_weight=class_weights)


def out_of_fold_scores(
    texts: Sequence[str],
    labels: Ints,
    folds: Ints,
    classes: int,
    *,
    penalty: float,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> tuple[Floats, Bools]:
    """Score each document by a baseline that was trained on the documents of the other folds.

    Args:
        texts: The documents.
        labels: ``(document,)`` class of each.
        folds: ``(document,)`` fold of each.
        classes: The number of classes.
        penalty: C, scikit-learn's inverse penalty.
        seed: Seed of the solver.
        progress: Called after each fold; see `whyword.progress`.

    Returns:
        ``(document, class)`` scores, -inf for a class that the other folds lack; and for each
        document, ``(document,)``, whether it could be scored: it has a word of the other folds, and
        those have two classes or more.
    """
    scores = np.full((len(texts), classes), -np.inf)
    scored = np.zeros(len(texts), dtype=bool)
    names = np.unique(folds)
    for done, fold in enumerate(names, start=1):
        held_out, learned = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        features = vectorizer(len(learned))
        words = features.build_analyzer()
        # Where no document has a word, scikit-learn refuses to make features.
        some = any(words(texts[i]) for i in learned.tolist())
        if some and len(np.unique(labels[learned])) > 1:
            fitted = features.fit_transform([texts[i] for i in learned.tolist()])
            tried = features.transform([texts[i] for i in held_out.tolist()])
            model = linear_svm(penalty, seed=seed).fit(fitted, labels[learned])
            found = model.decision_function(tried)
            if found.ndim == 1:
                found = np.stack([-found, found], axis=1) / 2
            scores[np.ix_(held_out, model.classes_)] = found
            scored[held_out] = np.diff(tried.indptr) > 0
        (progress or ignore)(Progress("cross-validating", done, len(names)))
    return scores, scored
