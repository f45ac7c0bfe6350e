"""Infidelity and sensitivity of explanations (Yeh, Hsieh, Suggala, Inouye and Ravikumar 2019)."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.classifier import (
    AddsVectors,
    Classifier,
    GivesLabels,
    HasMaskId,
    HasUnknownId,
    HasVectorTable,
    WritesOutLayers,
    module_of,
)
from whyword.data.arrays import Bools, Floats
from whyword.errors import InputError
from whyword.evaluation.again import Explain, document_of, documents, relevances, targets
from whyword.evaluation.subsets import scores_of_subsets
from whyword.explanation import Explanation
from whyword.targets import Class, Contrast, direction
from whyword.text import Document


def infidelity(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    *,
    operator: str = "zero",
    samples: int = 100,
    normalize: bool = False,
    seed: int = 0,
) -> Floats:
    """E_S[(Σ_{t∈S} R_t - (f(x) - f(x without S)))²], ``(text,)`` (Definition 2.1).

    The perturbation deletes a random set S of words: their number is drawn uniformly from one to
    all, so that small and large sets count alike. Since word relevance already contains the input,
    its inner product with the perturbation is its sum over S. f is the score of the target (its
    logit: a number before softmax), and the unit is its square: lower is better, and on a linear
    model the relevance w · x has zero.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, with one target each.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        samples: Number of random sets per text.
        normalize: Whether to multiply the relevance by the number that suits it best, for methods
            that do not have the unit of a score (as in the authors' experiments).
        seed: Seed of the sets, which are the same for all explanations of a text.

    Raises:
        InputError: If there are no samples, or an explanation has not exactly one target.
    """
    if samples < 1:
        raise InputError(f"Got {samples} samples; expected at least 1.")
    results = []
    # Sets and drops are the same for every method.
    cases: dict[tuple[Document, Class | Contrast], tuple[Bools, Floats]] = {}
    explained = targets(explanations, classifier.classes)
    for explanation, target in zip(explanations, explained, strict=True):
        document = document_of(explanation)
        if (document, target) not in cases:
            removed = _random_sets(document, samples, seed)
            whole, without = scores_of_subsets(classifier, document, removed, operator=operator)
            weights = direction(target, classifier.classes).double().numpy()
            cases[document, target] = removed, (whole - without) @ weights
        removed, drops = cases[document, target]
        results.append(_squared_error(removed @ explanation.relevance[0], drops, normalize))
    return np.array(results)


def max_sensitivity(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    explain: Explain,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Floats:
    """max_δ ‖Φ(x + δ) - Φ(x)‖ / ‖Φ(x)‖ over random δ, ``(text,)``.

    Φ is the relevance of a text's words, x their vectors. Each component of each vector moves by a
    uniform random number of at most ``radius`` times the root mean square of the text's components.
    Lower is steadier, but a method that does not look at the model has zero: read it together with
    infidelity.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, with one target each. They say what to explain;
            both sides of the difference are computed anew.
        explain: The method, as it explained the texts.
        radius: The largest movement, as a share of the vectors' size.
        samples: Number of random δ per text.
        seed: Seed of the δ.

    Raises:
        InputError: If there are no samples, or an explanation has not exactly one target.
    """
    if samples < 1:
        raise InputError(f"Got {samples} samples; expected at least 1.")
    texts, explained = documents(explanations), targets(explanations, classifier.classes)
    before = relevances(explain, _Moved(classifier, 0.0, seed), texts, explained)
    greatest = np.zeros(len(texts))
    for sample in range(samples):
        moved = _Moved(classifier, radius, seed * samples + sample)
        after = relevances(explain, moved, texts, explained)
        change = [np.linalg.norm(b - a) for a, b in zip(before, after, strict=True)]
        greatest = np.maximum(greatest, change)
    size = np.array([np.linalg.norm(relevance) for relevance in before])
    return np.asarray(greatest / np.where(size == 0, 1.0, size))


def _random_sets(document: Document, samples: int, seed: int) -> Bools:
    """Draw sets of words: ``(sample, word)``, True for the words of the set."""
    rng = np.random.default_rng([seed, _checksum(document.text)])
    order = rng.random((samples, len(document))).argsort(axis=1).argsort(axis=1)
    return order < rng.integers(1, max(len(document), 1) + 1, size=(samples, 1))


def _squared_error(sums: Floats, drops: Floats, normalize: bool) -> float:
    if normalize and (power := float(sums @ sums)) > 0:
        sums = sums * (sums @ drops) / power
    return float(np.mean((sums - drops) ** 2))


KEPT: dict[type, str] = {
    GivesLabels: "multilabel",
    HasVectorTable: "table",
    HasUnknownId: "unknown_id",
    HasMaskId: "mask_id",
    AddsVectors: "added",
    WritesOutLayers: "written_out",
}
"""Capabilities that `_Moved` takes over. It leaves out closed forms, which do not see it move."""


class _Moved:
    """A classifier whose vectors have moved a little, the same way whenever a text is embedded.

    Whatever else decides about a method's rules is the classifier's own, so that the method is
    the one that explains it.
    """

    def __init__(self, classifier: Classifier, radius: float, seed: int) -> None:
        self.classifier, self.radius, self.seed = classifier, radius, seed
        self.classes = classifier.classes
        self.encode, self.score = classifier.encode, classifier.score
        self.module = module_of(classifier)
        for capability, name in KEPT.items():
            if isinstance(classifier, capability):
                setattr(self, name, getattr(classifier, name))

    def embed(self, batch: Batch) -> Tensor:
        embeddings = self.classifier.embed(batch).detach().clone()
        for row, document in enumerate(batch.documents):
            inside = batch.mask[row]
            vectors = embeddings[row, inside]
            generator = torch.Generator().manual_seed(_checksum(f"{self.seed} {document.text}"))
            noise = 2 * torch.rand(vectors.shape, generator=generator).to(vectors) - 1
            size = vectors.square().mean().sqrt() if vectors.numel() else 0.0
            embeddings[row, inside] = vectors + self.radius * size * noise
        return embeddings

    def __call__(self, batch: Batch) -> Any:
        return self.score(self.embed(batch), batch)


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
