"""Words from subwords: every kind of text, three families of tokenizers."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformers_small import CORPUS, tokenizer
from whyword.models.transformer.subwords import words_in, words_of
from whyword.text import Document, Span

pytest.importorskip("transformers", reason="needs transformers")

FAMILIES = {family: tokenizer(family) for family in ("wordpiece", "bytes", "sentencepiece")}
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="ab' -.\n\té\u0301日本😀👩\u200d\ufb01İß٣ก", max_size=40),
    st.lists(st.sampled_from(" ".join(CORPUS).split()), max_size=12).map(" ".join),
)


def encoded(family: str, text: str) -> list[tuple[int, int]]:
    tokens = FAMILIES[family]([text], return_offsets_mapping=True, return_special_tokens_mask=True)
    special = tokens["special_tokens_mask"][0]
    return [o for o, s in zip(tokens["offset_mapping"][0], special, strict=True) if not s]


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=700, deadline=None)  # 2,100 texts in all
@given(text=TEXTS, seed=st.integers(0, 99))
def test_words_of_any_text(family: str, text: str, seed: int) -> None:
    offsets = encoded(family, text)
    spans, words = words_of(text, offsets)
    document = Document(text, spans)  # refuses spans that overlap or leave the text
    assert not any(c.isspace() for w in document.words for c in (w[0], w[-1]))
    assert len(words) == len(offsets)
    relevance = np.random.default_rng(seed).normal(size=len(offsets))
    by_word = np.zeros(len(spans))
    blank = 0.0
    for (start, end), word, r in zip(offsets, words, relevance, strict=True):
        surface = text[start:end]
        if word < 0:
            assert not surface.strip()
            blank += r
            continue
        by_word[word] += r
        if surface.strip():
            inner = text.index(surface.strip(), start)
            assert spans[word].start <= inner
            assert inner + len(surface.strip()) <= spans[word].end
    assert abs(by_word.sum() + blank - relevance.sum()) < 1e-6
    # Every word is read by some token, and every character that is read stands in a word.
    assert set(words) - {-1} == set(range(len(spans)))
    assert words_in(document, offsets) == words


@pytest.mark.parametrize(
    ("text", "offsets", "expected"),
    [
        ("It's so-so!", [(0, 2), (2, 4), (4, 7), (7, 10), (10, 11)], ["It's", "so-so", "!"]),
        ("cafe\u0301s", [(0, 4), (5, 6)], ["cafe\u0301s"]),
        ("日本", [(0, 1), (1, 2)], ["日", "本"]),
        ("日本", [(0, 2)], ["日本"]),
        ("(end). x", [(0, 4), (4, 6), (6, 8)], ["(end", ").", "x"]),
        ("😀a", [(0, 1), (0, 1), (0, 1), (0, 1), (1, 2)], ["😀", "a"]),
        ("😀a", [(0, 1), (1, 1), (1, 1), (1, 2)], ["😀", "a"]),
        (" \n ", [(0, 1), (1, 3)], []),
        ("a b", [(0, 3)], ["a b"]),
        ("a b", [(2, 3)], ["b"]),
        ("", [], []),
        ("a.b 3.14 end.", [(0, 3), (3, 8), (8, 12), (12, 13)], ["a.b", "3.14", "end", "."]),
    ],
)
def test_words(text: str, offsets: Sequence[tuple[int, int]], expected: Sequence[str]) -> None:
    spans, _ = words_of(text, offsets)
    assert [text[start:end] for start, end in spans] == expected


def test_a_document_keeps_its_words() -> None:
    document = Document("one, two three", (Span(0, 3), Span(5, 8)))
    offsets = [(0, 2), (2, 4), (4, 8), (8, 14)]
    assert words_in(document, offsets) == [0, 0, 1, -1]
    assert words_in(Document("x y", ()), [(0, 1)]) == [-1]
