"""Methods by Shapley values: LRP whose maxima are shared by them, and those of the words.

A Shapley value is what a player adds to a game on average, if players come in random order. LRP
ignores two things: when the window that wins a maximum goes, the runner-up takes over; and a
decision is between classes. Both methods here look at them; docs/better-than-lrp.md has derivations
and measurements.
"""

import zlib
from dataclasses import replace

import torch
from torch import Tensor

from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier, HasClosedForm, HasShapleyLRP
from whyword.errors import InputError
from whyword.methods.propagation import PAPER_EPSILON, propagated, rules_for
from whyword.targets import against_competitors


def shapley_lrp(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    contrast: float | None = 1.5,
    depth: int = 16,
    epsilon: float | None = None,
) -> Attribution:
    """LRP with two changes: maxima are shared by Shapley value, and classes have competitors.

    Each level of a maximum is credited in equal parts to all inputs that reach it
    (`whyword.lrp.maxima`) instead of to the winner alone; all else is `lrp`. Relevance sums to the
    score of the class less the weighted mean score of the other classes, its competitors
    (`whyword.targets`); that mean stands in the remainder as "competitors".

    Args:
        classifier: The model. One without maxima is explained by the ε-rule and the contrast alone.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.
        contrast: How much more the strongest competitors count than the others: the factor of the
            scores in the softmax that weights them, > 0. None explains the class's score alone.
        depth: How many of a filter's best windows share its maximum in the word CNN; in other
            models all inputs do.
        epsilon: The stabiliser, > 0. By default 0.01 as in the paper, 1e-6 in transformers.

    Raises:
        InputError: If a setting is out of its range.
        UnsupportedFunction: If the model calls a function that has no rule.
    """
    _check(contrast)
    if epsilon is not None and not epsilon > 0:
        raise InputError(f"Got epsilon {epsilon}; expected a positive number, 0.01 in the paper.")
    if depth < 1:
        raise InputError(f"Got depth {depth}; expected at least 1, at which the winner takes all.")
    if isinstance(classifier, HasShapleyLRP):
        epsilon = epsilon or PAPER_EPSILON
        found = classifier.shapley_lrp(
            batch,
            targets,
            epsilon=epsilon,
            contrast=contrast,
            depth=depth,
            components=components,
        )
        return replace(found, settings={"epsilon": epsilon})
    with torch.no_grad():
        scores = classifier.score(classifier.embed(batch), batch)
    directions, competitors = _directions(targets, scores, contrast)
    if isinstance(classifier, HasClosedForm):  # of a model without maxima
        epsilon = epsilon or PAPER_EPSILON
        found = classifier.lrp(batch, directions, epsilon=epsilon, components=components)
        settings = {"epsilon": epsilon, **found.settings}
    else:
        rules = replace(rules_for(classifier, epsilon=epsilon), maxima="shapley")
        settings = {"epsilon": rules.sums.epsilon}
        found = propagated(classifier, batch, directions, composite=rules, components=components)
    remainder = {**(found.remainder or {}), "competitors": competitors}
    return replace(found, remainder=remainder, settings=settings)


@torch.no_grad()
def shapley(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    contrast: float | None = None,
    samples: int = 20,
    batch_size: int = 32,
    seed: int = 0,
) -> Attribution:
    """Shapley values of the words, sampled: what each adds in a random order.

    Words that have not come in yet have zero vectors (Castro et al. 2009). Every order is walked
    forwards and backwards, in words + 1 forward passes each. Relevance sums to the score less that
    of a text without words ("baseline" in the remainder), whatever the number of samples.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Must be False; this method has no components.
        contrast: As in `shapley_lrp`; None explains the class's score alone.
        samples: Number of random orders, at least 1.
        batch_size: Number of changed texts in a forward pass.
        seed: Seed of the random orders, which also depend on the text.

    Raises:
        InputError: If a setting is out of its range, or components are asked for.
    """
    _check(contrast)
    if components:
        raise InputError("Shapley values take whole words away; they have no components.")
    if samples < 1:
        raise InputError(f"Got {samples} samples; expected at least 1.")
    embeddings = classifier.embed(batch)
    scores = classifier.score(embeddings, batch)
    directions, competitors = _directions(targets, scores, contrast)
    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    baseline = torch.zeros_like(competitors)
    for b, document in enumerate(batch.documents):
        single = batch.rows(torch.tensor([b]))
        present = single.words[0].unique()
        present = present[present >= 0]
        named = f"{seed} {document.text}".encode("utf-8", "surrogatepass")
        generator = torch.Generator().manual_seed(zlib.crc32(named))
        gains = scores.new_zeros(len(present), scores.shape[1])
        start = scores.new_zeros(scores.shape[1])
        for _ in range(samples):
            order = torch.randperm(len(present), generator=generator).to(present.device)
            for walk in (order, order.flip(0)):
                along = _scores_along(classifier, single, present[walk], batch_size)
                gains[walk] += along.diff(dim=0)
                start += along[0]
        values = directions[:, b] @ gains.T / (2 * samples)
        for row, word in enumerate(present):
            places = batch.words[b] == word
            relevance[:, b, places] = values[:, row, None] / places.sum()
        baseline[:, b] = directions[:, b] @ start / (2 * samples)
    return Attribution(
        scores, relevance, remainder={"competitors": competitors, "baseline": baseline}
    )


def _scores_along(classifier: Classifier, single: Batch, order: Tensor, batch_size: int) -> Tensor:
    """Scores while words come in, ``(words + 1, class)``, from none of them to all."""
    whole = classifier.embed(single)
    rank = torch.full((int(single.words.max()) + 2,), -1, device=order.device)
    rank[order] = torch.arange(len(order), device=order.device)
    # What belongs to no word is there from the start.
    arrival = rank[single.words[0]].masked_fill(single.words[0] < 0, -1)
    found = []
    for there in torch.arange(len(order) + 1, device=order.device).split(batch_size):
        absent = arrival[None] >= there[:, None]
        changed = whole.expand(len(there), -1, -1).masked_fill(absent[:, :, None], 0)
        copies = single.rows(torch.zeros(len(there), dtype=torch.long))
        found.append(classifier.score(changed, copies))
    return torch.cat(found)


def _directions(targets: Tensor, scores: Tensor, contrast: float | None) -> tuple[Tensor, Tensor]:
    """The directions to explain, and the score of the competitors, ``(target, batch)``."""
    asked = targets.to(scores)
    directions = asked
    if contrast is not None:
        directions = against_competitors(targets, scores, sharpness=contrast)
    return directions, ((asked - directions) * scores).sum(dim=2)


def _check(contrast: float | None) -> None:
    if contrast is not None and not contrast > 0:
        raise InputError(f"Got contrast {contrast}; expected a positive number, or None for none.")
