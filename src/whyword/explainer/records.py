"""From relevance by position to `Explanation`s, which have it by word."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from whyword.batch import SPECIAL, Attribution, Batch
from whyword.classifier import Classifier, is_multilabel
from whyword.data.arrays import Floats
from whyword.errors import ModelError
from whyword.explanation import Explanation


def records(
    classifier: Classifier,
    batch: Batch,
    attribution: Attribution,
    names: Sequence[Sequence[str]],
    weights: Tensor,
    method: str,
) -> list[Explanation]:
    """The explanations of a batch's documents, in their order.

    Numbers per word are an explanation's own: whoever keeps one does not keep the whole batch.

    Args:
        classifier: The model.
        batch: The encoded documents.
        attribution: Their relevance.
        names: For each document the names of its targets.
        weights: ``(target, batch, class)`` the targets' directions.
        method: Name of the method.

    Raises:
        ModelError: If a score is not finite.
    """
    scores = _numpy(attribution.scores)
    if not np.isfinite(scores).all():
        bad = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise ModelError(
            f"The model gives a score that is not finite for {batch.documents[bad].text[:40]!r}; "
            "its weights may be damaged."
        )
    target_scores = np.einsum("tbc,bc->tb", _numpy(weights), scores)
    relevance = _numpy(attribution.relevance)
    words = batch.words.cpu().numpy()
    in_order = _in_order(words, np.array([len(document) for document in batch.documents]))
    remainder = _remainder(attribution, relevance, batch.mask.cpu().numpy(), words)
    classes, multilabel = tuple(classifier.classes), is_multilabel(classifier)
    settings = {name: _json_value(value) for name, value in attribution.settings.items()}
    found = []
    for b, document in enumerate(batch.documents):
        places = None if in_order else words[b]
        relevance_of_words = by_word(relevance[:, b], places, len(document))
        components = attribution.components
        found.append(
            Explanation(
                text=document.text,
                spans=document.spans,
                classes=classes,
                scores=scores[b],
                targets=tuple(names[b]),
                target_scores=target_scores[:, b],
                relevance=relevance_of_words,
                remainder=(
                    {"not decomposed": target_scores[:, b] - relevance_of_words.sum(axis=1)}
                    if remainder is None
                    else {item: sums[:, b] for item, (there, sums) in remainder.items() if there[b]}
                ),
                method=method,
                settings=dict(settings),
                known=batch.known[b],
                truncated=document.truncated,
                components=(
                    None
                    if components is None
                    else by_word(_numpy(components[:, b]), places, len(document))
                ),
                multilabel=multilabel,
            )
        )
    return found


def by_word(values: Floats, words: np.ndarray | None, n_words: int) -> Floats:
    """Sum ``(target, position, ...)`` over the positions of each word: ``(target, word, ...)``.

    Args:
        values: Float64 numbers by position.
        words: ``(position,)`` the word of each position, negative where there is none; None if word
            ``i`` stands at position ``i``.
        n_words: Number of words.
    """
    if words is None:
        return values[:, :n_words] + 0.0  # a copy; and a sum of -0.0 is 0.0
    inside = words >= 0
    rows, rest = len(values), values.shape[2:]
    columns = int(np.prod(rest, dtype=int))
    # `bincount` adds in the order of the positions, and is far faster than `np.add.at`.
    word_of_row = np.arange(rows)[:, None] * n_words + words[inside]
    bins = word_of_row[:, :, None] * columns + np.arange(columns)
    sums: Floats = np.bincount(
        bins.reshape(-1), values[:, inside].reshape(-1), minlength=rows * n_words * columns
    ).astype(float, copy=False)  # of nothing it makes whole numbers
    return sums.reshape(rows, n_words, *rest)


def _in_order(words: np.ndarray, n_words: np.ndarray) -> bool:
    """Whether word ``i`` stands at position ``i``, for all words, with no position left over."""
    places = np.arange(words.shape[1])
    return n_words.max(initial=0) <= len(places) and np.array_equal(
        words, np.where(places < n_words[:, None], places, -1)
    )


def _remainder(
    attribution: Attribution, relevance: Floats, mask: np.ndarray, words: np.ndarray
) -> dict[str, tuple[np.ndarray, Floats]] | None:
    """What no word received, by cause: which documents have the item, and ``(target, batch)``.

    None if the method does not share out the score.
    """
    if attribution.remainder is None:
        return None
    everywhere = np.ones(len(mask), dtype=bool)
    found = {item: (everywhere, _numpy(v)) for item, v in attribution.remainder.items()}
    found["padding"] = everywhere, _sums(relevance, ~mask)
    for item, place in (("between words", -1), ("special tokens", SPECIAL)):
        chosen = mask & (words == place)
        if (there := chosen.any(axis=1)).any():
            found[item] = there, _sums(relevance, chosen)
    return found


def _sums(relevance: Floats, chosen: np.ndarray) -> Floats:
    """The sum over chosen positions ``(batch, position)`` of each document: ``(target, batch)``."""
    sums: Floats = (relevance.swapaxes(0, 1) @ chosen[:, :, None].astype(float))[:, :, 0].T
    return sums


def _json_value(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def _numpy(tensor: Tensor) -> Floats:
    found: Floats = tensor.detach().cpu().double().numpy()
    return found
