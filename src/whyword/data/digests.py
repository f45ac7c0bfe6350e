"""Digests: short names for contents, the same in every process, by which runs know their inputs.

All are SHA-256 in hexadecimal digits. Contents of any size are read part by part.
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
    """Compute the digest of a sequence of texts and arrays.

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
    """Compute the digest of the contents of a file, whatever its name.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_files(paths: Iterable[Path]) -> str:
    """Compute the digest of the names and contents of files, whatever their folder.

    Raises:
        OSError: If a file cannot be read.
    """
    return digest(part for path in paths for part in (path.name, digest_of_file(path)))


def digest_of_corpus(corpus: Corpus) -> str:
    """Compute the digest of all that training reads of a corpus: texts, labels, classes, order."""

    def parts() -> Iterator[str | NDArray[Any]]:
        yield str(len(corpus.classes))
        yield from corpus.classes
        yield str(corpus.chronological)
        yield corpus.labels.astype(np.int64)
        yield from corpus.texts

    return digest(parts())


def digest_of_vectors(vectors: WordVectors) -> str:
    """Compute the digest of a vocabulary, the way in which it is looked up, and its vectors."""

    def parts() -> Iterator[str | NDArray[Any]]:
        yield str(vectors.lowercase)
        yield vectors.array
        yield from vectors.words

    return digest(parts())
