"""The code in the README and in docs/ runs, and prints what the pages say.

The ``python`` blocks of a page run in order, in one namespace. A ``text`` block right after one
holds what it prints.
"""

import contextlib
import io
import pkgutil
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from whyword.cli import cli
from whyword.lrp.calls import HANDLERS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\s+```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
COMMANDS = [
    shlex.split(line.split("#")[0])[1:]
    for line in re.findall(r"^whyword explain .*", README.read_text("utf-8"), re.MULTILINE)
    if "post" not in line
]
SOURCES = sorted((ROOT / "src" / "whyword").rglob("*.py"))
DOTTED = re.compile(r"(?<![\w./-])whyword(?:\.[A-Za-z_]\w*)+")
FILES = ("css", "js", "json")


@pytest.fixture
def rules() -> Iterator[None]:
    """Pages may register rules, for themselves alone."""
    before = dict(HANDLERS)
    yield
    HANDLERS.clear()
    HANDLERS.update(before)


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    "page", [p for p in PAGES if BLOCK.search(p.read_text("utf-8"))], ids=lambda page: page.name
)
def test_code_prints_what_the_page_says(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for code, printed in BLOCK.findall(page.read_text("utf-8")):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, str(page), "exec"), namespace)
        if printed:
            assert output.getvalue() == printed


def test_the_first_page_has_code() -> None:
    found = BLOCK.search(README.read_text("utf-8"))
    assert found is not None
    assert found[2]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_commands_run(arguments: Sequence[str]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 0


def test_there_are_commands_to_run() -> None:
    assert COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def exists(name: str) -> bool:
    """Whether a dotted name is that of a module, of something in it, or of an attribute of that."""
    try:
        pkgutil.resolve_name(name)
    except ImportError:
        return False
    except AttributeError:  # attributes of a dataclass without a default
        owner, _, attribute = name.rpartition(".")
        with contextlib.suppress(ImportError, AttributeError):
            return attribute in getattr(pkgutil.resolve_name(owner), "__annotations__", {})
        return False
    return True


def test_dotted_names_in_sources_and_pages_exist() -> None:
    """In docstrings and texts; those in code fail by themselves. Names of files are none."""
    pages = [*SOURCES, *PAGES, *sorted((ROOT / "tests").glob("*.py"))]
    found = {
        (name, page.name) for page in pages for name in DOTTED.findall(page.read_text("utf-8"))
    }
    assert len(found) > 100
    assert [
        (name, page)
        for name, page in sorted(found)
        if name.rpartition(".")[2] not in FILES and not exists(name)
    ] == []


def test_every_module_has_the_names_that_it_exports() -> None:
    for package in (path.parent for path in SOURCES if path.name == "__init__.py"):
        module = pkgutil.resolve_name(".".join(package.relative_to(ROOT / "src").parts))
        missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
        assert missing == [], package
