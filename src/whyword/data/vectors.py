"""Word vectors: a vocabulary with its vectors, and files of word2vec, GloVe and fastText.

A word without a vector is unknown: it keeps its position and gets the zero vector, like a deleted
word of the paper (Arras et al. 2016, section 3.3). It says nothing to the model, and renderers mark
it.
"""

import gzip
import zlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from whyword.data.arrays import Singles
from whyword.errors import InputError

UNKNOWN = 0
"""The id of padding and of every word without a vector; its row is zero."""

MOST_COMPONENTS = 100_000
LONGEST_WORD = 1 << 20
"""The most bytes of a word; a file with a longer one is refused, whatever its first line says."""

_APOSTROPHES = str.maketrans("‘’ʼ", "'''")


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A vocabulary with its vectors.

    Attributes:
        words: The vocabulary.
        array: ``(word, dimension)`` float32 vectors.
        lowercase: True if every word is looked up in lower case. Otherwise a word is looked up as
            it stands and, failing that, in lower case.

    Raises:
        InputError: If the shapes disagree, a word stands twice, or the numbers are not float32 or
            not finite.
    """

    words: tuple[str, ...]
    array: Singles
    lowercase: bool = False

    def __post_init__(self) -> None:
        if self.array.ndim != 2 or len(self.array) != len(self.words):
            raise InputError(
                f"The vectors have the shape {self.array.shape}; expected one row for each of "
                f"{len(self.words)} words."
            )
        if self.array.dtype != np.float32 or not self.dimension:
            raise InputError(
                f"The vectors have {self.dimension} components of type {self.array.dtype}; "
                "expected one or more of float32: array.astype(np.float32)."
            )
        if len(self._index) < len(self.words):
            raise InputError("The vocabulary has a word twice; expected no two alike.")
        if not np.isfinite(self.array).all():
            raise InputError("The word vectors have NaN or infinite numbers; expected finite ones.")

    @property
    def dimension(self) -> int:
        """The number of components of each vector."""
        return int(self.array.shape[1])

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, start=1)}

    def ids(self, words: Iterable[str]) -> list[int]:
        """Return the row of each word in `table`; `UNKNOWN` for a word without a vector."""
        index, lowercase = self._index, self.lowercase
        found = []
        for word in words:
            key = word if word.isascii() else word.translate(_APOSTROPHES)
            row = None if lowercase else index.get(key)
            found.append(row or index.get(key.lower(), UNKNOWN))
        return found

    def first(self, n: int) -> "WordVectors":
        """Return the vectors of the first ``n`` words; learned ones stand in order of frequency."""
        return WordVectors(self.words[:n], self.array[:n], self.lowercase)

    def table(self) -> Singles:
        """The table ``(word + 1, dimension)``: a zero row for `UNKNOWN`, then the vectors."""
        return np.vstack([np.zeros((1, self.dimension), np.float32), self.array])


def read_vectors(path: str | Path, *, vocabulary: Container[str] | None = None) -> WordVectors:
    """Read vectors from a file, keeping only the words of a vocabulary while reading.

    ``.bin`` is word2vec's binary format (GoogleNews); everything else is text with one word and its
    numbers on each line, with a header line (word2vec, fastText) or without (GloVe). Each may be
    compressed (``.gz``). If a word is listed twice, the first entry counts.

    Args:
        path: The file.
        vocabulary: Words to keep; a word is kept if it or its lower case is in it. None keeps all.

    Raises:
        InputError: If the file is missing, broken off, or in another format.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = suffixes[-1:] == [".gz"]
    binary = (suffixes[:-1] if compressed else suffixes)[-1:] == [".bin"]
    try:
        with gzip.open(path, "rb") if compressed else path.open("rb") as file:
            reader = _read_binary if binary else _read_text
            return _collect(reader(file, path), vocabulary, path)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"Cannot read word vectors from {path}: {error}.") from error


def _collect(
    pairs: Iterator[tuple[str, Singles]], vocabulary: Container[str] | None, path: Path
) -> WordVectors:
    kept: dict[str, Singles] = {}
    for word, vector in pairs:
        wanted = vocabulary is None or word in vocabulary or word.lower() in vocabulary
        if wanted and word not in kept:
            kept[word] = vector.copy()  # a view would keep its whole buffer alive
    if not kept:
        raise InputError(f"{path} has no vector for any word of the vocabulary.")
    return WordVectors(tuple(kept), np.stack(list(kept.values())))


def _header(line: bytes) -> tuple[int, int] | None:
    """Return the number of words and the dimension, if the line is a header."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() and len(part) < 16 for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _read_binary(file: IO[bytes], path: Path) -> Iterator[tuple[str, Singles]]:
    header = _header(file.readline(100))
    if header is None or not 0 < header[1] < MOST_COMPONENTS:
        raise InputError(
            f'{path} does not begin with "words dimension", as word2vec\'s binary format does. '
            "Text formats must not end in .bin."
        )
    words, dimension = header
    size = 4 * dimension
    buffer, position = b"", 0
    for number in range(words):
        while (space := buffer.find(b" ", position)) < 0 or len(buffer) < space + 1 + size:
            if space < 0 and len(buffer) - position > LONGEST_WORD:
                raise InputError(f"{path} has no word at entry {number + 1} of {words}.")
            if not (more := file.read(1 << 20)):
                raise InputError(f"{path} is broken off after {number} of {words} words.")
            buffer, position = buffer[position:] + more, 0
        # Some writers end each entry with a newline, which then stands before the next word.
        word = buffer[position:space].lstrip(b"\n").decode("utf-8", "replace")
        yield word, np.frombuffer(buffer, np.float32, dimension, space + 1)
        position = space + 1 + size


def _read_text(file: IO[bytes], path: Path) -> Iterator[tuple[str, Singles]]:
    first = file.readline()
    header = _header(first)
    dimension = header[1] if header else len(first.split()) - 1
    lines = [] if header else [first]
    if dimension >= MOST_COMPONENTS:
        raise InputError(f"{path} begins with vectors of {dimension} components; expected fewer.")
    count = 0
    for source in (lines, file):
        for line in source:
            # Split from the right: GloVe has words with spaces in them.
            parts = line.decode("utf-8", "replace").rstrip().rsplit(" ", dimension)
            try:
                vector = np.array(parts[1:], dtype=np.float32)
            except ValueError:
                vector = np.empty(0, np.float32)
            if dimension < 1 or len(vector) != dimension:
                raise InputError(
                    f"Entry {count + 1} of {path} is not a word and {max(dimension, 1)} numbers; "
                    "expected word2vec, GloVe or fastText vectors as text (or .bin)."
                )
            yield parts[0], vector
            count += 1
    if header and count < header[0]:
        raise InputError(f"{path} is broken off after {count} of {header[0]} words.")
