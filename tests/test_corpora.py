"""Corpora from folders and files."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from whyword import InputError
from whyword.data import corpora


def test_a_folder_per_class(tmp_path: Path) -> None:
    for name, text in {"b/2.txt": "two", "a/1.txt": "one\r\n", "a/sub/3": "three"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "a" / ".hidden").write_bytes(b"\xff")
    corpus = corpora.load_corpus(tmp_path)
    assert corpus.classes == ("a", "b")
    assert corpus.texts == ("one\r\n", "three", "two")
    assert corpus.labels.tolist() == [0, 0, 1]
    assert corpus.names == ("a/1.txt", "a/sub/3", "b/2.txt")


def test_a_folder_with_train_and_test(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "1").write_text(f"{split} {label}")
    assert corpora.load_corpus(tmp_path, "test").texts == ("test a", "test b")


ROWS = [('say "hi", \u2028you', "x"), ("two\nlines", "y"), ("", "x")]


def test_csv_and_json_lines_read_the_same(tmp_path: Path) -> None:
    csv = "\ufefftext,label\n" + "".join(
        '"{}",{}\n'.format(text.replace('"', '""'), label) for text, label in ROWS
    )
    (tmp_path / "c.csv").write_text(csv, encoding="utf-8")
    lines = [json.dumps({"text": t, "label": y}, ensure_ascii=False) for t, y in ROWS]
    (tmp_path / "c.jsonl").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    for name in ("c.csv", "c.jsonl"):
        corpus = corpora.load_corpus(tmp_path / name)
        assert list(corpus.texts) == [text for text, _ in ROWS]
        assert corpus.classes == ("x", "y")
        assert corpus.labels.tolist() == [0, 1, 0]


def test_other_columns_and_tabs(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("body\tgroup\nhello\ta\nbye\tb\n")
    corpus = corpora.load_corpus(tmp_path / "c.tsv", text="body", label="group")
    assert corpus.texts == ("hello", "bye")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"txt,label\na,b\n", 'no column "text"; it has: txt, label. Did you mean "txt"'),
        ("a.csv", b"", "no column"),
        ("a.csv", b"text,label\nonly\n", "line 2: too few columns"),
        ("a.csv", b"text,label\na\0,b\n", "NUL"),
        ("a.csv", b"text,label\n\xff,b\n", "not utf-8"),
        ("a.csv", b"text,label\na,b\n", "two classes"),
        ("a.csv", b'text,label\n"a,b\n', "too few columns"),
        ("a.jsonl", b'{"text": "a"}\n', 'line 1: expected an object with "label"'),
        ("a.jsonl", b"[1]\n", "line 1"),
        ("a.jsonl", b'{"text": "a", "label": "b"}\n{"te', "line 2: not JSON"),
        ("a.xlsx", b"PK", "expected .csv"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        corpora.load_corpus(tmp_path / name)


def test_missing_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no corpus"):
        corpora.load_corpus(tmp_path / "nothing")
    with pytest.raises(InputError, match="two classes"):
        corpora.load_corpus(tmp_path)


def test_decoding() -> None:
    assert corpora.decode(b"caf\xe9", "x", encoding="latin-1") == "café"
    assert corpora.decode("\ufeffa".encode(), "x") == "a"
    with pytest.raises(InputError, match="no encoding"):
        corpora.decode(b"a", "x", encoding="utf-88")
    with pytest.raises(InputError, match="stdin is not utf-8"):
        corpora.decode(b"a\xff", "stdin")


def test_without_a_copy_and_without_download_20_newsgroups_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(InputError, match="SCIKIT_LEARN_DATA"):
        corpora.news20("train", download=False)


@pytest.mark.corpus
def test_20_newsgroups(news20: Mapping[str, corpora.Corpus]) -> None:
    assert {split: len(corpus) for split, corpus in news20.items()} == {
        "train": 11314,
        "test": 7532,
    }
    test = news20["test"]
    index = test.names.index("20news-bydate-test/sci.space/61393")
    assert test.classes[test.labels[index]] == "sci.space"
    assert "roller" in test.texts[index]
    # Headers are gone, and each class stands in order of posting.
    assert not test.texts[index].startswith("From:")
    numbers = np.array([int(name.rsplit("/", 1)[1]) for name in test.names])
    assert all((np.diff(numbers[test.labels == c]) > 0).all() for c in range(20))
