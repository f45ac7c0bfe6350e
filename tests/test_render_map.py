"""The page to explore: its data, and in a browser pointer, keyboard, lasso and legend."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from documents import ADVERSARIAL, HOSTILE, explanation_of
from whyword import Explanation, InputError
from whyword.render.map import BLOCK, map_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

NASTY = "</script><script>window.injected = 5</script> & \u2028 'x\""
POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def page_of(
    texts: Sequence[str] = (ADVERSARIAL, HOSTILE, "one two three", "four five"),
    points: NDArray[np.float64] = POINTS,
    **options: Any,
) -> tuple[str, list[Explanation]]:
    explanations = [explanation_of(text, seed=i) for i, text in enumerate(texts)]
    count = len(texts)
    return map_page(
        points,
        iter(explanations),
        **{
            "names": [NASTY, *(f"document {i}" for i in range(1, count))],
            "labels": [NASTY if i == 0 else "ab"[i % 2] for i in range(count)],
            "groups": [NASTY if i == 0 else "gh"[i % 2] for i in range(count)],
            "title": NASTY,
            **options,
        },
    ), explanations


def blocks(page: str) -> list[list[dict[str, Any]]]:
    found = re.findall(r'class="ww-block">([^<]*)</script>', page)
    return [json.loads(zlib.decompress(b64decode(block))) for block in found]


def test_every_text_is_in_the_page_whole() -> None:
    page, explanations = page_of()
    packed = [document for block in blocks(page) for document in block]
    for document, e in zip(packed, explanations, strict=True):
        assert "".join(document["pieces"][1::2]) == e.text
        words = [
            text
            for kind, text in zip(document["pieces"][::2], document["pieces"][1::2], strict=True)
            if kind.startswith("w")
        ]
        assert words == e.words
        target, row = document["target"], e.relevance[e.index()]
        found = np.array(target["intensities"]) / 100 * target["largest"]
        np.testing.assert_allclose(found, row, atol=0.006 * np.abs(row).max())


def test_data_is_escaped_and_whole() -> None:
    page, explanations = page_of()
    (source,) = re.findall(r'class="ww-data">([^<]*)</script>', page)
    assert not re.search("[<>&\u2028]", source)
    data = json.loads(source)
    assert data["names"][0] == NASTY
    np.testing.assert_array_equal(np.frombuffer(b64decode(data["points"]), "<f4"), POINTS.ravel())
    words = np.frombuffer(b64decode(data["topWords"]), "<u4").reshape(4, -1)
    values = np.frombuffer(b64decode(data["topRelevance"]), "<f4").reshape(4, -1)
    top = [(word, value) for word, value in explanations[2].top(10) if value > 0]
    assert [data["words"][i] for i in words[2][: len(top)]] == [word for word, _value in top]
    np.testing.assert_allclose(values[2][: len(top)], [value for _word, value in top], rtol=1e-6)
    assert (words[2][len(top) :] == 0xFFFFFFFF).all()


def test_blocks_hold_so_many_documents() -> None:
    count = BLOCK + 3
    page, _ = page_of(["a b"] * count, np.zeros((count, 2)))
    assert [len(block) for block in blocks(page)] == [BLOCK, 3]


def test_numbers_that_disagree_are_refused() -> None:
    for options in ({"names": ["x"]}, {"points": POINTS[:2]}):
        with pytest.raises(InputError, match="as many of each"):
            page_of(**options)
    with pytest.raises(InputError, match="at least one"):
        map_page(np.zeros((0, 2)), [], names=[], labels=[], groups=[])


def place(tab: "Page", i: int) -> tuple[float, float]:
    """Where point ``i`` of the square lies on the screen, at the first view."""
    box = tab.locator("canvas").first.bounding_box()
    assert box is not None
    scale = 0.92 * min(box["width"], box["height"])
    x, y = POINTS[i] - 0.5
    return (
        box["x"] + box["width"] / 2 + x * scale,
        box["y"] + box["height"] / 2 - y * scale,
    )


@pytest.mark.browser
def test_browser_hover_and_click(visit: Callable[..., "Page"]) -> None:
    page, _ = page_of()
    tab = visit(page)
    card = tab.locator(".ww-card")
    tab.mouse.move(*place(tab, 0))
    assert card.locator("b").text_content() == NASTY
    tab.mouse.move(*place(tab, 2))
    assert card.locator("b").text_content() == "document 2"
    tab.mouse.click(*place(tab, 0))
    text = tab.locator(".ww-document .ww-text")
    text.wait_for()
    assert text.evaluate("element => element.textContent") == ADVERSARIAL
    tab.mouse.click(*place(tab, 2))
    tab.locator(".ww-eyebrow", has_text="document 2").wait_for()
    assert text.evaluate("element => element.textContent") == "one two three"
    assert text.locator(".w").evaluate_all("all => all.some(w => w.matches('.p, .n'))")
    tab.locator(".ww-document .w").first.hover()
    assert tab.locator(".ww-tip b").text_content() == "one"


@pytest.mark.browser
def test_browser_lasso_and_legend(visit: Callable[..., "Page"]) -> None:
    page, explanations = page_of()
    tab = visit(page)
    tab.locator("[data-do=lasso]").click()
    (x2, y2), (x3, y3) = place(tab, 2), place(tab, 3)
    tab.mouse.move(x2 - 20, y2 - 15)
    tab.mouse.down()
    for corner in ((x3 + 20, y3 - 15), (x3 + 20, y3 + 30), (x2 - 20, y2 + 30)):
        tab.mouse.move(*corner, steps=3)
    tab.mouse.up()
    selection = tab.locator(".ww-selection")
    assert selection.locator(".ww-head b").text_content() == "2 documents"
    sums = dict(explanations[2].top(10)) | dict(explanations[3].top(10))
    best = max(sums, key=sums.__getitem__)
    assert selection.locator(".ww-rank li span").first.text_content() == best
    assert selection.locator(".ww-names button").all_text_contents() == ["document 2", "document 3"]
    selection.locator(".ww-names button").nth(1).click()
    tab.locator(".ww-eyebrow", has_text="document 3").wait_for()
    tab.mouse.move(*place(tab, 2))
    assert tab.locator(".ww-card b").text_content() == "document 2"
    group = tab.locator(".ww-groups button").nth(1)  # g, after the nasty one
    group.click()
    assert group.get_attribute("aria-pressed") == "false"
    tab.mouse.move(*place(tab, 2))
    assert not tab.locator(".ww-card").is_visible()


@pytest.mark.browser
def test_browser_keyboard(visit: Callable[..., "Page"]) -> None:
    page, _ = page_of(points=POINTS * [2, 1])
    tab = visit(page)
    canvas = tab.locator("canvas").first
    canvas.focus()
    for _ in range(30):
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("ArrowRight")
        if tab.locator(".ww-card").is_visible():
            break
    tab.keyboard.press("0")
    tab.keyboard.press("+")
    tab.keyboard.press("-")
    tab.keyboard.press("l")
    assert tab.locator("[data-do=lasso]").get_attribute("aria-pressed") == "true"
    tab.keyboard.press("Escape")
    assert tab.locator("[data-do=lasso]").get_attribute("aria-pressed") == "false"
