"""Word vectors: learning, files, lookup."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from whyword.data import vectors
from whyword.data.vectors import WordVectors
from whyword.errors import InputError

WORDS = ("the", "New_York", "café", "x")
ARRAY: NDArray[np.float32] = np.arange(12, dtype=np.float32).reshape(4, 3) / np.float32(7)


def binary(
    words: Sequence[str] = WORDS, array: NDArray[np.float32] = ARRAY, newline: bytes = b""
) -> bytes:
    entries = (
        w.encode() + b" " + row.tobytes() + newline for w, row in zip(words, array, strict=True)
    )
    return f"{len(words)} {array.shape[1]}\n".encode() + b"".join(entries)


def text(
    words: Sequence[str] = WORDS, array: NDArray[np.float32] = ARRAY, header: bool = True
) -> bytes:
    lines = [f"{len(words)} {array.shape[1]}"] if header else []
    lines += [
        f"{w} {' '.join(map(repr, row.tolist()))}" for w, row in zip(words, array, strict=True)
    ]
    return ("\n".join(lines) + "\n").encode()


FILES = {
    "google.bin": binary(),
    "lines.bin": binary(newline=b"\n"),
    "google.bin.gz": gzip.compress(binary()),
    "fasttext.vec": text(),
    "glove.txt": text(header=False),
    "glove.txt.gz": gzip.compress(text(header=False)),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_reads_the_same_vectors(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    found = vectors.read_vectors(tmp_path / name)
    assert found.words == WORDS
    np.testing.assert_array_equal(found.array, ARRAY)


@pytest.mark.parametrize("name", FILES)
def test_only_the_vocabulary_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert vectors.read_vectors(tmp_path / name, vocabulary={"x", "new_york"}).words == (
        "New_York",
        "x",
    )


def test_words_with_spaces_and_repeated_words(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_bytes(b"a 1 2\n. . . 3 4\na 5 6\n")
    found = vectors.read_vectors(path)
    assert found.words == ("a", ". . .")
    assert found.array.tolist() == [[1, 2], [3, 4]]


def test_a_file_larger_than_the_read_buffer(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = tuple(f"w{i}" for i in range(3000))
    array = rng.normal(size=(3000, 200)).astype(np.float32)
    (tmp_path / "big.bin").write_bytes(binary(words, array))
    found = vectors.read_vectors(tmp_path / "big.bin", vocabulary={"w0", "w1311", "w2999"})
    np.testing.assert_array_equal(found.array, array[[0, 1311, 2999]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.bin", binary()[:-5], "broken off after 3 of 4"),
        ("cut.vec", text()[:-40].rsplit(b"\n", 1)[0] + b"\n", "broken off after"),
        ("cut.bin.gz", gzip.compress(binary())[:-12], "Cannot read"),
        ("not.gz", b"hello", "Cannot read"),
        ("text.bin", text(header=False), "binary format"),
        ("empty.txt", b"", "Entry 1"),
        ("empty.bin", b"", "binary format"),
        ("prose.txt", b"this is no vector file\n", "Entry 1"),
        ("ragged.txt", b"a 1 2\nb 1\n", "Entry 2"),
        ("nan.txt", b"a 1 nan\nb 1 2\n", "NaN"),
        ("noise.bin", bytes(range(256)) * 40, "binary format"),
        ("noise.gz", gzip.compress(text())[:12] + b"\xff" * 99, "Cannot read"),
        ("no-space.bin", b"9 3\n" + b"x" * (5 << 20), "no word at entry 1"),
        ("digits.txt", b"9" * 5000 + b" " + b"9" * 5000 + b"\n", "infinite"),
        ("wide.txt", b"1 99999999\na 1\n", "components"),
        ("nothing.txt", b"5 0\n", "broken off"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        vectors.read_vectors(tmp_path / name)


def test_a_missing_file_and_a_foreign_vocabulary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        vectors.read_vectors(tmp_path / "nothing.bin")
    (tmp_path / "a.bin").write_bytes(binary())
    with pytest.raises(InputError, match="no vector for any word"):
        vectors.read_vectors(tmp_path / "a.bin", vocabulary={"zzz"})


def test_lookup_as_it_stands_then_in_lower_case() -> None:
    cased = WordVectors(("The", "the", "can't"), np.eye(3, dtype=np.float32))
    assert cased.ids(["The", "THE", "the", "other", "can’t"]) == [1, 2, 2, 0, 3]
    lower = WordVectors(("the",), np.ones((1, 2), np.float32), lowercase=True)
    assert lower.ids(["The", "THE", "he"]) == [1, 1, 0]
    assert lower.table().tolist() == [[0, 0], [1, 1]]


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="one row for each"):
        WordVectors(("a",), np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match="float64"):
        WordVectors(("a",), np.ones((1, 3)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 components"):
        WordVectors(("a",), np.ones((1, 0), np.float32))
    with pytest.raises(InputError, match="twice"):
        WordVectors(("a", "a"), np.ones((2, 3), np.float32))
