"""The greedy oracle: at each step, delete the one word whose deletion does most.

It looks at the model again after every deletion, which no ranking made beforehand can, so it is the
ceiling of every plot; but greedy is not optimal, and a ranking may pass it.

Its objective is the margin: the target's score less the highest of the others. Accuracy is whether
that is positive. Greedy by margin was stronger than by probability and by the score alone on 300
training documents of 20 Newsgroups that the word CNN classifies correctly (mean accuracy .40, .42,
.49), and on the few that it does not (.94, .89, .63).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.classifier import Classifier, SearchesGreedily
from whyword.data.arrays import Bools, Ints
from whyword.errors import InputError
from whyword.evaluation.batches import for_batches
from whyword.evaluation.deletion import STEPS
from whyword.progress import OnProgress, as_phase
from whyword.removal import replacement, scores_without
from whyword.text import Document

Objective = Literal["margin", "probability", "score"]

GONE = -torch.inf
BUDGET = 2000
"""Changed documents scored per document, where there is no faster way."""


@dataclass(frozen=True)
class Gain:
    """How good scores are for the search; highest is best.

    Attributes:
        targets: ``(batch,)`` the classes to lower or raise.
        lower: ``(batch,)`` bool.
        objective: ``"margin"``: the target's score less the highest of the others, which decides
            about the prediction; ``"probability"``: its softmax; ``"score"``: the score alone.
    """

    targets: Tensor
    lower: Tensor
    objective: Objective = "margin"

    def __call__(self, scores: Tensor) -> Tensor:
        """From ``(batch, word, class)`` to ``(batch, word)``."""
        index = self.targets[:, None, None].expand(-1, scores.shape[1], 1)
        own = scores.gather(2, index)[..., 0]
        if self.objective == "margin":
            own = own - scores.scatter(2, index, GONE).amax(dim=2)
        elif self.objective == "probability":
            # As log odds: in float32 a probability near 1 does not move.
            own = own - scores.scatter(2, index, GONE).logsumexp(dim=2)
        return torch.where(self.lower[:, None], -own, own)


def oracle_orders(
    classifier: Classifier,
    documents: Sequence[Document],
    targets: Ints,
    lower: Bools,
    *,
    steps: int = STEPS,
    objective: Objective = "margin",
    operator: str = "zero",
    reference: Tensor | None = None,
    fast: bool = True,
    budget: int = BUDGET,
    batch_size: int = 8,
    progress: OnProgress | None = None,
) -> Ints:
    """The words that the greedy search deletes, ``(document, step)``; -1 when none is left.

    On the word CNN the search is exact. For other models the first step scores every word's
    deletion; each later step scores as many of the words whose deletion did most when it was last
    tried as the budget allows.

    Args:
        classifier: The model.
        documents: The texts with their tokens.
        targets: ``(document,)`` the classes to lower or raise.
        lower: ``(document,)`` True to lower the target, False to raise it.
        steps: Deletions.
        objective: What is lowered or raised, see `Gain`.
        operator: How words are taken out, one of `whyword.removal.OPERATORS`.
        reference: ``(dimension,)`` the vector of the operator "mean", if not the vocabulary's.
        fast: Whether to use a classifier's faster way (`SearchesGreedily`).
        budget: Changed documents scored for each document, where it has none; at least one is
            tried at each step.
        batch_size: Documents at a time; in the plain way eight times as many changed ones.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If there is no such objective or operator.
    """
    if objective not in get_args(Objective):
        raise InputError(
            f'Got the objective "{objective}"; expected one of: {", ".join(get_args(Objective))}.'
        )
    orders = np.full((len(documents), steps), -1)
    vector = None
    if fast and isinstance(classifier, SearchesGreedily):
        vector = replacement(classifier, operator, reference)

    def search(chosen: list[int]) -> None:
        batch = classifier.encode([documents[i] for i in chosen])
        device = batch.ids.device
        gain = Gain(
            torch.from_numpy(targets[chosen]).to(device),
            torch.from_numpy(lower[chosen]).to(device),
            objective,
        )
        if vector is not None and isinstance(classifier, SearchesGreedily):
            found = classifier.greedy_order(batch, gain, steps=steps, replacement=vector)
            orders[chosen] = found.cpu().numpy()
            return
        for row, document in enumerate(chosen):
            orders[document] = _search(
                batch.rows(torch.tensor([row])),
                Gain(gain.targets[row, None], gain.lower[row, None], objective),
                lambda b, removed: scores_without(
                    classifier, b, removed, operator=operator, reference=reference
                ),
                steps=steps,
                budget=budget,
                batch_size=8 * batch_size,
            )

    for_batches(
        search,
        documents,
        batch_size=batch_size,
        parallel=vector is not None,
        progress=as_phase(progress, "searching"),
    )
    return orders


def _search(
    batch: Batch,
    gain: Gain,
    score: Callable[[Batch, Tensor], Tensor],
    *,
    steps: int,
    budget: int,
    batch_size: int,
) -> Ints:
    """The words deleted from one document, ``(step,)``."""
    words = len(batch.documents[0])
    order = np.full(steps, -1)
    removed = torch.zeros(words, dtype=torch.bool)
    latest = torch.full((words,), torch.inf)  # what each deletion did when it was last tried
    share = words if steps < 2 else max(1, (budget - words) // (steps - 1))
    for step in range(min(steps, words)):
        left = (~removed).nonzero()[:, 0]
        tried = left if step == 0 else left[latest[left].argsort(descending=True, stable=True)]
        tried = tried[: words if step == 0 else share].sort().values
        cases = removed.repeat(len(tried), 1)
        cases[torch.arange(len(tried)), tried] = True
        scores = torch.cat(
            [
                score(batch.rows(torch.zeros(len(part), dtype=torch.long)), part)
                for part in cases.split(batch_size)
            ]
        )
        latest[tried] = gain(scores[None])[0].cpu().float()
        word = int(tried[latest[tried].argmax()])
        order[step] = word
        removed[word] = True
    return order
