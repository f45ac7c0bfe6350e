"""``whyword words``: lists the words that drive each class over a whole corpus."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whyword.cli.corpus import corpus_options, read_corpus, write_page

if TYPE_CHECKING:
    from whyword.survey.words import Subject

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@corpus_options(split="test")
@click.option("--class", "name", metavar="CLASS", help="Show this class alone.  [all]")
@click.option(
    "--against",
    metavar="CLASS",
    help="Show what speaks for --class rather than for this class.",
)
@click.option(
    "--target",
    type=click.Choice(["predicted", "true", "all"]),
    default="predicted",
    show_default=True,
    help="Class that a document counts for: the predicted one, its true one, or every class.",
)
@click.option(
    "--method",
    default="lrp",
    show_default=True,
    help="Method that explains the documents: see `whyword methods`.",
)
@click.option(
    "--top",
    type=int,
    default=10,
    show_default=True,
    help="Words shown for each class, and as many against it.",
)
@click.option(
    "--by",
    type=click.Choice(["total", "mean"]),
    default="total",
    show_default=True,
    help="Rank words by their relevance in all, or by its mean over the documents that have them.",
)
@click.option(
    "--min-documents",
    type=int,
    default=1,
    show_default=True,
    help="Leave out words that stand in fewer documents.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as a JSON object.")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with words in context.")
@click.option(
    "--picture", type=FILE, metavar="FILE", help="Draw the words as bars, in .svg, .png or .pdf."
)
def words(
    model: str,
    corpus: str,
    split: Any,
    text: str,
    label: str,
    encoding: str,
    target: "Subject",
    as_json: bool,
    html: Path | None,
    picture: Path | None,
    **options: Any,
) -> None:
    """Show the words that drive each class over a corpus, and those that speak against it."""
    from whyword.cli.progress import phases
    from whyword.models.store import load
    from whyword.survey.words import corpus_words

    classifier = load(model)
    documents = read_corpus(corpus, split, text, label, encoding)
    with phases() as progress:
        found = corpus_words(classifier, documents, subject=target, progress=progress, **options)
    from whyword.render.words import WordTables, draw_words, words_page

    if html:
        write_page(html, words_page(found))
    if picture:
        draw_words(found, picture)
        click.echo(f"Wrote {picture}.", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    elif not (html or picture):
        from rich.console import Console

        Console().print(WordTables(found))
