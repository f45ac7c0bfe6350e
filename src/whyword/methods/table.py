"""`METHODS`, the table of methods: their names, labels, descriptions, sources, costs and needs.

The command line, tables and pictures take their words from here. Nothing here imports torch, so
names and descriptions show at once; the function of a method is imported when it runs.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from whyword.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from whyword.batch import Attribution

RUN = ("classifier", "batch", "targets", "components")
"""The parameters that every method has; its other parameters are its settings."""


@dataclass(frozen=True)
class Method:
    """An explanation method, described.

    Attributes:
        name: Name in code and on the command line.
        label: Name in pictures and tables.
        title: Full name, with a capital as at the beginning of a sentence.
        about: One sentence that says what the method computes.
        source: The papers that it comes from.
        cost: Forward and backward passes of the model per text, in words.
        needs: Requirements on the classifier and on installed libraries, in words; empty if none.
        function: Module and name of the function, as ``"module:name"``.
        closed: Whether a classifier may compute the method itself, faster (in closed form).
        decomposes: Whether relevance and remainder add up to the score.
    """

    name: str
    label: str
    title: str
    about: str
    source: str
    cost: str
    function: str
    needs: str = ""
    closed: bool = False
    decomposes: bool = True

    @cached_property
    def run(self) -> "Callable[..., Attribution]":
        """The function that computes relevance from a classifier, a batch and targets."""
        module, _, name = self.function.partition(":")
        found: Callable[..., Attribution] = getattr(import_module(module), name)
        return found

    @property
    def settings(self) -> dict[str, object]:
        """The settings of the method by name, with their defaults."""
        parameters = inspect.signature(self.run).parameters.values()
        return {p.name: p.default for p in parameters if p.name not in RUN}

    def check(self, settings: Mapping[str, object]) -> None:
        """Raise `InputError` if the method has no such setting."""
        own = self.settings
        for name in settings:
            if name not in own:
                hint = did_you_mean(name, own) if own else "It has none."
                raise InputError(f'The method "{self.name}" has no setting "{name}". {hint}')


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            name="lrp",
            label="LRP",
            title="Layer-wise relevance propagation",
            about="Hands the score back through the layers, in proportion to what each input gave.",
            source="Bach et al. 2015; Arras et al. 2016, section 2.1; "
            "in transformers AttnLRP, Achtibat et al. 2024",
            cost="1 forward, 1 backward per target; all at once in closed form (word CNN, linear)",
            needs="a rule for every torch function that the model calls",
            function="whyword.methods.propagation:lrp",
            closed=True,
        ),
        Method(
            name="shapley_lrp",
            label="Shapley LRP",
            title="LRP with maxima shared by Shapley value",
            about="LRP, but all that reach a maximum share it, and other classes are competitors.",
            source="this project, docs/better-than-lrp.md",
            cost="2 forward, 1 backward per target; all at once in the word CNN's closed form",
            needs="a rule for every torch function that the model calls",
            function="whyword.methods.shapley_values:shapley_lrp",
            closed=True,
        ),
        Method(
            name="sa",
            label="SA",
            title="Sensitivity analysis",
            about="The squared norm of the score's gradient by each word's vector.",
            source="Simonyan et al. 2014; Arras et al. 2016, section 2.2",
            cost="1 forward, 1 backward per target",
            function="whyword.methods.gradients:sensitivity",
            closed=True,
            decomposes=False,
        ),
        Method(
            name="gradient_x_input",
            label="gradient × input",
            title="Gradient times input",
            about="The inner product of each word's vector with the score's gradient by it.",
            source="Denil et al. 2014; Shrikumar et al. 2016",
            cost="1 forward, 1 backward per target",
            function="whyword.methods.gradients:gradient_times_input",
            closed=True,
            decomposes=False,
        ),
        Method(
            name="integrated_gradients",
            label="integrated gradients",
            title="Integrated gradients",
            about="Gradient times input, averaged on the way from zero vectors to the text.",
            source="Sundararajan et al. 2017",
            cost="50 forward, 50 backward per target (steps)",
            function="whyword.methods.gradients:integrated_gradients",
        ),
        Method(
            name="occlusion",
            label="occlusion",
            title="Occlusion",
            about="How much the score falls when a word's vectors are set to zero.",
            source="Zeiler and Fergus 2014; Li et al. 2016",
            cost="1 forward per word, for all targets",
            function="whyword.methods.perturbation:occlusion",
            decomposes=False,
        ),
        Method(
            name="shapley",
            label="Shapley",
            title="Sampled Shapley values",
            about="What each word adds when words come in one after the other, in random orders.",
            source="Castro et al. 2009; Strumbelj and Kononenko 2010",
            cost="40 forward per word, for all targets (samples)",
            function="whyword.methods.shapley_values:shapley",
        ),
        Method(
            name="random",
            label="random",
            title="Random numbers",
            about="Normal random numbers that do not look at the model: the floor of comparisons.",
            source="Arras et al. 2016, section 3.3",
            cost="1 forward",
            function="whyword.methods.perturbation:random",
            decomposes=False,
        ),
        Method(
            name="lime",
            label="LIME",
            title="LIME",
            about="A sparse linear model of what taking words away does to the score.",
            source="Ribeiro et al. 2016",
            cost="500 forward per target (samples)",
            needs="captum: pip install 'whyword[captum]'",
            function="whyword.methods.through_captum:lime",
            decomposes=False,
        ),
        Method(
            name="kernel_shap",
            label="KernelSHAP",
            title="KernelSHAP",
            about="Shapley values of the words by weighted regression over sets of words.",
            source="Lundberg and Lee 2017",
            cost="500 forward per target (samples)",
            needs="captum: pip install 'whyword[captum]'",
            function="whyword.methods.through_captum:kernel_shap",
            decomposes=False,
        ),
        Method(
            name="deep_lift",
            label="DeepLIFT",
            title="DeepLIFT",
            about="Hands the score's difference from zero vectors back through the layers.",
            source="Shrikumar et al. 2017",
            cost="2 forward, 1 backward per target",
            needs="captum: pip install 'whyword[captum]'; a classifier that is a torch module, "
            "without recurrence",
            function="whyword.methods.through_captum:deep_lift",
            decomposes=False,
        ),
    )
}
"""All methods by name, in the order in which they are listed."""


def method_named(name: str) -> Method:
    """The method of that name.

    Raises:
        InputError: If there is no such method.
    """
    if name not in METHODS:
        raise InputError(f'There is no method "{name}". {did_you_mean(name, METHODS)}')
    return METHODS[name]


def label_of(method: str) -> str:
    """The label of a method for pictures and tables; unknown names are returned as they are."""
    return METHODS[method].label if method in METHODS else method
