"""Explanation methods: functions from a classifier, a batch and targets to relevance.

Targets are directions in score space, ``(target, batch, class)``: one-hot for a class, +1 and -1
for a contrast. What is explained is their inner product with the scores.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from whyword.classifier import Attribution, Batch, Classifier
from whyword.errors import InputError, did_you_mean


@runtime_checkable
class HasClosedForms(Protocol):
    """A classifier that computes LRP and gradients itself, faster than the general way."""

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """What `lrp` returns."""

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What `gradient` returns."""


def lrp(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    epsilon: float = 0.01,
) -> Attribution:
    """Layer-wise relevance propagation by the paper's ε-rule (Arras et al. 2016, section 2.1).

    Signed; bias and stabiliser are shared out, so that the relevances sum to the target's score.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per vector component.
        epsilon: The stabiliser, > 0.

    Raises:
        InputError: If ``epsilon`` is not positive, or the classifier has no closed form.
    """
    if not epsilon > 0:
        raise InputError(f"Got epsilon {epsilon}; expected a positive number, 0.01 in the paper.")
    if not isinstance(classifier, HasClosedForms):
        raise InputError(f"{type(classifier).__name__} has no LRP in closed form.")
    return classifier.lrp(batch, targets, epsilon=epsilon, components=components)


def sensitivity(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    norm: Literal["squared_l2", "l2"] = "squared_l2",
) -> Attribution:
    """Sensitivity analysis: the norm of the gradient by each word's vector (section 2.2, Eq. 4).

    Never negative; sums to the squared norm of the whole gradient, not to the score.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return the squared partial derivatives (`Attribution.components`).
        norm: ``"squared_l2"``, or ``"l2"`` (section 3.5).

    Raises:
        InputError: If there is no such norm, or if components are asked for with ``"l2"``, which
            does not sum over them.
    """
    if norm not in ("squared_l2", "l2"):
        raise InputError(f'Got the norm "{norm}"; expected "squared_l2" or "l2".')
    if components and norm == "l2":
        raise InputError('With norm="l2" there are no components; use "squared_l2".')
    scores, gradients = gradient(classifier, batch, targets)
    squares = gradients.square()
    relevance = squares.sum(dim=3)
    return Attribution(
        scores,
        relevance.sqrt() if norm == "l2" else relevance,
        components=squares if components else None,
    )


def gradient(classifier: Classifier, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores ``(batch, class)``, and the targets' gradients by the embeddings.

    Returns:
        The gradients have the shape ``(target, batch, position, dimension)``.
    """
    if isinstance(classifier, HasClosedForms):
        return classifier.gradient(batch, targets)
    embeddings = classifier.embed(batch).detach().requires_grad_()
    with torch.enable_grad():
        scores = classifier.score(embeddings, batch)
    (gradients,) = torch.autograd.grad(
        scores, embeddings, targets.to(scores), is_grads_batched=True
    )
    return scores.detach(), gradients


METHODS: dict[str, Callable[..., Attribution]] = {"lrp": lrp, "sa": sensitivity}


def method_named(name: str) -> Callable[..., Attribution]:
    """The method of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in METHODS:
        raise InputError(f'There is no method "{name}". {did_you_mean(name, METHODS)}')
    return METHODS[name]
