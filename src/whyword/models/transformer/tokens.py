"""`Tokens`: cuts texts into windows of tokens, and finds the word that each token belongs to."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypedDict

import torch

from whyword.batch import SPECIAL
from whyword.errors import InputError
from whyword.models.transformer.subwords import words_in, words_of
from whyword.text import Document

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Window(NamedTuple):
    """The part of a text that the model reads at once; each list has one entry per token.

    Attributes:
        ids: The tokens' ids in the vocabulary.
        words: The word of the text that each token belongs to; -1 for white space, and
            `whyword.batch.SPECIAL` for tokens that the model adds.
        types: The tokens' types; None if the tokenizer knows none.
    """

    ids: list[int]
    words: list[int]
    types: list[int] | None


class Row(NamedTuple):
    """One text, cut into windows.

    Attributes:
        document: Its words, as far as the model reads them.
        windows: One window, or several that overlap.
        known: For each word, whether the vocabulary knows all of it.
    """

    document: Document
    windows: list[_Window]
    known: tuple[bool, ...]


class FastTokenizer(Protocol):
    """What is asked of a tokenizer of transformers; it must know where tokens stand in the text."""

    model_max_length: int

    @property
    def is_fast(self) -> bool:
        """Whether it knows."""

    @property
    def unk_token_id(self) -> int | None:
        """The id of the token for what the vocabulary lacks."""

    @property
    def mask_token_id(self) -> int | None:
        """The id of the token for what is hidden."""

    @property
    def pad_token_id(self) -> int | None:
        """The id of the token that fills up."""

    def num_special_tokens_to_add(self) -> int:
        """How many tokens it adds to those of a text."""

    def __call__(self, text: str | list[str], **options: object) -> Mapping[str, object]:
        """Ids, offsets and masks of the tokens, window by window."""

    def save_pretrained(self, save_directory: Path) -> object:
        """Write the files of the tokenizer."""


class Options(TypedDict, total=False):
    """How a `TransformerClassifier` reads texts, and on which device."""

    max_length: int | None
    overlap: int | None
    device: str | torch.device | None


class Tokens:
    """Cuts texts into windows of tokens.

    Args:
        tokenizer: A fast tokenizer of transformers.
        max_length: Number of tokens of a window, special tokens included.
        overlap: Number of tokens that windows have in common; None to read the first window alone.
        padding: The id that is read for a text without tokens.
    """

    def __init__(
        self, tokenizer: FastTokenizer, *, max_length: int, overlap: int | None, padding: int
    ) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self.overlap, self.padding = overlap, padding

    def rows(self, texts: Sequence[str | Document]) -> list[Row]:
        """The texts, each as a row of windows.

        Raises:
            InputError: If a text is no string.
        """
        sources = [t.text if isinstance(t, Document) else t for t in texts]
        for source in sources:
            if not isinstance(source, str):
                raise InputError(f"Got {type(source).__name__}; expected a text (str).")
        if not sources:
            return []
        tokens: Any = self.tokenizer(
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

    def _row(self, text: str | Document, tokens: Any, parts: list[int]) -> Row:
        """One text; ``parts`` are the indices of its windows in ``tokens``."""
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
            if word >= 0 and tokens["input_ids"][part][i] == self.tokenizer.unk_token_id:
                known[word] = False
        types = tokens.get("token_type_ids")
        windows = [
            _Window(tokens["input_ids"][p], words[p], None if types is None else types[p])
            for p in parts
        ]
        if not windows[0].ids:  # a text of nothing, by a tokenizer that adds nothing
            windows = [_Window([self.padding], [SPECIAL], None if types is None else [0])]
        return Row(document, windows, tuple(known))
