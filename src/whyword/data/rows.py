"""Reading of texts with labels from the rows of a file: CSV, TSV (with tabs) or JSON Lines."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Self

from whyword.data.files import read_text
from whyword.errors import InputError, did_you_mean

Labels = str | tuple[str, ...]
"""The class of a document; or its labels, of which there may be several or none."""

Row = tuple[str, Labels, str]
"""Text, class or labels, and a name by which the document is found: the file and the line."""


def read_rows(
    path: Path, *, text: str, label: str, encoding: str, separator: str | None = None
) -> list[Row]:
    """Read the rows of a ``.csv``, ``.tsv`` or ``.jsonl`` file; see `whyword.data.corpora.table`.

    Raises:
        InputError: If the file has another ending, a column is missing or stands there twice, or a
            line cannot be read or has no label; if the separator is empty.
    """
    if separator is not None and not separator.strip():
        raise InputError(
            f"Got the label separator {separator!r}; expected a character such as ';'."
        )
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return _json_lines(path, text, label, encoding, separator)
    if ending in (".csv", ".tsv"):
        return _csv(path, text, label, encoding, separator, "\t" if ending == ".tsv" else ",")
    raise InputError(f"{path} ends in {ending!r}; expected .csv, .tsv or .jsonl.")


def _csv(
    path: Path, text: str, label: str, encoding: str, separator: str | None, delimiter: str
) -> list[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a text may be long
    content = read_text(path, encoding=encoding)
    if "\0" in content:
        raise InputError(f"{path} has NUL bytes; expected a text file.")
    lines = _Lines(content)
    reader = csv.reader(lines, delimiter=delimiter)
    rows: list[Row] = []
    try:
        columns = next(reader, [])
        for column in (text, label):
            if column not in columns:
                raise InputError(
                    f'{path} has no column "{column}"; it has: {", ".join(columns) or "none"}. '
                    f"{did_you_mean(column, columns) if columns else ''}"
                )
            if columns.count(column) > 1:
                raise InputError(f'{path} has the column "{column}" twice; expected it once.')
        where = columns.index(text), columns.index(label)
        for row in reader:
            place = f"{path}, line {reader.line_num}"
            if lines.ended:
                raise InputError(f"{place}: a quotation mark is opened and never closed.")
            if not row:
                continue
            if len(row) <= max(where):
                raise InputError(f"{place}: too few columns.")
            if any(row[len(columns) :]):
                raise InputError(
                    f"{place}: {len(row)} columns; expected {len(columns)}. Put texts that have "
                    f"{delimiter!r} in them between quotation marks."
                )
            labels = _labels(row[where[1]], separator, place)
            rows.append((row[where[0]], labels, f"{path.name}:{reader.line_num}"))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from error
    return rows


class _Lines:
    """The lines of a text, and whether more were asked for than there are."""

    def __init__(self, text: str) -> None:
        # Not splitlines(): only line feeds and carriage returns end a line of CSV.
        self._lines = io.StringIO(text, newline="")
        self.ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if line := self._lines.readline():
            return line
        self.ended = True
        raise StopIteration


def _labels(found: str, separator: str | None, place: str) -> Labels:
    """Return the class that a column names, or its labels if there is a separator.

    Raises:
        InputError: As `_checked`.
    """
    if separator is None:
        return _checked(found, place)
    parts = (part.strip() for part in found.split(separator))
    return tuple(_checked(part, place) for part in parts if part)


def _checked(label: str, place: str) -> str:
    """Check a label, and return it.

    Raises:
        InputError: If the label is empty, or cannot be written to a file.
    """
    if not label.strip():
        raise InputError(f"{place}: no label; expected the name of a class.")
    try:
        label.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: the label {label!r} has half a character.") from error
    return label


def _json_lines(
    path: Path, text: str, label: str, encoding: str, separator: str | None
) -> list[Row]:
    rows: list[Row] = []
    # Not splitlines(): JSON strings may contain U+2028 and the like unescaped.
    for number, line in enumerate(read_text(path, encoding=encoding).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            entry: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place}: not JSON: {error}.") from error
        content = _value(entry, text, place)
        value = entry.get(label) if isinstance(entry, dict) else None
        if isinstance(value, list):
            labels = _listed(value, place)
        else:
            labels = _labels(_value(entry, label, place), separator, place)
        rows.append((content, labels, f"{path.name}:{number}"))
    return rows


def _listed(labels: list[object], place: str) -> Labels:
    """Return a list of labels.

    Raises:
        InputError: If one of them is no string, is empty, or cannot be written to a file.
    """
    names = [label for label in labels if isinstance(label, str)]
    if len(names) < len(labels):
        odd = next(label for label in labels if not isinstance(label, str))
        raise InputError(
            f"{place}: {odd!r} stands among the labels; expected strings, one for each label."
        )
    return tuple(_checked(name, place) for name in names)


def _value(entry: object, key: str, place: str) -> str:
    """Return a value of a JSON object as a string.

    Raises:
        InputError: If the value is missing, or neither a string nor a whole number.
    """
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, str | int):
        return str(value)
    if not isinstance(entry, dict):
        got = f"got {type(entry).__name__}"
    elif key in entry:
        got = f"got {type(value).__name__} for it"
    else:
        got = f"it has: {', '.join(entry) or 'nothing'}"
    raise InputError(f'{place}: expected an object with "{key}" (a string); {got}.')
