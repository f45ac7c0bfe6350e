"""Relevances from elsewhere: tables of word relevances, read from JSON and Parquet files.

JSON files hold what ``whyword explain --json`` writes: an array of explanations, or one on each
line. Parquet files have a row for each document, with the columns

| column | type | |
|---|---|---|
| text | string | the document |
| start, end | list of integers | code points of its words |
| relevance | list of numbers | one per word |
| target | string | the class explained; may be missing if the table has one row per document |

A document is found by its text, and must have a relevance for each word that the classifier reads.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.parquet import pyarrow
from whyword.errors import InputError
from whyword.evaluation.documents import Documents
from whyword.explanation import Explanation
from whyword.text import Document, Span

COLUMNS = ("text", "start", "end", "relevance")


@dataclass(frozen=True, eq=False)
class RelevanceTable:
    """A table of the relevance of words, by text and target.

    Attributes:
        source: Name of the file that it comes from, for messages.
        entries: For each text the rows given to `add`: name, spans, and relevance by target; the
            target is None where the source does not name it.
    """

    source: str
    entries: dict[str, list[tuple[str, tuple[Span, ...], dict[str | None, Floats]]]] = field(
        default_factory=dict
    )

    def __call__(self, documents: Documents, targets: Sequence[str]) -> list[Floats]:
        """Return the relevance ``(word,)`` of each document's words for its target.

        Raises:
            InputError: If a document, its target or one of its words is missing, if a word has a
                relevance that is none of the document's, or if a relevance is not finite.
        """
        return [
            self._of(document, name, target)
            for document, name, target in zip(
                documents.documents, documents.names, targets, strict=True
            )
        ]

    def add(
        self, row: str, text: str, spans: Sequence[Span], relevance: dict[str | None, Floats]
    ) -> None:
        """Add a row to the table.

        Raises:
            InputError: If a relevance is not finite, or a span does not fit the text.
        """
        try:
            document = Document(text, tuple(spans))
        except InputError as error:
            raise InputError(f"{self.source}, {row}, start and end: {error}") from error
        for target, values in relevance.items():
            which = "relevance" if target is None else f'relevance for "{target}"'
            if len(values) != len(spans):
                raise InputError(
                    f"{self.source}, {row}, {which}: {len(values)} numbers for {len(spans)} words."
                )
            if not np.isfinite(values).all():
                bad = int(np.argmin(np.isfinite(values)))
                raise InputError(
                    f"{self.source}, {row}, {which}: word {bad} ({document.words[bad]!r}) has "
                    f"{values[bad]}; expected a finite number."
                )
        self.entries.setdefault(text, []).append((row, document.spans, relevance))

    def _of(self, document: Document, name: str, target: str) -> Floats:
        found = self.entries.get(document.text)
        if found is None:
            raise InputError(
                f"{self.source} has no row for the document {name}; expected one for each document "
                "of the evaluation, with exactly its text."
            )
        for row, spans, relevance in found:
            if target in relevance or None in relevance:
                self._compare(f"{row} ({name})", document, spans)
                return relevance[target] if target in relevance else relevance[None]
        targets = sorted({str(t) for _, _, relevance in found for t in relevance})
        raise InputError(
            f'{self.source}, {found[0][0]} ({name}), target: no relevance for "{target}", the '
            f"class explained; the table has: {', '.join(targets)}."
        )

    def _compare(self, row: str, document: Document, spans: tuple[Span, ...]) -> None:
        """Raise `InputError` unless ``spans`` are those of the document's words."""
        if spans == document.spans:
            return
        for what, some, others in (
            ("has no relevance for the word", document.spans, set(spans)),
            ("has a relevance for what is no word of the document", spans, set(document.spans)),
        ):
            for start, end in some:
                if (start, end) not in others:
                    raise InputError(
                        f"{self.source}, {row}, start and end: {what} "
                        f"{document.text[start:end]!r} at {start}:{end}."
                    )


def read(path: str | Path) -> RelevanceTable:
    """Read a table from a ``.json``, ``.jsonl`` or ``.parquet`` file.

    Raises:
        InputError: If the file cannot be read, or is not as the module's docstring describes; the
            message names the row and the field.
    """
    path = Path(path)
    table = RelevanceTable(path.name)
    ending = path.suffix.lower()
    if ending == ".parquet":
        _read_parquet(path, table)
    elif ending in (".json", ".jsonl", ".ndjson"):
        _read_json(path, table, lines=ending != ".json")
    else:
        raise InputError(f"{path} ends in {ending!r}; expected .json, .jsonl or .parquet.")
    return table


def write(path: str | Path, explanations: Iterable[Explanation]) -> None:
    """Write explanations as a Parquet table, with a row for each text and target.

    Raises:
        InputError: If pyarrow is not installed, or the file cannot be written.
    """
    pa, parquet = pyarrow("evaluate")
    rows = [
        {
            "text": e.text,
            "start": [start for start, _ in e.spans],
            "end": [end for _, end in e.spans],
            "relevance": relevance.tolist(),
            "target": target,
            "method": e.method,
        }
        for e in explanations
        for target, relevance in zip(e.targets, e.relevance, strict=True)
    ]
    integers, numbers = pa.list_(pa.int64()), pa.list_(pa.float64())
    schema = pa.schema(
        [("text", pa.string()), ("start", integers), ("end", integers), ("relevance", numbers),
         ("target", pa.string()), ("method", pa.string())]
    )  # fmt: skip
    try:
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error}.") from error


def _read_json(path: Path, table: RelevanceTable, *, lines: bool) -> None:
    from whyword.data.files import read_text

    text = read_text(path)
    parts = [line for line in text.split("\n") if line.strip()] if lines else [text]
    try:
        parsed = [json.loads(part) for part in parts]
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error}.") from error
    records = parsed if lines else parsed[0] if isinstance(parsed[0], list) else parsed
    for number, record in enumerate(records):
        row = f"document {number}"
        if not isinstance(record, dict):
            raise InputError(
                f"{table.source}, {row}: expected an object, as explain --json writes."
            )
        for name in ("text", "words"):
            if not isinstance(record.get(name), str if name == "text" else list):
                raise InputError(f"{table.source}, {row}: the field {name} is missing or wrong.")
        words = record["words"]
        for index, word in enumerate(words):
            _check_word(f"{table.source}, {row}, word {index}", word, record["text"])
        targets = list(dict.fromkeys(t for word in words for t in word["relevance"]))
        relevance: dict[str | None, Floats] = {}
        for target in targets or list(record.get("targets", {})):
            missing = [i for i, word in enumerate(words) if target not in word["relevance"]]
            if missing:
                raise InputError(
                    f"{table.source}, {row}, word {missing[0]}, relevance: none for the target "
                    f'"{target}".'
                )
            relevance[target] = np.array([word["relevance"][target] for word in words], float)
        spans = [Span(word["start"], word["end"]) for word in words]
        table.add(row, record["text"], spans, relevance)


def _check_word(where: str, word: Any, text: str) -> None:
    """Raise `InputError` unless a word of a JSON table has all it needs."""
    if not isinstance(word, dict):
        raise InputError(f"{where}: expected an object with start, end and relevance.")
    for name in ("start", "end"):
        if type(word.get(name)) is not int:
            raise InputError(f"{where}, {name}: got {word.get(name)!r}; expected an integer.")
    relevance = word.get("relevance")
    if not isinstance(relevance, dict):
        raise InputError(f"{where}, relevance: expected an object, a number for each target.")
    for target, value in relevance.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(
                f'{where}, relevance for "{target}": got {value!r}; expected a number.'
            )
    surface = text[word["start"] : word["end"]]
    if word.get("text", surface) != surface:
        raise InputError(
            f"{where}, text: the word is {word['text']!r}, but its span "
            f"{word['start']}:{word['end']} reads {surface!r}."
        )


def _read_parquet(path: Path, table: RelevanceTable) -> None:
    pa, parquet = pyarrow("evaluate")
    try:
        columns = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"Cannot read {path} as Parquet: {error}.") from error
    missing = [name for name in COLUMNS if name not in columns.column_names]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}, target."
        )
    for number, record in enumerate(columns.to_pylist()):
        row = f"document {number}"
        for name in COLUMNS:
            if not isinstance(record[name], str if name == "text" else list):
                raise InputError(
                    f"{table.source}, {row}, {name}: got {type(record[name]).__name__}; expected "
                    f"{'a string' if name == 'text' else 'a list, an entry for each word'}."
                )
        sizes = {name: len(record[name]) for name in COLUMNS[1:]}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{n} of {name}" for name, n in sizes.items())
            raise InputError(f"{table.source}, {row}: {listed}; expected as many of each.")
        for name in COLUMNS[1:]:
            kinds = int if name != "relevance" else int | float
            for index, value in enumerate(record[name]):
                if isinstance(value, bool) or not isinstance(value, kinds):
                    raise InputError(
                        f"{table.source}, {row}, {name}: word {index} has {value!r}; expected a "
                        "number."
                    )
        spans = [Span(s, e) for s, e in zip(record["start"], record["end"], strict=True)]
        values = np.array(record["relevance"], dtype=float)
        table.add(row, record["text"], spans, {record.get("target"): values})
