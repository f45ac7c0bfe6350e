"""``whyword train``: trains a classifier on a corpus, and saves it in a folder."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whyword.errors import InputError


@click.command()
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the model. Given again after a stop, the training goes on.",
)
@click.option(
    "--corpus",
    default="20news",
    show_default=True,
    metavar="20news|PATH",
    help="20 Newsgroups, a folder with one folder per class, or a CSV or JSON Lines file.",
)
@click.option(
    "--development",
    "--dev",
    metavar="PATH",
    help="Documents that choose the best epoch or penalty.  [a share of the training documents]",
)
@click.option("--test", metavar="PATH", help="Documents to test on.  [20news: its test part]")
@click.option("--text", default="text", show_default=True, help="Column of the texts.")
@click.option("--label", default="label", show_default=True, help="Column of the classes.")
@click.option(
    "--label-separator",
    metavar="TEXT",
    help="What stands between the labels of a document, if it may have several: ; for example.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the files.")
@click.option(
    "--model",
    "kind",
    default="cnn",
    show_default=True,
    metavar="cnn|lstm|gru|characters|linear|transformer|auto",
    help="Architecture; auto takes the best of linear, cnn and, with --base, an encoder's head.",
)
@click.option(
    "--filters",
    metavar="WIDTH:COUNT,...",
    help="Filters of a CNN: how many of each width in words.  [by the corpus]",
)
@click.option("--hidden", type=int, help="Units of an LSTM or GRU, in each direction.")
@click.option("--layers", type=int, help="Layers of an LSTM or GRU.")
@click.option("--ngrams", type=int, help="Most words in a feature of a linear model.  [2]")
@click.option("--base", metavar="DIR|NAME", help="Pretrained transformer to start from.")
@click.option("--full", is_flag=True, help="Train the whole transformer, not its last layer alone.")
@click.option("--max-length", type=int, help="Most tokens that a transformer reads.  [256]")
@click.option(
    "--vectors",
    metavar="FILE|DIR",
    help="Word vectors to begin with: a word2vec, GloVe or fastText file, or the folder of a "
    "model.  [learned from the documents]",
)
@click.option(
    "--window", type=int, help="Words to each side that word vectors learn to predict (skip-gram)."
)
@click.option(
    "--sample", type=float, help="Share of all words above which skip-gram skips a frequent one."
)
@click.option("--vector-epochs", type=int, help="Passes of skip-gram over the documents.")
@click.option("--dimension", type=int, help="Components of each learned word vector.")
@click.option(
    "--vector-rate",
    type=float,
    help="Learning rate of the word vectors as a multiple of --learning-rate; 0 keeps them fixed.  "
    "[the validation part chooses]",
)
@click.option("--minutes", type=float, help="Time for the whole training, about.")
@click.option("--epochs", type=int, help="Most passes of the training over the documents.")
@click.option("--batch-size", type=int, help="Documents in each step of the training.")
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "sgd"]),
    help="Optimiser; sgd is the paper's, with momentum and l2 penalty.",
)
@click.option("--learning-rate", type=float, help="Learning rate at the start; it falls to zero.")
@click.option("--momentum", type=float, help="Momentum of sgd.")
@click.option("--weight-decay", type=float, help="Weight decay of the optimiser.")
@click.option("--dropout", type=float, help="Share of the features dropped in training.")
@click.option("--word-dropout", type=float, help="Share of the words dropped in training.")
@click.option(
    "--label-smoothing", type=float, help="Share of the probability spread over all classes."
)
@click.option(
    "--class-weights",
    metavar="balanced|none|NAME=W,...",
    help="Weights of the classes in the loss; balanced: all classes together weigh the same.",
)
@click.option(
    "--validation", type=float, help="Share of the documents held out to choose the best epoch."
)
@click.option("--patience", type=int, help="Stop after this many epochs without a better one.")
@click.option(
    "--refit/--no-refit",
    default=None,
    help="Train again on all documents, for the number of epochs that was best.",
)
@click.option("--seed", type=int, help="Seed of all that is random.")
@click.option(
    "--suppress",
    metavar="FILE|WORD,...",
    help="Words that the model is to ignore, for example those that `whyword audit` finds.",
)
@click.option(
    "--suppress-penalty",
    type=float,
    help="Weight of the penalty on what these words add to the scores; 0 merely deletes them.",
)
@click.option("--about", default="", help="One line about the model, for people.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def train(
    output: Path,
    corpus: str,
    development: str | None,
    test: str | None,
    text: str,
    label: str,
    label_separator: str | None,
    encoding: str,
    kind: str,
    filters: str | None,
    hidden: int | None,
    layers: int | None,
    ngrams: int | None,
    base: str | None,
    full: bool,
    max_length: int | None,
    dropout: float | None,
    word_dropout: float | None,
    class_weights: str | None,
    suppress: str | None,
    about: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a classifier and save it where `whyword explain --model DIR` finds it."""
    settings = {
        "filters": None if filters is None else _filters(filters),
        "hidden": hidden,
        "layers": layers,
        "ngrams": ngrams,
        "base": base,
        "full": full or None,
        "max_length": max_length,
        "dropout": dropout,
        "word_dropout": word_dropout,
    }
    from whyword.cli.progress import phases
    from whyword.data import corpora
    from whyword.training.class_weights import read_class_weights
    from whyword.training.recipe import Recipe
    from whyword.training.train import train_model

    words = None if suppress is None else _words(suppress, encoding)
    chosen = Recipe.from_options(kind, settings, suppress=words, **options)
    source: dict[str, Any] = {"text": text, "label": label, "encoding": encoding}
    source["label_separator"] = label_separator
    documents = corpora.load_corpus(corpus, "train", **source)
    choosing = corpora.load_corpus(development, "dev", **source) if development else None
    test_source = test or (corpus if corpus == corpora.NEWS20 else None)
    test_documents = corpora.load_corpus(test_source, "test", **source) if test_source else None
    if class_weights is not None:
        weights = read_class_weights(class_weights, documents.classes)
        chosen = replace(chosen, training=replace(chosen.training, class_weights=weights))
    with phases() as progress:
        report = train_model(
            chosen,
            documents,
            output,
            test=test_documents,
            development=choosing,
            about=about,
            progress=progress,
        )
    if "confusion" in report.get("test", {}):
        _draw_confusion(report["test"], output / "confusion.svg")
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    _print_report(report, output)


def _filters(text: str) -> dict[str, int]:
    try:
        return {
            str(int(width)): int(count)
            for width, count in (part.split(":") for part in text.split(","))
        }
    except ValueError as error:
        raise InputError(
            f'Got --filters "{text}"; expected WIDTH:COUNT,..., for example 2:800 or 3:100,4:100.'
        ) from error


def _words(source: str, encoding: str) -> tuple[str, ...]:
    """Return the words of a file, one on each line, or those in the argument itself."""
    from whyword.data.files import read_text

    if Path(source).is_file():
        words = read_text(source, encoding=encoding).splitlines()
    elif Path(source).suffix == ".txt":
        raise InputError(f'There is no file "{source}" with words to suppress.')
    else:
        words = source.split(",")
    found = tuple(sorted({word.strip().lower() for word in words if word.strip()}))
    if not found:
        raise InputError(f'Got no words in --suppress "{source}"; expected some.')
    return found


def _draw_confusion(test: Mapping[str, Any], path: Path) -> None:
    import numpy as np

    from whyword.render.confusion import draw_confusion

    draw_confusion(np.array(test["confusion"]), [row["name"] for row in test["classes"]], path)


def _print_report(report: Mapping[str, Any], output: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from whyword.training.leaks import sentences

    console, quality = Console(), report["chosen_by"]
    console.print(
        f"validation {quality} {report['validation_' + quality.replace(' ', '_').lower()]:.2%}"
        + (f" after {report['epochs']} epochs" if "epochs" in report else "")
        + f", {report['training_seconds']:.0f} s; vectors {report['vector_seconds']:.0f} s",
        highlight=False,
    )
    if "test" in report:
        found = report["test"]
        table = Table("class", "documents", "precision", "recall", "F1")
        for row in report["test"]["classes"]:
            numbers = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1"))
            table.add_row(row["name"], str(row["documents"]), *numbers)
        console.print(table)
        of_all = {
            "accuracy": "accuracy",
            "subset_accuracy": "subset accuracy",
            "micro_f1": "micro F1",
            "macro_f1": "macro F1",
        }
        numbers = (f"{name} {found[key]:.2%}" for key, name in of_all.items() if key in found)
        console.print(f"test {', '.join(numbers)}", highlight=False)
    if (linear := report.get("linear")) and "test" in linear:
        key = "accuracy" if "accuracy" in linear["test"] else "micro_f1"
        console.print(
            f"The linear model beside it: test {of_all[key]} {linear['test'][key]:.2%}",
            highlight=False,
        )
    said = sentences(report["duplicates"])
    for sentence in (*report.get("reasons", ()), *report.get("advice", ()), *said):
        console.print(sentence, highlight=False, markup=False)
    console.print(
        f"The model is in {output}. Try: whyword explain --model {output} 'some text'",
        highlight=False,
        markup=False,
    )
