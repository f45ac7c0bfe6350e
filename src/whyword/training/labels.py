"""One linear classifier of scikit-learn for each label, against all documents without it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from whyword.data.arrays import Bools, Floats


def fit_labels(
    estimator: Callable[[dict[int, float] | None], Any],
    x: Any,
    given: Bools,
    weights: Floats | None,
) -> tuple[Floats, Floats]:
    """Fit weights ``(label, feature)`` and biases ``(label,)``.

    A label that all documents have, or none, gets no weights and the bias 1 or -1.

    Args:
        estimator: Function that makes an unfitted classifier of two classes, for the weights of
            those without the label (0) and with it (1).
        x: ``(document, feature)`` features, which may be sparse.
        given: ``(document, label)`` which labels each document has.
        weights: ``(label,)`` weights of the documents with each label; None for 1.
    """
    found = np.zeros((given.shape[1], x.shape[1]))
    biases = np.where(given.all(axis=0), 1.0, -1.0)
    for label, has in enumerate(given.T):
        if has.any() and not has.all():
            weighted = None if weights is None else {0: 1.0, 1: float(weights[label])}
            model = estimator(weighted).fit(x, has.astype(np.int64))
            found[label], biases[label] = model.coef_[0], np.ravel(model.intercept_)[0]
    return found, biases
