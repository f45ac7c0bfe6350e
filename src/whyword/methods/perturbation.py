"""Occlusion, which takes words away one at a time, and random relevance, the baseline."""

import zlib

import torch
from torch import Tensor

from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier
from whyword.errors import InputError


@torch.no_grad()
def occlusion(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    batch_size: int = 32,
) -> Attribution:
    """Occlusion: how much the score falls when a word's vectors are set to zero (leave-one-out).

    R_t = f(x) - f(x without word t) (Zeiler and Fergus 2014; Li et al. 2016).

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Must be False; this method has no components.
        batch_size: Number of changed texts in a forward pass.

    Raises:
        InputError: If components are asked for.
    """
    if components:
        raise InputError("Occlusion takes whole words away; it has no components.")
    embeddings = classifier.embed(batch)
    scores = classifier.score(embeddings, batch)
    weights = targets.to(scores)
    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    cases = [(b, w) for b, document in enumerate(batch.documents) for w in range(len(document))]
    for start in range(0, len(cases), batch_size):
        chosen = cases[start : start + batch_size]
        rows, words = torch.tensor(chosen, device=scores.device).unbind(1)
        hidden = batch.words[rows] == words[:, None]
        changed = embeddings[rows].masked_fill(hidden[:, :, None], 0)
        without = classifier.score(changed, batch.rows(rows))
        drop = (weights[:, rows] * (scores[rows] - without)).sum(dim=2)
        # Equal parts for the positions of a word, if it has several (or none, beyond the limit).
        parts = hidden / hidden.sum(dim=1, keepdim=True).clamp(min=1)
        relevance.index_add_(1, rows, drop[:, :, None] * parts)
    return Attribution(scores, relevance)


@torch.no_grad()
def random(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    seed: int = 0,
) -> Attribution:
    """Random relevance: normal random numbers, the baseline of every comparison.

    The same text and seed give the same numbers.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Must be False; this method has no components.
        seed: Seed of the random numbers.

    Raises:
        InputError: If components are asked for.
    """
    if components:
        raise InputError("Random relevance has no components.")
    scores = classifier.score(classifier.embed(batch), batch)
    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    for b, document in enumerate(batch.documents):
        named = f"{seed} {document.text}".encode("utf-8", "surrogatepass")
        generator = torch.Generator().manual_seed(zlib.crc32(named))
        inside = batch.words[b] >= 0
        numbers = torch.randn(len(targets), int(inside.sum()), generator=generator)
        relevance[:, b, inside] = numbers.to(relevance)
    return Attribution(scores, relevance)
