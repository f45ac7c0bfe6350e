"""Finds the words of the original text that each feature of a scikit-learn vectorizer stands on.

An n-gram of words stands on its words, in equal parts.

An n-gram of characters stands on the words of its characters, each in proportion to how many of
them it has. White space takes nothing from an n-gram that has other characters: "e c" in "the cat"
goes half to each word. Of an n-gram that is nothing but white space, no word gets anything. The
spaces that ``analyzer="char_wb"`` puts around a word are the word's own. Words are what white space
separates, unless the text comes with words of its own; characters between those (such as a full
stop that is no word) keep their part, which then is no word's.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from whyword.errors import InputError, ModelError
from whyword.text import Document, Span


class NGram(NamedTuple):
    """One occurrence of a feature.

    Attributes:
        name: The feature, as the vectorizer spells it.
        words: Indices of the words that it stands on in equal parts, -1 for no word. A word with
            several parts is listed several times.
    """

    name: str
    words: tuple[int, ...]


class Analyzer:
    """Finds a vectorizer's tokens and n-grams in a text, with their places.

    Args:
        vectorizer: A `CountVectorizer`, `TfidfVectorizer` or `HashingVectorizer`.

    Raises:
        ModelError: If it reads files, or has a function of its user as its analyzer.
    """

    def __init__(self, vectorizer: Any) -> None:
        name = type(vectorizer).__name__
        if vectorizer.analyzer not in ("word", "char", "char_wb"):
            raise ModelError(
                f"The {name} has a function as its analyzer, which does not say where its features "
                'stand; expected analyzer="word", "char" or "char_wb", with a tokenizer or '
                "preprocessor of one's own if need be."
            )
        if vectorizer.input != "content":
            raise ModelError(
                f'The {name} has input="{vectorizer.input}" and reads files; expected '
                'input="content".'
            )
        self.vectorizer = vectorizer
        self.analyze: Callable[[str], list[str]] = vectorizer.build_analyzer()
        self.preprocess: Callable[[str], str] = vectorizer.build_preprocessor()
        self.of_words: bool = vectorizer.analyzer == "word"
        self.stop_words = frozenset(vectorizer.get_stop_words() or () if self.of_words else ())

    def document(self, text: str) -> Document:
        """The text with the vectorizer's tokens; for characters, with what white space separates.

        Raises:
            InputError: If ``text`` is not a string, or the tokens are not found in it.
        """
        _check(text)
        if not self.of_words:
            return Document(text, tuple(Span(*word.span()) for word in re.finditer(r"\S+", text)))
        spans: list[Span] = []
        for _, span in self._tokens(text):
            # Two tokens may stem from one character, such as "¼".
            merged = bool(spans) and span.start < spans[-1].end
            spans.append(Span(spans.pop().start, span.end) if merged else span)
        return Document(text, tuple(spans))

    def ngrams(self, document: Document) -> list[NGram]:
        """Every occurrence of a feature; words are those of ``document``, however it was tokenised.

        Raises:
            InputError: If the vectorizer's own features cannot be found again in the text.
        """
        word_at = np.full(len(document.text) + 1, -1)
        for i, (start, end) in enumerate(document.spans):
            word_at[start:end] = i
        standing = self._on_words if self.of_words else self._on_characters
        found = list(standing(document.text, word_at.tolist()))
        if sorted(ngram.name for ngram in found) != sorted(self.analyze(document.text)):
            raise InputError(
                "The vectorizer's features are not the n-grams of its tokens; a preprocessor or "
                "tokenizer of one's own has to keep the words in their order."
            )
        return found

    def _on_words(self, text: str, word_at: list[int]) -> Iterator[NGram]:
        kept = [token for token in self._tokens(text) if token[0] not in self.stop_words]
        names, words = [name for name, _ in kept], [word_at[span.start] for _, span in kept]
        shortest, longest = self.vectorizer.ngram_range
        for n in range(shortest, min(longest, len(kept)) + 1):
            for i in range(len(kept) - n + 1):
                yield NGram(" ".join(names[i : i + n]), tuple(words[i : i + n]))

    def _on_characters(self, text: str, word_at: list[int]) -> Iterator[NGram]:
        padded = self.vectorizer.analyzer == "char_wb"
        for characters, words in self._runs(text, word_at, padded=padded):
            space = [character.isspace() for character in characters]
            for n in range(self.vectorizer.ngram_range[0], self.vectorizer.ngram_range[1] + 1):
                # A padded word that is shorter than n still counts, once.
                for i in range(max(len(characters) - n + 1, int(padded))):
                    part = words[i : i + n]
                    visible = tuple(
                        w for w, no in zip(part, space[i : i + n], strict=True) if not no
                    )
                    yield NGram(characters[i : i + n], visible or tuple(part))
                if padded and n >= len(characters):
                    break

    def _runs(
        self, text: str, word_at: list[int], *, padded: bool
    ) -> Iterator[tuple[str, list[int]]]:
        """Characters whose n-grams are features, with the word of each: all, or word by word."""
        processed = self.preprocess(text)
        words = [word_at[place] for place in self._origin(text, processed)]
        if padded:
            for run in re.finditer(r"\S+", processed):
                inside = words[run.start() : run.end()]
                yield f" {run.group()} ", [inside[0], *inside, inside[-1]]
            return
        # scikit-learn writes one space for several white-space characters.
        first = {run.start() for run in re.finditer(r"\s\s+", processed)}
        gone = {i for run in re.finditer(r"\s\s+", processed) for i in range(*run.span())} - first
        kept = [i for i in range(len(processed)) if i not in gone]
        characters = "".join(" " if i in first else processed[i] for i in kept)
        yield characters, [words[i] for i in kept]

    def _tokens(self, text: str) -> list[tuple[str, Span]]:
        """The vectorizer's tokens, with their spans in the original text."""
        _check(text)
        processed = self.preprocess(text)
        origin = self._origin(text, processed)
        return [
            (processed[start:end], Span(origin[start], origin[end - 1] + 1))
            for start, end in self._places(processed)
        ]

    def _places(self, processed: str) -> Iterator[tuple[int, int]]:
        """Where the tokens stand in the processed text."""
        if self.vectorizer.tokenizer is None:  # scikit-learn finds all of a pattern: so do we
            pattern = re.compile(self.vectorizer.token_pattern)
            for found in pattern.finditer(processed):
                if found.end(pattern.groups) > found.start(pattern.groups):
                    yield found.span(pattern.groups)
            return
        position = 0
        for token in self.vectorizer.tokenizer(processed):
            start = processed.find(token, position) if isinstance(token, str) else -1
            if start < 0 or not token:
                raise InputError(
                    f"The token {token!r} does not stand in the text; the vectorizer's tokenizer "
                    "has to return parts of it, in their order."
                )
            position = start + len(token)
            yield start, position

    def _origin(self, text: str, processed: str) -> Sequence[int]:
        """For each character of the processed text, the one in the original that it came from.

        Lower-casing and stripping accents may change lengths: İ becomes two characters.
        """
        # Lower-casing alone never shortens; accents may go in one place while another grows.
        plain = self.vectorizer.preprocessor is None
        plain &= self.vectorizer.strip_accents is None or text.isascii()
        if plain and len(processed) == len(text):
            return range(len(text))
        pieces = [self.preprocess(character) for character in text]
        # Casefolded, because lower case writes "Σ" otherwise at the end of a word.
        if "".join(pieces).casefold() != processed.casefold() or (
            sum(map(len, pieces)) != len(processed)
        ):
            raise InputError(
                "The vectorizer's preprocessor does not work character by character; words cannot "
                "be found again in the original text."
            )
        return [i for i, piece in enumerate(pieces) for _ in piece]


def _check(text: str) -> None:
    if not isinstance(text, str):
        raise InputError(f"Got {type(text).__name__}; expected a text (str).")
