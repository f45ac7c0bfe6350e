"""``whyword evaluate``: measures whether explanations name the words that decide."""

import json
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whyword.cli.corpus import corpus_options, read_corpus
from whyword.data.extras import require
from whyword.data.files import make_folder
from whyword.data.parquet import pyarrow
from whyword.errors import InputError

if TYPE_CHECKING:
    from whyword.classifier import Classifier
    from whyword.evaluation.experiment import Experiment, Table
    from whyword.evaluation.measurements import Measurement
    from whyword.evaluation.pointing import HybridDocument
    from whyword.evaluation.settings import Settings


@click.command()
@corpus_options(split=None)
@click.option(
    "--methods",
    metavar="NAME,...",
    help="Methods to compare; random deletes words at random, oracle searches for the words that "
    "matter most.  [lrp,sa,random,oracle]",
)
@click.option(
    "--relevance",
    "tables",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of relevances from elsewhere (.json, .jsonl, .parquet), compared under its name.",
)
@click.option("--target", metavar="true|predicted", help="Class to explain in each text.  [true]")
@click.option(
    "--removal",
    "operator",
    metavar="zero|unknown|mean|remove|mask",
    help="How words are deleted: by a zero vector, for example.  [zero]",
)
@click.option(
    "--order",
    metavar="auto|decreasing|increasing|both",
    help="Order of relevance in which words are deleted; auto is the paper's: increasing for "
    "documents that are classified wrongly, decreasing for the others.  [auto]",
)
@click.option(
    "--metrics",
    metavar="NAME,...|all",
    help="Metrics to measure too: srg, comprehensiveness, infidelity, ...; see docs/metrics.md.",
)
@click.option(
    "--metric-documents",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Most documents to measure metrics on; one can cost hundreds of forward passes.",
)
@click.option(
    "--hybrid",
    type=click.IntRange(min=1),
    metavar="DOCUMENTS",
    help="Play the pointing game on this many documents, mixed from sentences of several classes.",
)
@click.option("--insertion", is_flag=True, help="Begin with all words deleted, and put them back.")
@click.option("--deletions", "steps", type=int, help="Words to delete from each document.  [50]")
@click.option("--runs", type=int, help="Runs of the random baseline.  [10]")
@click.option("--minimum-words", type=int, help="Leave out documents with fewer words.  [100]")
@click.option("--limit", type=int, help="Most documents to evaluate, drawn at random.  [all]")
@click.option(
    "--budget",
    type=int,
    help="Deletions that the oracle tries per document, where its search is not exact.  [2000]",
)
@click.option("--seed", type=int, help="Seed of all that is random.  [0]")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to write results.json, Parquet tables, pictures and report.html to.",
)
def evaluate(
    model: str,
    corpus: str,
    text: str,
    label: str,
    encoding: str,
    methods: str | None,
    tables: tuple[Path, ...],
    metrics: str | None,
    metric_documents: int,
    hybrid: int | None,
    minimum_words: int | None,
    limit: int | None,
    insertion: bool,
    as_json: bool,
    output: Path | None,
    **options: Any,
) -> None:
    """Delete words in the order of their relevance, and see how the predictions change.

    Relevance is what a method says each word contributed. If it is right, the predictions change
    soon. The defaults are the paper's experiment (Figure 1); if the corpus has parts, the test part
    is read.
    """
    started = time.perf_counter()
    chosen, names = _names(methods), list(dict.fromkeys(_names(metrics) or []))
    if output:
        make_folder(output)
        pyarrow("evaluate")
        require("matplotlib", extra="evaluate", what="A picture of curves")
    from whyword.cli.progress import phases
    from whyword.evaluation import experiment, measurements, results
    from whyword.evaluation import tables as relevance_tables
    from whyword.evaluation.documents import MINIMUM_WORDS
    from whyword.evaluation.metrics import METRICS, check
    from whyword.evaluation.pointing import hybrid_documents
    from whyword.evaluation.settings import Settings
    from whyword.models.store import load

    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings(insertion=insertion, **given)
    if chosen is None:
        chosen = list(experiment.METHODS_SHOWN)
        if insertion:
            chosen.remove(experiment.ORACLE)
    # The oracle gives an order of words, but no relevance that could be measured.
    measured = [name for name in chosen if name != experiment.ORACLE]
    read = {path.stem: relevance_tables.read(path) for path in tables}
    if "all" in names:
        names = [name for name, metric in METRICS.items() if measured or not metric.uses_method]
    if metrics is not None:
        check(names, methods=measured, given=[*read])
    if hybrid and not measured:
        raise InputError("--hybrid explains documents of its own, for which it needs a method.")
    classifier = load(model)
    documents = read_corpus(corpus, "test", text, label, encoding)
    hybrids = hybrid_documents(documents, hybrid, seed=settings.seed) if hybrid else []
    with phases() as progress:
        found = experiment.word_deletion(
            classifier,
            documents,
            methods=chosen,
            tables=read,
            settings=settings,
            minimum_words=MINIMUM_WORDS if minimum_words is None else minimum_words,
            limit=limit,
            progress=progress,
        )
    summary = {
        **results.summarise(found),
        "model": model,
        "corpus": corpus,
        "command": shlex.join(["whyword", *sys.argv[1:]]),
        **_cost(started),
    }
    rows: list[Measurement] = []
    if names or hybrids:
        if output:
            _write(output, found, rows, summary)  # the curves do not wait for the slow metrics
        rows = _measure(
            classifier, found, measured, names, read, settings, metric_documents, hybrids
        )
        summary |= {"metrics": measurements.summarise(rows, seed=settings.seed), **_cost(started)}
    if output:
        _write(output, found, rows, summary)
        click.echo(f"Wrote {output / 'report.html'} and the numbers beside it.", err=True)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        _print(summary)


def _cost(started: float) -> dict[str, Any]:
    from whyword.data.memory import peak_memory

    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time(), 1),
        "peak_memory_bytes": peak_memory(),
    }


def _measure(
    classifier: "Classifier",
    found: "Experiment",
    methods: list[str],
    metrics: list[str],
    tables: "Mapping[str, Table]",
    settings: "Settings",
    limit: int,
    hybrids: "list[HybridDocument]",
) -> "list[Measurement]":
    """Measure metrics on at most ``limit`` documents of the curves, and play the pointing game."""
    from whyword.cli.progress import phases
    from whyword.evaluation.metrics import measure_documents
    from whyword.evaluation.pointing import play

    rows: list[Measurement] = []
    part = found.documents.drawn(limit, seed=settings.seed)
    if metrics and len(part) < len(found.documents):
        click.echo(
            f"Measuring metrics on {len(part)} of {len(found.documents)} documents, drawn at "
            "random; --metric-documents takes more.",
            err=True,
        )
    with phases() as progress:
        if metrics:
            rows += measure_documents(
                classifier,
                part,
                methods,
                metrics,
                tables=tables,
                settings=settings,
                progress=progress,
            )
        if hybrids:
            rows += play(classifier, hybrids, methods, seed=settings.seed, progress=progress)
    return rows


def _names(methods: str | None) -> list[str] | None:
    if methods is None:
        return None
    return [name.strip() for name in methods.split(",") if name.strip()]


def _write(
    directory: Path,
    found: "Experiment",
    rows: "list[Measurement]",
    summary: Mapping[str, Any],
) -> None:
    from whyword.evaluation import measurements
    from whyword.evaluation.results import write_tables
    from whyword.render.curves import draw_curves
    from whyword.render.evaluation import evaluation_page

    (directory / "results.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    write_tables(found, summary, directory)
    if rows:
        measurements.write_tables(rows, summary["metrics"], directory)
    else:
        measurements.remove_tables(directory)  # those of an earlier run
    draw_curves(summary, directory / "curves.svg")
    draw_curves(summary, directory / "curves.png")
    (directory / "report.html").write_text(evaluation_page(summary), encoding="utf-8")


def _print(summary: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from whyword.render.labels import method_label

    # Methods can be named after files, so no name may be read as markup.
    console = Console(markup=False, emoji=False)
    for panel in summary["panels"]:
        records = summary[panel]
        first = next(iter(records.values()))
        steps = [k for k in (1, 5, 10, 20, 50) if k < len(first["accuracy"])]
        # Without borders, and with "after" said once, the table fits 80 columns.
        table = Table(
            "method", title_justify="left", box=None, padding=(0, 1, 0, 0),
            title=f"{panel}: {first['documents']} documents, {first['order']} relevance",
        )  # fmt: skip
        numbers = [f"{'after ' if k == steps[0] else ''}{k}" for k in steps]
        covered = ["random\n→ oracle"] if any("coverage" in r for r in records.values()) else []
        for heading in ("mean", "95 %", *numbers, *covered):
            table.add_column(heading, justify="right")
        for method, record in records.items():
            low, high = record["interval"]
            table.add_row(
                method_label(method),
                f"{record['mean']:.3f}",
                f"{low:.3f}–{high:.3f}",
                *(f"{record['accuracy'][k]:.3f}" for k in steps),
                *([f"{record['coverage']:z.1%}"] if covered else []),
            )
        console.print(table)
    if "metrics" in summary:
        from whyword.render.metrics import MetricTable

        console.print(MetricTable(summary["metrics"]))
    console.print(
        f"{summary['seconds']:.0f} s, {summary['peak_memory_bytes'] / 1e9:.2f} GB", highlight=False
    )
