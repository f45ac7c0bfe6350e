"""Layer-wise relevance propagation (LRP) for any classifier."""

from dataclasses import replace

import torch
from torch import Tensor

from whyword import lrp as engine
from whyword.batch import Attribution, Batch
from whyword.classifier import AddsVectors, Classifier, HasClosedForm, module_of
from whyword.errors import InputError
from whyword.lrp import Attention, Composite, Epsilon

PAPER_EPSILON = 0.01
"""The paper's stabiliser ε (Arras et al. 2016, section 2.1)."""


def lrp(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    epsilon: float | None = None,
    attention: Attention | None = None,
    composite: Composite | None = None,
    checkpointing: bool | None = None,
) -> Attribution:
    """Layer-wise relevance propagation (LRP): the score, handed back layer by layer to the words.

    Each layer shares the relevance of its outputs among its inputs, in proportion to what each
    gave, by the paper's ε-rule (Arras et al. 2016, section 2.1); ε is the stabiliser, a small
    number that keeps denominators away from zero. Biases and stabilisers are shared out too, so
    that the relevances sum to the target's score, but for what initial states of recurrent networks
    receive.

    Transformers have the rules of AttnLRP (Achtibat et al. 2024; `Composite.for_transformers`). The
    remainder then names what biases and the softmax keep, "lost", and what vectors of positions and
    token types receive.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.
        epsilon: The stabiliser, > 0. By default 0.01 as in the paper, none in transformers.
        attention: How relevance goes through attention: ``"attnlrp"``, the default for
            transformers, or ``"cplrp"``. Either gives any model the rules for transformers.
        composite: Other rules, for all layers or some; ``epsilon`` and ``attention`` are then
            ignored.
        checkpointing: True saves memory by computing each block of a transformer twice; only by
            rules without shares and stabiliser, such as the default for transformers.

    Raises:
        InputError: If ``epsilon`` is not positive, or the model or the rules allow no
            checkpointing.
        UnsupportedFunction: If the model calls a function that has no rule.
    """
    if epsilon is not None and not epsilon > 0:
        raise InputError(f"Got epsilon {epsilon}; expected a positive number, 0.01 in the paper.")
    closed = isinstance(classifier, HasClosedForm) and composite is None and attention is None
    if isinstance(classifier, HasClosedForm) and closed and not checkpointing:
        epsilon = epsilon or PAPER_EPSILON
        found = classifier.lrp(batch, targets, epsilon=epsilon, components=components)
        return replace(found, settings={"epsilon": epsilon, **found.settings})
    rules = composite or rules_for(classifier, epsilon=epsilon, attention=attention)
    found = propagated(
        classifier,
        batch,
        targets,
        composite=rules,
        components=components,
        checkpointing=bool(checkpointing),
    )
    if composite is not None:
        return found
    settings: dict[str, object] = {"epsilon": rules.sums.epsilon}
    if attention is not None or isinstance(classifier, AddsVectors):
        settings["attention"] = rules.attention
    return replace(found, settings=settings)


def propagated(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    composite: Composite,
    components: bool = False,
    checkpointing: bool = False,
) -> Attribution:
    """Relevance by the engine of LRP, position by position, with the remainder.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        composite: The rules of LRP.
        components: Whether to return relevance per component of the vectors.
        checkpointing: Whether to compute blocks twice, to save memory.
    """
    found, names = through_engine(
        classifier, batch, targets, composite=composite, checkpointing=checkpointing
    )
    # Numbers of half precision are added up in single.
    precision = torch.promote_types(found.scores.dtype, torch.float32)
    parts = (
        found.relevance.unbind(dim=2) if isinstance(classifier, AddsVectors) else (found.relevance,)
    )
    relevance, *others = (part.sum(dim=-1, dtype=precision) for part in parts)
    remainder = {name: part.sum(dim=-1) for name, part in zip(names, others, strict=True)}
    explained = (targets.to(relevance) * found.scores).sum(dim=-1)
    # Biases and stabilisers without shares, initial states: `whyword.account` says which.
    remainder["lost"] = explained - relevance.sum(dim=-1) - sum(remainder.values())
    return Attribution(
        found.scores, relevance, remainder, components=parts[0] if components else None
    )


def through_engine(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    composite: Composite,
    accounting: bool = False,
    checkpointing: bool = False,
) -> tuple[engine.Result, tuple[str, ...]]:
    """The result of `whyword.lrp.relevance` for a classifier's embeddings.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        composite: The rules of LRP.
        accounting: Whether to account for each call of a function where relevance went.
        checkpointing: Whether to compute blocks twice, to save memory.

    Returns:
        The result, and the names of the vectors that a transformer adds to the embeddings. The
        relevance of a transformer has one more axis for them, the embeddings first: ``(target,
        batch, 1 + added, position, dimension)``.
    """
    embeddings, added = classifier.embed(batch), dict[str, Tensor]()
    if isinstance(classifier, AddsVectors):
        added = dict(classifier.added(batch))
        embeddings = torch.stack([embeddings, *added.values()], dim=1)

    def score(inputs: Tensor) -> Tensor:
        if not isinstance(classifier, AddsVectors):
            return classifier.score(inputs, batch)
        vectors, *others = inputs.unbind(dim=1)
        return classifier.score(vectors, batch, dict(zip(added, others, strict=True)))

    found = engine.relevance(
        score,
        embeddings,
        targets,
        composite=composite,
        model=module_of(classifier),
        accounting=accounting,
        checkpointing=checkpointing,
    )
    return found, tuple(added)


def rules_for(
    classifier: Classifier, *, epsilon: float | None = None, attention: Attention | None = None
) -> Composite:
    """The rules that `lrp` uses: the paper's ε-rule everywhere, AttnLRP for transformers."""
    if attention is None and not isinstance(classifier, AddsVectors):
        rule = Epsilon() if epsilon is None else Epsilon(epsilon)
        return Composite(rule, sums=rule)
    rules = Composite.for_transformers(attention or "attnlrp")
    if epsilon is None:
        return rules
    return Composite.for_transformers(rules.attention, epsilon=epsilon)
