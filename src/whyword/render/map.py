"""A page to explore a map of documents: a canvas with points, and every document's heatmap.

The page holds the texts, compressed, in blocks of several documents. A block is unpacked when one
of its documents is opened; what hovering and selecting need is ready at once.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyword.data.arrays import Floats
from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.scatter import colour_of
from whyword.render.templating import rendered
from whyword.render.view import Item

TOP = 10
"""The number of words per document that are shown on hovering and counted on selecting."""

BLOCK = 32
"""The number of documents that are unpacked together."""

STEPS = 100
"""The number of steps of colour intensity: enough for the eye, and small in the file."""

NONE = 0xFFFFFFFF


def map_page(
    points: Floats,
    explanations: Iterable[Explanation],
    *,
    names: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str],
    apart: Sequence[str] = (),
    title: str = "Map of documents",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file: it sends no request, and can be opened from a disk.

    Hovering shows a document's name and top words, a click opens its heatmap, a lasso lists the top
    words of the documents inside it. A newsgroup posting takes about 2 kB.

    Args:
        points: ``(document, 2)`` where each document lies on the map.
        explanations: One explanation per document, in order; they are read one by one. The target
            shown is the predicted class or, if that was not explained, the first.
        names: The name of each document.
        labels: True class of each document.
        groups: The group of each document; groups have colours, and stand in the legend.
        apart: Groups that are drawn in grey.
        title: The page's title.
        palette: Colours of the heatmaps: a name in `whyword.render.palette.PALETTES`, or a palette.

    Raises:
        InputError: If there are no documents, their numbers disagree, or there is no such palette.
    """
    packed = _Packed()
    for explanation in explanations:
        packed.add(explanation)
    counts = [len(packed), len(points), len(names), len(labels), len(groups)]
    if len(set(counts)) != 1 or not packed.article:
        raise InputError(
            f"Got {counts} explanations, points, names, labels and groups; expected as many of "
            "each, and at least one."
        )
    colours = colour_of(groups, apart=apart)
    classes = sorted({*labels, *packed.predicted})
    data = {
        "names": list(names),
        "points": _base64(np.asarray(points, dtype="<f4")),
        "groups": [{"name": name, "colour": colour} for name, colour in colours.items()],
        "group": _indices(groups, list(colours)),
        "classes": classes,
        "label": _indices(labels, classes),
        "predicted": _indices(packed.predicted, classes),
        "words": list(packed.words),
        "topWords": _base64(np.array(packed.top_words, dtype="<u4")),
        "topRelevance": _base64(np.array(packed.top_relevance, dtype="<f4")),
        "top": TOP,
        "block": BLOCK,
        "method": packed.article.method,
    }
    return rendered(
        "map.html",
        palette=palette,
        styles=("whyword.css", "map.css"),
        scripts=("whyword.js", "map-view.js", "map.js"),
        title=title,
        data=data,
        blocks=packed.blocks(),
        items=[replace(packed.article, pieces=[], unknown=True)],
        anchors=False,
        steps=STEPS,
    )


class _Packed:
    """What the page needs of the explanations, compressed one after the other."""

    def __init__(self) -> None:
        self.article: Item | None = None
        self.words: dict[str, int] = {}
        self.top_words: list[list[int]] = []
        self.top_relevance: list[list[float]] = []
        self.predicted: list[str] = []
        self._open: list[dict[str, Any]] = []
        self._closed: list[str] = []

    def __len__(self) -> int:
        return len(self.predicted)

    def add(self, explanation: Explanation) -> None:
        """Keep what the page needs of an explanation."""
        only = explanation.only(explanation.targets[explanation.index()])
        item = Item.of(only, steps=STEPS)
        # The page has one article to be filled: one that shows signs, if any document has them.
        if self.article is None or (item.signed and not self.article.signed):
            self.article = item
        self.predicted.append(explanation.predicted)
        top = [(word, value) for word, value in only.top(TOP) if value > 0]
        missing = TOP - len(top)
        self.top_words.append(
            [self.words.setdefault(word, len(self.words)) for word, _value in top]
            + [NONE] * missing
        )
        self.top_relevance.append([value for _word, value in top] + [0.0] * missing)
        self._open.append(
            {
                "pieces": [part for piece in item.pieces for part in (piece.kind, piece.text)],
                "words": len(only.spans),
                "truncated": only.truncated,
                "target": item.shown,
            }
        )
        if len(self._open) == BLOCK:
            self._close()

    def blocks(self) -> list[str]:
        """Return the compressed documents as base64, `BLOCK` of them in each string."""
        if self._open:
            self._close()
        return self._closed

    def _close(self) -> None:
        block = json.dumps(self._open, separators=(",", ":"), allow_nan=False).encode()
        self._closed.append(b64encode(zlib.compress(block, 9)).decode())
        self._open = []


def _indices(values: Sequence[str], options: Sequence[str]) -> str:
    index = {option: i for i, option in enumerate(options)}
    return _base64(np.array([index[value] for value in values], dtype="<u2"))


def _base64(array: NDArray[Any]) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()
