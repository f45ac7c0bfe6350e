"""Training that makes a model ignore words: those that an audit found, or that its user names.

The paper suggests as future work to improve a model by relevance. Deleting the words from the
training documents is not enough. The model has then never seen them; where they do occur, it still
reads them, by whatever direction their vectors happen to have. So the documents are learned without
the words, and what the words add to the scores is penalised, under the same dropout:

    loss = cross entropy(f(x without words)) + penalty · mean (f(x) − f(x without words))²

The difference is the words' relevance by occlusion, for all classes at once; after "right for the
right reasons" (Ross, Hughes and Doshi-Velez 2017), which penalises gradients.
"""

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.models.base import NetworkClassifier
from whyword.removal import removed_positions


def scores_and_penalty(
    model: NetworkClassifier, batch: Batch, words: Collection[str]
) -> tuple[Tensor, Tensor]:
    """Score documents without some words, and measure how much the words would change the scores.

    Args:
        model: The model, in training mode.
        batch: The encoded documents.
        words: The words, in lower case.

    Returns:
        ``(batch, class)`` scores, and the mean square of the change over classes and the documents
        that have such a word; 0 if none has.
    """
    hidden = hidden_positions(batch, words)
    if not hidden.any():
        scores = model(batch)
        return scores, scores.new_zeros(())
    state = torch.get_rng_state()
    scores = model(replace(batch, ids=batch.ids.masked_fill(hidden, model.unknown_id)))
    torch.set_rng_state(state)  # the same dropout, so that the words alone make the difference
    change = model(batch) - scores
    return scores, change[hidden.any(dim=1)].square().mean()


def hidden_positions(batch: Batch, words: Collection[str]) -> Tensor:
    """Mark the positions of the words: ``(batch, position)``, True where one of them stands."""
    longest = max(map(len, batch.documents), default=0)
    found = torch.zeros(len(batch), longest, dtype=torch.bool)
    if words:
        for row, document in zip(found, batch.documents, strict=True):
            row[: len(document)] = torch.tensor([word.lower() in words for word in document.words])
    return removed_positions(batch, found)
