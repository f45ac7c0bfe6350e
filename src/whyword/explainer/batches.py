"""Explains one batch of texts: `attribute` by position, `explain_batch` by word."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier
from whyword.explainer.records import records
from whyword.explanation import Explanation
from whyword.methods import method_named
from whyword.targets import Targets, resolve
from whyword.text import Document


def explain_batch(
    classifier: Classifier,
    texts: Sequence[str | Document],
    targets: Targets,
    *,
    method: str,
    components: bool,
    settings: Mapping[str, object],
) -> list[Explanation]:
    """The explanations of a few texts, all at once, in their order.

    Arguments and errors are those of `whyword.explain`.
    """
    batch = classifier.encode(texts)
    names, weights = resolve(targets, classifier, batch)
    attribution = attribute(
        classifier, batch, weights, method=method, components=components, **settings
    )
    return records(classifier, batch, attribution, names, weights, method)


def attribute(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    method: str,
    components: bool = False,
    **settings: object,
) -> Attribution:
    """Relevance of one batch, position by position, by the method of this name.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)`` directions in score space; see `whyword.batch`.
        method: Name of the method, a key of `whyword.methods.METHODS`.
        components: Whether to return relevance per component of the vectors.
        settings: Settings of the method, such as ``epsilon``; see `whyword.methods.METHODS`.

    Raises:
        InputError: If there is no such method or setting.
    """
    chosen = method_named(method)
    chosen.check(settings)
    found = chosen.run(classifier, batch, targets, components=components, **settings)
    # A default of None stands for a choice, which the method has made.
    fixed = {name: value for name, value in chosen.settings.items() if value is not None}
    return replace(found, settings={**fixed, **settings, **found.settings})
