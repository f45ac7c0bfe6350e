"""Explaining the same texts once more: what is needed to ask whether explanations change."""

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
    """`whyword.explain` with method and settings filled in: ``partial(explain, method="lrp")``."""

    def __call__(
        self, classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        """One explanation per text, of its target."""


def explainers(methods: Sequence[str] | Mapping[str, Explain]) -> Mapping[str, Explain]:
    """Methods by name: keys of `whyword.methods.METHODS`, or functions under names of their own.

    Raises:
        InputError: If there is no such method.
    """
    if isinstance(methods, Mapping):
        return methods
    for name in methods:
        method_named(name)
    return {name: partial(explain, method=name) for name in methods}


def document_of(explanation: Explanation) -> Document:
    """What was explained, with the same words."""
    return Document(explanation.text, explanation.spans, explanation.truncated)


def documents(explanations: Sequence[Explanation]) -> list[Document]:
    """What was explained, with the same words."""
    return [document_of(explanation) for explanation in explanations]


def target_names(explanations: Sequence[Explanation]) -> list[str]:
    """What the one target of each explanation is called.

    Raises:
        InputError: If one has none or several.
    """
    for number, explanation in enumerate(explanations):
        if len(explanation.targets) != 1:
            raise InputError(
                f"Explanation {number} has {len(explanation.targets)} targets; expected one. "
                'Explain the class that is to be measured, for example with targets="predicted".'
            )
    return [explanation.targets[0] for explanation in explanations]


def targets(explanations: Sequence[Explanation], classes: Sequence[str]) -> list[Class | Contrast]:
    """The target of each explanation, to be explained again.

    Args:
        explanations: Of one target each.
        classes: Those of the classifier.

    Raises:
        InputError: If one has no target or several, or the classifier has no such class.
    """
    return [named(name, classes) for name in target_names(explanations)]


def relevances(
    explain: Explain,
    classifier: Classifier,
    texts: Sequence[Document],
    targets: Sequence[Class | Contrast],
) -> list[Floats]:
    """The relevance ``(word,)`` of each text for its target, explained anew."""
    return [e.relevance[0] for e in explain(classifier, texts, targets=PerText(targets))]
