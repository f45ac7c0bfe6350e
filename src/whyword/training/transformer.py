"""Training of a Hugging Face classifier: its linear head on a frozen encoder, or all of it."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whyword.batch import Batch
from whyword.data.arrays import Bools, Floats, Ints, Singles
from whyword.data.corpora import Corpus
from whyword.data.digests import digest_of_files
from whyword.data.extras import require
from whyword.errors import InputError, ModelError
from whyword.models.base import NetworkClassifier
from whyword.models.transformer import huggingface
from whyword.models.transformer.model import TransformerClassifier
from whyword.progress import OnProgress, Progress
from whyword.text import Document
from whyword.training.checkpoint import History
from whyword.training.class_weights import ClassWeights
from whyword.training.config import TrainingConfig
from whyword.training.labels import fit_labels
from whyword.training.loop import train
from whyword.training.objective import Objective
from whyword.training.parts import parts_of
from whyword.training.thresholds import thresholds_of
from whyword.training.validation import PenaltyHistory, Validated, fit_with_best_penalty

PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""The values of C, scikit-learn's inverse penalty, from which the validation part chooses."""

MAX_LENGTH = 256
"""The most tokens that are read of a document, by default."""


def train_head(
    corpus: Corpus,
    *,
    base: str,
    max_length: int = MAX_LENGTH,
    validation: float = 0.1,
    seed: int = 0,
    development: int = 0,
    class_weights: ClassWeights = None,
    progress: OnProgress | None = None,
) -> tuple[TransformerClassifier, PenaltyHistory]:
    """Train the last linear layer by logistic regression; the encoder stays as it is.

    If documents have labels, there is one regression for each, and thresholds are folded into the
    biases; see `whyword.training.thresholds`.

    The encoder reads each document once. C, the inverse penalty, is chosen on a validation part;
    then the layer is fitted on all training documents. Layers between encoder and last layer that
    the base lacks stay random.

    Args:
        corpus: The training documents, and after them the development part, if there is one.
        base: A folder, or a name that transformers finds.
        max_length: Tokens read of each document.
        validation: Share of the documents held out for choosing C.
        seed: Seed of the split, and of random layers.
        development: Number of documents in the development part.
        class_weights: Weights of the classes in the loss.
        progress: Called after each step; see `whyword.progress`.

    Raises:
        ModelError: If the base cannot be read, or its last layer is not a linear one.
    """
    started = time.perf_counter()
    classifier = _untrained(base, corpus, max_length, seed)
    layer = last_layer(classifier)
    x, y = features(classifier, corpus.texts, progress=progress), corpus.labels
    parts = parts_of(
        y, validation, chronological=corpus.chronological, seed=seed, development=development
    )
    learn, held_out, final = parts.learned, parts.held_out, parts.final

    objective = Objective(y, corpus.classes, class_weights=class_weights, development=development)
    weights = objective.class_weights

    def fit(rows: Ints, penalty: float) -> tuple[Singles, Singles]:
        return _fit(x[rows], y[rows], penalty, layer, len(corpus.classes), weights)

    def scores(penalty: float) -> Floats:
        weight, bias = fit(learn, penalty)
        return np.asarray(x[held_out] @ weight.T + bias, dtype=np.float64)

    (weight, bias), history = fit_with_best_penalty(
        PENALTIES,
        scores=scores,
        quality=lambda found: objective.quality(found, held_out),
        right=lambda found: objective.right(found, held_out),
        fit=lambda penalty: fit(final, penalty),
        progress=progress,
    )
    if corpus.multilabel and layer.bias is not None:
        thresholds = thresholds_of(history.validated.scores, y[held_out].astype(bool))
        bias = bias - thresholds.astype(np.float32)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias))
    return classifier, replace(history, seconds=time.perf_counter() - started)


def train_whole(
    corpus: Corpus,
    config: TrainingConfig,
    directory: str | Path,
    *,
    base: str,
    max_length: int = MAX_LENGTH,
    development: int = 0,
    seconds: float | None = None,
    progress: OnProgress | None = None,
) -> tuple[TransformerClassifier, History, Validated]:
    """Train encoder and head together, by the loop of `whyword.training.loop`.

    Args:
        corpus: The training documents, and after them the development part, if there is one.
        config: The settings of the training.
        directory: Folder of the checkpoint.
        base: A folder, or a name that transformers finds.
        max_length: Tokens read of each document.
        development: Number of documents in the development part.
        seconds: Time for the choice of the epoch; None for as long as it takes.
        progress: Called after every step, as by `whyword.training.loop.train`.

    Returns:
        The model, its history, and what the validation part says of it.
    """
    documents = _untrained(base, corpus, max_length, config.seed).encode(corpus.texts).documents
    model, history, validated = train(
        lambda: _Trained(_untrained(base, corpus, max_length, config.seed), base),
        documents,
        corpus.labels,
        config,
        directory,
        chronological=corpus.chronological,
        development=development,
        seconds=seconds,
        progress=progress,
    )
    assert isinstance(model, _Trained)
    model.module.eval()
    return model.classifier, history, validated


@torch.no_grad()
def features(
    classifier: TransformerClassifier,
    texts: Sequence[str],
    *,
    batch_size: int = 32,
    progress: OnProgress | None = None,
) -> Singles:
    """Compute the features ``(text, feature)`` that the last layer reads of each text.

    Args:
        classifier: The model.
        texts: The texts, grouped by length.
        batch_size: Texts at a time.
        progress: Called after each batch; see `whyword.progress`.
    """
    read: list[Tensor] = []
    hook = last_layer(classifier).register_forward_pre_hook(lambda _, args: read.append(args[0]))
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows: list[Singles] = []
    try:
        for start in range(0, len(order), batch_size):
            batch = classifier.encode([texts[i] for i in order[start : start + batch_size]])
            read.clear()
            classifier(batch)
            # The last of them: before, the model may have been run to see how it reads a batch.
            found = [row for part in read for row in part][-len(batch) :]
            # A decoder scores every position, and keeps the last that is read.
            ends = (batch.mask.sum(dim=1) - 1).tolist()
            x = torch.stack(
                [r[end] if r.ndim == 2 else r for r, end in zip(found, ends, strict=True)]
            )
            rows.extend(x.float().cpu().numpy())
            if progress:
                progress(Progress("encoding", len(rows), len(texts)))
    finally:
        hook.remove()
    result = np.zeros((len(texts), rows[0].shape[0]), dtype=np.float32)
    result[order] = rows
    return result


def last_layer(classifier: TransformerClassifier) -> nn.Linear:
    """Find the linear layer that returns the logits: the scores of the classes before softmax.

    Raises:
        ModelError: If there is no such layer.
    """
    layers = [m for m in classifier.module.modules() if isinstance(m, nn.Linear)]
    fitting = [m for m in layers if m.out_features == len(classifier.classes)]
    if not fitting or fitting[-1] is not layers[-1]:
        raise ModelError(
            f"The last layer of {type(classifier.module).__name__} is not linear; train all of it: "
            "whyword train --model transformer --full."
        )
    return fitting[-1]


def _untrained(base: str, corpus: Corpus, max_length: int, seed: int) -> TransformerClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = huggingface.untrained(base, corpus.classes, multilabel=corpus.multilabel)
    longest = min(classifier.max_length, max_length)
    return TransformerClassifier(classifier.module, classifier.subwords, max_length=longest)


def _fit(
    x: Singles,
    y: Ints | Bools,
    penalty: float,
    layer: nn.Linear,
    classes: int,
    weights: Floats | None = None,
) -> tuple[Singles, Singles]:
    """Fit weights ``(class, feature)`` and biases ``(class,)``, zero if the layer has no biases."""
    if y.ndim == 1 and len(np.unique(y)) < classes:
        raise InputError("Every class needs a document to train on beside those that validate.")
    has_bias = layer.bias is not None
    centre = x.mean(axis=0) if has_bias else np.zeros(x.shape[1], dtype=np.float32)
    scale = x.std(axis=0) + 1e-6

    linear_model = require("sklearn.linear_model", extra="train", what="Training a head")

    def regression(weighted: dict[int, float] | None) -> Any:
        return linear_model.LogisticRegression(
            C=penalty, max_iter=300, fit_intercept=has_bias, class_weight=weighted
        )

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It does not matter if the solver stops early: the validation part judges the fit.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if y.ndim == 2:
            found, biases = fit_labels(regression, (x - centre) / scale, y.astype(bool), weights)
        else:
            weighted = None if weights is None else dict(enumerate(weights.tolist()))
            model = regression(weighted).fit((x - centre) / scale, y)
            found, biases = model.coef_, np.broadcast_to(model.intercept_, len(model.coef_))
    weight = found / scale
    bias = biases - weight @ centre
    if y.ndim == 1 and classes == 2:  # one row, for the second class against the first
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight.astype(np.float32), bias.astype(np.float32)


def digest_of_base(base: str) -> str:
    """Return the digest of a folder's files; if the base is no folder, its name.

    Raises:
        ModelError: If a file cannot be read.
    """
    folder = Path(base)
    if not folder.is_dir():
        return base
    try:
        return digest_of_files(sorted(path for path in folder.iterdir() if path.is_file()))
    except OSError as error:
        raise ModelError(f"The model in {base} cannot be read: {error}.") from error


class _Trained(NetworkClassifier):
    """A transformer with the interface by which the training loop knows networks."""

    kind = "transformer"

    def __init__(self, classifier: TransformerClassifier, base: str) -> None:
        super().__init__(classifier.classes)
        self.multilabel = classifier.multilabel
        self.classifier, self.base = classifier, base
        self.module: nn.Module = classifier.module

    def settings(self) -> dict[str, Any]:
        return {
            "base": digest_of_base(self.base),
            "max_length": self.classifier.max_length,
        }

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        return self.classifier.encode(texts)

    def embed(self, batch: Batch) -> Tensor:
        return self.classifier.embed(batch)

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        return self.classifier.score(embeddings, batch)

    def forward(self, batch: Batch) -> Tensor:
        return self.classifier(batch)

    def output_bias(self) -> nn.Parameter | None:
        try:
            return last_layer(self.classifier).bias
        except ModelError:  # the last layer is not linear
            return None
