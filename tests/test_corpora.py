"""Corpora from folders and files."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from whyword import InputError
from whyword.data import corpora, files


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


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)


def test_what_is_hidden_or_left_by_programs_is_no_class_and_no_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a/1": b"one",
            "b/deep/er/2": b"two",
            ".git/objects/ab": b"\xff",
            ".ipynb_checkpoints/1": b"",
            "__MACOSX/a/._1": b"\xff",
            "__pycache__/x.pyc": b"\xff",
            "a/.git/config": b"\xff",
            "a/.DS_Store": b"\xff",
            "b/__pycache__/x.pyc": b"\xff",
            "README": b"\xff",
        },
    )
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    (tmp_path / "a" / "loop").symlink_to("loop")
    (tmp_path / "loop").symlink_to("loop")
    corpus = corpora.load_corpus(tmp_path)
    assert corpus.classes == ("a", "b")
    assert corpus.names == ("a/1", "b/deep/er/2")


def test_a_folder_whose_own_name_is_hidden_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".cache" / "corpus", {"a/1": b"one", "b/2": b"two"})
    assert corpora.load_corpus(tmp_path / ".cache" / "corpus").texts == ("one", "two")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a/1": b"one", "b/2.png": b"\x89PNG\r\n"})
    with pytest.raises(InputError, match=r"2\.png is not utf-8"):
        corpora.load_corpus(tmp_path)


def test_a_missing_part_is_not_made_of_the_other(tmp_path: Path) -> None:
    write(tmp_path, {"train/a/1": b"one", "train/b/1": b"two", "more/c/1": b"three"})
    assert corpora.load_corpus(tmp_path).texts == ("one", "two")
    with pytest.raises(InputError, match='no "test"'):
        corpora.load_corpus(tmp_path, "test")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write(tmp_path, {"train/1": b"one", "bus/1": b"two"})
    assert corpora.load_corpus(tmp_path).classes == ("bus", "train")


def test_line_ends_of_other_kinds_end_no_row(tmp_path: Path) -> None:
    texts = ["a\x0bb\x0cc\x1cd", "e\x85f\u2028g"]
    rows = ["text,label", f"{texts[0]},x", "", f"{texts[1]},y,", ""]
    (tmp_path / "c.csv").write_bytes("\r\n".join(rows).encode())
    assert corpora.load_corpus(tmp_path / "c.csv").texts == tuple(texts)


def test_names_that_no_file_can_have_are_no_corpora() -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(InputError, match="There is no corpus"):
            corpora.load_corpus(name)


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
        ("a.csv", b'text,label\n"a,b\n', "line 2: a quotation mark is opened and never closed"),
        ("a.csv", b'text,label\na,x\nb,"y\nc,x\n', "never closed"),
        ("a.csv", b"text,label\nhello, world,x\na,y\n", "line 2: 3 columns; expected 2"),
        ("a.csv", b"text,label,text\na,x,b\nc,y,d\n", "twice"),
        ("a.csv", b"text,label\na,x\nb, \nc,y\n", "line 3: no label"),
        ("a.jsonl", b'{"text": "a"}\n', 'line 1: expected an object with "label"'),
        ("a.jsonl", b"[1]\n", "line 1"),
        ("a.jsonl", b'{"text": "a", "label": "b"}\n{"te', "line 2: not JSON"),
        ("a.jsonl", b"[" * 100_000 + b"]" * 100_000, "line 1: not JSON"),
        ("a.jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}", "line 1: not JSON"),
        ("a.jsonl", b'{"text": "a", "label": null}', "got NoneType for it"),
        ("a.jsonl", b'{"text": "a", "label": ""}', "line 1: no label"),
        ("a.jsonl", b'{"text": "a", "label": "\\ud800"}', "half a character"),
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
    assert files.decode(b"caf\xe9", "x", encoding="latin-1") == "café"
    assert files.decode("\ufeffa".encode(), "x") == "a"
    with pytest.raises(InputError, match="no encoding"):
        files.decode(b"a", "x", encoding="utf-88")
    with pytest.raises(InputError, match="stdin is not utf-8"):
        files.decode(b"a\xff", "stdin")


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
