"""The features of a scikit-learn vectorizer, with the words of the original text they stand on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from whyword.errors import InputError, ModelError
from whyword.text import Document, Span


class NGram(NamedTuple):
    """One occurrence of a feature.

    Attributes:
        name: The feature, as the vectorizer spells it.
        words: Indices of the words that it consists of.
    """

    name: str
    words: tuple[int, ...]


class Analyzer:
    """What a vectorizer with ``analyzer="word"`` makes of a text, and where in it.

    Args:
        vectorizer: A `CountVectorizer`, `TfidfVectorizer` or `HashingVectorizer`.

    Raises:
        ModelError: If it works on characters, or by a function of its user's.
    """

    def __init__(self, vectorizer: Any) -> None:
        if vectorizer.analyzer != "word":
            raise ModelError(
                f"The vectorizer has analyzer={vectorizer.analyzer!r}; only n-grams of words can "
                'be shared out to words: expected analyzer="word".'
            )
        self.vectorizer = vectorizer
        self.analyze: Callable[[str], list[str]] = vectorizer.build_analyzer()
        self.preprocess: Callable[[str], str] = vectorizer.build_preprocessor()
        self.tokenize: Callable[[str], list[str]] = vectorizer.build_tokenizer()
        self.stop_words: frozenset[str] = frozenset(vectorizer.get_stop_words() or ())

    def document(self, text: str) -> Document:
        """The text with the vectorizer's tokens.

        Raises:
            InputError: If ``text`` is not a string, or the tokens are not found in it.
        """
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
        kept = [t for t in self._tokens(document.text) if t[0] not in self.stop_words]
        found = [
            NGram(
                " ".join(token for token, _ in kept[i : i + n]),
                tuple(int(word_at[span.start]) for _, span in kept[i : i + n]),
            )
            for n in range(self.vectorizer.ngram_range[0], self.vectorizer.ngram_range[1] + 1)
            for i in range(len(kept) - n + 1)
        ]
        if sorted(ngram.name for ngram in found) != sorted(self.analyze(document.text)):
            raise InputError(
                "The vectorizer's features are not the n-grams of its tokens; a preprocessor or "
                "tokenizer of one's own has to keep the words in their order."
            )
        return found

    def _tokens(self, text: str) -> list[tuple[str, Span]]:
        """The vectorizer's tokens, with their spans in the original text."""
        if not isinstance(text, str):
            raise InputError(f"Got {type(text).__name__}; expected a text (str).")
        processed = self.preprocess(text)
        origin = self._origin(text, processed)
        tokens: list[tuple[str, Span]] = []
        position = 0
        for token in self.tokenize(processed):
            start = processed.find(token, position)
            if start < 0 or not token:
                raise InputError(
                    f"The token {token!r} does not stand in the text; the vectorizer's tokenizer "
                    "has to return parts of it, in their order."
                )
            position = start + len(token)
            tokens.append((token, Span(origin[start], origin[position - 1] + 1)))
        return tokens

    def _origin(self, text: str, processed: str) -> Sequence[int]:
        """For each character of the processed text, the one in the original that it came from.

        Lower-casing and stripping accents may change lengths: İ becomes two characters.
        """
        if len(processed) == len(text):
            return range(len(text))
        lengths = [len(self.preprocess(character)) for character in text]
        if sum(lengths) != len(processed):
            raise InputError(
                "The vectorizer's preprocessor does not work character by character; words cannot "
                "be found again in the original text."
            )
        return [i for i, length in enumerate(lengths) for _ in range(length)]
