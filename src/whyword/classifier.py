"""The contract of classifiers: what each must offer (`Classifier`), and what it may offer.

A classifier is any object that turns texts into positions, vectors and class scores. What it may
offer beyond that are capabilities, one protocol each. Methods, evaluation, surveys and the command
line know only what stands here, and ask for capabilities (``isinstance(classifier, HasGradient)``),
never for a class.

| implement | get |
|---|---|
| `Classifier` | every method, metric, survey and page |
| ``multilabel = True`` (`GivesLabels`) | texts with several labels, or with none |
| be or have a torch module (`HasModule`) | names of layers in messages; model randomisation |
| `ReadsWords` | faster reading of corpora: texts are tokenised without encoding them |
| `ReadsWindows` | ``whyword explain --overlap``: long texts are read whole, in windows |
| `HasVectorTable` | the removal "mean", and the mean vector as a baseline |
| `HasUnknownId`, `HasMaskId` | the removals "unknown" and "mask" |
| `AddsVectors` | the rules for transformers; relevance of position and token type vectors |
| `HasClosedForm`, `HasShapleyLRP`, `HasGradient` | methods by the classifier's own, faster code |
| `FollowsDeletions`, `ReplacesWords`, `SearchesGreedily` | faster curves, metrics and oracle |
| `WritesOutLayers` | captum's DeepLIFT for models whose pooling is a function, not a module |
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
from whyword.errors import InputError
from whyword.progress import OnProgress, Progress
from whyword.text import Document


@runtime_checkable
class Classifier(Protocol):
    """What every classifier offers."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the scores."""

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise the texts that are not yet Documents, look up ids, and pad."""

    def embed(self, batch: Batch) -> Tensor:
        """Input vectors, ``(batch, position, dimension)``; zero on padding."""

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """Class scores (logits), ``(batch, class)``, differentiable in ``embeddings``."""

    def __call__(self, batch: Batch) -> Tensor:
        """Class scores of the documents: what ``score(embed(batch), batch)`` gives, or faster."""


@runtime_checkable
class GivesLabels(Classifier, Protocol):
    """A classifier that may give a text several classes at once, or none."""

    @property
    def multilabel(self) -> bool:
        """Whether every class is a label of its own, given if its score is above 0."""


@runtime_checkable
class HasModule(Classifier, Protocol):
    """A classifier around a torch module; one that is a torch module itself needs nothing."""

    @property
    def module(self) -> nn.Module:
        """The module, whose layers have names, parameters and a training mode."""


@runtime_checkable
class ReadsWords(Classifier, Protocol):
    """A classifier that can tokenise texts without encoding them."""

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents; those that are strings are tokenised."""


@runtime_checkable
class ReadsWindows(Classifier, Protocol):
    """A classifier that can read texts longer than its limit, window by window."""

    def with_overlap(self, overlap: int | None) -> Classifier:
        """The same classifier with windows that overlap by so many tokens; None: no windows."""


@runtime_checkable
class HasVectorTable(Classifier, Protocol):
    """A classifier that looks its input vectors up in one table."""

    @property
    def table(self) -> Tensor:
        """``(id, dimension)`` the vectors that ids are looked up in."""


@runtime_checkable
class HasUnknownId(Classifier, Protocol):
    """A classifier with a vector for words that it does not know."""

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown word; None if the classifier has none after all."""


@runtime_checkable
class HasMaskId(Classifier, Protocol):
    """A classifier with a mask token: a vector for words that are hidden from it."""

    @property
    def mask_id(self) -> int | None:
        """The id of the mask token; None if the classifier has none after all."""


@runtime_checkable
class AddsVectors(Classifier, Protocol):
    """A classifier that adds vectors of its own to the embeddings, as transformers do."""

    def added(self, batch: Batch) -> Mapping[str, Tensor]:
        """The added vectors, by name (such as "positions"), shaped like the embeddings."""

    def score(
        self, embeddings: Tensor, batch: Batch, added: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Class scores from the embeddings and the added vectors; by default the model's own."""


@runtime_checkable
class HasClosedForm(Classifier, Protocol):
    """A classifier that computes the paper's LRP itself, faster than the engine."""

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """Relevance by LRP, as `whyword.methods.lrp` returns it."""


@runtime_checkable
class HasShapleyLRP(Classifier, Protocol):
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
        """Relevance by Shapley LRP, as `whyword.methods.shapley_lrp` returns it."""


@runtime_checkable
class HasGradient(Classifier, Protocol):
    """A classifier that computes gradients itself, faster than autograd."""

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch, class)``, and the gradient of each target's score by the embeddings.

        The gradients have the shape ``(target, batch, position, dimension)``.
        """


@runtime_checkable
class FollowsDeletions(Classifier, Protocol):
    """A classifier that scores a text along a sequence of deletions, faster than step by step."""

    def scores_along(
        self, batch: Batch, orders: Tensor, *, replacement: Tensor, insertion: bool = False
    ) -> Tensor:
        """Class scores after each step, ``(order, batch, step + 1, class)``.

        Orders are ``(order, batch, step)``, -1 for no deletion; ``replacement`` ``(dimension,)`` is
        the vector of a deleted word.
        """


@runtime_checkable
class ReplacesWords(Classifier, Protocol):
    """A classifier that scores texts with some words replaced, faster than from embeddings."""

    def scores_replaced(self, batch: Batch, replaced: Tensor, *, replacement: Tensor) -> Tensor:
        """Class scores ``(batch, class)`` with one vector in place of some positions.

        ``replaced`` is ``(batch, position)`` bool, ``replacement`` ``(dimension,)``.
        """


@runtime_checkable
class SearchesGreedily(Classifier, Protocol):
    """A classifier that finds the word whose deletion does most, step by step, in a fast way."""

    def greedy_order(
        self,
        batch: Batch,
        gain: Callable[[Tensor], Tensor],
        *,
        steps: int,
        replacement: Tensor,
    ) -> Tensor:
        """The words that a greedy search deletes, ``(batch, step)``; -1 when none is left.

        ``gain`` takes the scores after each word's deletion, ``(batch, word, class)``, and returns
        how good each deletion is, ``(batch, word)``; of equals the first word counts.
        """


@runtime_checkable
class WritesOutLayers(Classifier, Protocol):
    """A classifier that can be written as torch modules alone, without calls of functions."""

    def written_out(self, batch: Batch) -> tuple[nn.Module, int]:
        """One document's network, from vectors ``(1, position, dimension)`` to scores.

        Every activation and every pooling is a module of its own. The second result is the number
        of positions that it reads.
        """


@runtime_checkable
class CanBeSaved(Classifier, Protocol):
    """A classifier that writes itself to a folder, from which `whyword.load` reads it."""

    def save(self, path: Path, *, about: str = "") -> None:
        """Write the files of the model; ``about`` describes it in one line."""


def module_of(classifier: Classifier) -> nn.Module | None:
    """The torch module that a classifier is or has; None if there is none."""
    found = classifier.module if isinstance(classifier, HasModule) else classifier
    return found if isinstance(found, nn.Module) else None


def is_multilabel(classifier: Classifier) -> bool:
    """Whether a classifier may give a text several classes at once (`GivesLabels`)."""
    return isinstance(classifier, GivesLabels) and classifier.multilabel


def refuse_labels(classifier: Classifier, what: str) -> None:
    """Check that a classifier gives each text one class, for what knows no labels.

    Args:
        classifier: The model.
        what: What needs one class; the error begins with it: ``"A map"``.

    Raises:
        InputError: If it may give a text several labels, or none.
    """
    if is_multilabel(classifier):
        raise InputError(
            f"{what} needs a model that gives each text one class; this one gives labels, each by "
            "itself. Explain its texts label by label: whyword.explain(model, texts, targets=...)."
        )


def tokenised(
    classifier: Classifier, texts: Sequence[str | Document], *, progress: OnProgress | None = None
) -> list[Document]:
    """The texts as documents; those that are strings are tokenised by the classifier.

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
        texts: The texts; Documents are not tokenised again. Texts of similar length share a batch.
        batch_size: Number of texts in a forward pass.
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
