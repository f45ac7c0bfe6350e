"""Training: one configuration, one loop, the best epoch by validation accuracy.

Every epoch draws its order and its dropout from (seed, epoch) alone, and ends in a checkpoint, so a
run that was killed goes on as if it had not been.
"""

import json
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from whyword.classifier import predict
from whyword.data.arrays import Ints
from whyword.data.files import whole
from whyword.errors import InputError
from whyword.models.base import NetworkClassifier
from whyword.progress import OnProgress, Progress
from whyword.text import Document
from whyword.training.suppression import scores_and_penalty


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
        InputError: If a number is out of its range.
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
        rules = {
            "epochs >= 1": self.epochs >= 1,
            "batch_size >= 1": self.batch_size >= 1,
            "learning_rate > 0": self.learning_rate > 0,
            "0 < validation < 1": 0 < self.validation < 1,
            "optimizer adamw or sgd": self.optimizer in ("adamw", "sgd"),
            "suppress_penalty >= 0": self.suppress_penalty >= 0,
        }
        if broken := [rule for rule, holds in rules.items() if not holds]:
            raise InputError(f"Cannot train with {self}: expected {' and '.join(broken)}.")


@dataclass
class History:
    """What happened in a run, epoch by epoch; survives in the checkpoint."""

    validation_accuracy: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    refit_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """Number of epochs after which validation accuracy was highest (the first of equals)."""
        return int(np.argmax(self.validation_accuracy)) + 1


def split(labels: Ints, share: float, *, chronological: bool, seed: int = 0) -> tuple[Ints, Ints]:
    """Training and validation part, class by class.

    Args:
        labels: ``(document,)``.
        share: Of each class's documents; every class keeps at least one for training.
        chronological: Hold out the last documents of each class: the test documents of a corpus
            split by date are later still, and threads do not straddle the cut. Otherwise random.
        seed: Of the random choice.

    Returns:
        Ints for training and for validation, ascending.

    Raises:
        InputError: If no document is left for validation.
    """
    rng = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if not chronological:
            members = rng.permutation(members)
        count = min(max(round(len(members) * share), 1), len(members) - 1)
        held_out += members[len(members) - count :].tolist()
    validation = np.array(sorted(held_out), dtype=np.int64)
    if not len(validation):
        raise InputError(
            f"Got {len(labels)} documents; expected at least two of some class, one to train on "
            "and one to validate."
        )
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def train(
    build: Callable[[], NetworkClassifier],
    documents: Sequence[Document],
    labels: Ints,
    config: TrainingConfig,
    directory: str | Path,
    *,
    chronological: bool = False,
    progress: OnProgress | None = None,
) -> tuple[NetworkClassifier, History]:
    """Train a model, or go on with the run in ``directory``.

    Args:
        build: Makes the untrained model; called under the configuration's seed.
        documents: The training documents.
        labels: ``(document,)`` int64.
        config: How to train.
        directory: Holds the checkpoint.
        chronological: See `split`.
        progress: Called after every step with the phase (``"train"`` or ``"refit"``), the steps
            done, the steps in all, and the latest numbers.

    Returns:
        The model of the best epoch (or refitted), in evaluation mode, and the history.

    Raises:
        InputError: If the directory's checkpoint belongs to another configuration.
    """
    run = _Run(build, documents, labels, config, Path(directory), progress)
    chosen, held_out = split(
        labels, config.validation, chronological=chronological, seed=config.seed
    )
    run.fit("train", chosen, config.epochs, held_out)
    if config.refit:
        run.fit("refit", np.arange(len(labels)), run.history.best_epoch, None)
    return run.result(), run.history


def peak_memory() -> int:
    """Most memory that this process has held so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Run:
    """State of a run: what the checkpoint holds, and the loop that changes it."""

    def __init__(
        self,
        build: Callable[[], NetworkClassifier],
        documents: Sequence[Document],
        labels: Ints,
        config: TrainingConfig,
        directory: Path,
        progress: OnProgress | None,
    ) -> None:
        self.build, self.documents, self.labels = build, documents, labels
        self.config, self.directory, self.progress = config, directory, progress
        self.history = History()
        self.phase, self.epoch = "train", 0
        self.best: dict[str, Tensor] = {}
        self._start()
        self._resume()

    def _start(self) -> None:
        """A fresh model and optimiser, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            self.model = self.build()
        config, parameters = self.config, self.model.parameters()
        self.optimizer: torch.optim.Optimizer
        if config.optimizer == "adamw":
            self.optimizer = torch.optim.AdamW(
                parameters, lr=config.learning_rate, weight_decay=config.weight_decay
            )
        else:
            self.optimizer = torch.optim.SGD(
                parameters,
                lr=config.learning_rate,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
            )

    def fit(self, phase: str, chosen: Ints, epochs: int, held_out: Ints | None) -> None:
        """Epochs of one phase; with held-out documents the best epoch is kept and may end it."""
        if phase == "train" and self.phase == "refit":
            return  # done before the checkpoint that was resumed
        if phase != self.phase:
            self.phase, self.epoch = phase, 0
            self._start()
        while self.epoch < epochs and not (held_out is not None and self._exhausted()):
            started = time.perf_counter()
            loss = self._epoch(chosen, epochs)
            self.epoch += 1
            if held_out is None:
                self.history.refit_loss.append(loss)
            else:
                self.history.loss.append(loss)
                self.history.validation_accuracy.append(self._accuracy(held_out))
                if self.history.best_epoch == self.epoch:
                    self.best = _copy(self.model)
            self.history.seconds += time.perf_counter() - started
            self._checkpoint()

    def result(self) -> NetworkClassifier:
        """The trained model."""
        if not self.config.refit:
            self.model.load_state_dict(self.best)
        return self.model.eval()

    def _exhausted(self) -> bool:
        patience = self.config.patience
        return (
            patience is not None
            and bool(self.history.validation_accuracy)
            and (self.epoch - self.history.best_epoch >= patience)
        )

    def _epoch(self, chosen: Ints, epochs: int) -> float:
        """One pass; returns the mean loss per document."""
        config, total = self.config, 0.0
        order = np.random.default_rng((config.seed, self.epoch)).permutation(chosen)
        steps = math.ceil(len(order) / config.batch_size)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed + 1_000_003 * (self.epoch + 1))
            for step in range(steps):
                rows = order[step * config.batch_size : (step + 1) * config.batch_size]
                done = self.epoch * steps + step
                rate = 0.5 * (1 + math.cos(math.pi * done / (config.epochs * steps)))
                for group in self.optimizer.param_groups:
                    group["lr"] = config.learning_rate * rate
                total += self._step(rows) * len(rows)
                if self.progress:
                    self.progress(Progress(self.phase, done + 1, epochs * steps, self._latest()))
        self.model.eval()
        return total / len(order)

    def _step(self, rows: Ints) -> float:
        batch = self.model.encode([self.documents[i] for i in rows])
        labels = torch.from_numpy(self.labels[rows]).to(batch.ids.device)
        logits, penalty = scores_and_penalty(self.model, batch, self.config.suppress)
        loss = cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        loss = loss + self.config.suppress_penalty * penalty
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _accuracy(self, rows: Ints) -> float:
        scores = predict(self.model, [self.documents[i] for i in rows])
        return float(np.mean(scores.argmax(axis=1) == self.labels[rows]))

    def _latest(self) -> dict[str, float]:
        history = self.history
        return {
            "epoch": self.epoch + 1,
            **({"loss": history.loss[-1]} if history.loss else {}),
            **({"validation": max(history.validation_accuracy)} if history.loss else {}),
        }

    def _identity(self) -> dict[str, Any]:
        config = asdict(self.config)
        if not self.config.suppress:  # as in checkpoints from before there was such a thing
            del config["suppress"], config["suppress_penalty"]
        return {
            **config,
            "documents": len(self.documents),
            "kind": self.model.kind,
            "settings": self.model.settings(),
        }

    def _checkpoint(self) -> None:
        """Write everything at once: a kill leaves the last checkpoint or this one, never a half."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items() if v is not None}
        self.directory.mkdir(parents=True, exist_ok=True)
        state = {
            "identity": self._identity(),
            "phase": self.phase,
            "epoch": self.epoch,
            "history": asdict(self.history),
        }
        with whole(self.directory / "checkpoint.safetensors") as draft:
            save_file(
                {name: tensor.contiguous() for name, tensor in tensors.items()},
                draft,
                metadata={"state": json.dumps(state)},
            )

    def _resume(self) -> None:
        from safetensors import safe_open

        path = self.directory / "checkpoint.safetensors"
        if not path.exists():
            return
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
        if state["identity"] != json.loads(json.dumps(self._identity())):
            raise InputError(
                f"{path} belongs to a run with other settings: {state['identity']}. Choose another "
                "folder, or remove the checkpoint."
            )
        tensors = load_file(path)
        self.model.load_state_dict(_part(tensors, "model."))
        self.best = _part(tensors, "best.")
        saved = self.optimizer.state_dict()
        saved["state"] = {}
        for name, tensor in _part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            saved["state"].setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(saved)
        self.phase, self.epoch = state["phase"], state["epoch"]
        self.history = History(**state["history"])


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
