"""Explanation methods: functions from a classifier, a batch and targets to relevance.

Targets are directions in score space, ``(target, batch, class)``: one-hot for a class, +1 and -1
for a contrast. What is explained is their inner product with the scores. `METHODS` is the table of
all methods.
"""

from typing import TYPE_CHECKING

from whyword import lazy
from whyword.methods.table import METHODS, Method, label_of, method_named

if TYPE_CHECKING:
    from whyword.methods.gradients import gradient_times_input, integrated_gradients, sensitivity
    from whyword.methods.perturbation import occlusion, random
    from whyword.methods.propagation import lrp
    from whyword.methods.shapley_values import shapley, shapley_lrp
    from whyword.methods.through_captum import deep_lift, kernel_shap, lime

__all__ = [
    "METHODS",
    "Method",
    "deep_lift",
    "gradient_times_input",
    "integrated_gradients",
    "kernel_shap",
    "label_of",
    "lime",
    "lrp",
    "method_named",
    "occlusion",
    "random",
    "sensitivity",
    "shapley",
    "shapley_lrp",
]

__getattr__, __dir__ = lazy.exports(__name__)
