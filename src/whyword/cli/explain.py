"""``whyword explain``: takes texts, and shows heatmaps of their words."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whyword.cli.corpus import write_page
from whyword.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whyword.classifier import Classifier
    from whyword.explanation import Explanation

DEFAULT_MODEL = "news20-cnn"
PROGRESS_FROM = 64
"""The number of texts from which on a progress bar is shown."""


@click.command()
@click.argument("sources", nargs=-1, metavar="[TEXT | FILE | -]...")
@click.option(
    "--model",
    "-m",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|DIR",
    help="Model that ships with whyword, or folder of a model.",
)
@click.option(
    "--method",
    default="lrp",
    show_default=True,
    metavar="lrp|sa|...",
    help="Method: relevance propagation, sensitivity analysis, or another of `whyword methods`.",
)
@click.option(
    "--target",
    "-t",
    default="predicted",
    show_default=True,
    metavar="CLASS|predicted|all",
    help='Class to explain; "A - B" explains what speaks for A rather than B, and "=all" the class '
    'that is called "all".',
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object per text.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page on which the reader can switch between all classes.",
)
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    metavar="TOKENS",
    help="Read long texts whole, in windows that overlap by this many tokens (transformers only).",
)
@click.option(
    "--account",
    is_flag=True,
    help="Print where LRP's relevance went, for each call of a torch function; with --json too.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the heatmaps as .svg, .png or .pdf.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Explain in N processes, each on one core with a model of its own; for many texts.",
)
@click.option("--lines", is_flag=True, help="Take each line of a file as a text of its own.")
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of files and stdin.")
def explain(
    sources: tuple[str, ...],
    model: str,
    method: str,
    target: str,
    as_json: bool,
    html: Path | None,
    overlap: int | None,
    account: bool,
    picture: Path | None,
    workers: int | None,
    lines: bool,
    encoding: str,
) -> None:
    """Show which words drove the classifier's decision.

    Each word gets a relevance: how much it contributed to the score of the class. Each argument is
    the name of a file, "-" for stdin, or otherwise the text itself. Without arguments the text is
    read from stdin.
    """
    if account:
        _check_account(method, target, html, picture)
    if workers and (account or overlap is not None):
        option = "--account" if account else "--overlap"
        raise click.UsageError(f"--workers explain texts as they are; leave it out, or {option}.")
    texts = read_sources(sources, encoding=encoding, lines=lines)
    from whyword.cli.progress import phases
    from whyword.explainer import stream

    # The reader of a page can switch between classes, so it needs them all.
    targets = "all" if html and target == "predicted" else target
    classifier = None if workers else _loaded(model, overlap)
    if classifier and account:
        _print_accounts(classifier, texts, target, as_json=as_json)
        return
    with phases(show=len(texts) >= PROGRESS_FROM) as progress:
        found = stream(
            classifier or model,  # workers load the model themselves
            texts,
            method=method,
            targets=targets,
            workers=workers,
            progress=progress,
        )
        if as_json and not (html or picture):
            _print_json(found)
            return
        explanations = list(found)
    if html:
        from whyword.render.html import heatmap_page

        write_page(html, heatmap_page(explanations))
    if picture:
        from whyword.render.heatmap import heatmap_picture

        heatmap_picture(explanations).save(picture)
        click.echo(f"Wrote {picture}.", err=True)
    if as_json:
        _print_json(explanations)
    elif not (html or picture):
        from whyword.render.terminal import print_explanations

        print_explanations(explanations)


def _loaded(model: str, overlap: int | None) -> "Classifier":
    from whyword.classifier import ReadsWindows
    from whyword.models.store import load

    classifier = load(model)
    if overlap is None:
        return classifier
    if not isinstance(classifier, ReadsWindows):
        raise InputError(f"The model {model} is no transformer; it reads no windows.")
    return classifier.with_overlap(overlap)


def _print_json(explanations: "Iterable[Explanation]") -> None:
    """Print a JSON array, one object a line; none is kept in memory once it is printed.

    JSON is UTF-8, whatever the encoding of the terminal.
    """
    between = b""
    for explanation in explanations:
        click.echo((between or b"[") + explanation.to_json_bytes(), nl=False)
        between = b",\n"
    click.echo(b"]" if between else b"[]")


def read_sources(sources: tuple[str, ...], *, encoding: str, lines: bool) -> list[str]:
    """Read the texts that the arguments stand for.

    Raises:
        InputError: If a file cannot be read as text, or there is nothing to read.
    """
    if not sources and sys.stdin.isatty():
        raise InputError('Nothing to explain: give a text, a file, or "-" for stdin.')
    texts: list[str] = []
    for source in sources or ("-",):
        content, is_file = _read_source(source, encoding)
        texts += (
            [line for line in content.splitlines() if line.strip()]
            if (lines and is_file)
            else [content]
        )
    return texts


def _read_source(source: str, encoding: str) -> tuple[str, bool]:
    from whyword.data.files import decode, read_text

    if source == "-":
        return decode(sys.stdin.buffer.read(), "stdin", encoding=encoding), True
    try:
        exists = Path(source).exists()
    except (OSError, ValueError):  # too long for a file name, or with a NUL: a text
        exists = False
    if exists:
        return read_text(source, encoding=encoding), True
    if _looks_like_path(source):
        raise InputError(f'There is no file "{source}". If it is a text, give it on stdin.')
    return source, False


def _looks_like_path(source: str) -> bool:
    """Whether the source was meant as a file: it is one word with a slash or a file's ending."""
    return re.fullmatch(r"\S*/\S*|\S+\.\w{1,5}", source) is not None


def _check_account(method: str, target: str, html: Path | None, picture: Path | None) -> None:
    """Raise `click.UsageError` for options that mean nothing together with ``--account``."""
    if method != "lrp":
        raise click.UsageError(
            f"--account is of relevance propagation, method lrp; leave out --method {method}."
        )
    if target == "all":
        raise click.UsageError(
            '--account is of one target; give --target a class, or leave it out for "predicted".'
        )
    for option, path in (("--html", html), ("--picture", picture)):
        if path is not None:
            raise click.UsageError(f"--account is a table or --json; leave out {option} {path}.")


def _print_accounts(
    classifier: "Classifier", texts: list[str], target: str, *, as_json: bool
) -> None:
    from whyword.explainer import account

    accounts = (account(classifier, text, target=target) for text in texts)
    if as_json:
        records = (
            json.dumps({"text": text, **one.to_dict()}, allow_nan=False)
            for text, one in zip(texts, accounts, strict=True)
        )
        click.echo("[" + ",\n".join(records) + "]")
        return
    for one in accounts:
        click.echo(f"{one}\n")
