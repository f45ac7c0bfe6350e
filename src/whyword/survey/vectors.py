"""Document vectors: the vectors of a document's words, weighted by relevance and added up.

Arras et al. 2016, section 3.5. With w_t the vector of the t-th word and R its relevance for the
class that the classifier predicts,

    d = Σ_t R(w_t) · w_t        or, element by element,        d = Σ_t R_t ⊙ w_t,

divided by its length. For any classifier, w_t is the embedding of a word: the vector that
`Classifier.embed` returns at a position of the word, such as a word vector, the vector of a
character, or the input embedding of a transformer.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from whyword.batch import Batch
from whyword.classifier import Classifier, refuse_labels, tokenised
from whyword.data.arrays import Floats, Singles
from whyword.errors import InputError, did_you_mean
from whyword.explainer import attribute
from whyword.methods import METHODS
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress, Progress
from whyword.text import Document

ELEMENTWISE = "-elementwise"
"""Ending of a method's name for weighting each component of a vector by its own relevance."""

FIGURE_3 = ("lrp-elementwise", "lrp", "sum", "tfidf", "sa-elementwise", "sa", "sa-l2")
"""The paper's weightings: the panels of Figure 3, and TF-IDF of footnote 9."""


@dataclass(frozen=True)
class Weighting:
    """How the words of a document are weighted.

    Attributes:
        name: ``"sum"`` (all words alike), ``"tfidf"``, the name of a method of
            `whyword.methods.METHODS`, such a name with ``"-elementwise"`` behind it, or ``"sa-l2"``
            (the length of the gradient).
        method: The method whose relevance weights the words; None if no method does.
        settings: Settings of the method.
    """

    name: str
    method: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def elementwise(self) -> bool:
        """Whether relevance weights the components of vectors instead of whole vectors."""
        return self.name.endswith(ELEMENTWISE)

    @classmethod
    def named(cls, name: str) -> "Weighting":
        """Return the weighting of this name.

        Raises:
            InputError: If there is no such weighting.
        """
        method = name.removesuffix(ELEMENTWISE)
        if name in ("sum", "tfidf"):
            return cls(name)
        if name == "sa-l2":
            return cls(name, "sa", {"norm": "l2"})
        if method not in METHODS:
            hint = did_you_mean(name, dict.fromkeys([*FIGURE_3, *METHODS]))
            raise InputError(
                f'There is no weighting "{name}". {hint} Methods that give relevance per component '
                f'take "{ELEMENTWISE}" behind their name.'
            )
        return cls(name, method)


def document_vectors(
    classifier: Explainable,
    texts: Sequence[str | Document],
    *,
    weightings: Sequence[str] = ("lrp-elementwise",),
    idf: Mapping[str, float] | None = None,
    batch_size: int = 16,
    progress: OnProgress | None = None,
) -> dict[str, Singles]:
    """Compute a vector of unit length for every text, by one or more weightings.

    Relevance is that for the predicted class. Texts are explained batch by batch, those of similar
    length together, and added up at once: memory grows with the texts, not with their words.

    Args:
        classifier: What `whyword.explain` takes.
        texts: The texts.
        weightings: Names as in `Weighting`.
        idf: Inverse document frequencies for ``"tfidf"``, from `inverse_document_frequencies`; by
            default those of these texts.
        batch_size: Texts at a time.
        progress: Called after each batch; see `whyword.progress`.

    Returns:
        For each weighting vectors ``(text, dimension)``. A text without words that the model knows,
        or without relevance, has the zero vector.

    Raises:
        InputError: If there is no such weighting, a method gives no relevance per component, or the
            model's positions have no vectors, or it gives labels.
    """
    model = as_classifier(classifier)
    refuse_labels(model, "Weighting vectors by the class that is predicted")
    chosen = [Weighting.named(name) for name in weightings]
    if batch_size < 1:
        raise InputError(f"Got batch_size {batch_size}; expected at least 1.")
    if idf is None and any(weighting.name == "tfidf" for weighting in chosen):
        texts = tokenised(model, texts)
        idf = inverse_document_frequencies(texts)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found: dict[str, Singles] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = model.encode([texts[i] for i in rows])
        for weighting, sums in zip(chosen, _sums(model, batch, chosen, idf or {}), strict=True):
            vectors = found.setdefault(
                weighting.name, np.zeros((len(texts), sums.shape[1]), np.float32)
            )
            vectors[rows] = unit(sums.cpu().double().numpy())
        if progress:
            progress(Progress("weighting words", start + len(rows), len(texts)))
    return found or {weighting.name: np.zeros((0, 0), np.float32) for weighting in chosen}


def inverse_document_frequencies(documents: Iterable[Document]) -> dict[str, float]:
    """Compute ln((1 + N) / (1 + n_w)) for every word w that n_w of N documents have, in any case.

    The entry of the empty string is for words that no document has.
    """
    counts: Counter[str] = Counter()
    total = 0
    for document in documents:
        counts.update({word.lower() for word in document.words})
        total += 1
    counts[""] = 0
    return {word: math.log((1 + total) / (1 + count)) for word, count in counts.items()}


def unit(vectors: Floats) -> Floats:
    """Divide vectors ``(..., dimension)`` by their length; zero vectors stay zero."""
    # First divide by the largest component: squares of the smallest floats would be zero.
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0)
    scaled = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    lengths = np.linalg.norm(scaled, axis=-1, keepdims=True)
    result: Floats = np.divide(scaled, lengths, out=scaled, where=lengths > 0)
    return result


def _sums(
    model: Classifier, batch: Batch, weightings: Sequence[Weighting], idf: Mapping[str, float]
) -> list[Tensor]:
    """Add up weighted vectors: ``(batch, dimension)`` for each weighting; each method runs once."""
    with torch.no_grad():
        vectors = model.embed(batch)
        targets = one_hot(model(batch).argmax(dim=1), len(model.classes))[None].float()
    if vectors.shape[2] == 1:
        raise InputError(
            "The positions of this model have no vectors, only one number each; expected a model "
            "of word vectors, or a transformer."
        )
    vectors = vectors * (batch.words >= 0)[:, :, None]
    runs: dict[tuple[str, str], tuple[Tensor, Tensor | None]] = {}
    sums = []
    for weighting in weightings:
        if weighting.method is None:
            weights = _plain(weighting, batch, idf).to(vectors)
        else:
            key = weighting.method, str(weighting.settings)
            if key not in runs:
                attribution = attribute(
                    model,
                    batch,
                    targets,
                    method=weighting.method,
                    components=any(w.elementwise and w.method == key[0] for w in weightings)
                    and not weighting.settings,
                    **weighting.settings,
                )
                parts = attribution.components
                runs[key] = attribution.relevance[0], None if parts is None else parts[0]
            weights, components = runs[key]
            if weighting.elementwise and components is not None:
                sums.append((components * vectors).sum(dim=1))
                continue
        sums.append(torch.einsum("bp,bpd->bd", weights.to(vectors), vectors))
    return sums


def _plain(weighting: Weighting, batch: Batch, idf: Mapping[str, float]) -> Tensor:
    """Return weights ``(batch, position)`` that need no method: ones, or the words' idf.

    A word that occurs n times is added n times, which makes idf tf·idf.
    """
    weights = np.ones(batch.words.shape)
    if weighting.name == "tfidf":
        places = batch.words.cpu().numpy()
        for i, document in enumerate(batch.documents):
            of_word = [idf.get(word.lower(), idf[""]) for word in document.words]
            # Positions that belong to no word (padding, special tokens) are negative.
            weights[i] = np.array([*of_word, 0.0])[np.where(places[i] < 0, -1, places[i])]
    return torch.from_numpy(weights)
