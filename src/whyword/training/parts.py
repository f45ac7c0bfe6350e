"""Which documents are learned from and which validate: a share is held out, or a part is given."""

from dataclasses import dataclass

import numpy as np

from whyword.data.arrays import Ints
from whyword.data.corpora import Corpus
from whyword.errors import InputError
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
    labels: Ints, share: float, *, chronological: bool, seed: int = 0, development: int = 0
) -> Parts:
    """Divide documents into those that are learned from and those that validate.

    Args:
        labels: The labels of all documents, those of the development part at the end.
        share: Share of each class's documents to hold out, if there is no development part.
        chronological: Whether to hold out the last documents of each class; see `split`.
        seed: Seed of the random choice.
        development: Number of documents in the development part; 0 if none was given.

    Raises:
        InputError: If no document is left for either part.
    """
    every = np.arange(len(labels))
    if not development:
        learned, held_out = split(labels, share, chronological=chronological, seed=seed)
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
            have not.
    """
    if development is None:
        return corpus
    if not len(development):
        raise InputError("The development part has no documents; expected some.")
    if unknown := sorted(set(development.classes) - set(corpus.classes)):
        raise InputError(
            f"The development part has classes that the training documents have not: {unknown}."
        )
    return Corpus(
        corpus.texts + development.texts,
        np.concatenate([corpus.labels, development.labels_in(corpus.classes)]),
        corpus.classes,
        corpus.names + development.names,
        corpus.chronological,
    )
