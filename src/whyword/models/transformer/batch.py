"""`TransformerBatch`: texts in windows as tensors; `Run`: a call of the model that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from whyword.batch import Batch
from whyword.errors import ModelError
from whyword.models.transformer.tokens import Row


@dataclass(frozen=True)
class TransformerBatch(Batch):
    """A batch whose documents may be read in several windows, one behind the other.

    Attributes:
        types: ``(batch, position)`` int64, the tokens' types; None if the tokenizer knows none.
        window: Number of positions of a window; all documents have as many windows.
    """

    types: Tensor | None = None
    window: int = 1

    def rows(self, rows: Tensor) -> "TransformerBatch":
        """The documents at these indices ``(row,)``, each as often as it is named."""
        base = super().rows(rows)
        shared = {field.name: getattr(base, field.name) for field in fields(base)}
        types = None if self.types is None else self.types[rows.to(self.types.device)]
        return TransformerBatch(**shared, types=types, window=self.window)


class Run(NamedTuple):
    """One call of the model.

    Attributes:
        windows: ``(row,)`` indices of the windows of the batch that it reads.
        inside: The positions of these windows that it reads.
        inputs: The arguments of the call.
    """

    windows: Tensor
    inside: slice
    inputs: dict[str, Tensor]


def padded(rows: Sequence[Row], table: Tensor, *, padding: int, left: bool) -> TransformerBatch:
    """Texts in one batch, padded to equal numbers of windows and of positions in each.

    Args:
        rows: The texts.
        table: ``(id, dimension)`` the embeddings that ids are looked up in.
        padding: The id of padding.
        left: Whether padding stands before the tokens.

    Raises:
        ModelError: If a token has no embedding.
    """
    every = [window for row in rows for window in row.windows]
    last = max((id_ for window in every for id_ in window.ids), default=0)
    if last >= len(table):
        raise ModelError(
            f"The tokenizer gives a token the id {last}; expected ids below {len(table)}, the "
            "number of embeddings: model.resize_token_embeddings(len(tokenizer))."
        )
    length = max((len(window.ids) for window in every), default=1)
    shape = (len(rows), max((len(row.windows) for row in rows), default=1), length)
    tensors = {
        "ids": torch.full(shape, padding),
        "words": torch.full(shape, -1),
        "types": torch.zeros(shape, dtype=torch.int64),
        "mask": torch.zeros(shape, dtype=torch.bool),
    }
    for b, row in enumerate(rows):
        for w, window in enumerate(row.windows):
            size = len(window.ids)
            inside = (b, w, slice(length - size, None) if left else slice(size))
            tensors["ids"][inside] = torch.tensor(window.ids)
            tensors["words"][inside] = torch.tensor(window.words)
            tensors["mask"][inside] = True
            if window.types is not None:
                tensors["types"][inside] = torch.tensor(window.types)
    placed = {name: t.flatten(1).to(table.device) for name, t in tensors.items()}
    if not every or any(window.types is None for window in every):
        del placed["types"]
    return TransformerBatch(
        documents=tuple(row.document for row in rows),
        known=tuple(row.known for row in rows),
        window=length,
        **placed,
    )


def run_of(batch: Batch, rows: Tensor) -> Run:
    """The call of the model for these windows; a single window is read without padding."""
    window = window_of(batch)
    mask = batch.mask.view(-1, window)[rows]
    inside = slice(0, window)
    if len(rows) == 1:
        places = mask[0].nonzero()
        inside = slice(int(places[0]), int(places[-1]) + 1)
    inputs = {
        "input_ids": batch.ids.view(-1, window)[rows, inside],
        "attention_mask": mask[:, inside].long(),
    }
    if isinstance(batch, TransformerBatch) and batch.types is not None:
        inputs["token_type_ids"] = batch.types.view(-1, window)[rows, inside]
    return Run(rows, inside, inputs)


def window_of(batch: Batch) -> int:
    """Number of positions of a window."""
    return batch.window if isinstance(batch, TransformerBatch) else batch.ids.shape[1]


def part_of(vectors: Tensor, batch: Batch, run: Run) -> Tensor:
    """The vectors of a run's windows, ``(window, position, dimension)``."""
    if run.inputs["input_ids"].shape == batch.ids.shape:
        return vectors
    rows = vectors.reshape(-1, window_of(batch), vectors.shape[-1])
    return rows[run.windows][:, run.inside]


def mean_over_windows(logits: Tensor, batch: Batch, runs: Sequence[Run]) -> Tensor:
    """``(batch, class)`` the mean logits over each document's windows.

    Args:
        logits: ``(window, class)``, in the order of the runs.
        batch: The documents.
        runs: The calls that returned the logits.
    """
    windows = batch.ids.shape[1] // window_of(batch)
    if windows == 1:
        return logits
    documents = torch.cat([run.windows for run in runs]) // windows
    # A product with a constant matrix, which relevance passes through as through any.
    mean = one_hot(documents, len(batch)).T.to(logits.dtype)
    return (mean / mean.sum(dim=1, keepdim=True)) @ logits
