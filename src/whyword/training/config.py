"""The settings with which a network is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyword.errors import InputError
from whyword.models.checks import number, shown, whole, yes_or_no
from whyword.training.class_weights import ClassWeights, checked_class_weights

EPOCHS, BATCH_SIZE, VALIDATION = 10, 32, 0.1
"""What is used where a setting is None and the corpus does not decide it."""

_MOST_SEED = 2**32 - 1
"""The largest seed that all of numpy, torch, gensim and scikit-learn take."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings with which a network is trained.

    Settings that are None depend on the corpus: see `whyword.training.plan`. Where nothing plans,
    they are `EPOCHS`, `BATCH_SIZE`, `VALIDATION`, and fixed vectors.

    Attributes:
        epochs: Most passes over the training documents.
        batch_size: Documents in each step.
        optimizer: ``"adamw"``, or the paper's ``"sgd"`` with momentum and l2 penalty.
        learning_rate: Learning rate at the start; it falls to zero along a cosine.
        vector_rate: Learning rate of the word vectors, as a multiple of ``learning_rate``; with 0
            they are fixed.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of either optimiser.
        label_smoothing: Share of the probability spread over all classes.
        class_weights: Weights of the classes in the loss: ``"balanced"``, a number for each name of
            a class (1 for the others), or None; see `whyword.training.class_weights`.
        validation: Share of each class's documents held out for choosing the epoch.
        minutes: Time for the whole training, about; None for as long as it takes. The model then
            depends on how fast the machine is.
        patience: Stop after this many epochs without a better validation accuracy; None never.
        refit: Whether to train again on all documents, the held out ones included, for the number
            of epochs that was best.
        seed: Seed of initial weights, order, dropout, and of a random validation part.
        suppress: Words that the model is to ignore, in lower case; see
            `whyword.training.suppression`.
        suppress_penalty: Weight of the penalty on what these words add to the scores; 0 merely
            deletes them.

    Raises:
        InputError: If a setting is of another type, or out of its range.
    """

    epochs: int | None = None
    batch_size: int | None = None
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    vector_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    class_weights: ClassWeights = None
    validation: float | None = None
    minutes: float | None = None
    patience: int | None = None
    refit: bool = True
    seed: int = 0
    suppress: tuple[str, ...] = ()
    suppress_penalty: float = 10.0

    def __post_init__(self) -> None:
        if self.optimizer not in ("adamw", "sgd"):
            raise InputError(f"Got optimizer {shown(self.optimizer)}; expected adamw or sgd.")
        checked = {
            "epochs": None if self.epochs is None else whole("epochs", self.epochs),
            "batch_size": (
                None if self.batch_size is None else whole("batch_size", self.batch_size)
            ),
            "learning_rate": number("learning_rate", self.learning_rate, above=0),
            "vector_rate": (
                None
                if self.vector_rate is None
                else number("vector_rate", self.vector_rate, least=0)
            ),
            "momentum": number("momentum", self.momentum, least=0, below=1),
            "weight_decay": number("weight_decay", self.weight_decay, least=0),
            "label_smoothing": number("label_smoothing", self.label_smoothing, least=0, below=1),
            "class_weights": checked_class_weights(self.class_weights),
            "validation": (
                None if self.validation is None else checked_validation(self.validation)
            ),
            "minutes": None if self.minutes is None else number("minutes", self.minutes, above=0),
            "patience": None if self.patience is None else whole("patience", self.patience),
            "refit": yes_or_no("refit", self.refit),
            "seed": checked_seed(self.seed),
            "suppress": _words("suppress", self.suppress),
            "suppress_penalty": number("suppress_penalty", self.suppress_penalty, least=0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # numpy's numbers as Python's, which JSON knows


def checked_validation(value: object) -> float:
    """Check the share of the documents that are held out for validation.

    Raises:
        InputError: If it is not a number between 0 and 1.
    """
    return number("validation", value, above=0, below=1)


def checked_seed(value: object) -> int:
    """Check a seed: all libraries have to take it.

    Raises:
        InputError: If one of them does not.
    """
    return whole("seed", value, least=0, most=_MOST_SEED)


def _words(name: str, value: object) -> tuple[str, ...]:
    """Return the words in lower case.

    Raises:
        InputError: If they are not words.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"Got {name} {shown(value)}; expected a list of words.")
    for word in value:
        if not isinstance(word, str) or not word or word != word.lower():
            raise InputError(f"Got {shown(word)} among {name}; expected words in lower case.")
    return tuple(value)
