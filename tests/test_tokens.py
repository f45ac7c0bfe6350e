"""The words found at the speed of reading are NLTK's, span for span."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import reference_tokens
from documents import ADVERSARIAL
from reference_tokens import WORDS
from whyword.data.corpora import Corpus
from whyword.text import Document, Tokenizer, body_start, chunks

ALL = Tokenizer(max_tokens=None)
PAPER = Tokenizer(skip_headers=True)

PLAIN = """
"I can't do it," said Ms. Larson (of the U.S.), who'd come by car; well-known as "a driver." Half of
the dogs' owners - they're 35 - wrote to <j.doe@x.org>: no answer... The rest isn't there!
"""


def assert_is_nltks(text: str) -> None:
    document = ALL(text)
    expected, _ = reference_tokens.tokens(text)
    assert document.words == [text[start:end] for start, end in expected]
    assert document.spans == expected
    assert Document(text, document.spans) == document, "the spans pass the check of the constructor"


@pytest.mark.parametrize("seed", range(5))
def test_every_word_is_nltks_in_random_texts(seed: int) -> None:
    for text in reference_tokens.texts(seed, 300):
        assert_is_nltks(text)


pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        [" ", "\n", "\t", "  ", ". ", '" ', "\xa0", "\x1c", "\x85", "\u2028", "'", "."]
    ),
    st.text(max_size=3),
    st.from_regex(r"[a-zA-Z]{1,3}[-.,:;'\"()!?>]{0,3}\s?", fullmatch=True),
)


@given(st.lists(pieces, max_size=30).map("".join))
@example(ADVERSARIAL)
@example(PLAIN)
@example(".'.a. x")  # Punkt looks at the first dot by itself
@example(" .'.a. x")  # ... but not behind a single white space that begins the text
@example("J. Smith left. J. (Smith) J. ' J.\n)\nJ. ) ) ")
@example("end. ) and end.\n) and end.> )\n")
@example("x's' x's'\nx's'\tx's'")
@example("a::b a,:b a:,5 :: x x::")
@settings(max_examples=500)
def test_every_word_is_nltks_in_any_text(text: str) -> None:
    assert_is_nltks(text)


@given(st.text(alphabet="aJ5.'\" )?:,-\n", max_size=12))
@settings(max_examples=500)
def test_every_word_is_nltks_where_marks_meet(text: str) -> None:
    assert_is_nltks(text)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.integers(1, 8))
def test_the_cut_is_nltks(text: str, most: int) -> None:
    document = Tokenizer(max_tokens=most)(text)
    assert (document.spans, document.truncated) == reference_tokens.tokens(text, most)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        ".",
        '"',
        "'",
        "-",
        " ",
        "(",
        "a.",
        ". ",
        "a'",
        "'s",
        "a. ) ",
        "J. ",
        'x. " ',
        "é",
        "\xa0",
        "\x1c ",
        "a\xa0",
        ",,",
        "--a",
        "cannot",
        "''",
        "`",
        "word ",
        "One, two. ",
    ],
)
def test_texts_of_several_pieces_are_nltks(unit: str) -> None:
    text = unit * (50_100 // len(unit)) + " and the end. "
    document = Tokenizer()(text)
    assert (document.spans, document.truncated) == reference_tokens.tokens(text, 400)


@pytest.mark.parametrize("unit", ["a", ".", "'", "-", "(", "a.", "a'", "é", ". ", "J. "])
def test_a_megabyte_is_read(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    words = Tokenizer(max_tokens=5)(text).words
    assert all(word in text for word in words)


def test_nltk_is_not_asked_where_nothing_is_unusual(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes it fast; the other tests say that it is right."""
    expected, _ = reference_tokens.tokens(PLAIN)

    def asked(text: str) -> None:
        raise AssertionError(f"NLTK was asked for {text!r}")

    monkeypatch.setattr(chunks, "kept_words", asked)
    chunks.forget()
    assert ALL(PLAIN).spans == expected


def test_what_is_remembered_is_bounded() -> None:
    chunks.forget()
    for number in range(140):
        ALL(" ".join(f"x{number}-{i}y" for i in range(1_000)))
    info = chunks._remembered.cache_info()
    assert info.currsize == info.maxsize == 1 << 17
    chunks.forget()
    ALL("x/" * 20 + " and " + "y'" * 1_000)
    assert chunks._remembered.cache_info().currsize == 0, "nothing long is remembered"


def test_threads_do_not_disturb_each_other() -> None:
    texts = list(reference_tokens.texts(99, 60))
    expected = [reference_tokens.tokens(text)[0] for text in texts]

    def read(turn: int) -> bool:
        if turn % 3 == 0:
            chunks.forget()
        return [ALL(text).spans for text in texts] == expected

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(24)))


@pytest.mark.corpus
def test_postings_are_nltks(news20: Mapping[str, Corpus]) -> None:
    """Every sixtieth posting; all of them by ``python benchmarks/tokens.py --check``."""
    for text in (*news20["train"].texts, *news20["test"].texts)[::60]:
        assert_is_nltks(text)
        paper = PAPER(text)
        expected = reference_tokens.tokens(text, 400, body_start(text))
        assert (paper.spans, paper.truncated) == expected
