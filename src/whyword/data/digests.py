"""Digests: short names for contents, the same in every process, by which runs know their inputs.

All are SHA-256 in hexadecimal digits. Contents are read a part at a time, however large they are.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyword.data.corpora import Corpus
from whyword.data.vectors import WordVectors


def digest(parts: Iterable[str | NDArray[Any]]) -> str:
    """Digest of a sequence of texts and arrays.

    The length of each part counts, so that the end of one is not taken for the beginning of the
    next.
    """
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            data = part.encode("utf-8", "surrogatepass")
            found.update(b"text %d " % len(data))
            found.update(data)
        else:
            array = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
            found.update(f"array {array.dtype.str} {array.shape} ".encode())
            found.update(array.reshape(-1).data)
    return found.hexdigest()


def digest_of_file(path: Path) -> str:
    """Digest of what a file holds, whatever its name.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_files(paths: Iterable[Path]) -> str:
    """Digest of the names of files, wherever they are, and what they hold.

    Raises:
        OSError: If one cannot be read.
    """
    return digest(part for path in paths for part in (path.name, digest_of_file(path)))


def digest_of_corpus(corpus: Corpus) -> str:
    """Digest of all that training learns from: texts, labels, classes, and whether time orders."""

    def parts() -> Iterator[str | NDArray[Any]]:
        yield str(len(corpus.classes))
        yield from corpus.classes
        yield str(corpus.chronological)
        yield corpus.labels.astype(np.int64)
        yield from corpus.texts

    return digest(parts())


def digest_of_vectors(vectors: WordVectors) -> str:
    """Digest of a vocabulary, how it is looked up, and its vectors."""

    def parts() -> Iterator[str | NDArray[Any]]:
        yield str(vectors.lowercase)
        yield vectors.array
        yield from vectors.words

    return digest(parts())
