"""Takes a fitted pipeline of scikit-learn apart, and sends values through single steps."""

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from whyword.errors import ModelError


def flat(pipeline: Any) -> list[Any]:
    """The steps of a pipeline and of the pipelines inside it, in one list."""
    steps: list[Any] = []
    for step in (unwrapped(step) for _, step in pipeline.steps):
        if hasattr(step, "steps"):
            steps += flat(step)
        elif step is not None and step != "passthrough":
            steps.append(step)
    return steps


def unwrapped(step: Any) -> Any:
    """The estimator that a search found, or that a wrapper hands everything on to.

    Raises:
        ModelError: If a search has found nothing yet.
    """
    name = type(step).__name__
    if hasattr(step, "best_estimator_"):
        return unwrapped(step.best_estimator_)
    if hasattr(step, "param_grid") or hasattr(step, "param_distributions"):
        raise ModelError(f"The {name} is not fitted, or with refit=False; fit it with refit=True.")
    if name == "FrozenEstimator":
        return unwrapped(step.estimator)
    if name == "SelfTrainingClassifier" and hasattr(step, "estimator_"):
        return unwrapped(step.estimator_)
    return step


def unfitted(step: Any) -> ModelError:
    """The error for a step that was not fitted."""
    return ModelError(f"The {type(step).__name__} is not fitted; call pipeline.fit first.")


def sent(step: Any, values: Any) -> Any:
    """The values that a fitted step returns for these values.

    Raises:
        ModelError: If it is not fitted, or returns no matrix.
    """
    try:
        found = step.transform(values)
    except NotFittedError as error:
        raise unfitted(step) from error
    if len(np.shape(found)) != 2:
        raise ModelError(
            f"The step {type(step).__name__} returns values of the shape {np.shape(found)}; "
            "expected (text, feature)."
        )
    return found
