"""Duplicates: the same pairs as by comparing each with each, and hostile corpora within bounds."""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword import InputError
from whyword.data import duplicates
from whyword.data.duplicates import Duplicate, duplicate_groups, find_duplicates


def shingles(text: str) -> set[tuple[str, str, str]]:
    """By sets of strings, on texts of lower-case words."""
    words = re.findall(r"\w+", text)
    words = ["<", "<", *words, ">", ">"] if words else []
    return set(zip(words, words[1:], words[2:], strict=False))


def similarity(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def varied(seed: int, documents: int = 60) -> list[str]:
    """Texts of 5 to 60 words, and copies of some of them with a few words replaced."""
    rng = np.random.default_rng(seed)
    texts: list[list[str]] = []
    for _ in range(documents):
        if texts and rng.random() < 0.6:
            words = list(texts[rng.integers(len(texts))])
            for _ in range(rng.integers(3)):
                words[rng.integers(len(words))] = f"new{rng.integers(1000)}"
        else:
            words = [f"w{n}" for n in rng.integers(500, size=rng.integers(5, 60))]
        texts.append(words)
    return [" ".join(words) for words in texts]


@pytest.mark.parametrize("seed", range(8))
def test_the_same_pairs_as_by_comparing_each_with_each(seed: int) -> None:
    texts = varied(seed, 120)
    known, wanted = texts[::2], texts[1::2]
    expected = []
    for place, text in enumerate(wanted):
        found = [similarity(text, one) for one in known]
        if max(found) >= 0.8:
            expected.append((place, max(found)))
    result = find_duplicates(known, wanted)
    assert len(expected) > 5
    assert [one.other for one in result] == [place for place, _ in expected]
    assert [one.similarity for one in result] == pytest.approx([most for _, most in expected])
    for one in result:
        assert similarity(known[one.index], wanted[one.other]) == pytest.approx(one.similarity)


@pytest.mark.parametrize("seed", range(8))
def test_groups_are_the_connected_texts(seed: int) -> None:
    texts = varied(seed)
    groups = [{place} for place in range(len(texts))]
    for a in range(len(texts)):
        for b in range(a):
            if similarity(texts[a], texts[b]) >= 0.8 and groups[a] is not groups[b]:
                groups[a] |= groups[b]
                for place in groups[b]:
                    groups[place] = groups[a]
    expected = {tuple(sorted(group)) for group in groups if len(group) > 1}
    assert [tuple(group) for group in duplicate_groups(texts)] == sorted(expected)


def test_what_is_the_same_text() -> None:
    composed = "Die Größe der Äpfel\nin  ÜBERSEE"
    others = [
        unicodedata.normalize("NFD", composed),
        "  die grösse der äpfel in übersee ",
        "die größe der äpfel, in Übersee!",  # near: punctuation is in no shingle
        "Die Größe der Birnen in Übersee",
    ]
    assert find_duplicates([composed], others) == [
        Duplicate(0, 0, 1.0), Duplicate(0, 1, 1.0), Duplicate(0, 2, 1.0)
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(10))
def test_in_ten_words_one_word_matters(place: int) -> None:
    words = "what is the capital of the largest country in africa".split()
    changed, longer = list(words), list(words)
    changed[place] = "other"
    longer.insert(place, "other")
    shorter = words[:place] + words[place + 1 :]
    others = [" ".join(one) for one in (changed, longer, shorter, [*words, "today"])]
    assert find_duplicates([" ".join(words)], others) == []


@pytest.mark.parametrize(("count", "near"), [(24, False), (25, True)])
def test_from_25_words_on_one_may_be_replaced(count: int, *, near: bool) -> None:
    words = [f"w{i}" for i in range(count)]
    other = [*words[:7], "new", *words[8:]]
    found = find_duplicates([" ".join(words)], [" ".join(other)])
    assert [one.similarity for one in found] == ([0.8] if near else [])


def test_texts_without_words_are_the_same_only_if_they_are() -> None:
    assert duplicate_groups(["", " \n", "!!!", "?!", "!!!", "", "...", "?"]) == [[2, 4]]
    assert find_duplicates(["", "...", "?"], ["", " ", "!", "?"]) == [Duplicate(2, 3, 1.0)]
    assert find_duplicates([], ["a"]) == find_duplicates(["a"], []) == []
    assert duplicate_groups([]) == []


def test_the_first_of_equals_is_named_and_the_same_text_before_a_similar_one() -> None:
    words = [f"w{i}" for i in range(40)]
    similar = " ".join([*words, "more"])
    same = " ".join(words)
    assert find_duplicates([similar, same, same], [same, same.upper()]) == [
        Duplicate(1, 0, 1.0), Duplicate(1, 1, 1.0)
    ]  # fmt: skip


@given(st.lists(st.text(alphabet="ab \ud800é!", max_size=6), max_size=8))
def test_each_text_is_a_duplicate_of_itself_and_order_changes_nothing(texts: Sequence[str]) -> None:
    filled = [place for place, text in enumerate(texts) if text.strip()]
    assert [one.other for one in find_duplicates(texts, texts)] == filled
    assert all(one.similarity == 1 for one in find_duplicates(texts, texts))
    groups = {frozenset(group) for group in duplicate_groups(texts)}
    last = len(texts) - 1
    reverse = duplicate_groups(texts[::-1])
    assert {frozenset(last - place for place in group) for group in reverse} == groups


def test_a_corpus_of_texts_that_are_all_alike_is_one_group() -> None:
    """Comparing each with each would take two million comparisons."""
    words = " ".join(f"w{i}" for i in range(60))
    texts = [f"{words} {number}" for number in range(2000)]
    assert duplicate_groups(texts) == [list(range(2000))]
    found = find_duplicates(texts, [f"{words} new{number}" for number in range(500)])
    assert [one.other for one in found] == list(range(500))
    assert duplicate_groups(["the same"] * 5000) == [list(range(5000))]


def test_no_text_is_compared_with_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where many look similar and are not: they have 70 % of their shingles in common."""
    calls: list[float] = []
    jaccard = duplicates._jaccard

    def counted(one: duplicates.Hashes, other: duplicates.Hashes) -> float:
        calls.append(jaccard(one, other))
        return calls[-1]

    monkeypatch.setattr(duplicates, "_jaccard", counted)
    words = " ".join(f"w{i}" for i in range(50))
    texts = [f"{words} {' '.join(f'{n}x{i}' for i in range(5))}" for n in range(1000)]
    assert duplicate_groups(texts) == []
    assert 0 < len(calls) <= 4 * len(texts)


def test_in_a_crowd_of_similar_texts_the_most_similar_are_compared() -> None:
    rng = np.random.default_rng(0)
    common = [f"w{i}" for i in range(60)]
    texts = [" ".join([*common, *(f"{n}x{i}" for i in range(8))]) for n in range(1500)]
    chosen = rng.choice(len(texts), 50, replace=False).tolist()
    copies = [texts[place] + " end" for place in chosen]
    found = find_duplicates(texts, copies)
    assert [one.index for one in found] == chosen
    assert all(one.similarity > 0.9 for one in found)


def test_long_texts_and_piles_of_marks_take_no_time_to_speak_of() -> None:
    """A million marks on one letter would take Unicode's composition a quarter of an hour."""
    pile = "e" + "\u0301\u0316" * 500_000
    long = " ".join(map(str, range(200_000)))
    assert duplicate_groups([pile, long, "a " * 500_000, long + " end", pile.upper()]) == [
        [0, 4], [1, 3]
    ]  # fmt: skip


def test_every_process_compares_the_same_texts() -> None:
    code = (
        "from whyword.data.duplicates import _signatures;"
        "print(_signatures(['some words in a row', 'é and more'], [0, 1]).tolist())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    ]
    assert all(one == other for one, other in pairwise(found))


@pytest.mark.parametrize("least", [0.0, -1.0, 1.5, float("nan")])
def test_a_similarity_out_of_range_is_refused(least: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        find_duplicates(["a"], ["a"], least=least)
    with pytest.raises(InputError, match="above 0"):
        duplicate_groups(["a"], least=least)
