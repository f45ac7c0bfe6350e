"""Still pictures: every character in its place and colour, and Figure 2."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from documents import ADVERSARIAL, HOSTILE, explanation_of
from whyword import InputError, explain, load
from whyword.data.corpora import Corpus
from whyword.render.heatmap import comparison_picture, heatmap_picture
from whyword.render.html import comparison_page
from whyword.render.lines import neutral
from whyword.render.palette import PALETTES
from whyword.render.picture import CELL, LINE, Box, Label, Picture

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("text", [ADVERSARIAL, HOSTILE, "", "  \n", "x" * 300, "\ufffe \uffff"])
def test_every_visible_character_is_there_in_order(text: str) -> None:
    picture = heatmap_picture([explanation_of(text)])
    shown = "".join(label.text for label in picture.labels)
    wanted = "".join(neutral(text).split())
    assert wanted in "".join(shown.split())
    root = ET.fromstring(picture.svg())
    texts = "".join("".join((node.text or "").split()) for node in root.iter(f"{SVG}text"))
    assert wanted.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd") in texts
    assert {node.tag for node in root.iter()} <= {f"{SVG}svg", f"{SVG}rect", f"{SVG}text"}


def test_words_are_coloured_where_they_stand() -> None:
    text = "\tred none\nwide 漢字 blue"
    explanation = explanation_of(
        text, relevance=[[2, 0, 0, 0, -1], [0] * 5, [0] * 5], remainder={"rest": np.zeros(3)}
    )
    picture = heatmap_picture([explanation], target="a", palette="paper")
    colours = PALETTES["paper"].light
    left, top = 16.0, 16.0 + 1.5 * LINE
    red, blue = picture.boxes
    assert (red.x, red.width, red.colour) == (left + 8 * CELL, 3 * CELL, colours.positive)
    assert red.y == top + 1
    assert blue.x == pytest.approx(left + 10 * CELL)
    assert blue.width == 4 * CELL
    assert blue.y == top + LINE + 1
    assert blue.colour not in (colours.negative, colours.paper)
    places = {label.text: label.x for label in picture.labels}
    assert places["red"] == red.x
    assert places["blue"] == pytest.approx(blue.x)
    assert "words 1.00 + remainder 0.00 = score 1.00" in places


def test_lines_are_wrapped_within_the_paper() -> None:
    picture = heatmap_picture([explanation_of("some words " * 40)], width=30)
    for label in picture.labels:
        assert label.x + label.cells * CELL <= picture.width
        assert label.y < picture.height


def test_figure_2_has_a_row_for_each_target_and_a_column_for_each_method() -> None:
    text = "they ride\n\n  to space"
    lrp = explanation_of(text, relevance=[[0, -1, 0, 2], [0, 3, 0, -1], [0, 0, 0, 0]])
    sa = explanation_of(
        text,
        relevance=[[0, 1, 0, 4], [0, 9, 0, 1], [0, 0, 0, 0]],
        method="sa",
        remainder={"not decomposed": np.ones(3)},
    )
    picture = comparison_picture({"LRP": lrp, "SA": sa}, targets=["a", "b"], palette="paper")
    rides = [label for label in picture.labels if label.text == "ride"]
    assert len(rides) == 4
    behind = {(box.x, box.y): box.colour for box in picture.boxes}
    found = [behind[ride.x, round(ride.y - 0.72 * LINE, 6) + 1] for ride in rides]
    red = PALETTES["paper"].light.positive
    assert found[2:] == [red, red]
    assert int(found[0][1:3], 16) < int(found[0][5:7], 16)  # more blue than red
    assert int(found[1][1:3], 16) > int(found[1][5:7], 16)
    assert [label.text for label in picture.labels if label.turned] == ["a", "b"]
    page = comparison_page({"LRP": lrp, "SA": sa}, targets=["a", "b"])
    assert page.count('<div class="ww-text">') == 4
    assert page.count(">ride</span>") == 4


def test_pictures_are_written_by_their_ending(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = heatmap_picture([explanation_of(ADVERSARIAL + " $x$")])
    for ending, start in (("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        picture.save(tmp_path / f"a.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes().startswith(start)
    with pytest.raises(InputError, match=r"expected a name in \.svg"):
        picture.save(tmp_path / "a.gif")
    with pytest.raises(InputError, match="Cannot write"):
        picture.save(tmp_path / "no" / "a.svg")


def test_titles_are_escaped() -> None:
    label = Label(0, 0, "<&", 2, "#000000")
    picture = Picture(9, 9, "#ffffff", [Box(0, 0, 1, 1, "#000000")], [label], title='"<x>\0')
    assert ET.fromstring(picture.svg()).get("aria-label") == '"<x>\ufffd'


def test_what_cannot_be_compared_is_refused() -> None:
    one, other = explanation_of("one"), explanation_of("other")
    for columns, targets, message in (
        ({}, None, "no explanations"),
        ({"a": one, "b": other}, None, "different texts"),
        ({"a": one}, [], "no targets"),
        ({"a": one}, ["d"], '"d" was not explained'),
    ):
        for draw in (comparison_picture, comparison_page):
            with pytest.raises(InputError, match=message):
                draw(columns, targets=targets)
    with pytest.raises(InputError, match="no explanations"):
        heatmap_picture([])


@pytest.mark.corpus
def test_ride_speaks_for_motorcycles_alone(news20: Mapping[str, Corpus]) -> None:
    corpus = news20["test"]
    at = next(i for i, name in enumerate(corpus.names) if name.endswith("sci.space/61393"))
    targets = ["sci.space", "sci.med", "rec.motorcycles"]
    model = load("news20-cnn")
    lrp, sa = (explain(model, corpus.texts[at], method=m, targets=targets) for m in ("lrp", "sa"))
    space, medicine, motorcycles = lrp.relevance[:, lrp.words.index("ride")]
    assert motorcycles > 0 > max(space, medicine)
    assert (lrp.relevance.min(axis=1) < 0).all()
    assert (sa.relevance >= 0).all()
