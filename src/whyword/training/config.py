"""How a network is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyword.data.expected import (
    FLAG,
    SEED,
    SHARE,
    Expected,
    check,
    integer,
    number,
    one_of,
    optional,
)


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: Most passes over the training documents.
        batch_size: Documents per step.
        optimizer: ``"adamw"``, or the paper's ``"sgd"`` with momentum and l2 penalty.
        learning_rate: At the start; it falls to zero along a cosine.
        momentum: Of SGD.
        weight_decay: Of either optimiser.
        label_smoothing: Share of the probability spread over all classes.
        validation: Share of each class's documents held out for choosing the epoch.
        patience: Stop after this many epochs without a better validation accuracy; None never.
        refit: Train again on all documents, the held out ones included, for the number of epochs
            that was best.
        seed: Of initial weights, order, dropout, and of a random validation part.
        suppress: Words that the model shall ignore, in lower case; see `suppression`.
        suppress_penalty: Weight of what they add to the scores; 0 merely deletes them.

    Raises:
        InputError: If a setting is of another type, or out of its range.
    """

    epochs: int = 10
    batch_size: int = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    validation: float = 0.1
    patience: int | None = None
    refit: bool = True
    seed: int = 0
    suppress: tuple[str, ...] = ()
    suppress_penalty: float = 10.0

    def __post_init__(self) -> None:
        check(vars(self), EXPECTED)


def _in_lower_case(words: object) -> bool:
    return (
        isinstance(words, Sequence)
        and not isinstance(words, str)
        and all(isinstance(word, str) and word and word == word.lower() for word in words)
    )


VALIDATION = number(above=0, below=1)
"""What a share of the documents that validate may be."""

EXPECTED = {
    "epochs": integer(1),
    "batch_size": integer(1),
    "optimizer": one_of("adamw", "sgd"),
    "learning_rate": number(above=0),
    "momentum": SHARE,
    "weight_decay": number(0),
    "label_smoothing": SHARE,
    "validation": VALIDATION,
    "patience": optional(integer(1)),
    "refit": FLAG,
    "seed": SEED,
    "suppress": Expected("a sequence of words in lower case", _in_lower_case),
    "suppress_penalty": number(0),
}
"""What each setting may be."""
