"""Which texts share a batch: those of similar length, so that little of it is padding."""

from collections.abc import Iterator, Sequence

from whyword.text import Document

BATCHES = 16
"""The number of batches whose texts are sorted together."""


def batches_by_length(
    texts: Sequence[str | Document], batch_size: int, *, window: int = BATCHES
) -> Iterator[list[int]]:
    """Indices of the texts of each batch, so that texts of similar length stand together.

    Texts are sorted within windows of a few batches. Of a window's batches, the one that has the
    first text comes first, then the one that has the first of the others, and so on: whoever wants
    results in the order of the texts waits for no batch in vain.

    Args:
        texts: The texts; only those of the window at hand are looked at.
        batch_size: Number of texts in a batch.
        window: Number of batches in a window.
    """
    for start in range(0, len(texts), size := batch_size * window):
        part = texts[start : start + size]
        order = sorted(range(len(part)), key=lambda i: _length(part[i]))
        batches = [
            [start + i for i in order[first : first + batch_size]]
            for first in range(0, len(order), batch_size)
        ]
        yield from sorted(batches, key=min)


def _length(text: object) -> int:
    """The length of a text in characters; of what is none, which the classifier will refuse, 0."""
    if isinstance(text, Document):
        text = text.text
    return len(text) if isinstance(text, str) else 0
