"""Shows documents that are probably labelled wrong: as a table in the terminal, and as a page."""

from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from whyword.render.labels import method_label
from whyword.render.numbers import minus, number
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.templating import rendered
from whyword.render.view import STEPS, Item
from whyword.render.words import safe

if TYPE_CHECKING:
    from whyword.survey.labels.records import LabelAudit

EXPLANATION = (
    "Documents whose label is contradicted by a linear model that was trained without them "
    "(cross-validation, confident learning); the probabilities are that model's. The words are "
    "those that speak for the suggested class against the label in the model that was given, and "
    "the margin is the difference of its scores. A suspect is a question: read the document."
)

NOTHING = "No label is contradicted by a model that was trained without the document."


class LabelTable:
    """A table of documents that are probably labelled wrong, printable by rich.

    Args:
        audit: The audit to show.
    """

    def __init__(self, audit: "LabelAudit") -> None:
        self.audit = audit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table and sentences; texts of the corpus cannot drive the terminal."""
        if not self.audit.suspects:
            yield Text(NOTHING)
            yield Text(counts(self.audit))
            return
        table = Table(title="Suspected labels", title_justify="left", title_style="bold")
        for heading in ("document", "label", "suggested"):
            table.add_column(heading, overflow="fold")
        table.add_column("margin", justify="right", no_wrap=True)
        table.add_column("words for the suggested class", overflow="fold")
        for suspect in self.audit.suspects:
            cells = (
                self.audit.corpus.names[suspect.document],
                f"{suspect.label} {suspect.label_confidence:.1%}",
                f"{suspect.suggested} {suspect.confidence:.1%}",
                number(suspect.margin),
                ", ".join(word for word, _ in suspect.words()),
            )
            table.add_row(*(safe(cell, options) for cell in cells))
        yield table
        yield Text(EXPLANATION + "\n", style="dim")
        yield Text(counts(self.audit))


def labels_page(
    audit: "LabelAudit",
    *,
    title: str = "Which labels are wrong?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file: the suspected documents, each with its words in its text.

    Raises:
        InputError: If there is no such palette.
    """
    suspects = [
        {
            "document": audit.corpus.names[suspect.document],
            "label": suspect.label,
            "suggested": suspect.suggested,
            "label_confidence": f"{suspect.label_confidence:.1%}",
            "confidence": f"{suspect.confidence:.1%}",
            "margin": minus(number(suspect.margin)),
            "words": [word for word, _ in suspect.words()],
            "item": Item.of(suspect.explanation),
        }
        for suspect in audit.suspects
    ]
    return rendered(
        "labels.html",
        palette=palette,
        steps=STEPS,
        title=title,
        about=f"{method_label(audit.about['method'])}, {audit.about['folds']} folds",
        explanation=EXPLANATION,
        nothing=NOTHING,
        counts=counts(audit),
        suspects=suspects,
    )


def counts(audit: "LabelAudit") -> str:
    """Say in a sentence how many documents were judged, suspected and shown."""
    about = audit.about
    shown = len(audit.suspects)
    return (
        f"{about['documents']} documents, {about['judged']} judged, {about['suspected']} suspected"
        + (f"; the first {shown} are shown." if shown < about["suspected"] else ".")
    )
