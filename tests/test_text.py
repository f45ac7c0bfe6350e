"""Documents, spans, and the paper's preprocessing."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from documents import ADVERSARIAL
from whyword.data.corpora import Corpus
from whyword.errors import InputError
from whyword.text import Document, Span, Tokenizer, body_start


def words(text: str, **options: bool) -> list[str]:
    return Tokenizer(**options)(text).words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("The shuttle, 1990 -- well...", ["The", "shuttle", "well"]),
        ("don't can't it's", ["do", "n't", "ca", "n't", "it", "'s"]),
        ("don’t", ["do", "n’t"]),
        (
            "He said \"ride it\" and ``quoted'' it.",
            ["He", "said", "ride", "it", "and", "quoted", "it"],
        ),
        ("e-mail to j.doe at x.org!", ["e-mail", "to", "j.doe", "at", "x.org"]),
        ("3rd 82 x86 a1 -- ' .", []),
        ("<b>bold</b> &amp; more", ["b", "bold", "amp", "more"]),
        ("naïve café Größe", ["naïve", "café", "Größe"]),
        ("cafe\u0301 noir", ["cafe\u0301", "noir"]),
        ("мир שלום 世界", ["мир", "שלום", "世界"]),
        ("good 👍🏽 ride 👨‍👩‍👧 home", ["good", "ride", "home"]),
    ],
)
def test_tokens(text: str, expected: Sequence[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=300))
@example(ADVERSARIAL)
@example("''\"``'' \"a\" '' b ``")
@settings(max_examples=300, deadline=None)
def test_spans_are_the_surface_for_any_text(text: str) -> None:
    document = Tokenizer()(text)
    assert document.text == text
    for word, (start, end) in zip(document.words, document.spans, strict=True):
        assert text[start:end] == word
        assert any(c.isalpha() for c in word)
        assert not any(c.isspace() or c.isdigit() for c in word)


def test_the_first_tokens_are_kept_and_the_cut_is_said() -> None:
    text = "word " * 401
    assert len(Tokenizer()(text)) == 400
    assert Tokenizer()(text).truncated
    assert not Tokenizer()("word " * 400).truncated
    assert len(Tokenizer(max_tokens=None)(text)) == 401
    assert Tokenizer(max_tokens=None)(text).first(400) == Tokenizer()(text)


def test_a_huge_text_costs_no_more_than_its_first_tokens() -> None:
    text = "A sentence of words. " * 500_000
    assert Tokenizer()(text).spans == Tokenizer()(text[:20_000]).spans


@pytest.mark.parametrize("unit", ["x", "ab ", "a.", "' ", '" ', "12 ", "\n", "@"])
def test_megabytes_without_sentences_are_read(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    for word in Tokenizer(max_tokens=None)(text).words[:3]:
        assert word in text


def test_headers_can_be_skipped_with_spans_from_the_start() -> None:
    text = "From: a@b.c\nSubject: bikes\n\nI ride."
    document = Tokenizer(skip_headers=True)(text)
    assert document.words == ["I", "ride"]
    assert document.spans[0] == Span(text.index("I ride"), text.index("I ride") + 1)
    assert text[body_start(text) :] == "I ride."
    assert words("no blank line", skip_headers=True) == []


@pytest.mark.parametrize("spans", [[(0, 0)], [(2, 1)], [(0, 9)], [(1, 3), (2, 4)], [(-1, 2)]])
def test_spans_that_do_not_fit_are_refused(spans: Sequence[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="Word"):
        Document("abcde", tuple(Span(*span) for span in spans))


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["list"]])
def test_what_is_no_text_is_refused(text: Sequence[str] | bytes | int | None) -> None:
    with pytest.raises(InputError, match="expected a text"):
        Tokenizer()(text)  # type: ignore[arg-type]


@pytest.mark.corpus
def test_as_many_long_test_documents_as_in_the_paper(news20: Mapping[str, Corpus]) -> None:
    tokenizer = Tokenizer(max_tokens=100)
    long = sum(len(tokenizer(text)) >= 100 for text in news20["test"].texts)
    assert abs(long - 4963) <= 13


ALONE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from whyword import Tokenizer
{before}
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(Tokenizer(), ["It can’t cannot."] * 8))
assert all(document.words == ["It", "ca", "n’t", "can", "not"] for document in found), found
print(sorted({{"nltk", "nltk.metrics", "scipy", "sklearn"}} & set(sys.modules)))
import nltk
assert nltk.tokenize.NLTKWordTokenizer().tokenize("It isn't") == ["It", "is", "n't"]
assert nltk.edit_distance("a", "b") == 1
"""


@pytest.mark.parametrize("before", ["", "import nltk"])
def test_only_the_tokenisers_of_nltk_are_imported(before: str) -> None:
    """And whoever imports NLTK later, or has done so, finds it whole."""
    command = [sys.executable, "-W", "error", "-c", ALONE.format(before=before)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert ("nltk.metrics" in found.stdout) == bool(before)
    assert before or found.stdout == "[]\n"
