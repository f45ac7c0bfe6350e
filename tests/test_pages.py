"""Every kind of page, opened in a browser: no error, no request, and every control works."""

from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from documents import explanation_of
from models import random_cnn, random_text
from whyword import Explanation, explain, render
from whyword.data.corpora import Corpus
from whyword.evaluation.experiment import word_deletion
from whyword.evaluation.measurements import summarise as summarise_metrics
from whyword.evaluation.metrics import measure
from whyword.evaluation.results import summarise
from whyword.evaluation.settings import Settings
from whyword.survey.audit import audit_corpus
from whyword.survey.labels import suspect_labels
from whyword.survey.tally import WordEntry
from whyword.survey.words import CorpusWords, WordList, WordsSettings, corpus_words

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CLASSES = ("sci.space", "rec.motorcycles", "talk.politics.mideast")
MODEL = random_cnn(5, filters={1: 6, 2: 20}, classes=CLASSES)
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(27, 27, 29)"


@cache
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    texts = tuple(random_text(rng, n).title() for n in rng.integers(3, 25, size=36))
    names = tuple(f"newsgroup/{i}" for i in range(36))
    return Corpus(texts, rng.integers(0, 3, 36), CLASSES, names)


@cache
def explained(method: str = "lrp") -> list[Explanation]:
    return explain(MODEL, corpus().texts[:12], method=method, targets="all")


@cache
def summary() -> dict[str, object]:
    found = word_deletion(MODEL, corpus(), minimum_words=3, settings=Settings(steps=6, runs=2))
    rows = measure(MODEL, corpus().texts[:4], ["lrp", "sa"], ["srg", "conservation_residual"])
    return {**summarise(found, resamples=50), "metrics": summarise_metrics(rows), "model": "here"}


def comparison(_directory: Path) -> str:
    methods = {"LRP": "lrp", "SA": "sa", "occlusion": "occlusion"}
    return render.comparison_page({head: explained(name)[0] for head, name in methods.items()})


def paper(directory: Path) -> str:
    results = {
        "accuracy": 0.8,
        "documents": 36,
        "figure1": summary(),
        "epi": {"lrp-elementwise": {"mean": 0.8, "std": 0.01, "k": 3}},
        "settings": {
            "model": None,
            "recipe": {"kind": "cnn"},
            "deletion": {"target": "true"},
            "figure2": {"document": "newsgroup/0"},
        },
    }
    groups = [CLASSES[label] for label in corpus().labels]
    points = np.random.default_rng(0).normal(size=(36, 2))
    render.draw_maps({"lrp": points, "sum": points}, groups, directory / "maps.png")
    return render.paper_page(
        results,
        explanations={"lrp": explained()[0], "sa": explained("sa")[0]},
        maps=(directory / "maps.png").read_bytes(),
        took={"model": {"seconds": 10, "peak_memory_bytes": 1e9}},
    )


def square(_directory: Path) -> str:
    """A map of five documents: the corners of a square, from the lower left, and its middle."""
    points = np.array([(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)], dtype=float)
    return render.map_page(
        points,
        explained()[:5],
        names=corpus().names[:5],
        labels=[CLASSES[label] for label in corpus().labels[:5]],
        groups=["near", "far", "near", "far", "near"],
    )


def notebook(_directory: Path) -> str:
    outputs = "".join(render.heatmap_fragment(explained()[i : i + 2]) for i in range(2))
    return (
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<body data-jp-theme-light=true>{outputs}"
    )


PAGES: dict[str, Callable[[Path], str]] = {
    "page.html": lambda _: render.heatmap_page(explained()),
    "page.html of one": lambda _: render.heatmap_page(explained("sa")[:1]),
    "comparison.html": comparison,
    "words.html": lambda _: render.words_page(corpus_words(MODEL, corpus())),
    "audit.html": lambda _: render.audit_page(audit_corpus(MODEL, corpus(), least=0.0)),
    "audit.html of nothing": lambda _: render.audit_page(audit_corpus(MODEL, corpus(), least=0.99)),
    "labels.html": lambda _: render.labels_page(suspect_labels(MODEL, corpus())),
    "evaluation.html": lambda _: render.evaluation_page(summary()),
    "paper.html": paper,
    "map.html": square,
    "fragment.html": notebook,
}
"""By the name of the template: from a folder for what is needed to the page."""


@pytest.fixture
def opened(visit: Callable[..., "Page"], tmp_path: Path) -> Callable[..., "Page"]:
    """Opens a kind of page; what `visit` asserts afterwards holds for all of them."""

    def opened(kind: str, *, width: int = 1280) -> "Page":
        source = PAGES[kind](tmp_path)
        return visit(source, viewport={"width": width, "height": 800}, color_scheme="light")

    return opened


def background(tab: "Page") -> object:
    return tab.locator(".whyword").first.evaluate("e => getComputedStyle(e).backgroundColor")


def test_every_template_of_a_page_is_opened() -> None:
    folder = resources.files("whyword.render").joinpath("templates")
    whole = {
        file.name
        for file in folder.iterdir()
        if file.name.endswith(".html") and 'include "head.html"' in file.read_text("utf-8")
    }
    assert whole | {"fragment.html"} == {kind.split()[0] for kind in PAGES}


@pytest.mark.parametrize("kind", PAGES)
def test_pages_fit_the_screen(opened: Callable[..., "Page"], kind: str) -> None:
    for width in (400, 1280):
        tab = opened(kind, width=width)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", [kind for kind in PAGES if kind != "fragment.html"])
def test_light_and_dark(opened: Callable[..., "Page"], kind: str) -> None:
    tab = opened(kind)
    assert background(tab) == LIGHT
    button = tab.get_by_role("button", name="Switch between light and dark")
    for expected in (DARK, LIGHT):
        button.click()
        assert background(tab) == expected


@pytest.mark.parametrize("kind", ["page.html", "words.html", "audit.html"])
def test_the_list_of_parts_leads_to_each(opened: Callable[..., "Page"], kind: str) -> None:
    tab = opened(kind)
    links = tab.locator(".ww-nav a")
    assert links.count() == tab.locator("main > article").count() >= 2
    for i in range(links.count()):
        links.nth(i).click()
        part = tab.locator("main > article").nth(i)
        assert tab.url.endswith(f"#{part.get_attribute('id')}")
        assert part.locator("h2").is_visible()


@pytest.mark.parametrize(
    ("kind", "entry", "word"),
    [("words.html", ".ww-entry", "summary span"), ("audit.html", "tbody", "th")],
)
def test_a_word_opens_to_its_documents(
    opened: Callable[..., "Page"], kind: str, entry: str, word: str
) -> None:
    tab = opened(kind)
    first = tab.locator(entry).first
    place = first.locator(".ww-places li").first
    assert not place.is_visible()
    first.locator("summary").click()
    found = place.locator("mark").inner_text().lower()
    assert found == first.locator(word).first.inner_text()
    first.locator("summary").press("Enter")
    assert not place.is_visible()
    for key in ("ArrowDown", "1", "2", "Escape"):  # those of a heatmap, which is not here
        tab.keyboard.press(key)


def test_bars_end_at_one_edge(visit: Callable[..., "Page"]) -> None:
    """However long the numbers are."""
    values = {"one": 12345.0, "two": 10.0, "three": 1.0}
    entries = tuple(WordEntry(word, value, 1, 1.0, 1, ()) for word, value in values.items())
    about: WordsSettings = {
        "documents": 1, "subject": "predicted", "method": "lrp", "by": "total",
        "min_documents": 1, "missed": 0,
    }  # fmt: skip
    words = CorpusWords((WordList("a", 1, entries, ()),), corpus(), about)
    explanation = explanation_of("one two three", classes=("a",), relevance=[[*values.values()]])
    for page in (render.words_page(words), render.heatmap_page([explanation])):
        tab = visit(page)
        edges = tab.locator(".ww-rank-top ol i").evaluate_all(
            "bars => bars.map(bar => bar.getBoundingClientRect().right)"
        )
        assert len(edges) == 3
        assert max(edges) - min(edges) < 0.5


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("kind", ["page.html", "fragment.html"])
def test_another_class_is_chosen(opened: Callable[..., "Page"], kind: str, width: int) -> None:
    tab = opened(kind, width=width)
    item = tab.locator(".ww-item").nth(1)
    for name in CLASSES:
        item.locator("label", has_text=name).click()
        assert item.locator("[data-slot=name]").inner_text() == name
    item.locator(".w").first.hover()
    assert tab.locator(".ww-tip:popover-open span").inner_text().endswith(name)


def test_words_say_their_numbers_where_methods_are_compared(opened: Callable[..., "Page"]) -> None:
    tab = opened("comparison.html")
    words = tab.locator(".ww-comparison tbody tr").first.locator(".w")
    assert words.count() == 3 * len(explained()[0].spans)
    assert float((words.first.get_attribute("title") or "").replace("−", "-")) == pytest.approx(
        explained()[0].relevance[0, 0], abs=0.006
    )


@pytest.mark.parametrize("kind", ["evaluation.html", "paper.html"])
def test_curves_can_be_read_on_a_narrow_screen(opened: Callable[..., "Page"], kind: str) -> None:
    tab = opened(kind, width=400)
    figure = tab.locator("figure").first
    assert figure.locator("svg").evaluate("svg => svg.getBoundingClientRect().width") >= 600
    figure.evaluate("figure => figure.scrollBy(1000, 0)")
    assert figure.evaluate("figure => figure.scrollLeft") > 200


# The map; what is under the pointer, the lasso and the legend are in test_render_map


def corner(tab: "Page", x: float, y: float) -> tuple[float, float]:
    """Where a point of the square lies on the screen, at the first view."""
    box = tab.locator("canvas").first.bounding_box()
    assert box is not None
    scale = 0.92 * min(box["width"], box["height"])
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle[0] + (x - 0.5) * scale, middle[1] - (y - 0.5) * scale


def under(tab: "Page", x: float, y: float) -> str | None:
    """The name on the card of what is there."""
    tab.mouse.move(0, 0)
    tab.mouse.move(x, y)
    card = tab.locator(".ww-card")
    return card.locator("b").inner_text() if card.is_visible() else None


def test_the_map_is_moved_and_zoomed(opened: Callable[..., "Page"]) -> None:
    tab = opened("map.html")
    lower_left, middle = corner(tab, 0, 0), corner(tab, 0.5, 0.5)
    assert under(tab, *lower_left) == corpus().names[0]
    for button in ("Zoom in", "Zoom out"):
        tab.get_by_role("button", name=button).click()
        assert (under(tab, *lower_left) is None) == (button == "Zoom in")
        assert under(tab, *middle) == corpus().names[4]
    tab.mouse.move(*middle)
    tab.mouse.wheel(0, -500)
    assert under(tab, *lower_left) is None
    tab.get_by_role("button", name="All").click()
    assert under(tab, *lower_left) == corpus().names[0]
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 100, middle[1] + 50, steps=5)
    tab.mouse.up()
    assert under(tab, middle[0] + 100, middle[1] + 50) == corpus().names[4]
    assert under(tab, *middle) is None


def test_documents_are_opened_by_key_and_selected_with_shift(opened: Callable[..., "Page"]) -> None:
    tab = opened("map.html")
    tab.locator("canvas").first.focus()
    tab.keyboard.press("Enter")
    tab.locator(".ww-eyebrow", has_text=corpus().names[4]).wait_for()
    assert not tab.locator(".ww-dotted").is_visible()  # all words are known
    (x, y), (right, bottom) = corner(tab, 0, 1), corner(tab, 1, 0)
    tab.keyboard.down("Shift")
    tab.mouse.move(x - 10, y - 10)
    tab.mouse.down()
    for place in ((right + 10, y - 10), (right + 10, bottom + 10), (x - 10, bottom + 10)):
        tab.mouse.move(*place, steps=3)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    selection = tab.locator(".ww-selection")
    assert selection.locator(".ww-head b").inner_text() == "5 documents"
    selection.get_by_role("button", name="Clear").click()
    assert not selection.is_visible()


def test_rings_follow_the_theme(opened: Callable[..., "Page"]) -> None:
    tab = opened("map.html")
    tab.mouse.click(*corner(tab, 0.5, 0.5))
    tab.locator(".ww-document .ww-text").wait_for()
    drawn = "canvas => canvas.getContext('2d').strokeStyle"
    shades = render.PALETTES["orange-blue"]
    tab.locator(".ww-theme").hover()
    assert tab.locator("canvas").nth(1).evaluate(drawn) == shades.light.ink
    tab.locator(".ww-theme").click()
    assert tab.locator("canvas").nth(1).evaluate(drawn) == shades.dark.ink
