"""The state of a training run, and the checkpoint: the file that keeps it if the run is killed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from whyword.data.arrays import Bools, Ints, Singles
from whyword.data.digests import digest, digest_of_vectors
from whyword.data.files import whole
from whyword.data.run_folder import FORMAT, refuse_another
from whyword.errors import InputError
from whyword.models.base import NetworkClassifier, WordClassifier
from whyword.text import Document
from whyword.training.config import TrainingConfig

FILE = "checkpoint.safetensors"
RIGHT = "right"


@dataclass
class History:
    """The history of a run, epoch by epoch, which is part of the checkpoint.

    Attributes:
        validation_accuracy: Quality on the validation part after every epoch: accuracy, unless the
            `whyword.training.objective` is another.
        loss: Mean loss over the documents in every epoch.
        refit_loss: The same, when all documents were trained on again.
        seconds: Time that all epochs took, in all attempts.
    """

    validation_accuracy: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    refit_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """The number of epochs after which the quality was highest (first of equals)."""
        return int(np.argmax(self.validation_accuracy)) + 1


@dataclass
class State:
    """How far a run has come.

    Attributes:
        phase: ``"train"``, or ``"refit"``.
        epoch: Number of epochs of this phase that are done.
        history: The history so far.
        best: The weights of the best epoch, by name.
        right: How right each decision on the validation part was, after every epoch,
            ``(document,)`` each; see `whyword.training.objective.Objective.right`.
    """

    phase: str = "train"
    epoch: int = 0
    history: History = field(default_factory=History)
    best: dict[str, Tensor] = field(default_factory=dict)
    right: list[Singles] = field(default_factory=list)


def identity_of(
    model: NetworkClassifier,
    documents: Sequence[Document],
    labels: Ints | Bools,
    config: TrainingConfig,
    order: Mapping[str, int],
) -> dict[str, Any]:
    """Describe all that decides the result of a run, as JSON values, with digests of contents.

    Args:
        model: The untrained model.
        documents: The training documents.
        labels: ``(document,)`` int64 classes, or ``(document, label)`` bool labels.
        config: The settings of the training.
        order: Whether the documents of each class stand in order of time (``chronological``), and
            how many at the end are the development part (``development``).
    """
    vectors = model.vectors if isinstance(model, WordClassifier) else None
    return {
        **asdict(config),
        "kind": model.kind,
        "settings": model.settings(),
        "classes": list(model.classes),
        "documents": digest(_parts(documents)),
        "labels": digest([labels.astype(np.int64)]),
        **order,
        "vectors": None if vectors is None else digest_of_vectors(vectors),
    }


def save_checkpoint(
    directory: Path,
    identity: dict[str, Any],
    state: State,
    model: NetworkClassifier,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the whole state at once: a kill leaves the last checkpoint or this one, never half.

    Raises:
        InputError: If the checkpoint cannot be written.
    """
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    if state.right:
        tensors[RIGHT] = torch.from_numpy(np.stack(state.right))
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in values.items() if v is not None}
    about = {
        "identity": {"format": FORMAT, **identity},
        "phase": state.phase,
        "epoch": state.epoch,
        "history": asdict(state.history),
    }
    with whole(directory / FILE) as draft:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            draft,
            metadata={"state": json.dumps(about)},
        )


def resume(
    directory: Path,
    identity: dict[str, Any],
    model: NetworkClassifier,
    optimizer: torch.optim.Optimizer,
) -> State:
    """Read the state of the run in a folder, and put its weights into model and optimiser.

    Returns:
        The state; without a checkpoint that of a run that begins.

    Raises:
        InputError: If the checkpoint belongs to another run, does not say to which, or is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return State()
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("state", "{}"))
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {error}. Remove it to train from the beginning."
        ) from error
    refuse_another(path, about.get("identity"), identity)
    model.load_state_dict(_part(tensors, "model."))
    saved = optimizer.state_dict()
    saved["state"] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        index, key = name.split(".", 1)
        saved["state"].setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(saved)
    history = History(**about["history"])
    right = list(tensors[RIGHT].numpy()) if RIGHT in tensors else []
    return State(about["phase"], about["epoch"], history, _part(tensors, "best."), right)


def _parts(documents: Sequence[Document]) -> Iterator[str | Ints]:
    """Yield texts and tokens, document by document."""
    for document in documents:
        yield document.text
        yield np.fromiter(chain.from_iterable(document.spans), dtype=np.int64)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
