"""The command line: one thin file per command, which parses, calls a function, and prints.

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 stopped, 2 wrong input.
"""

import sys
from typing import Any

import click

from whyword import __version__
from whyword.cli.audit import audit
from whyword.cli.evaluate import evaluate
from whyword.cli.explain import explain
from whyword.cli.map import map_
from whyword.cli.methods import methods
from whyword.cli.models import models
from whyword.cli.paper import paper
from whyword.cli.train import train
from whyword.cli.words import words
from whyword.errors import MissingLibraryError, WhywordError, did_you_mean


class _Group(click.Group):
    """Commands: a mistyped name gets a suggestion, and an error is printed in one line."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(
                f'There is no command "{args[0]}". {did_you_mean(args[0], self.list_commands(ctx))}'
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WhywordError as error:
            # The whole message on one line, whatever a file name or a library put into it.
            click.echo("whyword: " + " ".join(str(error).split()), err=True)
            ctx.exit(1 if isinstance(error, MissingLibraryError) else 2)
        except MemoryError:
            click.echo("whyword: not enough memory.", err=True)
            ctx.exit(1)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with:  whyword explain 'The shuttle reached its orbit.'",
)
@click.version_option(__version__, prog_name="whyword", message="%(prog)s %(version)s")
def cli() -> None:
    """Show which words made your text classifier decide."""


for _command in (explain, train, evaluate, words, audit, map_, paper, methods, models):
    cli.add_command(_command)


def main() -> None:
    """Run the ``whyword`` program."""
    # A word must not fail to print because the terminal's encoding lacks it.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    cli()
