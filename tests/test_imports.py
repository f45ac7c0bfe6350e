"""Imports point one way: the table here is the drawing in CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "whyword"

FLOORS = """
cli
paper
render
evaluation survey training
explainer
methods
models
removal targets
classifier explanation
batch
text data lrp
errors progress lazy
"""
"""From top to bottom; what stands on one floor does not know its neighbours."""

EXCEPTIONS = {
    ("explanation", "render"): "a notebook asks an explanation for its picture",
}
"""Arrows that point up, and why."""

HEIGHT = {name: -floor for floor, line in enumerate(FLOORS.split("\n")) for name in line.split()}


def modules() -> dict[str, Path]:
    """Every file of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(source: str, known: set[str]) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                if (name := f"{node.module}.{alias.name}") in known:
                    yield name
                elif node.module in known:
                    yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def arrows(files: dict[str, str]) -> list[tuple[str, str]]:
    """Pairs of a module and one that it imports.

    What a package exports lazily is imported by no one but type checkers, and no arrow.
    """
    found = []
    for name, source in files.items():
        lazy = set()
        if "lazy.exports(" in source:
            blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
            lazy = {other for block in blocks for other in imports(ast.unparse(block), set(files))}
        found += [
            (name, other) for other in imports(source, set(files)) if other not in {name, *lazy}
        ]
    return found


def unit(module: str) -> str:
    """The file or folder at the top of the package that a module is or lies in."""
    return ".".join(module.split(".")[1:2])


def wrong(files: dict[str, str]) -> list[str]:
    """The arrows that do not point down."""
    found = []
    for one, other in arrows(files):
        pair = unit(one), unit(other)
        if "" in pair or pair[0] == pair[1] or pair[0] == "__main__" or pair in EXCEPTIONS:
            continue
        if not HEIGHT[pair[0]] > HEIGHT[pair[1]]:
            found.append(f"{one} -> {other}")
    return found


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in modules().items()}


def test_every_arrow_points_down(files: dict[str, str]) -> None:
    assert wrong(files) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("whyword.lrp.engine", "from whyword.models.store import load"),
        ("whyword.models.store", "import whyword.explainer"),
        ("whyword.training.loop", "def f() -> None:\n    from whyword.render import html"),
        ("whyword.survey.words", "from whyword.evaluation import deletion"),
        ("whyword.errors", "from whyword.lazy import exports"),
    ],
)
def test_an_arrow_up_or_sideways_is_found(files: dict[str, str], module: str, line: str) -> None:
    assert len(wrong({**files, module: files[module] + "\n" + line + "\n"})) == 1


def test_no_import_hides_from_this_file(files: dict[str, str]) -> None:
    """The package as a whole is not imported, nor is a module by a string."""
    hidden = []
    for name, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import) and any(a.name == "whyword" for a in node.names):
                hidden.append(f"{name}: {ast.unparse(node)}")
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called, first = ast.unparse(node.func), node.args[0]
            if called.endswith("import_module") and isinstance(first, ast.Constant):
                hidden.append(f"{name}: {ast.unparse(node)}")
    assert hidden == []


def test_no_circle_of_files(files: dict[str, str]) -> None:
    graph: dict[str, set[str]] = {name: set() for name in files}
    for one, other in arrows(files):
        if (unit(one), unit(other)) not in EXCEPTIONS:
            graph[one].add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_unit_has_a_floor() -> None:
    names = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert names - {"__init__", "__main__"} == set(HEIGHT)


def test_the_drawing_in_contributing_is_this_table() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.search(r"```text\n(cli\n.*?)```", text, re.DOTALL)
    assert drawn is not None
    assert [line.split() for line in drawn[1].strip().splitlines()] == [
        line.split() for line in FLOORS.strip().splitlines()
    ]


def test_the_top_is_small_and_no_file_is_long() -> None:
    top = [path for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "py.typed")]
    assert sum(path.is_dir() for path in top) <= 12
    assert sum(path.is_file() for path in top) <= 12
    long = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name: lines for name, lines in long.items() if lines > 310} == {}
