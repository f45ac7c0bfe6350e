"""A linear classifier over TF-IDF: exact relevance of words beside shap's LinearExplainer."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

from suite import models
from suite.cnn import compare
from suite.documents import Texts
from suite.results import Agreement, Group
from suite.timing import Task, interleaved
from whyword import methods
from whyword.models.linear.model import LinearClassifier


def measure(
    texts: Texts,
    size: int,
    missing: Iterable[str],
    seconds: float = 2.0,
    classes: int = models.CLASSES,
) -> Group:
    """Times from text to relevance of a batch of real documents."""
    model = models.linear(texts.texts, classes=classes)
    chosen = list(texts.texts[:size])
    every = torch.eye(classes, dtype=torch.float64)[:, None].expand(-1, size, -1)

    def explained(targets: torch.Tensor) -> object:
        return methods.lrp(model, model.encode(chosen), targets)

    tasks: dict[str, Task] = {
        "decision_function": lambda: model.pipeline.decision_function(chosen),
        "LRP, one class": partial(explained, every[:1]),
        f"LRP, all {classes} classes": partial(explained, every),
    }
    if "shap" not in missing:
        explainer = _explainer(model)
        tasks[f"shap LinearExplainer, all {classes} classes"] = lambda: explainer.shap_values(
            model.vectorizer.transform(chosen)
        )
    times = interleaved(tasks, seconds=seconds)
    plain = times["decision_function"].median
    what = "the scores themselves: finding and weighing the features"
    return Group.of(
        f"linear {size}",
        f"Linear classifier over TF-IDF, batch of {size}",
        times,
        "decision_function",
        {f"LRP, all {classes} classes": (what, plain)},
        [
            f"From text to relevance; {texts.source}; random weights. shap explains features, LRP "
            "the words of the text, each where it stands, and checks scores on the way."
        ],
    )


def _explainer(model: LinearClassifier) -> Any:
    import shap
    from scipy.sparse import csr_matrix

    head = model.model
    nothing = csr_matrix((1, head.coef_.shape[1]))
    return shap.LinearExplainer((head.coef_, head.intercept_), nothing)


def agreement(texts: Texts, missing: Iterable[str]) -> list[Agreement]:
    """shap's values of a text's features in sum, beside the relevance of its words in sum."""
    if "shap" in missing:
        return []
    model = models.linear(texts.texts)
    chosen = list(texts.texts[:8])
    every = torch.eye(models.CLASSES, dtype=torch.float64)[:, None].expand(-1, 8, -1)
    ours = methods.lrp(model, model.encode(chosen), every).relevance.sum(dim=-1)
    values = _explainer(model).shap_values(model.vectorizer.transform(chosen))
    dense = np.asarray(values.todense() if hasattr(values, "todense") else values)
    theirs = torch.from_numpy(dense.sum(axis=1).T.copy())
    return [compare("shap LinearExplainer, sums of texts", theirs, "LRP, sums of texts", ours)]
