"""The README's code prints what the README says."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from whyword.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE, PRINTED = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", README, re.DOTALL).groups()
COMMANDS = [
    shlex.split(line.split("#")[0])[1:]
    for line in re.findall(r"^whyword explain .*", README, re.MULTILINE)
    if "post" not in line
]


def test_the_first_example():
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(CODE, "README.md", "exec"), {})
    assert output.getvalue() == PRINTED


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_commands_run(arguments):
    assert CliRunner().invoke(cli, arguments).exit_code == 0


def test_there_are_commands_to_run():
    assert COMMANDS


def test_what_the_readme_points_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
