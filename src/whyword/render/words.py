"""Shows the words that drive classes: as tables in the terminal, as a picture, as a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from whyword.errors import InputError
from whyword.render.figure import new_figure, plain, save
from whyword.render.labels import method_label
from whyword.render.lines import encodable, neutral
from whyword.render.numbers import decimals_for, minus, number
from whyword.render.palette import DEFAULT_PALETTE, Palette, palette_named
from whyword.render.templating import rendered
from whyword.render.view import STEPS
from whyword.survey.tally import Occurrence, WordEntry
from whyword.survey.words import Context, CorpusWords, WordList, context

SUBJECTS = {"predicted": "the predicted class", "true": "the true class", "all": "every class"}
"""The names of the classes that a document can be explained for, as people read them."""

PER_ROW = 4
"""The number of panels of a picture that stand side by side."""


class WordTables:
    """Tables of words, one for each class, printable by rich.

    Args:
        words: The words to show.
    """

    def __init__(self, words: CorpusWords) -> None:
        self.words = words

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables; texts of the corpus cannot drive the terminal."""
        for words in self.words.lists:
            title = f"{words.target}  ({words.documents} documents)"
            table = Table(title=safe(title, options), title_justify="left", title_style="bold")
            table.add_column("word")
            for heading in ("mean", "total", "documents"):
                table.add_column(heading, justify="right", no_wrap=True)
            table.add_column("in context", overflow="fold")
            for entries in (words.top, words.bottom):
                for entry in entries:
                    table.add_row(*self._cells(entry, options))
                table.add_section()
            yield table

    def _cells(self, entry: WordEntry, options: ConsoleOptions) -> Iterator[Text]:
        yield safe(entry.word, options)
        yield Text(number(entry.mean, decimals_for(abs(entry.mean))))
        yield Text(number(entry.total, 1))
        yield Text(f"{entry.documents} ({entry.share:.0%})")
        found = "".join(self.words.context(entry.examples[0])) if entry.examples else ""
        yield safe(" ".join(found.split()), options)


def draw_words(
    words: CorpusWords, path: str | Path, *, palette: str | Palette = DEFAULT_PALETTE
) -> None:
    """Draw a panel of bars for each class; the ending of the path chooses SVG, PNG or PDF.

    Raises:
        InputError: If there is nothing to draw, no such palette, or the file cannot be written.
    """
    colours = palette_named(palette).light
    if not words.lists:
        raise InputError("Got no words; expected those of one class at least.")
    columns = min(PER_ROW, len(words.lists))
    rows = -(-len(words.lists) // columns)
    most = max(len(one.top) + len(one.bottom) for one in words.lists)
    size = (3.4 * columns + 0.6, rows * (0.7 + 0.19 * max(most, 4)))
    figure = new_figure(size)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, one in zip(panels, words.lists, strict=False):
        _panel(axes, one, words.about["by"], colours.positive, colours.negative)
    for axes in panels[len(words.lists) :]:
        axes.set_axis_off()
    figure.supxlabel(f"{words.about['by']} relevance", fontsize=9)
    save(figure, Path(path), dpi=150)


def _panel(axes: Any, words: WordList, by: str, positive: str, negative: str) -> None:
    """Draw bars from the strongest word for the class down to the strongest against it."""
    entries = [*words.top, *reversed(words.bottom)]
    values = [entry.mean if by == "mean" else entry.total for entry in entries]
    places = range(len(entries))
    axes.barh(places, values, color=[positive if value > 0 else negative for value in values])
    labels = [plain(neutral(entry.word)[:28]) for entry in entries]
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="#1c1b1a", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    title = plain(neutral(words.target))
    axes.set_title(title, loc="left", fontsize=10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def words_page(
    words: CorpusWords,
    *,
    title: str = "Which words drive the classes?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file with the words of every class, shown in its documents.

    Raises:
        InputError: If there is no such palette.
    """
    subject = SUBJECTS[words.about["subject"]]
    about = f"{method_label(words.about['method'])}, each document explained for {subject}"
    lists = [
        {
            "target": one.target,
            "documents": one.documents,
            "top": _entries(words, one.top),
            "bottom": _entries(words, one.bottom),
        }
        for one in words.lists
    ]
    return rendered(
        "words.html", palette=palette, steps=STEPS, title=title, about=about, lists=lists
    )


def _entries(words: CorpusWords, entries: Sequence[WordEntry]) -> list[dict[str, Any]]:
    by_mean = words.about["by"] == "mean"
    values = [entry.mean if by_mean else entry.total for entry in entries]
    longest = max(map(abs, values), default=0.0)
    return [
        {
            "word": entry.word,
            "value": minus(number(value, decimals_for(longest))),
            "width": round(100 * abs(value) / longest, 2),
            "note": f"mean {minus(number(entry.mean))}, total {minus(number(entry.total))}, "
            f"documents {entry.documents} ({entry.share:.0%})",
            "examples": places(words.corpus.texts, words.corpus.names, entry.examples),
        }
        for entry, value in zip(entries, values, strict=True)
    ]


def places(
    texts: Sequence[str], names: Sequence[str], examples: Sequence[Occurrence]
) -> list[dict[str, str | Context]]:
    """Prepare occurrences of a word for the templates."""
    return [
        {
            "document": names[place.document],
            "relevance": minus(number(place.relevance)),
            "context": context(texts[place.document], place.start, place.end),
        }
        for place in examples
    ]


def safe(text: str, options: ConsoleOptions) -> Text:
    """Make a text harmless: it neither drives the terminal nor is read as markup."""
    return Text(encodable(neutral(text), options.encoding))
