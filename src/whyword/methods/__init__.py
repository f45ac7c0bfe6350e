"""Explanation methods: functions from a classifier, a batch and targets to relevance.

Targets are directions in score space, ``(target, batch, class)``: one-hot for a class, +1 and -1
for a contrast. What is explained is their inner product with the scores.
"""

from collections.abc import Callable
from typing import Any

from whyword.classifier import Attribution
from whyword.errors import InputError, did_you_mean
from whyword.methods.gradients import (
    gradient_times_input,
    integrated_gradients,
    sensitivity,
)
from whyword.methods.perturbation import occlusion, random
from whyword.methods.propagation import lrp
from whyword.methods.shapley import shapley, shapley_lrp
from whyword.methods.through_captum import deep_lift, kernel_shap, lime

__all__ = [
    "METHODS",
    "deep_lift",
    "gradient_times_input",
    "integrated_gradients",
    "kernel_shap",
    "lime",
    "lrp",
    "method_named",
    "occlusion",
    "random",
    "sensitivity",
    "shapley",
    "shapley_lrp",
]

METHODS: dict[str, Callable[..., Attribution]] = {
    "lrp": lrp,
    "shapley_lrp": shapley_lrp,
    "sa": sensitivity,
    "gradient_x_input": gradient_times_input,
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
    "shapley": shapley,
    "random": random,
    "lime": lime,
    "kernel_shap": kernel_shap,
    "deep_lift": deep_lift,
}


def method_named(name: str) -> Callable[..., Any]:
    """The method of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in METHODS:
        raise InputError(f'There is no method "{name}". {did_you_mean(name, METHODS)}')
    return METHODS[name]
