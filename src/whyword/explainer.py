"""`explain`, `stream` and `account`: from a classifier and texts to explanations."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from torch import Tensor

from whyword.batch import SPECIAL, Attribution, Batch
from whyword.classifier import Classifier, is_multilabel
from whyword.data.arrays import Floats
from whyword.errors import InputError, ModelError
from whyword.explanation import Explanation
from whyword.lrp import Account, Composite
from whyword.methods import method_named
from whyword.methods.propagation import rules_for, through_engine
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress, Progress
from whyword.targets import PerText, Target, Targets, resolve
from whyword.text import Document


@overload
def explain(  # type: ignore[overload-overlap]
    classifier: Explainable,
    texts: str | Document,
    *,
    method: str = ...,
    targets: Targets = ...,
    components: bool = ...,
    batch_size: int = ...,
    progress: OnProgress | None = ...,
    **settings: object,
) -> Explanation: ...
@overload
def explain(
    classifier: Explainable,
    texts: Sequence[str | Document],
    *,
    method: str = ...,
    targets: Targets = ...,
    components: bool = ...,
    batch_size: int = ...,
    progress: OnProgress | None = ...,
    **settings: object,
) -> list[Explanation]: ...
def explain(
    classifier: Explainable,
    texts: str | Document | Sequence[str | Document],
    *,
    method: str = "lrp",
    targets: Targets = "all",
    components: bool = False,
    batch_size: int = 16,
    progress: OnProgress | None = None,
    **settings: object,
) -> Explanation | list[Explanation]:
    """Explain which words drove the classifier's scores.

    A method gives each word its relevance: how much it speaks for a class or, by most methods if
    negative, against it.

    Args:
        classifier: The model: from `whyword.load`, a fitted scikit-learn pipeline, a transformers
            pipeline for text-classification, a `whyword.TransformerClassifier` or
            `whyword.ModuleClassifier` around a torch module, or any `whyword.Classifier`.
        texts: One text, or several.
        method: Name of the method, a key of `whyword.methods.METHODS`.
        targets: ``"all"`` classes, the ``"predicted"`` one, a class name, a contrast of two
            (``"sci.space - sci.med"``), several names, or a `whyword.PerText`: one for each text.
            A class whose name could be read as something else is written ``"=name"``, or given as
            `whyword.Class` or `whyword.Contrast`; see `whyword.targets`.
        components: Whether to keep relevance per component of the word vectors.
        batch_size: Number of texts explained at once.
        progress: Called after each batch; see `whyword.progress`.
        settings: Settings of the method, such as ``epsilon``; see `whyword.methods.METHODS`.

    Returns:
        One explanation for one text; for several texts a list, in their order.

    Raises:
        InputError: If a text is no string, or a target, method or setting does not exist.
        ModelError: If the model returns scores that are not finite.
    """
    if isinstance(texts, str | Document):
        return explain(
            classifier,
            [texts],
            method=method,
            targets=targets,
            components=components,
            batch_size=batch_size,
            progress=progress,
            **settings,
        )[0]
    return list(
        stream(
            classifier,
            texts,
            method=method,
            targets=targets,
            components=components,
            batch_size=batch_size,
            progress=progress,
            **settings,
        )
    )


def stream(
    classifier: Explainable,
    texts: Sequence[str | Document],
    *,
    method: str = "lrp",
    targets: Targets = "all",
    components: bool = False,
    batch_size: int = 16,
    progress: OnProgress | None = None,
    **settings: object,
) -> Iterator[Explanation]:
    """The same as `explain`, but yields one explanation after the other.

    The explanations of a large corpus need not fit into memory together. Arguments and errors are
    those of `explain`.
    """
    classifier = as_classifier(classifier)
    if batch_size < 1:
        raise InputError(f"Got batch_size {batch_size}; expected at least 1.")
    if isinstance(targets, PerText):
        targets.check(len(texts))
    method_named(method).check(settings)
    for start in range(0, len(texts), batch_size):
        chosen = slice(start, start + batch_size)
        batch = classifier.encode(texts[chosen])
        part = targets.part(chosen) if isinstance(targets, PerText) else targets
        names, weights = resolve(part, classifier, batch)
        attribution = attribute(
            classifier, batch, weights, method=method, components=components, **settings
        )
        yield from _records(batch, classifier, attribution, names, weights, method)
        if progress:
            progress(Progress("explaining", start + len(batch), len(texts)))


def account(
    classifier: Explainable,
    text: str | Document,
    *,
    target: Target = "predicted",
    composite: Composite | None = None,
) -> Account:
    """Account for relevance: what each torch function of the model received, passed on and lost.

    The functions are those between the embeddings and the target's score. The model runs through
    the engine of LRP (`whyword.lrp`), also where it has a faster closed form.

    Args:
        classifier: The model, as for `explain`.
        text: One text.
        target: What to explain, as for `explain`: one class or contrast.
        composite: The rules of LRP; by default those of `whyword.methods.lrp`.

    Raises:
        InputError: If there is no such target, or it stands for several classes.
        UnsupportedFunction: If the model calls a function that has no rule.
    """
    model = as_classifier(classifier)
    if not isinstance(target, Target):
        raise InputError(f'Got {target!r}; expected one class or contrast, or "predicted".')
    batch = model.encode([text])
    names, weights = resolve(target, model, batch)
    if len(weights) != 1:
        raise InputError(
            f'Got the target "{target}", which is {len(weights)} classes; an account is of one '
            'class or contrast, or of the "predicted" class.'
        )
    rules = composite or rules_for(model)
    found, _ = through_engine(model, batch, weights, composite=rules, accounting=True)
    (one,) = found.accounts or []
    return replace(one, target=names[0][0])


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


def _records(
    batch: Batch,
    classifier: Classifier,
    attribution: Attribution,
    names: Sequence[Sequence[str]],
    weights: Tensor,
    method: str,
) -> list[Explanation]:
    scores = _numpy(attribution.scores)
    if not np.isfinite(scores).all():
        bad = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise ModelError(
            f"The model gives a score that is not finite for {batch.documents[bad].text[:40]!r}; "
            "its weights may be damaged."
        )
    target_scores = np.einsum("tbc,bc->tb", _numpy(weights), scores)
    relevance = _numpy(attribution.relevance)
    positions = batch.words.cpu().numpy()
    mask = batch.mask.cpu().numpy()
    records = []
    for b, document in enumerate(batch.documents):
        by_word = _by_word(relevance[:, b], positions[b], len(document))
        remainder: dict[str, Floats]
        if attribution.remainder is None:
            remainder = {"not decomposed": target_scores[:, b] - by_word.sum(axis=1)}
        else:
            remainder = {item: _numpy(v)[:, b] for item, v in attribution.remainder.items()}
            remainder["padding"] = relevance[:, b, ~mask[b]].sum(axis=1)
            for item, place in (("between words", -1), ("special tokens", SPECIAL)):
                if (chosen := mask[b] & (positions[b] == place)).any():
                    remainder[item] = relevance[:, b, chosen].sum(axis=1)
        components = attribution.components
        records.append(
            Explanation(
                text=document.text,
                spans=document.spans,
                classes=tuple(classifier.classes),
                scores=scores[b],
                targets=tuple(names[b]),
                target_scores=target_scores[:, b],
                relevance=by_word,
                remainder=remainder,
                method=method,
                settings={name: _json_value(value) for name, value in attribution.settings.items()},
                known=batch.known[b],
                truncated=document.truncated,
                components=(
                    None
                    if components is None
                    else _by_word(_numpy(components[:, b]), positions[b], len(document))
                ),
                multilabel=is_multilabel(classifier),
            )
        )
    return records


def _by_word(values: np.ndarray, words: np.ndarray, n_words: int) -> np.ndarray:
    """Sum ``(target, position, ...)`` over the positions of each word: ``(target, word, ...)``."""
    result = np.zeros((values.shape[0], n_words, *values.shape[2:]))
    inside = words >= 0
    np.add.at(result.swapaxes(0, 1), words[inside], values[:, inside].swapaxes(0, 1))
    return result


def _json_value(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
