import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from documents import ADVERSARIAL, HOSTILE, explanation_of
from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.html import heatmap_fragment, heatmap_page
from whyword.render.palette import PALETTES
from whyword.text import Span

if TYPE_CHECKING:
    from playwright.sync_api import Page

NASTY = ("</script><script>window.injected = 4</script>", "<!-- & \u2028 'x\" \\", "b c")


class Reader(HTMLParser):
    """Collects what a browser would show as heatmap and words, and the JSON blocks."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[tuple[str, list[str]]] = []
        self.texts: list[str] = []
        self.words: list[tuple[str, dict[str, str]]] = []
        self.blocks: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag in ("meta", "link", "input", "br", "circle", "path"):
            return
        classes = attributes.get("class", "").split()
        self.open.append((tag, classes))
        if "ww-text" in classes:
            self.texts.append("")
        if "w" in classes:
            self.words.append(("", attributes))
        if attributes.get("type") == "application/json":
            self.blocks.append("")
            self.open[-1] = ("json", classes)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("circle", "path"):
            opened, _classes = self.open.pop()
            assert opened == tag or (opened, tag) == ("json", "script")

    def handle_data(self, data: str) -> None:
        if any("ww-text" in classes for _tag, classes in self.open):
            self.texts[-1] += data
        if self.open and "w" in self.open[-1][1]:
            word, attributes = self.words[-1]
            self.words[-1] = (word + data, attributes)
        if self.open and self.open[-1][0] == "json":
            self.blocks[-1] += data


def holdable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", "␀"))


@given(st.text(st.characters(exclude_categories=())), st.randoms())
@example(ADVERSARIAL, None)
@example("\n\n\r\r\n x &#13; \t", None)
@example("\0\ud800 \x9b \x0c\ufeff", None)
def test_any_text_with_any_spans_is_reproduced(text: str, random: Random | None) -> None:
    spans = None
    if random:
        cuts = sorted(random.sample(range(len(text) + 1), min(len(text), 6)))
        spans = tuple(Span(*cut) for cut in zip(cuts[::2], cuts[1::2], strict=False))
    explanation = explanation_of(text, spans=spans, classes=(text or "a", "b", "c"))
    source = heatmap_fragment([explanation]).encode("utf-8").decode("utf-8")
    reader = Reader(source)
    assert reader.texts == [holdable(text)]
    assert [word for word, _attributes in reader.words] == [holdable(w) for w in explanation.words]
    assert json.loads(reader.blocks[0])[0]["name"] == (text or "a")
    assert "\r" not in source


def test_the_default_target_is_there_without_a_script() -> None:
    explanation = explanation_of(
        "for against none", relevance=[[4.0, -2.0, 0.0], [0, 0, 0.5], [0, 0, 0]]
    )
    words = Reader(heatmap_page([explanation])).words
    assert [a["class"].split() for _w, a in words] == [["w", "p"], ["w", "n"], ["w"]]
    assert [a["style"] for _w, a in words] == ["--i:100.0%", "--i:50.0%", "--i:0.0%"]
    assert [a["title"] for _w, a in words] == ["+4.00", "−2.00", "0.00"]


def test_the_data_holds_every_target() -> None:
    explanation = explanation_of(ADVERSARIAL, classes=NASTY)
    reader = Reader(heatmap_page([explanation, explanation]))
    assert len(reader.blocks) == 2
    assert not re.search("[<>&\u2028]", reader.blocks[0])
    targets = json.loads(reader.blocks[0])
    assert [target["name"] for target in targets] == list(NASTY)
    for row, target in zip(explanation.relevance, targets, strict=True):
        relevance = np.array(target["intensities"]) / 10_000 * target["largest"]
        np.testing.assert_allclose(relevance, row, atol=1e-4 * np.abs(row).max())


def test_a_page_forbids_requests_and_foreign_scripts() -> None:
    source = heatmap_page([explanation_of("a")], title="</title><script>")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', source)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    links = {
        value
        for _tag, attributes in Reader(source).tags
        for name, value in attributes.items()
        if name in ("src", "href")
    }
    assert links == {"data:,"}
    assert not re.search(r"url\(|@import|https?:", source)
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in source


def test_unknown_words_and_the_tail_are_marked() -> None:
    explanation = explanation_of(
        "alpha zzz the rest", spans=(Span(0, 5), Span(6, 9)), known=(True, False), truncated=True
    )
    source = heatmap_page([explanation])
    words = Reader(source).words
    assert ["u" in a["class"].split() for _w, a in words] == [False, True]
    assert '<span class="ww-tail"> the rest</span>' in source
    assert "The model read the first 2 words" in source
    assert "unknown to the model</span>" in source
    plain = heatmap_page([explanation_of("alpha zzz the rest")])
    assert 'ww-tail">' not in plain
    assert "unknown to the model</span>" not in plain


def test_the_sum_is_itemised() -> None:
    explanation = explanation_of(
        "a b",
        relevance=[[3.0, -1.0], [0, 0], [0, 0]],
        remainder={"bias": np.array([0.5, 0, 0]), "padding": np.array([-0.25, 0, 0])},
    )
    source = heatmap_page([explanation])
    for slot, value in (("words", "2.00"), ("remainder", "0.25"), ("sign", "="), ("score", "2.25")):
        assert f'data-slot="{slot}">{value}<' in source
    assert ">bias +0.50, padding −0.25<" in source


def test_sensitivity_is_not_shown_as_a_sum() -> None:
    explanation = explanation_of(
        "one two",
        relevance=np.ones((3, 2)),
        remainder={"not decomposed": np.full(3, 2.5)},
        method="sa",
        settings={},
    )
    source = heatmap_page([explanation])
    assert (
        'Score <b data-slot="score">4.50</b>. Sensitivity analysis does not share out the score'
        in source
    )
    assert 'class="ww-equation"' not in source
    assert "Words against" not in source


def test_classes_that_were_not_explained_keep_their_scores() -> None:
    explanation = Explanation(
        text="a",
        spans=(Span(0, 1),),
        classes=("x", "y"),
        scores=np.array([1.0, 9.25]),
        targets=("x - y",),
        target_scores=np.array([-8.25]),
        relevance=np.array([[-8.25]]),
        remainder={},
        method="lrp",
    )
    reader = Reader(heatmap_page([explanation]))
    assert [a["value"] for tag, a in reader.tags if tag == "input"] == ["0"]
    assert [a.get("class") for tag, a in reader.tags if tag == "label"] == [
        "ww-unexplained",
        "ww-unexplained",
        None,
    ]
    assert "<b>9.25</b>" in heatmap_page([explanation])


@pytest.mark.parametrize("render", [heatmap_page, heatmap_fragment])
def test_nothing_to_render(render: Callable[..., str]) -> None:
    with pytest.raises(InputError, match="no explanations"):
        render([])
    with pytest.raises(InputError, match="no palette"):
        render([explanation_of("a")], palette="no")
    assert PALETTES["paper"].light.positive in render([explanation_of("a")], palette="paper")
    assert Reader(render([explanation_of("", spans=())])).texts == [""]


# In a browser


def shown_text(tab: "Page", nth: int = 0) -> str:
    return str(tab.locator(".ww-text").nth(nth).evaluate("element => element.textContent"))


def slot(tab: "Page", name: str) -> str:
    found = tab.locator(f"[data-slot={name}]").first.text_content()
    assert found is not None
    return found


def colour(tab: "Page", word: str) -> str:
    tab.wait_for_timeout(200)  # the transition
    return str(
        tab.locator(".ww-text > .w", has_text=word).first.evaluate(
            "element => getComputedStyle(element).backgroundColor"
        )
    )


@pytest.fixture
def three() -> Explanation:
    return explanation_of(
        "one two three",
        relevance=[[1.0, -2.0, 0.0], [-1.0, 4.0, 3.0], [0.0, 0.0, 0.5]],
        remainder={"bias": np.array([0.0, 0.5, 0.0])},
        known=(True, True, False),
    )


@pytest.mark.browser
@pytest.mark.parametrize("text", [ADVERSARIAL, HOSTILE])
def test_browser_reproduces_the_text(visit: Callable[..., "Page"], text: str) -> None:
    source = heatmap_page([explanation_of(text, classes=NASTY)], title=NASTY[0])
    tab = visit(source)
    assert shown_text(tab) == holdable(text)
    assert tab.locator("h2").text_content() in NASTY
    if text == ADVERSARIAL:  # not only there, but shown
        assert "two tabs   three spaces\n    indented" in tab.locator(".ww-text").inner_text()
    for radio in range(3):
        tab.locator("label").nth(radio).click()
        assert shown_text(tab) == holdable(text)
    assert shown_text(visit(heatmap_fragment([explanation_of(text, classes=NASTY)]))) == holdable(
        text
    )


@pytest.mark.browser
def test_browser_switches_classes(visit: Callable[..., "Page"], three: Explanation) -> None:
    tab = visit(heatmap_page([three]), color_scheme="light")
    assert (slot(tab, "name"), slot(tab, "words"), slot(tab, "score")) == ("b", "6.00", "6.50")
    before = colour(tab, "one"), colour(tab, "two")
    tab.locator("label", has_text="a").filter(has_not_text="predicted").click()
    assert (slot(tab, "name"), slot(tab, "words"), slot(tab, "score")) == (
        "a",
        "-1.00".replace("-", "−"),
        "−1.00",
    )
    assert slot(tab, "items") == "bias 0.00"
    assert slot(tab, "most") == "+2.00"
    bars = tab.locator(".ww-walk i").evaluate_all("bars => bars.map(bar => bar.style.cssText)")
    assert bars == [  # up by 1, down by 2, no remainder; -1 to 1 is all
        "left: 50%; width: 50%;",
        "left: 0%; width: 100%;",
        "left: 0%; width: 0%;",
        "left: 0%; width: 50%;",
    ]
    assert (colour(tab, "one"), colour(tab, "two")) != before
    assert colour(tab, "two") == "color(srgb 0.490196 0.701961 0.941176)"  # the strongest blue
    assert tab.locator("[data-list=top] li").all_inner_texts() == ["one\n+1.00"]
    assert tab.locator("[data-list=bottom] li").all_inner_texts() == ["two\n−2.00"]


@pytest.mark.browser
def test_browser_keyboard(visit: Callable[..., "Page"], three: Explanation) -> None:
    tab = visit(heatmap_page([three]))
    tab.keyboard.press("2")
    assert slot(tab, "name") == "c"
    tab.keyboard.press("1")
    focused = "document.activeElement.textContent"
    tab.locator(".w").first.focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(focused) == "two"
    tab.keyboard.press("End")
    assert tab.evaluate(focused) == "three"
    assert tab.locator(".ww-tip").inner_text().split("\n")[0] == "three"
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(focused) == "three"
    tab.keyboard.press("2")
    assert slot(tab, "name") == "c"
    tab.keyboard.press("ArrowDown")
    assert slot(tab, "name") == "a"
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    assert slot(tab, "name") == "b"
    tab.locator("input:checked").focus()
    tab.keyboard.press("2")
    tab.keyboard.press("ArrowDown")
    assert slot(tab, "name") == "a"
    tab.locator(".w[tabindex='0']").focus()
    assert tab.locator(".ww-tip").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator(".ww-tip").is_visible()
    assert tab.locator(".w[tabindex='0']").count() == 1


@pytest.mark.browser
def test_browser_tooltips(visit: Callable[..., "Page"], three: Explanation) -> None:
    tab = visit(heatmap_page([three]))
    tip = tab.locator(".ww-tip")
    assert not tip.is_visible()
    tab.locator(".w", has_text="three").hover()
    assert tip.inner_text().split("\n") == [
        "three",
        "+3.00 for b",
        "46.2 % of the score",
        "unknown to the model",
    ]
    tab.mouse.move(0, 0)
    assert not tip.is_visible()
    tab.locator(".w", has_text="one").focus()
    assert tip.inner_text().split("\n") == ["one", "−1.00 for b", "−15.4 % of the score"]
    described = tab.locator(".w", has_text="one").get_attribute("aria-describedby")
    assert described == tip.get_attribute("id")


@pytest.mark.browser
def test_browser_without_scripts(visit: Callable[..., "Page"], three: Explanation) -> None:
    tab = visit(heatmap_page([three]), java_script_enabled=False)
    assert "one two three" in tab.locator(".ww-text").inner_text()
    assert slot(tab, "score") == "6.50"
    assert tab.locator("label input").first.is_disabled()
    assert not tab.locator(".ww-theme").is_visible()


@pytest.mark.browser
def test_browser_themes(visit: Callable[..., "Page"], three: Explanation) -> None:
    background = "getComputedStyle(document.querySelector('.whyword')).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(27, 27, 29)"
    tab = visit(heatmap_page([three]), color_scheme="dark")
    assert tab.evaluate(background) == dark
    tab.locator(".ww-theme").click()
    assert tab.evaluate(background) == light
    for body, scheme, expected in (
        ("class=vscode-dark data-vscode-theme-kind=vscode-dark style='color:#000'", "light", dark),
        (
            "class=vscode-light data-vscode-theme-kind=vscode-light style='color:#fff'",
            "dark",
            light,
        ),
        ("data-jp-theme-light=false style='color:#000'", "light", dark),
        ("data-jp-theme-light=true style='color:#fff'", "dark", light),
        ("style='color:#eee'", "light", dark),
        ("style='color:#111'", "dark", light),
        ("style='color:#888'", "dark", dark),
        ("style='color:#888'", "light", light),
    ):
        notebook = f"<!doctype html><meta charset=utf-8><body {body}>{heatmap_fragment([three])}"
        assert visit(notebook, color_scheme=scheme).evaluate(background) == expected, body


@pytest.mark.browser
def test_browser_fragments_do_not_disturb_each_other(
    visit: Callable[..., "Page"], three: Explanation
) -> None:
    other = explanation_of("four five", relevance=[[1.0, 1.0], [0, 0], [0, -1]], remainder={})
    tab = visit(
        "<!doctype html><meta charset=utf-8>"
        + heatmap_fragment([three])
        + heatmap_fragment([other])
    )
    tab.locator(".whyword").nth(0).locator("label").nth(2).click()
    names = tab.locator("[data-slot=name]").all_text_contents()
    assert names == ["a", "a"]
    tab.locator(".whyword").nth(1).locator("label").nth(1).click()
    assert tab.locator("[data-slot=name]").all_text_contents() == ["a", "b"]
    assert tab.locator("input:checked").count() == 2
    assert (shown_text(tab, 0), shown_text(tab, 1)) == (three.text, other.text)
    tab.locator(".w", has_text="one").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("document.activeElement.textContent") == "two"
    tab.keyboard.press("ArrowUp")
    assert tab.locator("[data-slot=name]").all_text_contents() == ["c", "b"]
    tab.locator(".w", has_text="four").hover()
    assert tab.locator(".ww-tip").nth(1).is_visible()
    tab.mouse.move(1, 1)
    assert not tab.locator(".ww-tip").nth(1).is_visible()


@pytest.mark.browser
def test_browser_several_texts(visit: Callable[..., "Page"], three: Explanation) -> None:
    tab = visit(heatmap_page([three, explanation_of(ADVERSARIAL), three]))
    assert shown_text(tab, 1) == ADVERSARIAL
    tab.locator(".ww-nav a").nth(2).click()
    tab.locator("#text-3 label").nth(2).click()
    assert tab.locator("[data-slot=name]").all_text_contents()[::2] == ["b", "a"]
