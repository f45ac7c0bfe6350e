"""Removal operators: the ways to take words out of a document, and the scores without them.

| operator | what the word's positions get | source |
|---|---|---|
| zero | zero vectors | Arras et al. 2016, section 3.3 |
| unknown | the vector of the unknown word; with frozen word vectors that is zero, too | |
| mean | the mean vector of the vocabulary, or another one | |
| remove | nothing: the text is written without the word, and encoded again | |
| mask | the vector of the mask token, in transformers | |

The first three and the last keep the length of the document, "remove" does not.
"""

from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.classifier import Classifier, HasMaskId, HasUnknownId, HasVectorTable
from whyword.errors import InputError
from whyword.text import Document, Span

Operator = Literal["zero", "unknown", "mean", "remove", "mask"]

OPERATORS: tuple[Operator, ...] = get_args(Operator)


@torch.no_grad()
def scores_without(
    classifier: Classifier,
    batch: Batch,
    removed: Tensor,
    *,
    operator: str = "zero",
    reference: Tensor | None = None,
) -> Tensor:
    """Class scores of documents with words taken out, ``(row, class)``.

    Args:
        classifier: The model.
        batch: The encoded documents.
        removed: ``(row, word)`` bool, True for the words to take out. A word is an index into
            ``batch.documents[row].spans``; columns beyond a document's words are ignored.
        operator: How words are taken out, one of `OPERATORS`.
        reference: ``(dimension,)`` the vector that "mean" puts in place of words; by default
            `vocabulary_mean`.

    Raises:
        InputError: If there is no such operator, the classifier has no such vector, or ``removed``
            does not fit.
    """
    _check(batch, removed, operator)
    if operator == "remove":
        texts = [
            without(document, [i for i in range(len(document)) if row[i]])
            for document, row in zip(batch.documents, removed.tolist(), strict=True)
        ]
        return classifier(classifier.encode(texts))
    hidden = removed_positions(batch, removed)
    if operator in ("unknown", "mask"):
        changed = replace(batch, ids=batch.ids.masked_fill(hidden, _id(classifier, operator)))
        return classifier.score(classifier.embed(changed), changed)
    embeddings = classifier.embed(batch)
    if operator == "zero":
        return classifier.score(embeddings.masked_fill(hidden[:, :, None], 0), batch)
    vector = vocabulary_mean(classifier) if reference is None else reference
    return classifier.score(
        torch.where(hidden[:, :, None], vector.to(embeddings), embeddings), batch
    )


def removed_positions(batch: Batch, removed: Tensor) -> Tensor:
    """``(row, position)`` bool: the positions of the words in ``removed``, ``(row, word)`` bool."""
    inside = batch.words >= 0
    if not removed.shape[1]:
        return torch.zeros_like(inside)
    return removed.to(inside.device).gather(1, batch.words.clamp(min=0)) & inside


def replacement(
    classifier: Classifier, operator: str, reference: Tensor | None = None
) -> Tensor | None:
    """The vector ``(dimension,)`` that an operator puts in place of a word.

    None for "remove", which leaves no position to put it at.
    """
    table = vocabulary(classifier)
    if operator == "zero":
        return torch.zeros_like(table[0])
    if operator == "mean":
        return vocabulary_mean(classifier) if reference is None else reference.to(table)
    return table[_id(classifier, operator)] if operator in ("unknown", "mask") else None


def vocabulary(classifier: Classifier) -> Tensor:
    """The classifier's table of input vectors, ``(id, dimension)``.

    Raises:
        InputError: If it has none; see `whyword.classifier.HasVectorTable`.
    """
    if not isinstance(classifier, HasVectorTable):
        raise InputError(
            f"{type(classifier).__name__} has no table of vectors to take a mean of; give a "
            'reference vector, or choose the removal "zero" or "remove".'
        )
    return classifier.table.detach()


def vocabulary_mean(classifier: Classifier) -> Tensor:
    """The mean vector ``(dimension,)`` of the vocabulary, without rows of zeros such as padding."""
    table = vocabulary(classifier)
    return table[table.any(dim=1)].mean(dim=0)


def without(document: Document, words: list[int]) -> Document:
    """The document with its text written anew without these words.

    Where a word stood between white space, one character of it goes too; where its neighbours would
    run into one word, a space takes its place.
    """
    gone = set(words)
    parts: list[str] = []
    spans: list[Span] = []
    length = position = 0

    def write(part: str) -> None:
        nonlocal length
        parts.append(part)
        length += len(part)

    for index, (start, end) in enumerate(document.spans):
        write(document.text[position:start])
        position = end
        if index not in gone:
            spans.append(Span(length, length + end - start))
            write(document.text[start:end])
            continue
        before = next((part[-1] for part in reversed(parts) if part), " ")
        after = document.text[end : end + 1] or " "
        if before.isspace() and after.isspace():
            position = min(end + 1, len(document.text))
        elif before.isalnum() and after.isalnum():
            write(" ")
    write(document.text[position:])
    return Document("".join(parts), tuple(spans), document.truncated)


def _id(classifier: Classifier, operator: str) -> int:
    """The id that the operator "unknown" or "mask" puts in a word's place."""
    found = None
    if operator == "mask" and isinstance(classifier, HasMaskId):
        found = classifier.mask_id
    if operator == "unknown" and isinstance(classifier, HasUnknownId):
        found = classifier.unknown_id
    if found is None:
        what = "mask token" if operator == "mask" else "unknown word"
        raise InputError(
            f'{type(classifier).__name__} has no {what}, so that the removal "{operator}" is not '
            'for it; choose "zero" or "remove".'
        )
    return found


def _check(batch: Batch, removed: Tensor, operator: str) -> None:
    if operator not in OPERATORS:
        raise InputError(f'Got the removal "{operator}"; expected one of: {", ".join(OPERATORS)}.')
    longest = max((len(document) for document in batch.documents), default=0)
    if removed.dtype != torch.bool or removed.dim() != 2 or removed.shape[0] != len(batch):
        raise InputError(
            f"removed is {removed.dtype} of the shape {tuple(removed.shape)}; expected bool, "
            f"({len(batch)}, words)."
        )
    if removed.shape[1] < longest:
        raise InputError(
            f"removed has {removed.shape[1]} columns; expected {longest}, the words of the longest "
            "document, or more."
        )
