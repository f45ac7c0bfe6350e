"""Functions for explaining the same texts once more, to see whether the explanations change."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from whyword.classifier import Classifier
from whyword.data.arrays import Floats
from whyword.errors import InputError
from whyword.explainer import explain
from whyword.explanation import Explanation
from whyword.methods import method_named
from whyword.targets import Class, Contrast, PerText, Targets, named
from whyword.text import Document


class Explain(Protocol):
    """`whyword.explain` with its method and settings given: ``partial(explain, method="lrp")``."""

    def __call__(
        self, classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        """Return one explanation per text, for its target."""


def explainers(methods: Sequence[str] | Mapping[str, Explain]) -> Mapping[str, Explain]:
    """Return a function for each method, by name.

    Args:
        methods: Keys of `whyword.methods.METHODS`, or functions under names of their own.

    Raises:
        InputError: If there is no such method.
    """
    if isinstance(methods, Mapping):
        return methods
    for name in methods:
        method_named(name)
    return {name: partial(explain, method=name) for name in methods}


def document_of(explanation: Explanation) -> Document:
    """Return the document that was explained, with the same words."""
    return Document(explanation.text, explanation.spans, explanation.truncated)


def documents(explanations: Sequence[Explanation]) -> list[Document]:
    """Return the documents that were explained, with the same words."""
    return [document_of(explanation) for explanation in explanations]


def target_names(explanations: Sequence[Explanation]) -> list[str]:
    """Return the name of the one target of each explanation.

    Raises:
        InputError: If an explanation has no target or several.
    """
    for number, explanation in enumerate(explanations):
        if len(explanation.targets) != 1:
            raise InputError(
                f"Explanation {number} has {len(explanation.targets)} targets; expected one. "
                'Explain the class that is to be measured, for example with targets="predicted".'
            )
    return [explanation.targets[0] for explanation in explanations]


def targets(explanations: Sequence[Explanation], classes: Sequence[str]) -> list[Class | Contrast]:
    """Return the target of each explanation, so that it can be explained again.

    Args:
        explanations: Explanations with one target each.
        classes: The classes of the classifier.

    Raises:
        InputError: If an explanation has no target or several, or there is no such class.
    """
    return [named(name, classes) for name in target_names(explanations)]


def relevances(
    explain: Explain,
    classifier: Classifier,
    texts: Sequence[Document],
    targets: Sequence[Class | Contrast],
) -> list[Floats]:
    """Explain each text anew for its target, and return the relevance ``(word,)`` of its words."""
    return [e.relevance[0] for e in explain(classifier, texts, targets=PerText(targets))]
