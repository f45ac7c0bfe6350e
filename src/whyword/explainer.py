"""`explain`: texts in, explanations out."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from whyword.classifier import SPECIAL, Attribution, Batch, Classifier
from whyword.errors import InputError, ModelError, did_you_mean
from whyword.explanation import Explanation
from whyword.methods import method_named
from whyword.text import Document

CONTRAST = " - "
"""Between two class names: what speaks for the first rather than the second."""


@overload
def explain(
    classifier: Any,
    texts: str | Document,
    *,
    method: str = ...,
    targets: str | Sequence[str] = ...,
    components: bool = ...,
    batch_size: int = ...,
    progress: Callable[[int], object] | None = ...,
    **settings: Any,
) -> Explanation: ...
@overload
def explain(
    classifier: Any,
    texts: Sequence[str | Document],
    *,
    method: str = ...,
    targets: str | Sequence[str] = ...,
    components: bool = ...,
    batch_size: int = ...,
    progress: Callable[[int], object] | None = ...,
    **settings: Any,
) -> list[Explanation]: ...
def explain(
    classifier: Any,
    texts: str | Document | Sequence[str | Document],
    *,
    method: str = "lrp",
    targets: str | Sequence[str] = "all",
    components: bool = False,
    batch_size: int = 16,
    progress: Callable[[int], object] | None = None,
    **settings: Any,
) -> Explanation | list[Explanation]:
    """Which words drove the classifier's scores?

    Args:
        classifier: The model: from `whyword.load`, a fitted scikit-learn pipeline, a transformers
            pipeline for text-classification, a `whyword.TransformerClassifier` or
            `whyword.ModuleClassifier` around a torch module, or anything that is a
            `whyword.classifier.Classifier`.
        texts: One text, or several.
        method: Name of the method, a key of `whyword.methods.METHODS`.
        targets: ``"all"`` classes, the ``"predicted"`` one, a class name, a contrast of two
            (``"sci.space - sci.med"``), or several names.
        components: Whether to keep relevance per component of the word vectors.
        batch_size: Texts at a time.
        progress: Called with the number of texts done after each batch.
        settings: Of the method.

    Returns:
        One explanation for one text; for several, one each in their order.

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
    classifier = as_classifier(classifier)
    if getattr(classifier, "training", False):
        raise InputError(
            "The model is in training mode, in which dropout makes its scores random; call "
            "model.eval() first."
        )
    if batch_size < 1:
        raise InputError(f"Got batch_size {batch_size}; expected at least 1.")
    directions = _directions(targets, classifier.classes)
    run = method_named(method)
    explanations: list[Explanation] = []
    for start in range(0, len(texts), batch_size):
        batch = classifier.encode(texts[start : start + batch_size])
        names, weights = _targets_of(batch, classifier, directions)
        try:
            attribution = run(classifier, batch, weights, components=components, **settings)
        except TypeError as error:
            if "unexpected keyword argument" not in str(error):
                raise
            raise InputError(f'Unknown setting of the method "{method}": {error}.') from error
        explanations += _records(batch, classifier, attribution, names, weights, method, settings)
        if progress:
            progress(len(explanations))
    return explanations


def as_classifier(model: Any) -> Classifier:
    """What people have, as a `Classifier`.

    Raises:
        InputError: If it is neither a classifier nor a pipeline.
        ModelError: If it is a pipeline that is not linear.
    """
    if isinstance(model, Classifier):
        return model
    if hasattr(model, "named_steps"):  # a pipeline of scikit-learn
        from whyword.models.linear import LinearClassifier

        return LinearClassifier(model)
    transformers = sys.modules.get("transformers")  # whoever has such a model has loaded it
    if transformers and isinstance(model, transformers.Pipeline | transformers.PreTrainedModel):
        from whyword.models.transformer import TransformerClassifier

        return TransformerClassifier.of(model)
    raise InputError(
        f"Got {type(model).__name__} as the classifier; expected an object with classes, encode, "
        'embed and score, such as whyword.load("news20-cnn"), a scikit-learn pipeline, or a torch '
        "module in a whyword.ModuleClassifier."
    )


def _directions(
    targets: str | Sequence[str], classes: Sequence[str]
) -> tuple[list[str], Tensor] | None:
    """Names and ``(target, class)`` weights; None asks for the predicted class."""
    names = [targets] if isinstance(targets, str) else list(targets)
    if names == ["predicted"] and "predicted" not in classes:
        return None
    if names == ["all"] and "all" not in classes:
        names = list(classes)
    weights = torch.zeros(len(names), len(classes))
    for row, name in enumerate(names):
        pair = name.split(CONTRAST)
        if name in classes:
            weights[row, classes.index(name)] = 1
        elif len(pair) == 2 and all(part in classes for part in pair):
            weights[row, classes.index(pair[0])] += 1
            weights[row, classes.index(pair[1])] -= 1
        else:
            raise InputError(f'There is no class "{name}". {did_you_mean(name, classes)}')
    return names, weights


def _targets_of(
    batch: Batch, classifier: Classifier, directions: tuple[list[str], Tensor] | None
) -> tuple[list[list[str]], Tensor]:
    """Per document the targets' names, and the weights ``(target, batch, class)``."""
    if directions is not None:
        names, weights = directions
        return [names] * len(batch), weights[:, None, :].expand(-1, len(batch), -1)
    with torch.no_grad():
        predicted = classifier(batch).argmax(dim=1)
    one_hot = torch.nn.functional.one_hot(predicted, len(classifier.classes))
    return [[classifier.classes[c]] for c in predicted.tolist()], one_hot[None].float()


def _records(
    batch: Batch,
    classifier: Classifier,
    attribution: Attribution,
    names: list[list[str]],
    weights: Tensor,
    method: str,
    settings: dict[str, Any],
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
        remainder: dict[str, Any]
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
                settings={name: _json_value(value) for name, value in settings.items()},
                known=batch.known[b],
                truncated=document.truncated,
                components=(
                    None
                    if components is None
                    else _by_word(_numpy(components[:, b]), positions[b], len(document))
                ),
            )
        )
    return records


def _by_word(values: np.ndarray, words: np.ndarray, n_words: int) -> np.ndarray:
    """Sum ``(target, position, ...)`` over the positions of each word: ``(target, word, ...)``."""
    result = np.zeros((values.shape[0], n_words, *values.shape[2:]))
    inside = words >= 0
    np.add.at(result.swapaxes(0, 1), words[inside], values[:, inside].swapaxes(0, 1))
    return result


def _json_value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
