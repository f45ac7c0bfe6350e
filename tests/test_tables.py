"""Relevance tables: what is read, and what is refused, with document and field named."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import random_cnn
from whyword import Explanation, InputError, explain
from whyword.evaluation import tables
from whyword.evaluation.documents import Documents

TEXTS = ("alpha beta gamma", "delta alpha", "kappa")
TARGETS = ["a", "c", "b"]


Records = list[dict[str, Any]]
"""A table of explanations, as JSON values."""


@pytest.fixture(scope="module")
def explanations() -> list[Explanation]:
    return explain(random_cnn(1), list(TEXTS))


def documents(explanations: Sequence[Explanation]) -> Documents:
    every = tuple(random_cnn(1).documents(list(TEXTS)))
    zeros = np.zeros(len(every), dtype=int)
    return Documents(("first", "second", "third"), every, zeros, zeros)


def written(
    path: Path,
    explanations: Sequence[Explanation],
    change: Callable[[Records], None] | None = None,
) -> Path:
    """A table of the explanations, changed, in the format that the path's ending names."""
    records: Records = [{**e.to_dict()} for e in explanations]
    if change:
        change(records)
    if path.suffix == ".json":
        path.write_text(json.dumps(records), encoding="utf-8")
    else:
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["json", "jsonl", "parquet"])
def test_what_was_written_is_read(
    tmp_path: Path, explanations: Sequence[Explanation], ending: str
) -> None:
    path = tmp_path / f"table.{ending}"
    if ending == "parquet":
        tables.write(path, explanations)
    else:
        written(path, explanations)
    found = tables.read(path)(documents(explanations), TARGETS)
    for explanation, target, relevance in zip(explanations, TARGETS, found, strict=True):
        np.testing.assert_array_equal(
            relevance, explanation.relevance[explanation.targets.index(target)]
        )


def drop_word(records: Records) -> None:
    del records[1]["words"][0]


def drop_document(records: Records) -> None:
    del records[2]


def not_a_number(records: Records) -> None:
    records[0]["words"][1]["relevance"]["a"] = float("nan")


def text_in_place_of_a_number(records: Records) -> None:
    records[0]["words"][1]["relevance"]["a"] = "much"


def span_beyond_the_text(records: Records) -> None:
    word = records[1]["words"][1]
    word["end"] = 99
    word.pop("text")


def other_span(records: Records) -> None:
    word = records[1]["words"][1]
    word["end"] -= 1
    word.pop("text")


def other_surface(records: Records) -> None:
    records[1]["words"][0]["text"] = "dleta"


def no_start(records: Records) -> None:
    del records[2]["words"][0]["start"]


def no_relevance(records: Records) -> None:
    records[2]["words"][0].pop("relevance")


def one_target_less(records: Records) -> None:
    del records[0]["words"][2]["relevance"]["a"]


def other_targets(records: Records) -> None:
    for word in records[0]["words"]:
        del word["relevance"]["a"]
    del records[0]["targets"]["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_word, r"document 1 \(second\), start and end: has no relevance for the word 'delta'"),
        (drop_document, "no row for the document third"),
        (not_a_number, r"document 0, relevance for \"a\": word 1 \('beta'\) has nan"),
        (text_in_place_of_a_number, "document 0, word 1, relevance for \"a\": got 'much'"),
        (span_beyond_the_text, "document 1, start and end: Word 1 has the span 6:99"),
        (other_span, r"document 1 \(second\), start and end: has no relevance for .* 'alpha'"),
        (other_surface, "document 1, word 0, text: the word is 'dleta'"),
        (no_start, "document 2, word 0, start: got None"),
        (no_relevance, "document 2, word 0, relevance: expected an object"),
        (one_target_less, 'document 0, word 2, relevance: none for the target "a"'),
        (other_targets, r'document 0 \(first\), target: no relevance for "a"'),
    ],
)
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_wrong_json_is_refused(
    tmp_path: Path,
    explanations: Sequence[Explanation],
    change: Callable[[Records], None],
    message: str,
    ending: str,
) -> None:
    path = written(tmp_path / f"wrong.{ending}", explanations, change)
    with pytest.raises(InputError, match=message) as error:
        tables.read(path)(documents(explanations), TARGETS)
    assert f"wrong.{ending}" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relevance": [[0.5, None]]}, "document 0, relevance: word 1 has None"),
        (
            {"relevance": [[0.5, float("inf")]]},
            r"document 0, relevance.*: word 1 \('beta'\) has inf",
        ),
        ({"relevance": [[0.5]]}, "document 0: 2 of start, 2 of end, 1 of relevance"),
        ({"relevance": None}, "no column relevance"),
        ({"end": [[5, 99]]}, "document 0, start and end: Word 1 has the span 6:99"),
        ({"start": [["0", "6"]]}, "document 0, start: word 0 has '0'"),
        ({"text": [7]}, "document 0, text: got int"),
    ],
)
def test_wrong_parquet_is_refused(tmp_path: Path, change: Mapping[str, Any], message: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"text": ["alpha beta"], "start": [[0, 6]], "end": [[5, 10]], "relevance": [[1.0, 2]]}
    columns |= change
    table = pa.table({name: values for name, values in columns.items() if values is not None})
    parquet.write_table(table, tmp_path / "wrong.parquet")
    with pytest.raises(InputError, match=message):
        tables.read(tmp_path / "wrong.parquet")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    for name, content, message in (
        ("table.txt", "", "expected .json"),
        ("table.json", "{", "not JSON"),
        ("table.json", "[3]", "document 0: expected an object"),
        ("table.json", '[{"text": 3}]', "document 0: the field text"),
        ("table.parquet", "no", "as Parquet"),
    ):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            tables.read(path)
