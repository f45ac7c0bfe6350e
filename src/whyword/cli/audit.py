"""``whyword audit``: the words that a model learned to rely on by accident."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whyword.cli.corpus import corpus_options, read_corpus, write_page

if TYPE_CHECKING:
    from whyword.survey.labels.records import LabelAudit


@click.command()
@corpus_options(split="train")
@click.option("--class", "name", metavar="CLASS", help="Audit this class alone.  [all]")
@click.option("--top", type=int, default=10, show_default=True, help="Most suspects per class.")
@click.option(
    "--least",
    type=float,
    default=0.005,
    show_default=True,
    help="Lowest score of a suspect, as a share of its class's relevance.",
)
@click.option(
    "--min-documents",
    type=int,
    default=3,
    show_default=True,
    help="Leave out words that stand in fewer documents.",
)
@click.option(
    "--sample",
    type=int,
    default=400,
    show_default=True,
    help="Documents per class that are clustered, at most; drawn at random.",
)
@click.option(
    "--method",
    default="lrp",
    show_default=True,
    help="Method that explains the documents: see `whyword methods`.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of the random sample and of the clusters.",
)
@click.option("--labels", is_flag=True, help="Look for wrong labels instead of words.")
@click.option(
    "--most",
    type=int,
    default=100,
    show_default=True,
    help="With --labels: most documents to name.",
)
@click.option(
    "--folds",
    type=int,
    default=5,
    show_default=True,
    help="With --labels: parts of which each is judged by a model trained on the others.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as a JSON object.")
@click.option("--words", "as_words", is_flag=True, help="Print the suspects, one a line.")
@click.option("--names", "as_names", is_flag=True, help="With --labels: print names, one a line.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page with suspects in context and clusters.",
)
def audit(
    model: str,
    corpus: str,
    split: Any,
    text: str,
    label: str,
    encoding: str,
    as_json: bool,
    as_words: bool,
    as_names: bool,
    html: Path | None,
    labels: bool,
    most: int,
    folds: int,
    **options: Any,
) -> None:
    """Find words that drive a class but hardly belong to it: signatures, addresses, names.

    Such words show best on the documents that the model was trained on, so the training part is
    read by default. Review what is found: `whyword train --suppress` trains a model that ignores
    the words you give it.

    With --labels, find documents that are probably labelled wrong, and the words that speak for the
    suggested class against the label.
    """
    if as_json and (as_words or as_names):
        given = "--words" if as_words else "--names"
        raise click.UsageError(f"--json and {given} are two ways to print; give one.")
    if (as_words and labels) or (as_names and not labels):
        raise click.UsageError("--words prints suspected words; --names goes with --labels.")
    from whyword.cli.progress import phases
    from whyword.models.store import load
    from whyword.survey.audit import audit_corpus
    from whyword.survey.labels import suspect_labels

    classifier = load(model)
    documents = read_corpus(corpus, split, text, label, encoding)
    if labels:
        shared = {key: options[key] for key in ("name", "method", "seed")}
        with phases() as progress:
            suspected = suspect_labels(
                classifier, documents, most=most, folds=folds, progress=progress, **shared
            )
        _show_labels(suspected, split, html, as_json=as_json, as_names=as_names)
        return
    with phases() as progress:
        found = audit_corpus(classifier, documents, progress=progress, **options)
    from whyword.render.audit import AuditTables, audit_page

    if html:
        write_page(html, audit_page(found))
    if as_json:
        click.echo(json.dumps({"split": split, **found.to_dict()}, indent=2))
    elif as_words:
        for suspect in found.suspects:
            click.echo(suspect.word)
    elif not html:
        from rich.console import Console

        Console().print(AuditTables(found))


def _show_labels(
    found: "LabelAudit", split: str, html: Path | None, *, as_json: bool, as_names: bool
) -> None:
    from whyword.render.suspected_labels import LabelTable, labels_page

    if html:
        write_page(html, labels_page(found))
    if as_json:
        click.echo(json.dumps({"split": split, **found.to_dict()}, indent=2))
    elif as_names:
        for suspect in found.suspects:
            click.echo(found.corpus.names[suspect.document])
    elif not html:
        from rich.console import Console

        Console().print(LabelTable(found))
