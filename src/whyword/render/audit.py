"""Shows what an audit found: as tables in the terminal, and as a page."""

from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from whyword.render.labels import method_label
from whyword.render.numbers import minus, number
from whyword.render.palette import DEFAULT_PALETTE, Palette
from whyword.render.templating import rendered
from whyword.render.view import STEPS
from whyword.render.words import places, safe

if TYPE_CHECKING:
    from whyword.survey.audit.records import Audit, Suspect

EXPLANATION = (
    "Words that drive a class although they are used like a stamp: equally often in each of their "
    "documents, as signatures and addresses are. The score is the share of the class's relevance "
    "that is out of proportion; probability is the mean change of the class's probability in the "
    "word's documents when the word alone is deleted, and turned counts those that then go to "
    "another class."
)


class AuditTables:
    """Tables of suspects and clusters, printable by rich.

    Args:
        audit: The audit to show.
    """

    def __init__(self, audit: "Audit") -> None:
        self.audit = audit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield tables and sentences; texts of the corpus cannot drive the terminal."""
        table = Table(title="Suspects", title_justify="left", title_style="bold")
        table.add_column("word", overflow="fold")
        table.add_column("class", overflow="fold")
        for heading in ("score", "documents", "probability", "turned"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("looks like")
        for suspect in self.audit.suspects:
            row = _suspect(self.audit, suspect)
            columns = ("word", "target", "score", "documents", "drop", "turned", "kinds")
            table.add_row(*(safe(row[column], options) for column in columns))
        if self.audit.suspects:
            yield table
            yield Text(EXPLANATION + "\n", style="dim")
        else:
            yield Text("No word takes relevance out of proportion to the way it is used.")
        yield Text(accuracy(self.audit) + "\n")
        for entry in self.audit.classes:
            title = safe(f"{entry.target}: clusters of explanations", options)
            clusters = Table(title=title, title_justify="left", title_style="bold")
            clusters.add_column("documents", justify="right", no_wrap=True)
            clusters.add_column("words", overflow="fold")
            clusters.add_column("typical", overflow="fold")
            for cluster in entry.clusters:
                names = ", ".join(self.audit.corpus.names[i] for i in cluster.typical)
                words = ", ".join(word for word, _ in cluster.words)
                size = Text(f"{cluster.documents} ({cluster.share:.0%})")
                clusters.add_row(size, safe(words, options), safe(names, options))
            yield clusters


def audit_page(
    audit: "Audit",
    *,
    title: str = "What did the model learn by accident?",
    palette: str | Palette = DEFAULT_PALETTE,
) -> str:
    """Make one self-contained HTML file: suspects, clusters, and accuracy without the suspects.

    Raises:
        InputError: If there is no such palette.
    """
    named = {(suspect.target, suspect.word) for suspect in audit.suspects}
    classes = [
        {
            "target": entry.target,
            "documents": entry.documents,
            "clusters": [
                {
                    "size": f"{cluster.documents} documents ({cluster.share:.0%})",
                    "words": [(word, (entry.target, word) in named) for word, _ in cluster.words],
                    "typical": [
                        (audit.corpus.names[i], " ".join(audit.corpus.texts[i][:300].split())[:160])
                        for i in cluster.typical
                    ],
                }
                for cluster in entry.clusters
            ],
        }
        for entry in audit.classes
    ]
    return rendered(
        "audit.html",
        palette=palette,
        steps=STEPS,
        title=title,
        about=f"{method_label(audit.about['method'])}, {audit.about['documents']} documents",
        explanation=EXPLANATION,
        accuracy=accuracy(audit),
        suspects=[_suspect(audit, suspect) for suspect in audit.suspects],
        classes=classes,
    )


def accuracy(audit: "Audit") -> str:
    """Say in one sentence or two what accuracy owes to the suspects."""
    a = audit.accuracy
    return (
        f"Accuracy {a.before:.2%}; without the suspects {a.after:.2%}. Of the {a.touched} "
        f"documents that have one: {a.touched_before:.2%}, and {a.touched_after:.2%} without."
    )


def _suspect(audit: "Audit", suspect: "Suspect") -> dict[str, Any]:
    """Return the numbers of a suspect as text."""
    note = (
        f"{suspect.relevance_share:.1%} of the class's relevance; two of its documents have it "
        f"unequally often in {suspect.variety:.0%} of cases (the class's words: "
        f"{suspect.usual_variety:.0%})"
    )
    if suspect.companions:
        note += "; comes with " + ", ".join(suspect.companions)
    return {
        "word": suspect.word,
        "target": suspect.target,
        "score": f"{suspect.score:.1%}",
        "documents": f"{suspect.documents} ({suspect.document_share:.0%})",
        "drop": minus(number(suspect.drop)),
        "turned": str(suspect.turned),
        "kinds": ", ".join(suspect.kinds) or "–",
        "note": note,
        "examples": places(audit.corpus.texts, audit.corpus.names, suspect.examples),
    }
