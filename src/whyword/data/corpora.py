"""Labelled corpora: 20 Newsgroups, folders with one folder per class, CSV and JSON Lines files.

A document has one class; in files it may have several labels instead, or none.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from whyword.data.arrays import Bools, Ints
from whyword.data.extras import require
from whyword.data.files import read_text
from whyword.data.rows import Row, read_rows
from whyword.errors import InputError

Split = Literal["train", "dev", "test"]
"""A part of a corpus; ``"dev"`` is the development part, which chooses between models."""

NEWS20 = "20news"
"""The name of 20 Newsgroups, which can stand where otherwise a path is expected."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus: texts with one class each, or with any number of labels.

    Attributes:
        texts: The documents.
        labels: ``(document,)`` int64 class of each document, an index into ``classes``. If they
            have labels, ``(document, class)`` bool, True where the document has the label.
        classes: Names of the classes, or of the labels.
        names: A name for each document, by which it can be found: a path, or a line of a file.
        chronological: True if the documents of each class stand in order of time.
    """

    texts: tuple[str, ...]
    labels: Ints | Bools
    classes: tuple[str, ...]
    names: tuple[str, ...]
    chronological: bool = False

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Sequence[int] | Ints) -> "Corpus":
        """Return the documents at ``indices``, with the same classes."""
        return Corpus(
            tuple(self.texts[i] for i in indices),
            self.labels[list(indices)],
            self.classes,
            tuple(self.names[i] for i in indices),
            self.chronological,
        )

    def sample(self, limit: int | None) -> "Corpus":
        """Draw at most ``limit`` documents, the same each time, and keep their order."""
        return self if limit is None else self.subset(drawn(len(self), limit))

    @property
    def multilabel(self) -> bool:
        """Whether a document may have several labels, or none."""
        return self.labels.ndim == 2

    def single_labels(self) -> Ints:
        """Return the class ``(document,)`` of each document.

        Raises:
            InputError: If the documents have several labels.
        """
        if self.multilabel:
            raise InputError(
                "The documents have several labels each, or none, which can be trained on and "
                "tested on, and nothing else yet; expected a corpus with one class for each."
            )
        return self.labels.astype(np.int64, copy=False)

    def labels_in(self, classes: Sequence[str]) -> Ints:
        """Return the labels ``(document,)`` as indices into the classes of a model.

        Raises:
            InputError: If the model lacks a class of the corpus, or the documents have several.
        """
        return self._places(classes)[self.single_labels()]

    def label_matrix_in(self, classes: Sequence[str]) -> Bools:
        """Return which labels of a model each document has, ``(document, class)``.

        Raises:
            InputError: If the model lacks a label of the corpus, or the documents have one class
                each instead of labels.
        """
        if not self.multilabel:
            raise InputError(
                "The documents have one class each; expected labels, as the model gives: a list in "
                "each line of JSON, or a column that is read with --label-separator."
            )
        found = np.zeros((len(self), len(classes)), dtype=bool)
        found[:, self._places(classes)] = self.labels
        return found

    def _places(self, classes: Sequence[str]) -> Ints:
        """Where each class of the corpus stands among those of a model.

        Raises:
            InputError: If it stands nowhere.
        """
        if unknown := sorted(set(self.classes) - set(classes)):
            raise InputError(f"The documents have classes that the model has not: {unknown}.")
        return np.array([classes.index(name) for name in self.classes], dtype=np.int64)


def drawn(documents: int, limit: int, *, seed: int = 0) -> Ints:
    """Draw at most ``limit`` places of documents at random, in ascending order."""
    return np.sort(np.random.default_rng(seed).permutation(documents)[:limit])


def load_corpus(
    source: str | Path,
    split: Split = "train",
    *,
    text: str = "text",
    label: str = "label",
    encoding: str = "utf-8",
    label_separator: str | None = None,
) -> Corpus:
    """Read a corpus by name or path.

    Args:
        source: ``"20news"``; a folder with one folder per class (or with ``train``, ``test`` and
            perhaps ``dev`` or ``validation``, which hold those), see `folder`; or a ``.csv``,
            ``.tsv`` or ``.jsonl`` file, see `table`.
        split: The part to read, if the source has parts.
        text: Column or key of the text.
        label: Column or key of the class.
        encoding: Encoding of the files.
        label_separator: What stands between the labels of a document, if it has several.

    Raises:
        InputError: If there is no such source, or it cannot be read as described; if the separator
            stands nowhere in documents to train on.
    """
    if label_separator is not None and (str(source) == NEWS20 or os.path.isdir(source)):
        raise InputError(
            f"Got a label separator for {source}, where each document has one class; leave it out."
        )
    if str(source) == NEWS20:
        return news20(split)
    path = Path(source)
    if os.path.isdir(path):
        return folder(_part(path, split), encoding=encoding)
    if not os.path.exists(path):
        raise InputError(
            f'There is no corpus "{source}". Give "{NEWS20}", a folder with a folder per class, or '
            "a .csv, .tsv or .jsonl file."
        )
    found = table(path, text=text, label=label, encoding=encoding, label_separator=label_separator)
    if label_separator is not None and split == "train" and found.labels.sum(axis=1).max() < 2:
        raise InputError(
            f'{path} has no document with two labels, or with "{label_separator}" between them; '
            "give the character that separates labels, or leave it out for one class each."
        )
    return found


def news20(split: Split, *, download: bool = True) -> Corpus:
    """Read 20 Newsgroups "bydate" without headers, each class in order of posting.

    It is in scikit-learn's cache, which is filled by a download on first use.

    Args:
        split: ``"train"`` (11,314 documents) or ``"test"`` (7,532); it has no other part.
        download: Whether scikit-learn may download what its cache lacks.

    Raises:
        InputError: If scikit-learn is not installed or cannot get the corpus, or it has no such
            part.
    """
    if split == "dev":
        raise InputError("20 Newsgroups has no development part; give a folder or a file.")
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
    # The postings of a newsgroup are numbered in the order of their arrival.
    order = sorted(range(len(names)), key=lambda i: (int(data.target[i]), int(Path(names[i]).name)))
    return Corpus(
        tuple(data.data[i] for i in order),
        np.asarray(data.target, dtype=np.int64)[order],
        tuple(data.target_names),
        tuple(names[i] for i in order),
        chronological=True,
    )


def folder(path: str | Path, *, encoding: str = "utf-8") -> Corpus:
    """Read a folder with one folder per class and one file per text.

    The files of a class may lie in folders inside its own. Files beside the class folders, and
    class folders without files, are passed over; so are hidden ones (with a name that begins with a
    dot) and those that other programs leave (``__pycache__``, ``__MACOSX``).

    Raises:
        InputError: If there are fewer than two classes, or a file is not text in ``encoding``.
    """
    path = Path(path)
    rows = []
    for sub in _class_folders(path):
        files = (file for file in sub.rglob("*") if file.is_file())
        rows += [
            (read_text(file, encoding=encoding), sub.name, str(file.relative_to(path)))
            for file in sorted(files)
            if all(map(_is_shown, file.relative_to(sub).parts))
        ]
    return _corpus(rows, path)


def _part(path: Path, split: Split) -> Path:
    """The folder that holds the class folders: a part, or the folder itself if it has no parts.

    Raises:
        InputError: If it has parts, but not this one.
    """
    parts = [name for name in ("train", "test") if _class_folders(path / name)]
    if not parts:
        return path
    for name in ("dev", "validation") if split == "dev" else (split,):
        if _class_folders(path / name):
            return path / name
    raise InputError(f'{path} has the part "{parts[0]}" and no "{split}"; expected both.')


def _class_folders(path: Path) -> list[Path]:
    """List the folders in a folder, without hidden ones, by name; none if it is no folder.

    Raises:
        InputError: If the folder cannot be read.
    """
    if not os.path.isdir(path):
        return []
    try:
        return sorted(sub for sub in path.iterdir() if _is_shown(sub.name) and os.path.isdir(sub))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name not in ("__pycache__", "__MACOSX")


def table(
    path: str | Path,
    *,
    text: str = "text",
    label: str = "label",
    encoding: str = "utf-8",
    label_separator: str | None = None,
) -> Corpus:
    """Read a ``.csv``, ``.tsv`` or ``.jsonl`` file with a text and a label in each row.

    Lines of JSON are objects, in which whole numbers count as strings. Texts may be empty, labels
    not. A list of strings, or a column that a separator divides, holds any number of labels: their
    order says nothing, and there may be none.

    Raises:
        InputError: If the file has another ending, a column is missing or stands there twice, or a
            line cannot be read or has no label; if some rows have a list of labels and others one.
    """
    path = Path(path)
    rows = read_rows(path, text=text, label=label, encoding=encoding, separator=label_separator)
    return _corpus(rows, path)


def _corpus(rows: Sequence[Row], path: Path) -> Corpus:
    listed = {isinstance(labels, tuple): name for _, labels, name in rows}
    if len(listed) == 2:
        raise InputError(
            f"{path} has a list of labels in {listed[True]} and one label in {listed[False]}; "
            "expected lists everywhere, or nowhere."
        )
    names = [(labels,) if isinstance(labels, str) else labels for _, labels, _ in rows]
    classes = sorted({name for labels in names for name in labels})
    if len(classes) < 2:
        kind = "labels" if True in listed else "classes"
        found = f"{len(rows)} documents of {len(classes)} {kind}"
        raise InputError(f"{path} has {found}; expected two {kind} or more.")
    index = {name: i for i, name in enumerate(classes)}
    found_labels: Ints | Bools
    if True in listed:
        found_labels = np.zeros((len(rows), len(classes)), dtype=bool)
        for row, labels in zip(found_labels, names, strict=True):
            row[[index[name] for name in labels]] = True
    else:
        found_labels = np.array([index[label] for (label,) in names])
    return Corpus(
        tuple(text for text, _, _ in rows),
        found_labels,
        tuple(classes),
        tuple(name for _, _, name in rows),
    )
