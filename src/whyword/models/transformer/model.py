"""Hugging Face classifiers as they are: nothing patched, words of the original text.

Any ``AutoModelForSequenceClassification`` with a fast tokenizer, or a text-classification pipeline.
Needs the extra ``whyword[transformers]``.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from whyword.classifier import SPECIAL, Batch
from whyword.errors import InputError, ModelError
from whyword.models.look_ups.reading import reading_of
from whyword.models.look_ups.substitution import Substitution, uncompiled
from whyword.models.transformer.added import added_vectors, tables_of
from whyword.models.transformer.subwords import words_in, words_of
from whyword.text import Document

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TransformerBatch(Batch):
    """A batch whose documents may lie in several windows, one behind the other.

    Attributes:
        types: ``(batch, position)`` int64, the tokens' types; None if the tokenizer knows none.
        window: Positions of one window; every document has the same number of them.
    """

    types: Tensor | None = None
    window: int = 1

    def rows(self, rows: Tensor) -> "TransformerBatch":
        """The documents at these places ``(row,)``, each as often as it is named."""
        base = super().rows(rows)
        shared = {field.name: getattr(base, field.name) for field in fields(base)}
        types = None if self.types is None else self.types[rows.to(self.types.device)]
        return TransformerBatch(**shared, types=types, window=self.window)


class _Window(NamedTuple):
    """What the model reads of one document at once: one number per token each."""

    ids: list[int]
    words: list[int]
    types: list[int] | None


class _Run(NamedTuple):
    """One call of the model: which windows of the batch, where in them, with which arguments."""

    windows: Tensor
    inside: slice
    inputs: dict[str, Tensor]


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
        max_length: Tokens that the model reads at once, special tokens included. By default what
            tokenizer and model allow.
        overlap: None reads the beginning of a long text, and says so (`Document.truncated`). A
            number of tokens reads all of it, in windows that overlap by so many; scores are the
            means over the windows.
        device: Where to move the model, such as ``"cuda"``; by default it stays where it is.

    Raises:
        InputError: If the tokenizer is no fast one, two classes have the same name, or the windows
            leave no room to go on or are longer than the model's learned positions.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
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
        self.module: Any = model if device is None else model.to(device)
        self.subwords = tokenizer
        self.config = model.config.get_text_config()
        self.classes = tuple(name for _, name in sorted(model.config.id2label.items()))
        if len(set(self.classes)) < len(self.classes):
            raise InputError(f"Got the classes {list(self.classes)}; expected no two alike.")
        self.max_length = max_length or min(tokenizer.model_max_length, _positions(model))
        self.overlap = overlap
        if self.max_length > _learned_positions(model):
            raise InputError(
                f"Got max_length {self.max_length}; expected at most the "
                f"{_learned_positions(model)} positions that the model has learned."
            )
        room = self.max_length - tokenizer.num_special_tokens_to_add() - (overlap or 0)
        if room < 1 or (overlap or 0) < 0:
            raise InputError(
                f"Got max_length {self.max_length} and overlap {overlap}; expected room for a "
                "token more than special tokens and overlap take."
            )

    @classmethod
    def of(cls, model: Any, **options: Any) -> Self:
        """From a text-classification pipeline.

        Args:
            model: The pipeline.
            options: Those of the class.

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
        return cls(model.model, model.tokenizer, **options)

    def with_overlap(self, overlap: int | None) -> Self:
        """The same classifier, reading long texts in windows or not."""
        return type(self)(self.module, self.subwords, max_length=self.max_length, overlap=overlap)

    @property
    def training(self) -> bool:
        """Whether the model is in training mode, in which it is not explained."""
        return bool(self.module.training)

    @property
    def table(self) -> Tensor:
        """``(token, dimension)`` the vocabulary's embeddings.

        Raises:
            ModelError: If the model has none.
        """
        try:
            weight = self.module.get_input_embeddings().weight
        except (NotImplementedError, AttributeError):  # as in CANINE and Perceiver
            size = getattr(self.config, "vocab_size", None)
            layers = [m for m in self.module.modules() if isinstance(m, nn.Embedding)]
            weights = [m.weight for m in layers if m.num_embeddings == size]
            weight = weights[0] if len(weights) == 1 else None
        if not isinstance(weight, Tensor):
            raise ModelError(
                f"{type(self.module).__name__} has no one table of input embeddings that the ids "
                "of its tokens are looked up in; expected a model that has, such as BERT."
            )
        return weight

    def encode(self, texts: Sequence[str | Document]) -> TransformerBatch:
        """Tokenise into subwords, find their words, pad.

        The words of a string are those of `whyword.models.transformer.subwords`; a `Document`
        keeps its own. Words that the model does not read are left out, and the document marked as
        truncated.

        Raises:
            InputError: If a text is no string.
            ModelError: If the tokenizer knows tokens that the model has no embeddings for.
        """
        rows = self._tokenise(texts)
        every = [window for _, windows, _ in rows for window in windows]
        length = max((len(window.ids) for window in every), default=1)
        shape = (len(rows), max((len(windows) for _, windows, _ in rows), default=1), length)
        tensors = {
            "ids": torch.full(shape, self._padding),
            "words": torch.full(shape, -1),
            "types": torch.zeros(shape, dtype=torch.int64),
            "mask": torch.zeros(shape, dtype=torch.bool),
        }
        for b, (_, windows, _) in enumerate(rows):
            for w, window in enumerate(windows):
                size = len(window.ids)
                inside = (b, w, slice(length - size, None) if self._pads_left else slice(size))
                tensors["ids"][inside] = torch.tensor(window.ids)
                tensors["words"][inside] = torch.tensor(window.words)
                tensors["mask"][inside] = True
                if window.types is not None:
                    tensors["types"][inside] = torch.tensor(window.types)
        table, last = self.table, max((id_ for window in every for id_ in window.ids), default=0)
        if last >= len(table):
            raise ModelError(
                f"The tokenizer gives a token the id {last}; expected ids below {len(table)}, the "
                "number of embeddings: model.resize_token_embeddings(len(tokenizer))."
            )
        placed = {name: t.flatten(1).to(table.device) for name, t in tensors.items()}
        if not every or any(window.types is None for window in every):
            del placed["types"]
        return TransformerBatch(
            documents=tuple(document for document, _, _ in rows),
            known=tuple(known for _, _, known in rows),
            window=length,
            **placed,
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` the tokens' own vectors, those of padding too.

        Raises:
            ModelError: If the model's scores are not those that it gives from these vectors, or it
                does not look them up; found out once.
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
        """Vectors ``(batch, position, dimension)`` that the model adds to the tokens' own.

        Learned positions and token types, as far as it looks them up in tables of their size.
        """
        module, found = uncompiled(self.module), dict[str, Tensor]()
        tables = tables_of(module)
        shape = (*batch.ids.shape, self.table.shape[1])
        for run in self._runs(batch) if tables else ():
            for item, vectors in added_vectors(tables, partial(module, **run.inputs)).items():
                length = run.inputs["input_ids"].shape[1]
                if vectors.shape[-2:] == (length, self.table.shape[1]):
                    whole = found.setdefault(item, self.table.new_zeros(shape))
                    rows = whole.view(-1, _window(batch), whole.shape[-1])
                    rows[run.windows, run.inside] = vectors
        return found

    def score(
        self, embeddings: Tensor, batch: Batch, added: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """``(batch, class)`` logits from these vectors in place of the tokens' own.

        Args:
            embeddings: ``(batch, position, dimension)``.
            batch: The encoded documents.
            added: In place of what the method `added` returns; by default the model's own.
        """
        return self._scores(batch, embeddings, added or {})

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents as they are."""
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
                _part(embeddings, batch, run),
                added=[(tables[k].weight, _part(v, batch, run)) for k, v in added.items()],
                place="its input embeddings",
            ):
                found.append(self._logits(uncompiled(self.module), run))
        logits = found[0] if len(found) == 1 else torch.cat(found)
        windows = batch.ids.shape[1] // _window(batch)
        if windows == 1:
            return logits
        # The mean over each document's windows, as a product with a constant matrix.
        documents = torch.cat([run.windows for run in runs]) // windows
        mean = nn.functional.one_hot(documents, len(batch)).T.to(logits.dtype)
        return (mean / mean.sum(dim=1, keepdim=True)) @ logits

    def _logits(self, module: nn.Module, run: _Run) -> Tensor:
        result = module(**run.inputs)
        logits = getattr(result, "logits", None)
        expected = (len(run.windows), len(self.classes))
        if not isinstance(logits, Tensor) or logits.shape != expected:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(result).__name__
            raise ModelError(
                f"{type(self.module).__name__} returned {got}; expected logits of {expected}. "
                "Load the model with AutoModelForSequenceClassification."
            )
        return logits

    def _runs(self, batch: Batch) -> list[_Run]:
        """The calls of the model: one, or one per window if they must be read so."""
        mask = batch.mask.view(-1, _window(batch))
        read = mask.any(dim=1).nonzero()[:, 0]
        alone = self._pad_token is None
        if not alone and not self.training:
            alone = reading_of(self.module).one_by_one(
                mask[read],
                lambda: self._logits(self.module, self._run(batch, read)),
                lambda row: self._logits(self.module, self._run(batch, read[[row]])),
            )
        return [self._run(batch, rows) for rows in (read.split(1) if alone else [read])]

    def _run(self, batch: Batch, rows: Tensor) -> _Run:
        """One call for these windows; a single one is read without padding."""
        window = _window(batch)
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
        return _Run(rows, inside, inputs)

    @property
    def _pad_token(self) -> int | None:
        """The id that the model itself knows padding by."""
        return getattr(self.config, "pad_token_id", None)

    @property
    def _padding(self) -> int:
        ids = (self._pad_token, self.subwords.pad_token_id, 0)
        return next(i for i in ids if i is not None)

    @property
    def _pads_left(self) -> bool:
        """XLNet reads its decision off the last position, whatever stands there."""
        return getattr(self.config, "model_type", "") == "xlnet"

    def _tokenise(
        self, texts: Sequence[str | Document]
    ) -> list[tuple[Document, list[_Window], tuple[bool, ...]]]:
        """Per text the document, its windows, and which of its words the vocabulary knows."""
        sources = [t.text if isinstance(t, Document) else t for t in texts]
        for source in sources:
            if not isinstance(source, str):
                raise InputError(f"Got {type(source).__name__}; expected a text (str).")
        if not sources:
            return []
        tokens = self.subwords(
            # Halves of surrogate pairs are refused; one code point stands for one.
            [_SURROGATE.sub("\ufffd", source) for source in sources],
            truncation=self.max_length < sys.maxsize,
            max_length=self.max_length if self.max_length < sys.maxsize else None,
            stride=self.overlap or 0,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        parts: list[list[int]] = [[] for _ in texts]
        for part, text in enumerate(tokens["overflow_to_sample_mapping"]):
            parts[text].append(part)
        return [self._row(text, tokens, found) for text, found in zip(texts, parts, strict=True)]

    def _row(
        self, text: str | Document, tokens: Any, parts: list[int]
    ) -> tuple[Document, list[_Window], tuple[bool, ...]]:
        """One text, of whose tokens ``parts`` are the windows."""
        truncated = self.overlap is None and len(parts) > 1
        parts = parts[:1] if truncated else parts
        places = [
            (part, i, offset)
            for part in parts
            for i, offset in enumerate(tokens["offset_mapping"][part])
            if not tokens["special_tokens_mask"][part][i]
        ]
        offsets = [offset for _, _, offset in places]
        if isinstance(text, Document):
            found, document = words_in(text, offsets), text
            if truncated:  # also if no more than the end of the last word is left out
                read = text.spans[: max(found, default=-1) + 1]
                document = Document(text.text, read, truncated=True)
        else:
            spans, found = words_of(text, offsets)
            document = Document(text, spans, truncated)
        words = {part: [SPECIAL] * len(tokens["input_ids"][part]) for part in parts}
        known = [True] * len(document)
        for (part, i, _), word in zip(places, found, strict=True):
            words[part][i] = word
            if word >= 0 and tokens["input_ids"][part][i] == self.subwords.unk_token_id:
                known[word] = False
        types = tokens.get("token_type_ids")
        windows = [
            _Window(tokens["input_ids"][p], words[p], None if types is None else types[p])
            for p in parts
        ]
        if not windows[0].ids:  # a text of nothing, by a tokenizer that adds nothing
            windows = [_Window([self._padding], [SPECIAL], None if types is None else [0])]
        return document, windows, tuple(known)


def _window(batch: Batch) -> int:
    """Positions of one window."""
    return batch.window if isinstance(batch, TransformerBatch) else batch.ids.shape[1]


def _part(vectors: Tensor, batch: Batch, run: _Run) -> Tensor:
    """The vectors of a run's windows, ``(window, position, dimension)``."""
    if run.inputs["input_ids"].shape == batch.ids.shape:
        return vectors
    rows = vectors.reshape(-1, _window(batch), vectors.shape[-1])
    return rows[run.windows][:, run.inside]


def _positions(model: Any) -> int:
    """Tokens for which the model has positions."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    limits = [limit] if isinstance(limit, int) and limit > 0 else []
    return min([*limits, _learned_positions(model)])


def _learned_positions(model: Any) -> int:
    """Tokens for which the model has a vector in a table of positions, if it has one."""
    if (table := tables_of(model).get("positions")) is None:
        return sys.maxsize
    # Those that count from behind the padding's id have the fewer left.
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
