"""``whyword methods``: lists the names that ``--method`` takes."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as a JSON array.")
def methods(as_json: bool) -> None:
    """List the methods: what each computes, where it comes from, what it costs and needs.

    The cost is given in passes of the model per text. "Adds up" means that the relevance of the
    words and the remainder, which no word received, sum to the score that is explained.
    """
    from whyword.methods.table import METHODS

    if as_json:
        rows = [
            {
                "name": method.name,
                "label": method.label,
                "title": method.title,
                "about": method.about,
                "source": method.source,
                "cost": method.cost,
                "needs": method.needs,
                "adds_up": method.decomposes,
            }
            for method in METHODS.values()
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for method in METHODS.values():
        click.echo(f"{method.name}  {method.label}" + ("; adds up" if method.decomposes else ""))
        click.echo(f"  {method.about}")
        click.echo(f"  source: {method.source}")
        click.echo(f"  cost:   {method.cost}")
        if method.needs:
            click.echo(f"  needs:  {method.needs}")
