"""The greedy oracle: a search that deletes, at each step, the one word whose deletion does most.

It looks at the model again after every deletion, which no ranking made beforehand can. So it shows
how far a ranking could go; but a greedy search is not optimal, and a ranking may pass it.

Its objective is the margin: the target's score less the highest of the others. A prediction is
right if the margin of the true class is positive. On 300 training documents of 20 Newsgroups the
search by margin was stronger than by probability and by the score alone: mean accuracy .40, .42,
.49 where the word CNN is right (lower is stronger); .94, .89, .63 where it is wrong (higher is).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.classifier import Classifier, SearchesGreedily, refuse_labels
from whyword.data.arrays import Bools, Ints
from whyword.errors import InputError
from whyword.evaluation.deletion import STEPS
from whyword.evaluation.documents import for_batches
from whyword.progress import OnProgress
from whyword.removal import replacement, scores_without
from whyword.text import Document

Objective = Literal["margin", "probability", "score"]

GONE = -torch.inf
BUDGET = 2000
"""Changed documents that are scored per document, where the classifier has no faster way."""


@dataclass(frozen=True)
class Gain:
    """What the search maximises: a number for the class scores after each possible deletion.

    Attributes:
        targets: ``(batch,)`` the target classes, whose scores are lowered or raised.
        lower: ``(batch,)`` True to lower the target's score, False to raise it.
        objective: ``"margin"``: the target's score less the highest of the others, which decides
            about the prediction; ``"probability"``: its softmax; ``"score"``: the score alone.
    """

    targets: Tensor
    lower: Tensor
    objective: Objective = "margin"

    def __call__(self, scores: Tensor) -> Tensor:
        """Compute the gain ``(batch, word)`` of scores ``(batch, word, class)``."""
        index = self.targets[:, None, None].expand(-1, scores.shape[1], 1)
        own = scores.gather(2, index)[..., 0]
        if self.objective == "margin":
            own = own - scores.scatter(2, index, GONE).amax(dim=2)
        elif self.objective == "probability":
            # As log odds, since in float32 a probability near 1 does not move.
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
    """Search greedily for the words to delete: ``(document, step)``; -1 when none is left.

    On the word CNN the search is exact. For other models the first step scores every word's
    deletion; each later step scores as many of the words whose deletion did most when it was last
    tried as the budget allows.

    Args:
        classifier: The model.
        documents: The texts with their tokens.
        targets: ``(document,)`` the target classes, whose scores are lowered or raised.
        lower: ``(document,)`` True to lower the target's score, False to raise it.
        steps: Number of deletions.
        objective: What is lowered or raised; see `Gain`.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        reference: ``(dimension,)`` the vector that the operator "mean" puts in the place of words;
            by default the mean of the vocabulary.
        fast: Whether to use the classifier's faster way, if it has one (`SearchesGreedily`).
        budget: Changed documents that are scored for each document, without the faster way; at
            least one is tried at each step.
        batch_size: Documents at a time; without the faster way eight times as many changed ones.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If there is no such objective or operator, or it takes more than one class,
            or classes that are no labels.
    """
    if objective not in get_args(Objective):
        raise InputError(
            f'Got the objective "{objective}"; expected one of: {", ".join(get_args(Objective))}.'
        )
    if objective != "score" and len(classifier.classes) < 2:
        raise InputError(
            f"The model has {len(classifier.classes)} class, and no others that a {objective} "
            'could be to; expected the objective "score".'
        )
    if objective != "score":
        refuse_labels(classifier, f"The objective {objective}")
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
        phase="searching",
        progress=progress,
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
    """Search for the words to delete from one document: ``(step,)``."""
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
