"""``whyword models``: lists the names that ``--model`` takes."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as a JSON array.")
def models(as_json: bool) -> None:
    """List the models that ship with whyword."""
    from whyword.models.folder import describe
    from whyword.models.store import pretrained

    entries = [
        {
            "name": name,
            "kind": (description := describe(path)).kind,
            "classes": description.classes,
            "about": description.about,
        }
        for name, path in pretrained().items()
    ]
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    for entry in entries:
        click.echo(f"{entry['name']}  {entry['kind']}, {len(entry['classes'])} classes")
        click.echo(f"  {entry['about']}")
        click.echo(f"  {', '.join(entry['classes'])}")
