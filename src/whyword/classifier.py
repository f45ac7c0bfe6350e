"""The contract of classifiers: what each must offer, and what it may offer beyond.

A classifier is anything that turns texts into positions, vectors and class scores. Methods,
evaluation, surveys and the command line know only what stands here, and ask for it by capability
(``isinstance(classifier, HasGradient)``), never by class.

| implement | get |
|---|---|
| `Classifier` | every method, metric, survey and page |
| ``multilabel = True`` (`GivesLabels`) | labels that hold or not, each by itself |
| a torch module, or having one (`HasModule`) | names of layers in messages; randomisation |
| `ReadsWords` | tokens without look-ups, for corpora |
| `ReadsWindows` | ``whyword explain --overlap``: long texts, read whole |
| `HasVectorTable` | the removal "mean", and the mean vector as a baseline |
| `HasUnknownId`, `HasMaskId` | the removals "unknown" and "mask" |
| `AddsVectors` | the rules for transformers, relevance of positions and token types |
| `HasClosedForm`, `HasShapleyLRP`, `HasGradient` | methods as fast as the classifier makes them |
| `FollowsDeletions`, `ReplacesWords`, `SearchesGreedily` | fast curves, metrics, oracle |
| `WritesOutLayers` | captum's DeepLIFT where pooling is no module |
| `CanBeSaved` | `whyword.models.store.save` |
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from whyword.batch import Attribution, Batch
from whyword.data.arrays import Floats
from whyword.progress import OnProgress, Progress
from whyword.text import Document


@runtime_checkable
class Classifier(Protocol):
    """What every model offers."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the scores."""

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise (what is not yet a Document), look up ids, pad."""

    def embed(self, batch: Batch) -> Tensor:
        """Input vectors, ``(batch, position, dimension)``; zero on padding."""

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """Class scores (logits), ``(batch, class)``, differentiable in ``embeddings``."""

    def __call__(self, batch: Batch) -> Tensor:
        """Class scores of the documents as they are: ``score(embed(batch), batch)`` or faster."""


@runtime_checkable
class GivesLabels(Protocol):
    """A classifier of which several classes may hold at once."""

    @property
    def multilabel(self) -> bool:
        """Whether every class is a label of its own, which holds if its score is above 0."""


@runtime_checkable
class HasModule(Protocol):
    """A classifier around a torch module; one that is a torch module itself needs nothing."""

    @property
    def module(self) -> nn.Module:
        """The module, whose layers have names, parameters and a training mode."""


@runtime_checkable
class ReadsWords(Protocol):
    """A classifier whose words can be told without looking them up."""

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts, tokenised where they are not yet."""


@runtime_checkable
class ReadsWindows(Protocol):
    """A classifier that can read texts beyond its limit, window by window."""

    def with_overlap(self, overlap: int | None) -> Classifier:
        """The same, reading in windows that overlap by so many tokens; None reads the beginning."""


@runtime_checkable
class HasVectorTable(Protocol):
    """A classifier whose input vectors stand in one table."""

    @property
    def table(self) -> Tensor:
        """``(id, dimension)`` the vectors that ids are looked up in."""


@runtime_checkable
class HasUnknownId(Protocol):
    """A classifier with a vector for what it does not know."""

    @property
    def unknown_id(self) -> int | None:
        """Its id; None if the classifier has none after all."""


@runtime_checkable
class HasMaskId(Protocol):
    """A classifier with a vector for what is hidden from it."""

    @property
    def mask_id(self) -> int | None:
        """Its id; None if the classifier has none after all."""


@runtime_checkable
class AddsVectors(Protocol):
    """A transformer: a classifier that adds vectors of its own to the embeddings."""

    def added(self, batch: Batch) -> Mapping[str, Tensor]:
        """The vectors, by what they stand for, shaped like the embeddings."""

    def score(
        self, embeddings: Tensor, batch: Batch, added: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Class scores from the embeddings and these vectors."""


@runtime_checkable
class HasClosedForm(Protocol):
    """A classifier that computes the paper's LRP itself, faster than the engine."""

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """What `whyword.methods.lrp` returns."""


@runtime_checkable
class HasShapleyLRP(Protocol):
    """A classifier that computes `whyword.methods.shapley_lrp` itself, faster than the engine."""

    def shapley_lrp(
        self,
        batch: Batch,
        targets: Tensor,
        *,
        epsilon: float,
        contrast: float | None,
        depth: int,
        components: bool,
    ) -> Attribution:
        """What `whyword.methods.shapley_lrp` returns."""


@runtime_checkable
class HasGradient(Protocol):
    """A classifier that computes gradients itself, faster than autograd."""

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch, class)``, and the gradient of each target's score by the embeddings.

        The gradients have the shape ``(target, batch, position, dimension)``.
        """


@runtime_checkable
class FollowsDeletions(Protocol):
    """A classifier that follows deletions faster than by a forward pass for each."""

    def scores_along(
        self, batch: Batch, orders: Tensor, *, replacement: Tensor, insertion: bool = False
    ) -> Tensor:
        """Class scores after each step, ``(order, batch, step + 1, class)``.

        Orders are ``(order, batch, step)``, -1 for no deletion; ``replacement`` ``(dimension,)`` is
        the vector of a deleted word.
        """


@runtime_checkable
class ReplacesWords(Protocol):
    """A classifier that scores texts with words replaced faster than by embeddings of its own."""

    def scores_replaced(self, batch: Batch, replaced: Tensor, *, replacement: Tensor) -> Tensor:
        """``(batch, class)`` with a vector ``(dimension,)`` at positions ``(batch, position)``."""


@runtime_checkable
class SearchesGreedily(Protocol):
    """A classifier that searches greedily faster than by a forward pass for each word and step."""

    def greedy_order(
        self,
        batch: Batch,
        gain: Callable[[Tensor], Tensor],
        *,
        steps: int,
        replacement: Tensor,
    ) -> Tensor:
        """The words that a greedy search deletes, ``(batch, step)``; -1 when none is left.

        ``gain`` takes scores ``(batch, word, class)`` to ``(batch, word)``: how good it is that a
        deletion leads to them; of equals the first word counts.
        """


@runtime_checkable
class WritesOutLayers(Protocol):
    """A classifier that can be written as modules alone, also where it calls functions."""

    def written_out(self, batch: Batch) -> tuple[nn.Module, int]:
        """One document's network, from vectors ``(1, position, dimension)`` to scores.

        Every activation and every pooling is a module of its own. The second result is the number
        of positions that it reads.
        """


@runtime_checkable
class CanBeSaved(Protocol):
    """A classifier that writes itself to a folder, from which `whyword.load` reads it."""

    def save(self, path: Path, *, about: str = "") -> None:
        """Write the files of the model; ``about`` is a line for people."""


def module_of(classifier: Classifier) -> nn.Module | None:
    """The module that a classifier is or has; None without."""
    found = classifier.module if isinstance(classifier, HasModule) else classifier
    return found if isinstance(found, nn.Module) else None


def is_multilabel(classifier: Classifier) -> bool:
    """Whether every class is a label of its own."""
    return isinstance(classifier, GivesLabels) and classifier.multilabel


def tokenised(
    classifier: Classifier, texts: Sequence[str | Document], *, progress: OnProgress | None = None
) -> list[Document]:
    """The texts as documents, tokenised as the classifier does where they are not yet.

    Args:
        classifier: The model.
        texts: The texts.
        progress: Called after each batch; see `whyword.progress`.
    """
    documents: list[Document] = []
    for start in range(0, len(texts), 64):
        part = texts[start : start + 64]
        if isinstance(classifier, ReadsWords):
            documents += classifier.documents(part)
        else:
            documents += classifier.encode(part).documents
        if progress:
            progress(Progress("reading", len(documents), len(texts)))
    return documents


def predict(
    classifier: Classifier,
    texts: Sequence[str | Document],
    *,
    batch_size: int = 64,
    progress: OnProgress | None = None,
) -> Floats:
    """Class scores (logits) of texts, ``(text, class)``.

    Args:
        classifier: The model.
        texts: The texts; Documents are not tokenised again, and are grouped by length.
        batch_size: Texts at a time.
        progress: Called after each batch; see `whyword.progress`.
    """
    scores = np.zeros((len(texts), len(classifier.classes)))
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        with torch.no_grad():
            logits = classifier(classifier.encode([texts[i] for i in chosen]))
        scores[chosen] = logits.cpu().double().numpy()
        if progress:
            progress(Progress("classifying", start + len(chosen), len(texts)))
    return scores
