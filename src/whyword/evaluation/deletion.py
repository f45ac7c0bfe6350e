"""Word deletion: delete words in the order of their relevance, and watch the scores.

Arras et al. 2016, section 3.3: accuracy after 0 to 50 deletions, in decreasing order of relevance
for documents that were classified correctly, in increasing order for the others. Insertion begins
with all words deleted, and puts them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.classifier import Classifier, FollowsDeletions, refuse_labels
from whyword.data.arrays import Bools, Floats, Ints, Singles
from whyword.errors import InputError
from whyword.evaluation.documents import for_batches
from whyword.progress import OnProgress
from whyword.removal import replacement, scores_without
from whyword.text import Document

STEPS = 50
"""The number of deletions in the paper."""


def deletion_order(relevance: Floats, *, steps: int = STEPS, decreasing: bool = True) -> Ints:
    """Order words by relevance ``(word,)``: ``(step,)`` the word to delete; -1 when none is left.

    Of words with equal relevance the one that stands first in the text goes first, in either order.

    Example:
        >>> deletion_order(np.array([1.0, 3.0, 1.0]), steps=4).tolist()
        [1, 0, 2, -1]
        >>> deletion_order(np.array([1.0, 3.0, 1.0]), steps=4, decreasing=False).tolist()
        [0, 2, 1, -1]
    """
    order = np.full(steps, -1)
    found = np.argsort(-relevance if decreasing else relevance, kind="stable")[:steps]
    order[: len(found)] = found
    return order


def random_orders(
    words: Sequence[int], *, runs: int = 10, steps: int = STEPS, seed: int = 0
) -> Ints:
    """Draw random orders ``(run, document, step)``, for documents with these numbers of words.

    A document's order depends only on the seed, its run and its place among the documents.
    """
    orders = np.full((runs, len(words), steps), -1)
    for run in range(runs):
        for document, size in enumerate(words):
            found = np.random.default_rng((seed, run, document)).permutation(size)[:steps]
            orders[run, document, : len(found)] = found
    return orders


@dataclass(frozen=True, eq=False)
class Curves:
    """The predictions for each document after each deletion, for one or more orders of deletion.

    Attributes:
        predicted: ``(order, document, step + 1)`` the predicted class, the first of equals; at step
            0 nothing is deleted (with insertion: everything).
        true_probability: The same shape: the probability (softmax) of the true class.
        target_probability: The same shape: the probability of the class explained.
        labels: ``(document,)`` the true classes.
    """

    predicted: Ints
    true_probability: Singles
    target_probability: Singles
    labels: Ints

    def of(self, orders: slice) -> "Curves":
        """Return the curves of some of the orders."""
        return Curves(
            self.predicted[orders],
            self.true_probability[orders],
            self.target_probability[orders],
            self.labels,
        )

    @property
    def correct(self) -> Bools:
        """``(order, document, step + 1)``: whether the prediction is the true class."""
        found: Bools = self.predicted == self.labels[:, None]
        return found

    @property
    def accuracy(self) -> Floats:
        """``(order, step + 1)``: the share of documents whose prediction is the true class."""
        found: Floats = self.correct.mean(axis=1)
        return found


def curves(
    classifier: Classifier,
    documents: Sequence[Document],
    orders: Ints,
    *,
    labels: Ints,
    targets: Ints | None = None,
    operator: str = "zero",
    reference: Tensor | None = None,
    insertion: bool = False,
    fast: bool = True,
    batch_size: int = 8,
    progress: OnProgress | None = None,
) -> Curves:
    """Delete words in the given orders, and record the predictions after each deletion.

    Args:
        classifier: The model.
        documents: The texts with their tokens.
        orders: ``(order, document, step)`` words as `deletion_order` gives them, none twice; -1 for
            no deletion: when all words are gone, the curve stays flat.
        labels: ``(document,)`` the true classes.
        targets: ``(document,)`` the classes explained, by default the true ones.
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        reference: ``(dimension,)`` the vector that the operator "mean" puts in the place of words;
            by default the mean of the vocabulary.
        insertion: Whether to begin with all words deleted, and put them back in this order.
        fast: Whether to use the classifier's faster way, if it has one (`FollowsDeletions`). It
            adds up the same terms in another order, so predictions can differ only where two
            classes are as close as that rounding.
        batch_size: Documents at a time; without the faster way eight times as many changed ones.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If shapes disagree, a word is not in its document, there is no such operator, or
            the classifier gives labels.
    """
    _check(documents, orders, labels)
    refuse_labels(classifier, "A curve of predictions")
    targets = labels if targets is None else targets
    runs, size, steps = orders.shape
    shape = (runs, size, steps + 1)
    predicted = np.zeros(shape, np.int64)
    of_true, of_target = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    vector = None
    if fast and isinstance(classifier, FollowsDeletions):
        vector = replacement(classifier, operator, reference)

    def follow(chosen: list[int]) -> None:
        batch = classifier.encode([documents[i] for i in chosen])
        part = torch.from_numpy(orders[:, chosen])
        if vector is not None and isinstance(classifier, FollowsDeletions):
            scores = classifier.scores_along(
                batch, part.to(batch.ids.device), replacement=vector, insertion=insertion
            )
        else:
            scores = plain_scores_along(
                classifier,
                batch,
                part,
                operator=operator,
                reference=reference,
                insertion=insertion,
                batch_size=8 * batch_size,
            )
        scores = scores.cpu()
        probability = scores.softmax(dim=3).numpy()
        predicted[:, chosen] = scores.argmax(dim=3).numpy()
        row = np.arange(len(chosen))
        of_true[:, chosen] = probability[:, row, :, labels[chosen]].swapaxes(0, 1)
        of_target[:, chosen] = probability[:, row, :, targets[chosen]].swapaxes(0, 1)

    for_batches(
        follow,
        documents,
        batch_size=batch_size,
        parallel=vector is not None,
        phase="deleting",
        progress=progress,
    )
    return Curves(predicted, of_true, of_target, labels)


@torch.no_grad()
def plain_scores_along(
    classifier: Classifier,
    batch: Batch,
    orders: Tensor,
    *,
    operator: str = "zero",
    reference: Tensor | None = None,
    insertion: bool = False,
    batch_size: int = 64,
) -> Tensor:
    """Compute class scores after each step by forward passes: ``(order, batch, step + 1, class)``.

    Arguments and errors are those of `curves`; ``batch_size`` counts changed documents.
    """
    runs, size, steps = orders.shape
    words = max(1, *(len(document) for document in batch.documents))
    # The last column takes the -1 of steps without a deletion, and is dropped afterwards.
    gone = torch.zeros(runs, size, steps + 1, words + 1, dtype=torch.bool)
    gone[:, :, 1:].scatter_(3, orders.masked_fill(orders < 0, words)[..., None], True)
    gone = gone.cummax(dim=2).values[..., :words]
    if insertion:
        gone = ~gone
    cases = gone.reshape(-1, words)
    rows = torch.arange(size)[None, :, None].expand(runs, size, steps + 1).reshape(-1)
    found = [
        scores_without(
            classifier,
            batch.rows(rows[start : start + batch_size]),
            cases[start : start + batch_size],
            operator=operator,
            reference=reference,
        )
        for start in range(0, len(rows), batch_size)
    ]
    return torch.cat(found).view(runs, size, steps + 1, -1)


def _check(documents: Sequence[Document], orders: Ints, labels: Ints) -> None:
    if orders.ndim != 3 or orders.shape[1] != len(documents) or len(labels) != len(documents):
        raise InputError(
            f"Got orders of the shape {orders.shape} and {len(labels)} labels for "
            f"{len(documents)} documents; expected (order, {len(documents)}, step)."
        )
    lengths = np.array([len(document) for document in documents])
    if (orders >= lengths[:, None]).any() or (orders < -1).any():
        bad = int(np.argmax(((orders >= lengths[:, None]) | (orders < -1)).any(axis=(0, 2))))
        raise InputError(
            f"The order of document {bad} names words that it does not have; it has "
            f"{lengths[bad]}, counted from 0."
        )
