"""`TransformerClassifier`: a Hugging Face model as a classifier, without changes to the model.

It takes any ``AutoModelForSequenceClassification`` with a fast tokenizer, or a text-classification
pipeline. It needs the extra ``whyword[transformers]``.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Self, Unpack

import torch
from torch import Tensor, nn

from whyword.batch import Batch
from whyword.errors import InputError, ModelError
from whyword.models.folder import begin, write_json
from whyword.models.look_ups.reading import reading_of
from whyword.models.look_ups.substitution import Substitution, uncompiled
from whyword.models.transformer.batch import (
    Run,
    TransformerBatch,
    mean_over_windows,
    padded,
    part_of,
    run_of,
    window_of,
)
from whyword.models.transformer.quiet import quietly
from whyword.models.transformer.tokens import FastTokenizer, Options, Tokens
from whyword.models.transformer.vector_tables import (
    added_vectors,
    input_table,
    learned_positions,
    positions_of,
    tables_of,
)
from whyword.text import Document

SETTINGS = "whyword.json"
"""The file that this package adds to a Hugging Face folder: how much of a text is read."""

MULTILABEL = "multi_label_classification"
"""What transformers calls models whose classes are labels, given if their score is above 0."""


class TransformerClassifier:
    """A Hugging Face model for sequence classification and its fast tokenizer, as a classifier.

    Scores are logits, whatever the head is for: one label, several labels, or a number
    (``num_labels=1``).

    Example:
        >>> model = AutoModelForSequenceClassification.from_pretrained(path)  # doctest: +SKIP
        >>> tokenizer = AutoTokenizer.from_pretrained(path)                   # doctest: +SKIP
        >>> whyword.explain(TransformerClassifier(model, tokenizer), texts)   # doctest: +SKIP

    Args:
        model: The model, in evaluation mode, as ``from_pretrained`` leaves it.
        tokenizer: Its tokenizer, a fast one.
        max_length: Number of tokens that the model reads at once, special tokens included. By
            default as many as tokenizer and model allow.
        overlap: How long texts are read. With None the model reads the beginning, and the document
            is marked as truncated. With a number it reads all of the text, in windows that overlap
            by so many tokens; scores are the means over the windows.
        device: Where to move the model, such as ``"cuda"``; by default it stays where it is.

    Raises:
        InputError: If the tokenizer is no fast one, two classes have the same name, or the windows
            leave no room to go on or are longer than the model's learned positions.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: FastTokenizer,
        *,
        max_length: int | None = None,
        overlap: int | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise InputError(
                f"Got {type(tokenizer).__name__} as the tokenizer; expected a fast one, which "
                "knows where its tokens stand in the text: AutoTokenizer.from_pretrained(...)."
            )
        self.module: nn.Module = model if device is None else model.to(device)
        self.subwords = tokenizer
        config = self._pretrained.config
        self.config: object = config.get_text_config()
        self.classes: tuple[str, ...] = tuple(name for _, name in sorted(config.id2label.items()))
        if len(set(self.classes)) < len(self.classes):
            raise InputError(f"Got the classes {list(self.classes)}; expected no two alike.")
        self.max_length = max_length or min(tokenizer.model_max_length, positions_of(model))
        self.overlap = overlap
        if self.max_length > learned_positions(model):
            raise InputError(
                f"Got max_length {self.max_length}; expected at most the "
                f"{learned_positions(model)} positions that the model has learned."
            )
        room = self.max_length - tokenizer.num_special_tokens_to_add() - (overlap or 0)
        if room < 1 or (overlap or 0) < 0:
            raise InputError(
                f"Got max_length {self.max_length} and overlap {overlap}; expected room for a "
                "token more than special tokens and overlap take."
            )

    @classmethod
    def of(cls, model: object, **options: Unpack[Options]) -> Self:
        """The classifier of a text-classification pipeline.

        Args:
            model: The pipeline.
            options: Options of the class, such as ``overlap``.

        Raises:
            InputError: If it is a model without its tokenizer, or a pipeline for something else.
        """
        task = getattr(model, "task", None)
        if task is None:
            raise InputError(
                f"Got {type(model).__name__} without its tokenizer; give a transformers pipeline, "
                "or whyword.TransformerClassifier(model, tokenizer)."
            )
        if task not in ("text-classification", "sentiment-analysis"):
            raise InputError(f'Got a pipeline for "{task}"; expected one for text-classification.')
        pipeline: Any = model
        return cls(pipeline.model, pipeline.tokenizer, **options)

    def save(self, path: Path, *, about: str = "") -> None:
        """Write a folder that transformers reads too; ``about`` describes the model in one line."""
        begin(path)
        with quietly():
            self._pretrained.save_pretrained(path)
            self.subwords.save_pretrained(path)
        own = {"about": about, "max_length": self.max_length, "overlap": self.overlap}
        write_json(path / SETTINGS, own, indent=2)

    def with_overlap(self, overlap: int | None) -> Self:
        """The same classifier with another ``overlap``; see the class."""
        return type(self)(self.module, self.subwords, max_length=self.max_length, overlap=overlap)

    @property
    def multilabel(self) -> bool:
        """Whether every class is a label of its own, as ``config.problem_type`` says."""
        return bool(self._pretrained.config.problem_type == MULTILABEL)

    @property
    def training(self) -> bool:
        """Whether the model is in training mode, in which it is not explained."""
        return self.module.training

    @property
    def table(self) -> Tensor:
        """``(token, dimension)`` the vocabulary's embeddings.

        Raises:
            ModelError: If the model has none.
        """
        return input_table(self.module, self.config)

    @property
    def unknown_id(self) -> int | None:
        """The id of the token for what the vocabulary lacks; None if there is none."""
        return self.subwords.unk_token_id

    @property
    def mask_id(self) -> int | None:
        """The id of the mask token; None if there is none."""
        return self.subwords.mask_token_id

    def encode(self, texts: Sequence[str | Document]) -> TransformerBatch:
        """Tokenise texts into subwords, find the word of each, and pad.

        The words of a string are those of `whyword.models.transformer.subwords`; a `Document`
        keeps its own. Words that the model does not read are left out, and the document marked as
        truncated.

        Raises:
            InputError: If a text is no string.
            ModelError: If the tokenizer knows tokens that the model has no embeddings for.
        """
        tokens = Tokens(
            self.subwords,
            max_length=self.max_length,
            overlap=self.overlap,
            padding=self._padding,
        )
        return padded(tokens.rows(texts), self.table, padding=self._padding, left=self._pads_left)

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` the tokens' own vectors, also of padding.

        Raises:
            ModelError: If the model does not look vectors up, or gives other scores with these
                vectors than by itself. This is checked once for each kind of batch.
        """
        vectors = self.table.detach()[batch.ids]
        if not self.training:
            reading_of(self.module).prove(
                batch,
                vectors,
                f"the input embeddings of {type(self.module).__name__}",
                lambda vectors, batch: self.score(vectors, batch, self.added(batch)),
                self,
            )
        return vectors

    def added(self, batch: Batch) -> dict[str, Tensor]:
        """Vectors of "positions" and "token types" that the model adds, shaped like `embed`."""
        module, found = uncompiled(self.module), dict[str, Tensor]()
        tables = tables_of(module)
        shape = (*batch.ids.shape, self.table.shape[1])
        for run in self._runs(batch) if tables else ():
            for item, vectors in added_vectors(tables, partial(module, **run.inputs)).items():
                length = run.inputs["input_ids"].shape[1]
                if vectors.shape[-2:] == (length, self.table.shape[1]):
                    whole = found.setdefault(item, self.table.new_zeros(shape))
                    rows = whole.view(-1, window_of(batch), whole.shape[-1])
                    rows[run.windows, run.inside] = vectors
        return found

    def score(
        self, embeddings: Tensor, batch: Batch, added: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """``(batch, class)`` logits from these vectors in place of the tokens' own.

        Args:
            embeddings: ``(batch, position, dimension)``.
            batch: The encoded documents.
            added: Vectors in place of those that `added` returns; by default the model's own.
        """
        return self._scores(batch, embeddings, added or {})

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents."""
        return self._scores(batch, None, {})

    def _scores(
        self, batch: Batch, embeddings: Tensor | None, added: Mapping[str, Tensor]
    ) -> Tensor:
        tables, runs, found = tables_of(uncompiled(self.module)), self._runs(batch), []
        for run in runs:
            if embeddings is None:
                found.append(self._logits(self.module, run))
                continue
            with Substitution(
                self.table,
                run.inputs["input_ids"],
                part_of(embeddings, batch, run),
                added=[(tables[k].weight, part_of(v, batch, run)) for k, v in added.items()],
                place="its input embeddings",
            ):
                found.append(self._logits(uncompiled(self.module), run))
        logits = found[0] if len(found) == 1 else torch.cat(found)
        return mean_over_windows(logits, batch, runs)

    def _logits(self, module: nn.Module, run: Run) -> Tensor:
        # What decoders keep for further tokens takes memory, and there are none.
        caches = "use_cache" in signature(module.forward).parameters
        options = {"use_cache": False} if caches else {}
        result = module(**run.inputs, **options)
        logits = getattr(result, "logits", None)
        expected = (len(run.windows), len(self.classes))
        if not isinstance(logits, Tensor) or logits.shape != expected:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(result).__name__
            raise ModelError(
                f"{type(self.module).__name__} returned {got}; expected logits of {expected}. "
                "Load the model with AutoModelForSequenceClassification."
            )
        return logits

    def _runs(self, batch: Batch) -> list[Run]:
        """The calls of the model: one for all windows, or one each if a batch changes scores."""
        mask = batch.mask.view(-1, window_of(batch))
        read = mask.any(dim=1).nonzero()[:, 0]
        alone = self._pad_token is None
        if not alone and not self.training:
            alone = reading_of(self.module).one_by_one(
                mask[read],
                lambda: self._logits(self.module, run_of(batch, read)),
                lambda row: self._logits(self.module, run_of(batch, read[[row]])),
            )
        return [run_of(batch, rows) for rows in (read.split(1) if alone else [read])]

    @property
    def _pretrained(self) -> Any:
        """The module, with what those of transformers have beyond torch's."""
        return self.module

    @property
    def _pad_token(self) -> int | None:
        """The id of padding in the model's configuration; None if it has none."""
        return getattr(self.config, "pad_token_id", None)

    @property
    def _padding(self) -> int:
        ids = (self._pad_token, self.subwords.pad_token_id, 0)
        return next(i for i in ids if i is not None)

    @property
    def _pads_left(self) -> bool:
        """Whether padding goes to the left: XLNet decides by the last position, even if padded."""
        return getattr(self.config, "model_type", "") == "xlnet"
