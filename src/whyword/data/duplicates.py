"""Texts that are the same or nearly the same, within a corpus or across two.

Two texts are the *same* if only case, white space or the way that Unicode composes letters differs.
They are *nearly* the same if their shingles are: the sets of three words in a row, with the borders
of the text as words of their own (Broder 1997, "On the resemblance and containment of documents"),

    similarity(a, b) = |shingles(a) ∩ shingles(b)| / |shingles(a) ∪ shingles(b)|   (Jaccard).

A word replaced in a text of n different words changes three of n + 2 shingles, so that texts of
fewer than 25 words are nearly the same only if they have the same words in the same order: in a
question of ten words, one word matters.

Which pairs are compared at all, MinHash says (Broder et al. 1998, "Min-wise independent
permutations"): two texts have the same lowest hash with a chance that is their similarity. Those
that agree in the four hashes of one of sixteen bands (Indyk and Motwani 1998) are compared, 99.98 %
of the pairs with a similarity of 0.8. What is returned has been compared shingle by shingle. No
text is compared with more than a few, so that time and memory grow with the length of the texts,
whatever they are; among hundreds that are all alike some pairs may then be missed.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from operator import attrgetter, itemgetter
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from whyword.data.arrays import Floats, Ints
from whyword.errors import InputError

LEAST = 0.8
"""The similarity from which two texts are nearly the same."""

_WIDTH = 3
_BANDS, _ROWS = 16, 4

_NEIGHBOURS, _COMPARED = 2, 4
"""On each side of a text in a band, how many are candidates; and how many of all are compared."""

_WORD, _SPACE = re.compile(r"\w+"), re.compile(r"\s+")
# Python sorts the marks on a letter in quadratic time, and no writing has that many.
_PILED_MARKS = re.compile(r"[^\w\s\x00-\x7f]{500}")

Hashes = NDArray[np.uint64]
Signatures = NDArray[np.uint32]


@dataclass(frozen=True)
class Duplicate:
    """A text that is the same as another one, or nearly.

    Attributes:
        index: Place of the text that it is most similar to, the first of equals.
        other: Place of the text among the others.
        similarity: Share of the shingles that both have of those that one has; 1 for the same text.
    """

    index: int
    other: int
    similarity: float


def find_duplicates(
    texts: Sequence[str], others: Sequence[str], *, least: float = LEAST
) -> list[Duplicate]:
    """Find those of ``others`` that are the same as one of ``texts``, or nearly; in their order.

    Empty texts are no duplicates.

    Args:
        texts: For example the training documents.
        others: For example the test documents.
        least: The lowest similarity to report; pairs far below 0.8 are not all found.

    Raises:
        InputError: If ``least`` is not above 0 and at most 1.
    """
    _check(least)
    known, wanted = _Distinct(texts), _Distinct(others)
    found = {
        key: Duplicate(known.places[key][0], place, 1.0)
        for key, (place, *_) in wanted.places.items()
        if key in known.places
    }
    new = [key for key in wanted.places if key not in found]
    olds, firsts = known.firsts(), [wanted.places[key][0] for key in new]
    candidates = _candidates(_signatures(texts, olds), _signatures(others, firsts))
    for number, near in candidates:
        place = firsts[number]
        shingles = _shingles(others[place])
        compared = [(-_jaccard(shingles, _shingles(texts[olds[i]])), olds[i]) for i in near]
        if compared and -min(compared)[0] >= least:
            similarity, index = min(compared)
            found[new[number]] = Duplicate(index, place, -similarity)
    return sorted(
        (replace(one, other=place) for key, one in found.items() for place in wanted.places[key]),
        key=attrgetter("other"),
    )


def duplicate_groups(texts: Sequence[str], *, least: float = LEAST) -> list[list[int]]:
    """Find groups of texts that are the same or nearly; each is so with another one of its group.

    Empty texts are in no group.

    Returns:
        For each group its places in ascending order; the groups in the order of their first ones.

    Raises:
        InputError: If ``least`` is not above 0 and at most 1.
    """
    _check(least)
    distinct = _Distinct(texts)
    firsts = distinct.firsts()
    parents = list(range(len(firsts)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    signatures = _signatures(texts, firsts)
    for number, near in _candidates(signatures, signatures):
        shingles = None
        for other in near:
            if root(number) != root(other):
                shingles = _shingles(texts[firsts[number]]) if shingles is None else shingles
                if _jaccard(shingles, _shingles(texts[firsts[other]])) >= least:
                    parents[root(number)] = root(other)
    groups: dict[int, list[int]] = {}
    for number, places in enumerate(distinct.places.values()):
        groups.setdefault(root(number), []).extend(places)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _check(least: float) -> None:
    if not 0 < least <= 1:
        raise InputError(f"Got the similarity {least}; expected a number above 0, and at most 1.")


class _Distinct:
    """The places of each distinct text that is not empty, by a digest of it."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.places: dict[bytes, list[int]] = {}
        for place, text in enumerate(texts):
            if same := _normalised(text):
                digest = blake2b(same.encode("utf-8", "surrogatepass"), digest_size=16).digest()
                self.places.setdefault(digest, []).append(place)

    def firsts(self) -> list[int]:
        """The first place of each distinct text."""
        return [places[0] for places in self.places.values()]


def _normalised(text: str) -> str:
    """The text that is compared: in composed letters, without case, with single spaces."""
    if not text.isascii() and not _PILED_MARKS.search(text):
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    else:
        text = text.casefold()
    return _SPACE.sub(" ", text).strip()


def _shingles(text: str, number: Callable[[str], int] = hash) -> Hashes:
    """Return the different shingles of a text as ascending numbers of 64 bits; none without words.

    Args:
        text: The text.
        number: Function from a word to a number. Python's own hash tells words apart, but has
            other values in each process.
    """
    words = map(number, map(itemgetter(0), _WORD.finditer(_normalised(text))))
    ids = np.fromiter(words, dtype=np.int64).view(np.uint64)
    if not len(ids):
        return ids
    border = np.full(_WIDTH - 1, 0x9E3779B97F4A7C15, dtype=np.uint64)
    ids = np.concatenate([border, ids, border])
    rolled = np.zeros(len(ids) - _WIDTH + 1, dtype=np.uint64)
    for i in range(_WIDTH):
        rolled = _mixed(rolled) + ids[i : i + len(rolled)]
    return np.unique(_mixed(rolled))


def _mixed(values: Hashes) -> Hashes:
    """Spread 64 bits over each other: the finaliser of splitmix64 (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _jaccard(one: Hashes, other: Hashes) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - common
    return common / union if union else 0.0


def _checksum(word: str) -> int:
    return crc32(word.encode())


def _signatures(texts: Sequence[str], chosen: Sequence[int]) -> Signatures:
    """Compute ``(text, hash)`` MinHash signatures of the chosen texts, the same in each process.

    Texts without words get signatures at random, as if each had a shingle of its own.
    """
    rng = np.random.default_rng(0)
    hashes = _BANDS * _ROWS
    factors = rng.integers(2**63, size=hashes, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    found = rng.integers(2**32, size=(len(chosen), hashes), dtype=np.uint32)
    for row, place in zip(found, chosen, strict=True):
        shingles = _shingles(texts[place], _checksum)
        if len(shingles):
            lowest = [
                (shingles[i : i + 4096, None] * factors).min(axis=0)
                for i in range(0, len(shingles), 4096)
            ]
            row[:] = np.min(lowest, axis=0) >> np.uint64(32)
    return found


def _candidates(known: Signatures, wanted: Signatures) -> Iterator[tuple[int, list[int]]]:
    """Yield the rows of ``wanted``, each with rows of ``known`` that may be similar to it.

    Within a band, texts that agree in the next band as well stand side by side, so that of a crowd
    those are taken which are most alike.

    Args:
        known: ``(text, hash)``.
        wanted: ``(text, hash)``.
    """
    if not len(known) or not len(wanted):
        return
    own, their = _bands(known), _bands(wanted)
    codes = np.zeros(0, dtype=np.int64)
    for band in range(_BANDS):
        after = (band + 1) % _BANDS
        keys = (own[band] << np.uint64(32)) | own[after]
        order = np.argsort(keys, kind="stable")
        wanted_keys = (their[band] << np.uint64(32)) | their[after]
        place = np.searchsorted(keys[order], wanted_keys)
        pairs = [codes]
        for step in range(-_NEIGHBOURS, _NEIGHBOURS + 1):
            rows = np.flatnonzero((place + step >= 0) & (place + step < len(order)))
            near = order[place[rows] + step]
            agree = own[band][near] == their[band][rows]
            pairs.append(rows[agree] * len(known) + near[agree])
        codes = np.unique(np.concatenate(pairs))
    rows, near = codes // len(known), codes % len(known)
    likely = _agreement(known, wanted, rows, near)
    # Of 64 hashes, those of a similar pair agree in 51, give or take 3.
    chosen = np.flatnonzero(likely >= LEAST - 0.15)
    chosen = chosen[np.lexsort((near[chosen], -likely[chosen], rows[chosen]))]
    starts = np.flatnonzero(np.diff(rows[chosen], prepend=-1))
    for group in np.split(chosen, starts[1:]) if len(chosen) else []:
        yield int(rows[group[0]]), near[group[:_COMPARED]].tolist()


def _bands(signatures: Signatures) -> list[Hashes]:
    """A number of 32 bits for each band of each text."""
    found = []
    for band in range(_BANDS):
        key = np.zeros(len(signatures), dtype=np.uint64)
        for value in signatures[:, band * _ROWS : (band + 1) * _ROWS].T:
            key = _mixed(key + value)
        found.append(key >> np.uint64(32))
    return found


def _agreement(known: Signatures, wanted: Signatures, rows: Ints, near: Ints) -> Floats:
    """The share of the hashes in which pairs of texts agree, ``(pair,)``."""
    found = np.zeros(len(rows))
    for start in range(0, len(rows), 100_000):
        part = slice(start, start + 100_000)
        found[part] = (wanted[rows[part]] == known[near[part]]).mean(axis=1)
    return found
