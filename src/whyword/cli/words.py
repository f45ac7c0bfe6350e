"""``whyword words``: the words that drive each class over a corpus."""

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
@click.option("--class", "name", metavar="CLASS", help="This class alone.")
@click.option(
    "--against", metavar="CLASS", help="What speaks for --class rather than for this one."
)
@click.option(
    "--target",
    type=click.Choice(["predicted", "true", "all"]),
    default="predicted",
    show_default=True,
    help="The class that a document counts for: the predicted one, its own, or every class.",
)
@click.option("--method", default="lrp", show_default=True, help="Of the explanations.")
@click.option("--top", type=int, default=10, show_default=True, help="Words to each side.")
@click.option(
    "--by",
    type=click.Choice(["total", "mean"]),
    default="total",
    show_default=True,
    help="Rank by relevance in all, or per document that has the word.",
)
@click.option(
    "--min-documents", type=int, default=1, show_default=True, help="Leave out rarer words."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with words in context.")
@click.option("--picture", type=FILE, metavar="FILE", help="Draw bars: .svg, .png or .pdf.")
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
