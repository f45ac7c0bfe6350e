"""What importing the renderers costs, and what they say where matplotlib is missing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from documents import explanation_of
from whyword import InputError, render
from whyword.data.corpora import Corpus
from whyword.survey.tally import WordEntry
from whyword.survey.words import CorpusWords, WordList

HEAVY = ("torch", "matplotlib", "sklearn", "pandas", "pyarrow")


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from whyword import render\n"
        "for name in render.__all__: getattr(render, name)\n"
        f"print(*sys.modules.keys() & {set(HEAVY)})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


WORDS = CorpusWords(
    lists=(WordList("a", 1, (WordEntry("w", 1.0, 1, 1.0, 1, ()),), ()),),
    corpus=Corpus(("w",), np.array([0]), ("a",), ("0",)),
    about={
        "documents": 1,
        "subject": "predicted",
        "method": "lrp",
        "by": "total",
        "min_documents": 1,
        "missed": 0,
    },
)
RECORD = {"accuracy": [1.0, 0.5], "low": [1.0, 0.4], "high": [1.0, 0.6]}
SUMMARY = {"panels": ["correct"], "correct": {"lrp": RECORD}, "settings": {}, "comparisons": []}
PICTURES: dict[str, Callable[[Path], object]] = {
    "heatmap": lambda path: render.heatmap_picture([explanation_of("a b")]).save(path),
    "words": lambda path: render.draw_words(WORDS, path),
    "maps": lambda path: render.draw_maps({"lrp": np.eye(2)}, ["a", "b"], path),
    "confusion": lambda path: render.draw_confusion(np.eye(2, dtype=int), ["a", "b"], path),
    "curves": lambda path: render.draw_curves(SUMMARY, path),
    "report": lambda path: path.write_text(render.evaluation_page(SUMMARY)),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_pictures_say_what_to_install(
    draw: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r'needs? matplotlib: pip install "whyword\[\w+\]"\.$'):
        draw(tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


def test_heatmaps_in_svg_need_no_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    PICTURES["heatmap"](tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_bytes().startswith(b"<svg")
