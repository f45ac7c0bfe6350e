import io
import re
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from documents import ADVERSARIAL, HOSTILE, explanation_of
from whyword.errors import InputError
from whyword.explanation import Explanation
from whyword.render.lines import neutral, wrapped
from whyword.render.palette import PALETTES, blend
from whyword.render.terminal import heatmap_text, print_explanations, terminal_heatmap
from whyword.text import Span

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORFGBG", "COLUMNS", "TERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def terminal(**options: Any) -> Console:
    """A console that takes its output for a wide colour terminal."""
    given_options: dict[str, Any] = {
        "width": 10_000,
        "color_system": "truecolor",
        "force_terminal": True,
    }
    return Console(file=io.StringIO(), **{**given_options, **options})


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def printed(explanation: Explanation, console: Console, **options: Any) -> str:
    console.print(terminal_heatmap(explanation, **options))
    return written(console)


def unstyled(output: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", output)


def test_the_adversarial_document_is_reproduced_in_a_pipe() -> None:
    assert ADVERSARIAL in heatmap_text(explanation_of(ADVERSARIAL))
    console = Console(file=io.StringIO())
    print_explanations([explanation_of(ADVERSARIAL)], console=console)
    assert ADVERSARIAL in written(console)


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard", None])
def test_the_adversarial_document_is_reproduced_in_a_terminal(colours: str | None) -> None:
    output = printed(explanation_of(ADVERSARIAL), terminal(color_system=colours))
    assert ADVERSARIAL in unstyled(output)
    assert (output != unstyled(output)) == (colours is not None)


@given(ANY_TEXT, st.randoms())
@example("a\r\nb", None)
def test_any_text_with_any_spans_is_its_neutral_self(text: str, random: Random | None) -> None:
    cuts = sorted(random.sample(range(len(text) + 1), min(len(text), 6))) if random else [0, 2]
    spans = tuple(Span(*cut) for cut in zip(cuts[::2], cuts[1::2], strict=False))
    explanation = explanation_of(text, spans=spans)
    assert "\n" + neutral(text) + "\n" in heatmap_text(explanation)
    console = terminal()
    print_explanations([explanation], console=console)
    assert neutral(text) in unstyled(written(console))


@pytest.mark.parametrize("options", [{}, {"no_color": True}, {"width": 20}])
def test_a_text_cannot_drive_the_terminal(options: Mapping[str, bool | int]) -> None:
    explanation = explanation_of(HOSTILE, classes=("\x1b[2J", "b\nb", "c\u202e"))
    output = printed(explanation, terminal(**options))
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800]", unstyled(output)
    )
    for visible in ("␛[31m", "␇", "␈", "␍", "␀", "␡"):
        assert visible in unstyled(output).replace("\n", "")


def test_neutral_text_keeps_its_length_and_what_is_harmless() -> None:
    assert len(neutral(HOSTILE)) == len(HOSTILE)
    assert "lone � end" in neutral(HOSTILE)
    assert neutral(ADVERSARIAL) == ADVERSARIAL
    assert neutral("a\rb\r\nc\td\u200f") == "a␍b\r\nc\td\u200f"


@given(
    st.text(st.characters(exclude_characters="\n\t\r", exclude_categories=("Cc", "Cs"))),
    st.integers(4, 30),
)
@example("the quick brown fox", 10)
@example("x" * 100, 9)
@example("          " * 5, 7)
def test_wrapping_adds_newlines_and_nothing_else(text: str, width: int) -> None:
    lines = "".join(segment.text for segment in wrapped([(text, None)], width))
    assert lines.replace("\n", "") == text
    assert max(map(cell_len, lines.split("\n"))) <= width


def test_wrapping_breaks_at_spaces_and_counts_tabs() -> None:
    def wrap(text: str, width: int) -> str:
        return "".join(segment.text for segment in wrapped([(text, None)], width))

    assert wrap("one two three", 8) == "one two \nthree"
    assert wrap("a\n\nb c", 80) == "a\n\nb c"
    assert wrap("\tone two", 13) == "\tone \ntwo"
    assert wrap("abcdefgh", 5) == "abcd\nefgh"


def test_long_lines_survive_a_pipe() -> None:
    text = "word " * 200
    console = Console(file=io.StringIO(), width=80)
    print_explanations([explanation_of(text)], console=console)
    assert text in written(console)


def test_lines_fit_the_terminal() -> None:
    output = printed(explanation_of("some words " * 50), terminal(width=50))
    assert max(map(len, unstyled(output).split("\n"))) <= 50
    text = heatmap_text(explanation_of("some words " * 50), width=40)
    assert max(map(len, text.split("\n"))) <= 40


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_follow_relevance(dark: bool, palette: str) -> None:
    shades = PALETTES[palette].dark if dark else PALETTES[palette].light
    explanation = explanation_of(
        "best worst half none", classes=("a",), relevance=[[2.0, -2.0, 1.0, 0.0]]
    )
    segments = terminal().render(terminal_heatmap(explanation, palette=palette, dark=dark))
    style: dict[str, Any] = {}
    for segment in segments:
        style.setdefault(segment.text, segment.style)
    assert style["best"].bgcolor.name == shades.positive
    assert style["worst"].bgcolor.name == shades.negative
    assert style["half"].bgcolor.name == blend(shades.positive, shades.paper, 0.5)
    assert style["half"].color.name == shades.ink
    assert style["none"].bgcolor is None


@pytest.mark.parametrize(
    ("colorfgbg", "theme"), [("0;15", "light"), ("15;0", "dark"), ("", "dark")]
)
def test_the_terminal_tells_its_background(
    monkeypatch: pytest.MonkeyPatch, colorfgbg: str, theme: str
) -> None:
    monkeypatch.setenv("COLORFGBG", colorfgbg)
    assert terminal_heatmap(explanation_of("a")).shades == getattr(PALETTES["orange-blue"], theme)


@pytest.mark.parametrize(("system", "code"), [("256", "48;5;"), ("standard", r"\x1b\[[\d;]*4\d")])
def test_fewer_colours(system: str, code: str) -> None:
    assert re.search(code, printed(explanation_of("a b c"), terminal(color_system=system)))


def test_without_colours_the_sign_stays() -> None:
    explanation = explanation_of("best worst none", classes=("a",), relevance=[[2.0, -2.0, 0.0]])
    output = printed(explanation, terminal(no_color=True))
    assert "\x1b[1mbest\x1b[0m \x1b[4mworst\x1b[0m none" in output
    assert "bold: for, underlined: against" in output
    piped = heatmap_text(explanation)
    assert "+2.00 best" in piped
    assert "-2.00 worst" in piped
    assert "bold" not in piped


def test_the_sum_and_the_scores_are_shown() -> None:
    explanation = explanation_of(
        "good bad",
        classes=("a", "b", "c", "d", "e", "f"),
        relevance=[[3.0, -1.0]] + [[0.25, 0.0]] * 5,
        remainder={"bias": np.array([0.5] * 6), "padding": np.array([-0.25] + [0.0] * 5)},
    )
    text = heatmap_text(explanation)
    assert "a 2.25   b 0.75   c 0.75   d 0.75   and 2 more\n" in text
    assert "words 2.00 + remainder 0.25 = score 2.25 (remainder: bias +0.50, padding -0.25)" in text
    assert "LRP, epsilon 0.01" in text
    assert "words 0.25 + remainder 0.50 = score 0.75" in heatmap_text(explanation, target="b")
    with pytest.raises(InputError, match='"x" was not explained'):
        heatmap_text(explanation, target="x")


def test_sensitivity_is_not_shown_as_a_sum() -> None:
    explanation = explanation_of(
        "one two",
        classes=("a",),
        relevance=[[1.0, 2.0]],
        remainder={"not decomposed": np.array([1.5])},
        method="sa",
        settings={},
    )
    text = heatmap_text(explanation)
    assert "score 4.50. Sensitivity analysis does not share out the score" in text
    assert "remainder" not in text
    assert "against" not in text


def test_unknown_words_and_the_tail_are_told() -> None:
    explanation = explanation_of(
        "alpha zzz rest of it", spans=(Span(0, 5), Span(6, 9)), known=(True, False), truncated=True
    )
    assert "Unknown to the model: zzz." in heatmap_text(explanation)
    assert "The model read the first 2 words" in heatmap_text(explanation)
    output = printed(explanation, terminal())
    assert "\x1b[2m rest of it\x1b[0m" in output
    assert "Unknown" not in heatmap_text(explanation_of("alpha"))


def test_nothing_to_explain() -> None:
    text = heatmap_text(explanation_of(""))
    assert "words 0.00" in text
    assert "against" not in text


def test_several_are_numbered_and_the_encoding_is_respected() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    print_explanations([explanation_of("naïve"), explanation_of("b")], console=Console(file=file))
    file.flush()
    output = file.buffer.getvalue().decode("ascii")
    assert "na\\xefve" in output
    assert output.index("1 / 2") < output.index("2 / 2")
