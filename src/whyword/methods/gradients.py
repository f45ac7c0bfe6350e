"""Methods by the gradient of the score: sensitivity, gradient × input, integrated gradients."""

from typing import Literal, get_args

import torch
from torch import Tensor

from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier, HasGradient
from whyword.errors import InputError

Norm = Literal["squared_l2", "l2", "l1", "max"]


def sensitivity(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    norm: Norm = "squared_l2",
) -> Attribution:
    """Sensitivity analysis: the norm of the score's gradient by each word's vector.

    It is never negative: it says how much a word matters, not whether for or against the target.
    With the squared l2 norm it sums to the squared norm of the whole gradient, not to the score
    (Arras et al. 2016, section 2.2, Eq. 4).

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.
        norm: The norm: ``"squared_l2"``, ``"l2"`` (section 3.5), ``"l1"`` or ``"max"``.

    Raises:
        InputError: If there is no such norm, or if components are asked for with a norm that is no
            sum over components.
    """
    if norm not in get_args(Norm):
        raise InputError(f'Got the norm "{norm}"; expected one of: {", ".join(get_args(Norm))}.')
    if components and norm in ("l2", "max"):
        raise InputError(f'With norm="{norm}" there are no components; use "squared_l2" or "l1".')
    scores, gradients = gradient(classifier, batch, targets)
    parts = gradients.square() if norm in ("squared_l2", "l2") else gradients.abs()
    relevance = parts.amax(dim=3) if norm == "max" else parts.sum(dim=3)
    return Attribution(
        scores,
        relevance.sqrt() if norm == "l2" else relevance,
        components=parts if components else None,
    )


def gradient_times_input(
    classifier: Classifier, batch: Batch, targets: Tensor, *, components: bool = False
) -> Attribution:
    """Gradient times input: R_t = Σ_d x_td ∂f/∂x_td, for the vector x_t of word t.

    It is the first-order estimate of how much the score falls if the vector is set to zero
    (Denil et al. 2014; Shrikumar et al. 2016).

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.
    """
    scores, gradients = gradient(classifier, batch, targets)
    parts = gradients * classifier.embed(batch).detach()
    return Attribution(scores, parts.sum(dim=3), components=parts if components else None)


def integrated_gradients(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    steps: int = 50,
) -> Attribution:
    """Integrated gradients: gradient times input, averaged on the way from zero vectors.

    R_t = Σ_d x_td ∫₀¹ ∂f(αx)/∂x_td dα (Sundararajan et al. 2017, Eq. 1). Relevance sums to the
    score less that of a text of zero vectors ("baseline" in the remainder), up to the error of the
    integration by midpoints ("integration").

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.
        steps: Number of points on the way, at least 1.

    Raises:
        InputError: If ``steps`` is below 1.
    """
    if steps < 1:
        raise InputError(f"Got {steps} steps; expected at least 1.")
    embeddings = classifier.embed(batch).detach()
    total = embeddings.new_zeros(len(targets), *embeddings.shape)
    for step in range(steps):
        total += _gradient_at(classifier, batch, targets, embeddings * ((step + 0.5) / steps))[1]
    parts = embeddings * total / steps
    with torch.no_grad():
        scores = classifier.score(embeddings, batch)
        baseline = classifier.score(torch.zeros_like(embeddings), batch)
    relevance = parts.sum(dim=3)
    weights = targets.to(scores)
    start = (weights * baseline).sum(dim=2)
    rest = (weights * scores).sum(dim=2) - start - relevance.sum(dim=2)
    return Attribution(
        scores,
        relevance,
        remainder={"baseline": start, "integration": rest},
        components=parts if components else None,
    )


def gradient(classifier: Classifier, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores ``(batch, class)``, and the targets' gradients by the embeddings.

    Returns:
        The gradients have the shape ``(target, batch, position, dimension)``.
    """
    if isinstance(classifier, HasGradient):
        return classifier.gradient(batch, targets)
    return _gradient_at(classifier, batch, targets, classifier.embed(batch).detach())


def _gradient_at(
    classifier: Classifier, batch: Batch, targets: Tensor, embeddings: Tensor
) -> tuple[Tensor, Tensor]:
    """The same as `gradient` for any embeddings, by autograd."""
    leaf = embeddings.requires_grad_()
    # The recurrent networks of cuDNN have no backward pass in evaluation mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        scores = classifier.score(leaf, batch)
        rows = [
            torch.autograd.grad(scores, leaf, target.to(scores), retain_graph=True)[0]
            for target in targets
        ]
    found = torch.stack(rows) if rows else embeddings.new_zeros(0, *embeddings.shape)
    return scores.detach(), found
