"""Layer-wise relevance propagation for any classifier."""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from whyword import lrp as engine
from whyword.classifier import Attribution, Batch, Classifier
from whyword.errors import InputError
from whyword.lrp import Composite, Epsilon


@runtime_checkable
class HasClosedForm(Protocol):
    """A classifier that computes the paper's LRP itself, faster than the engine."""

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """What `lrp` returns."""


def lrp(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    epsilon: float = 0.01,
    composite: Composite | None = None,
) -> Attribution:
    """Layer-wise relevance propagation, by the paper's ε-rule (Arras et al. 2016, section 2.1).

    Signed; bias and stabiliser are shared out, so that the relevances sum to the target's score,
    but for what initial states of recurrent networks receive.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per vector component.
        epsilon: The stabiliser, > 0.
        composite: Other rules, for all layers or some; then ``epsilon`` counts for nothing.

    Raises:
        InputError: If ``epsilon`` is not positive.
        UnsupportedFunction: If the model calls a function that has no rule.
    """
    if not epsilon > 0:
        raise InputError(f"Got epsilon {epsilon}; expected a positive number, 0.01 in the paper.")
    if isinstance(classifier, HasClosedForm) and composite is None:
        return classifier.lrp(batch, targets, epsilon=epsilon, components=components)
    rule = Epsilon(epsilon)
    found = engine.relevance(
        lambda embeddings: classifier.score(embeddings, batch),
        classifier.embed(batch),
        targets,
        composite=composite or Composite(rule, sums=rule),
        model=module_of(classifier),
    )
    relevance = found.relevance.sum(dim=-1)
    explained = (targets.to(found.scores) * found.scores).sum(dim=-1)
    return Attribution(
        found.scores,
        relevance,
        # Biases and stabilisers without shares, initial states: `whyword.lrp.relevance` with
        # accounting says which.
        remainder={"lost": explained - relevance.sum(dim=-1)},
        components=found.relevance if components else None,
    )


def module_of(classifier: Classifier) -> nn.Module | None:
    """The module that a classifier is or has, which knows the names of its layers."""
    owner = classifier if isinstance(classifier, nn.Module) else getattr(classifier, "module", None)
    return owner if isinstance(owner, nn.Module) else None
