"""``whyword paper``: runs every experiment of the paper, and writes a report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for all results. Given again after a stop, the run goes on.",
)
@click.option(
    "--model",
    "-m",
    metavar="NAME|DIR",
    help="Model to take instead of training one, for example news20-cnn.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=10),
    help="Most test documents to use, drawn at random.  [all]",
)
@click.option("--seed", type=int, help="Seed of the training.  [0]")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
def paper(
    output: Path, model: str | None, limit: int | None, seed: int | None, as_json: bool
) -> None:
    """Run the paper's experiments on 20 Newsgroups, from training to the report.

    Arras et al. 2016: the CNN and its accuracy, word deletion (Figure 1), heatmaps (Figure 2),
    document maps (Figure 3), and how well their vectors tell classes apart (the explanatory power
    index, EPI, 2017). It takes half an hour on two cores, ten minutes with --model. Figure 2 and
    the report hold the text of one document.
    """
    if model is not None and seed is not None:
        raise click.UsageError("--seed is of the training, which --model replaces; give only one.")
    from whyword.cli.progress import phases
    from whyword.paper import Paper, run
    from whyword.paper.settings import of_the_paper

    recipe = of_the_paper(seed or 0)
    with phases() as progress:
        found = run(Paper(recipe=recipe, model=model, limit=limit), output, progress=progress)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    click.echo(f"The report is {output / 'report.html'}.", err=True)


def _print(found: "Mapping[str, Any]") -> None:
    from rich.console import Console
    from rich.table import Table

    from whyword.render.labels import method_label, weighting_label

    console = Console()
    console.print(f"test accuracy {found['accuracy']:.2%}", highlight=False)
    figure1 = found["figure1"]
    for panel in figure1["panels"]:
        table = Table("method", "mean", "random → oracle", title_justify="left")
        documents = next(iter(figure1[panel].values()))["documents"]
        table.title = f"Figure 1, {panel}: {documents} documents"
        for method, record in figure1[panel].items():
            share = f"{record['coverage']:z.1%}" if "coverage" in record else ""
            table.add_row(method_label(method), f"{record['mean']:.3f}", share)
        console.print(table)
    table = Table("weighting", "EPI", "K", title="EPI", title_justify="left")
    for name, row in found["epi"].items():
        table.add_row(weighting_label(name), f"{row['mean']:.4f} ± {row['std']:.4f}", str(row["k"]))
    console.print(table)
