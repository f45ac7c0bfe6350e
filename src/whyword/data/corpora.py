"""Labelled corpora: 20 Newsgroups, a folder per class, CSV and JSON Lines."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from whyword.data.arrays import Ints
from whyword.data.extras import require
from whyword.errors import InputError, did_you_mean

Split = Literal["train", "test"]

NEWS20 = "20news"
"""The name of 20 Newsgroups, where a path is expected otherwise."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with one label each.

    Attributes:
        texts: The documents.
        labels: ``(document,)`` int64, indices into ``classes``.
        classes: Names of the classes.
        names: One name per document, for finding it again: a path, or a line of a file.
        chronological: True if the documents of each class stand in order of time.
    """

    texts: tuple[str, ...]
    labels: Ints
    classes: tuple[str, ...]
    names: tuple[str, ...]
    chronological: bool = False

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Sequence[int] | Ints) -> "Corpus":
        """The documents at ``indices``, with the same classes."""
        return Corpus(
            tuple(self.texts[i] for i in indices),
            self.labels[list(indices)],
            self.classes,
            tuple(self.names[i] for i in indices),
            self.chronological,
        )

    def sample(self, limit: int | None) -> "Corpus":
        """At most so many documents, drawn at random, the same each time, in their order."""
        return self if limit is None else self.subset(drawn(len(self), limit))

    def labels_in(self, classes: Sequence[str]) -> Ints:
        """``(document,)`` labels as indices into the classes of a model.

        Raises:
            InputError: If the model has not all classes of the corpus.
        """
        if unknown := sorted(set(self.classes) - set(classes)):
            raise InputError(f"The documents have classes that the model has not: {unknown}.")
        return np.array([classes.index(name) for name in self.classes])[self.labels]


def drawn(documents: int, limit: int, *, seed: int = 0) -> Ints:
    """At most ``limit`` places among so many documents, at random, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(documents)[:limit])


def load_corpus(
    source: str | Path,
    split: Split = "train",
    *,
    text: str = "text",
    label: str = "label",
    encoding: str = "utf-8",
) -> Corpus:
    """Read a corpus by name or path.

    Args:
        source: ``"20news"``; a folder with one folder per class (or with ``train`` and ``test``,
            which hold those); or a ``.csv``, ``.tsv`` or ``.jsonl`` file.
        split: Which part, where the source has parts.
        text: Column or key of the text.
        label: Column or key of the class.
        encoding: Of the files.

    Raises:
        InputError: If there is no such source, or it cannot be read as described.
    """
    if str(source) == NEWS20:
        return news20(split)
    path = Path(source)
    if path.is_dir():
        part = path / split
        return folder(part if part.is_dir() else path, encoding=encoding)
    if not path.exists():
        raise InputError(
            f'There is no corpus "{source}". Give "{NEWS20}", a folder with a folder per class, or '
            "a .csv, .tsv or .jsonl file."
        )
    return table(path, text=text, label=label, encoding=encoding)


def news20(split: Split, *, download: bool = True) -> Corpus:
    """20 Newsgroups "bydate" without headers, each class in order of posting.

    From scikit-learn's cache, which it fills by a download on first use.

    Args:
        split: ``"train"`` (11,314 documents) or ``"test"`` (7,532).
        download: Whether scikit-learn may download what its cache lacks.

    Raises:
        InputError: If scikit-learn is not installed or cannot get the corpus.
    """
    datasets = require("sklearn.datasets", extra="corpus", what="20 Newsgroups")
    try:
        data = datasets.fetch_20newsgroups(
            subset=split, remove=("headers",), shuffle=False, download_if_missing=download
        )
    except OSError as error:
        raise InputError(
            f"scikit-learn cannot get 20 Newsgroups: {error}. Connect to the network once, or set "
            "SCIKIT_LEARN_DATA to a folder that has it."
        ) from error
    names = ["/".join(Path(name).parts[-3:]) for name in data.filenames]
    # A newsgroup's postings are numbered as they arrived.
    order = sorted(range(len(names)), key=lambda i: (int(data.target[i]), int(Path(names[i]).name)))
    return Corpus(
        tuple(data.data[i] for i in order),
        np.asarray(data.target, dtype=np.int64)[order],
        tuple(data.target_names),
        tuple(names[i] for i in order),
        chronological=True,
    )


def folder(path: str | Path, *, encoding: str = "utf-8") -> Corpus:
    """A folder with one folder per class and one file per text; hidden files are passed over.

    Raises:
        InputError: If there are no classes, or a file is not text in ``encoding``.
    """
    path = Path(path)
    rows = []
    for sub in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        files = (file for file in sub.rglob("*") if file.is_file() and file.name[0] != ".")
        rows += [
            (read_text(file, encoding=encoding), sub.name, str(file.relative_to(path)))
            for file in sorted(files)
        ]
    return _corpus(rows, path)


def table(
    path: str | Path, *, text: str = "text", label: str = "label", encoding: str = "utf-8"
) -> Corpus:
    """A ``.csv``, ``.tsv`` or ``.jsonl`` file with a text and a label in each row.

    Raises:
        InputError: If the ending is another, a column is missing, or a line cannot be read.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        rows = _json_lines(path, text, label, encoding)
    elif ending in (".csv", ".tsv"):
        rows = _csv(path, text, label, encoding, "\t" if ending == ".tsv" else ",")
    else:
        raise InputError(f"{path} ends in {ending!r}; expected .csv, .tsv or .jsonl.")
    return _corpus(rows, path)


def read_text(path: str | Path, *, encoding: str = "utf-8") -> str:
    """The text of a file, exactly: line ends are left as they are, a byte order mark is dropped.

    Raises:
        InputError: If the file cannot be read, or is not text in ``encoding``.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    return decode(data, str(path), encoding=encoding)


def decode(data: bytes, source: str, *, encoding: str = "utf-8") -> str:
    """Bytes from ``source`` as text, without a byte order mark.

    Raises:
        InputError: If they are not text in ``encoding``, or there is no such encoding.
    """
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(f'There is no encoding "{encoding}"; try "utf-8" or "latin-1".') from error
    except UnicodeError as error:
        raise InputError(
            f"{source} is not {encoding} text: {error}. Name its encoding, for example "
            "--encoding latin-1."
        ) from error


Row = tuple[str, str, str]


def _csv(path: Path, text: str, label: str, encoding: str, delimiter: str) -> list[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a text may be long
    lines = read_text(path, encoding=encoding).splitlines(keepends=True)
    reader = csv.DictReader(_without_nul(lines, path), delimiter=delimiter)
    columns = list(reader.fieldnames or [])
    for column in (text, label):
        if column not in columns:
            raise InputError(
                f'{path} has no column "{column}"; it has: {", ".join(columns) or "none"}. '
                f"{did_you_mean(column, columns) if columns else ''}"
            )
    rows = []
    try:
        for row in reader:
            if row[text] is None or row[label] is None:
                raise InputError(f"{path}, line {reader.line_num}: too few columns.")
            rows.append((row[text], row[label], f"{path.name}:{reader.line_num}"))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from error
    return rows


def _without_nul(lines: Iterable[str], path: Path) -> list[str]:
    lines = list(lines)
    if any("\0" in line for line in lines):
        raise InputError(f"{path} has NUL bytes; expected a text file.")
    return lines


def _json_lines(path: Path, text: str, label: str, encoding: str) -> list[Row]:
    rows = []
    # Not splitlines(): JSON strings may contain U+2028 and the like unescaped.
    for number, line in enumerate(read_text(path, encoding=encoding).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry: Any = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: not JSON: {error}.") from error
        for key in (text, label):
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str | int):
                raise InputError(
                    f'{path}, line {number}: expected an object with "{key}" (a string)'
                    + (
                        f"; it has: {', '.join(map(str, entry))}."
                        if isinstance(entry, dict)
                        else "."
                    )
                )
        rows.append((str(entry[text]), str(entry[label]), f"{path.name}:{number}"))
    return rows


def _corpus(rows: Sequence[Row], path: Path) -> Corpus:
    classes = sorted({label for _, label, _ in rows})
    if len(classes) < 2:
        found = f"{len(rows)} documents of {len(classes)} classes"
        raise InputError(f"{path} has {found}; expected two classes or more.")
    index = {name: i for i, name in enumerate(classes)}
    return Corpus(
        tuple(text for text, _, _ in rows),
        np.array([index[label] for _, label, _ in rows]),
        tuple(classes),
        tuple(name for _, _, name in rows),
    )
