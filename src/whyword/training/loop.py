"""The training loop: epochs, the best of them by the validation part, and a refit.

Every epoch draws its order and its dropout from (seed, epoch) alone, and ends with a checkpoint, so
a run that was killed goes on as if it had not been.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whyword.classifier import predict
from whyword.data.arrays import Bools, Ints, Reals
from whyword.data.files import make_folder
from whyword.data.run_folder import locked
from whyword.models.base import NetworkClassifier, WordClassifier
from whyword.progress import OnProgress, Progress
from whyword.text import Document
from whyword.training.checkpoint import History, identity_of, resume, save_checkpoint
from whyword.training.clock import Clock
from whyword.training.config import BATCH_SIZE, EPOCHS, VALIDATION, TrainingConfig
from whyword.training.objective import Objective
from whyword.training.parts import Parts, parts_of
from whyword.training.suppression import scores_and_penalty
from whyword.training.thresholds import fold, thresholds_of
from whyword.training.validation import Validated


def train(
    build: Callable[[], NetworkClassifier],
    documents: Sequence[Document],
    labels: Ints | Bools,
    config: TrainingConfig,
    directory: str | Path,
    *,
    chronological: bool = False,
    development: int = 0,
    seconds: float | None = None,
    progress: OnProgress | None = None,
) -> tuple[NetworkClassifier, History, Validated]:
    """Train a model, or go on with the run in ``directory``.

    Args:
        build: Function that makes the untrained model; it is called under the configuration's seed.
        documents: The training documents.
        labels: ``(document,)`` int64 classes; ``(document, label)`` bool if the model gives labels.
        config: The settings of the training.
        directory: Folder of the checkpoint; made if need be.
        chronological: Whether to hold out the last documents of each class; see
            `whyword.training.validation.split`.
        development: How many of the documents, the last ones, are a development part: they choose
            the epoch in place of held-out ones, and are not trained on.
        seconds: Time for the choice of the epoch; None for as long as it takes. The learning rate
            falls to zero by then.
        progress: Called after every step with the phase (``"train"`` or ``"refit"``), the steps
            done, the steps in all, and the latest numbers.

    Returns:
        The model of the best epoch, or the refitted one, in evaluation mode; the history; and what
        the validation part says, epoch by epoch. If documents have labels, thresholds are folded
        into the model; see `whyword.training.thresholds`.

    Raises:
        InputError: If the directory is in use; if its checkpoint belongs to a run with another
            configuration, model, vectors or documents, or does not say to which.
    """
    parts, order = _parts(labels, config, chronological, development)
    with _locked(directory) as folder:
        run = _Run(build, documents, labels, config, folder, progress, order)
        run.fit("train", parts.learned, run.epochs, parts.held_out, seconds)
        if config.refit and parts.refits:
            run.fit("refit", parts.final, run.state.history.best_epoch, None, None)
        scores = run.scores_of_best(parts.held_out)  # before the vectors are fixed
        model = run.result()
    if labels.ndim == 2:
        fold(model, thresholds_of(scores, labels[parts.held_out].astype(bool)))
    return model, run.state.history, Validated(scores, np.stack(run.state.right))


def refit(
    build: Callable[[], NetworkClassifier],
    documents: Sequence[Document],
    labels: Ints | Bools,
    config: TrainingConfig,
    directory: str | Path,
    *,
    epochs: int,
    chronological: bool = False,
    development: int = 0,
    seconds: float | None = None,
    progress: OnProgress | None = None,
) -> tuple[NetworkClassifier, History]:
    """Train on all documents, those that were held out too, for a number of epochs that is known.

    Args and errors are those of `train`; ``epochs`` is how many of ``config.epochs`` to go. No
    thresholds are folded in.
    """
    parts, order = _parts(labels, config, chronological, development)
    with _locked(directory) as folder:
        run = _Run(build, documents, labels, config, folder, progress, order)
        run.fit("refit", parts.final, epochs, None, seconds)
    return run.result(), run.state.history


def _parts(
    labels: Ints | Bools, config: TrainingConfig, chronological: bool, development: int
) -> tuple[Parts, dict[str, int]]:
    """The parts of the documents, and what decides them, for the run's identity."""
    share = VALIDATION if config.validation is None else config.validation
    parts = parts_of(
        labels, share, chronological=chronological, seed=config.seed, development=development
    )
    order = {"chronological": chronological} | ({"development": development} if development else {})
    return parts, order


@contextmanager
def _locked(directory: str | Path) -> Iterator[Path]:
    directory = Path(directory)
    make_folder(directory)
    with locked(directory):
        yield directory


class _Run:
    """A model in training: what the checkpoint holds, and the loop that changes it."""

    def __init__(
        self,
        build: Callable[[], NetworkClassifier],
        documents: Sequence[Document],
        labels: Ints | Bools,
        config: TrainingConfig,
        directory: Path,
        progress: OnProgress | None,
        order: Mapping[str, int],
    ) -> None:
        self.build, self.documents = build, documents
        self.config, self.directory, self.progress = config, directory, progress
        self.epochs, self.batch_size = config.epochs or EPOCHS, config.batch_size or BATCH_SIZE
        self._start()
        self.objective = Objective(
            labels,
            self.model.classes,
            class_weights=config.class_weights,
            label_smoothing=config.label_smoothing,
            development=order.get("development", 0),
        )
        self.identity = identity_of(self.model, documents, labels, config, order)
        self.state = resume(directory, self.identity, self.model, self.optimizer)

    def _start(self) -> None:
        """Make a fresh model and optimiser, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            self.model = self.build()
        config, rate = self.config, self.config.vector_rate or 0.0
        groups: list[dict[str, Any]] = [
            {"params": list(self.model.parameters()), "rate": config.learning_rate}
        ]
        if rate and isinstance(self.model, WordClassifier):
            self.model.learn_vectors()
            groups.append({"params": [self.model.embedding], "rate": rate * config.learning_rate})
        self.optimizer: torch.optim.Optimizer
        if config.optimizer == "adamw":
            # In one pass over each tensor: the table of vectors is the largest by far.
            self.optimizer = torch.optim.AdamW(
                groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
            )
        else:
            self.optimizer = torch.optim.SGD(
                groups,
                lr=config.learning_rate,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
            )

    def fit(
        self, phase: str, chosen: Ints, epochs: int, held_out: Ints | None, seconds: float | None
    ) -> None:
        """Run the epochs of one phase; with held-out documents keep the best, and stop early."""
        state, history = self.state, self.state.history
        if phase == "train" and state.phase == "refit":
            return  # done before the checkpoint that was resumed
        if phase != state.phase:
            state.phase, state.epoch = phase, 0
            self._start()
        clock = Clock(seconds, history.seconds)
        while (
            state.epoch < epochs
            and not (state.epoch and clock.has_run_out)
            and not (held_out is not None and self._exhausted())
        ):
            started = time.perf_counter()
            loss = self._epoch(chosen, epochs, clock)
            state.epoch += 1
            if held_out is None:
                history.refit_loss.append(loss)
            else:
                history.loss.append(loss)
                scores = predict(self.model, [self.documents[i] for i in held_out])
                history.validation_accuracy.append(self.objective.quality(scores, held_out))
                state.right.append(self.objective.right(scores, held_out))
                if history.best_epoch == state.epoch:
                    state.best = _copy(self.model)
            history.seconds += time.perf_counter() - started
            save_checkpoint(self.directory, self.identity, state, self.model, self.optimizer)

    def result(self) -> NetworkClassifier:
        """Return the trained model, in evaluation mode."""
        if self.state.phase == "train":
            self.model.load_state_dict(self.state.best)
        if self.config.vector_rate and isinstance(self.model, WordClassifier):
            self.model.fix_vectors()
        return self.model.eval()

    def scores_of_best(self, rows: Ints) -> Reals:
        """``(document, class)`` scores by the weights of the best epoch; the model stays."""
        last = _copy(self.model)
        self.model.load_state_dict(self.state.best)
        scores = predict(self.model.eval(), [self.documents[i] for i in rows])
        self.model.load_state_dict(last)
        return scores

    def _exhausted(self) -> bool:
        patience, history = self.config.patience, self.state.history
        return (
            patience is not None
            and bool(history.validation_accuracy)
            and self.state.epoch - history.best_epoch >= patience
        )

    def _epoch(self, chosen: Ints, epochs: int, clock: Clock) -> float:
        """Pass once over the documents, and return the mean loss per document."""
        config, epoch, total, seen = self.config, self.state.epoch, 0.0, 0
        order = np.random.default_rng((config.seed, epoch)).permutation(chosen)
        steps = math.ceil(len(order) / self.batch_size)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed + 1_000_003 * (epoch + 1))
            for step in range(steps):
                rows = order[step * self.batch_size : (step + 1) * self.batch_size]
                done = epoch * steps + step
                way = max(done / (self.epochs * steps), clock.gone)
                for group in self.optimizer.param_groups:
                    group["lr"] = group["rate"] * 0.5 * (1 + math.cos(math.pi * way))
                total, seen = total + self._step(rows) * len(rows), seen + len(rows)
                if self.progress:
                    at = Progress(self.state.phase, done + 1, epochs * steps, self._latest())
                    self.progress(at)
                if clock.has_run_out:
                    break
        self.model.eval()
        return total / seen

    def _step(self, rows: Ints) -> float:
        batch = self.model.encode([self.documents[i] for i in rows])
        logits, penalty = scores_and_penalty(self.model, batch, self.config.suppress)
        loss = self.objective.loss(logits, rows)
        loss = loss + self.config.suppress_penalty * penalty
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _latest(self) -> dict[str, float]:
        history = self.state.history
        return {
            "epoch": self.state.epoch + 1,
            **({"loss": history.loss[-1]} if history.loss else {}),
            **({"validation": max(history.validation_accuracy)} if history.loss else {}),
        }


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
