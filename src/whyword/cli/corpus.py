"""What the commands over a corpus share: their options, and the writing of pages."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from whyword.errors import InputError

if TYPE_CHECKING:
    from whyword.data.corpora import Corpus, Split

Command = TypeVar("Command", bound=Callable[..., Any])


def corpus_options(*, split: str | None) -> Callable[[Command], Command]:
    """A decorator that adds ``--model``, ``--corpus`` and the options for reading the corpus.

    Args:
        split: The default of ``--split``; None for a command that does not offer the choice.
    """
    options = [
        click.option(
            "--model",
            "-m",
            default="news20-cnn",
            show_default=True,
            metavar="NAME|DIR",
            help="Model that ships with whyword, or folder of a model.",
        ),
        click.option(
            "--corpus",
            default="20news",
            show_default=True,
            metavar="20news|PATH",
            help="20 Newsgroups, a folder with one folder per class, or a CSV or JSON Lines file.",
        ),
        click.option("--text", default="text", show_default=True, help="Column of the texts."),
        click.option("--label", default="label", show_default=True, help="Column of the classes."),
        click.option(
            "--encoding", default="utf-8", show_default=True, help="Encoding of the files."
        ),
    ]
    if split is not None:
        part = click.option(
            "--split",
            type=click.Choice(["train", "test"]),
            default=split,
            show_default=True,
            help="Part of the corpus to read, if it has parts.",
        )
        options.insert(2, part)

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def read_corpus(corpus: str, split: "Split", text: str, label: str, encoding: str) -> "Corpus":
    """Read the corpus that the options name."""
    from whyword.data import corpora

    return corpora.load_corpus(corpus, split, text=text, label=label, encoding=encoding)


def write_page(path: Path, content: str) -> None:
    """Write an HTML file, and say so."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error
    click.echo(f"Wrote {path}.", err=True)
