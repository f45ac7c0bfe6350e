"""Which documents are learned from and which validate: a share is held out, or a part is given."""

from dataclasses import dataclass

import numpy as np

from whyword.data.arrays import Bools, Ints
from whyword.data.corpora import Corpus
from whyword.errors import InputError
from whyword.training.stratification import split_labels
from whyword.training.validation import split


@dataclass(frozen=True, eq=False)
class Parts:
    """The documents of a training, as indices into all of them, ascending.

    Attributes:
        learned: Those learned from while the others choose the epochs or the penalty.
        held_out: Those that choose.
        final: Those learned from when that is chosen: all but a development part that was given.
    """

    learned: Ints
    held_out: Ints
    final: Ints

    @property
    def refits(self) -> bool:
        """Whether there are documents to learn from once the choice is made."""
        return len(self.final) > len(self.learned)


def parts_of(
    labels: Ints | Bools,
    share: float,
    *,
    chronological: bool,
    seed: int = 0,
    development: int = 0,
) -> Parts:
    """Divide documents into those that are learned from and those that validate.

    Args:
        labels: The classes ``(document,)`` or labels ``(document, label)`` of all documents, those
            of the development part at the end.
        share: Share of each class's documents to hold out, if there is no development part.
        chronological: Whether to hold out the last documents of each class; see `split`.
        seed: Seed of the random choice.
        development: Number of documents in the development part; 0 if none was given.

    Raises:
        InputError: If no document is left for either part.
    """
    every = np.arange(len(labels))
    if not development:
        if labels.ndim == 2:
            divided = split_labels(
                labels.astype(bool), share, chronological=chronological, seed=seed
            )
        else:
            divided = split(labels.astype(np.int64), share, chronological=chronological, seed=seed)
        learned, held_out = divided
        return Parts(learned, held_out, every)
    learned, held_out = every[:-development], every[-development:]
    return Parts(learned, held_out, learned)


def joined(corpus: Corpus, development: Corpus | None) -> Corpus:
    """The training documents, and after them those of the development part.

    Args:
        corpus: The training documents.
        development: The development part; None if none was given.

    Raises:
        InputError: If the development part is empty, or has classes that the training documents
            have not, or one part has labels and the other has not.
    """
    if development is None:
        return corpus
    if not len(development):
        raise InputError("The development part has no documents; expected some.")
    if corpus.multilabel != development.multilabel:
        one, several = "one class for each document", "labels, of which a document has any number"
        raise InputError(
            f"The training documents have {several if corpus.multilabel else one}, the development "
            f"part has {several if development.multilabel else one}; expected the same."
        )
    if unknown := sorted(set(development.classes) - set(corpus.classes)):
        raise InputError(
            f"The development part has classes that the training documents have not: {unknown}."
        )
    same = Corpus.label_matrix_in if corpus.multilabel else Corpus.labels_in
    return Corpus(
        corpus.texts + development.texts,
        np.concatenate([corpus.labels, same(development, corpus.classes)]),
        corpus.classes,
        corpus.names + development.names,
        corpus.chronological,
    )
