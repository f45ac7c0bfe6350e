"""The public API: what packages export, lazily, and that signatures are not vague."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import whyword

PACKAGES = ["whyword", *(f"whyword.{name}" for name in (
    "data", "evaluation", "lrp", "methods", "paper", "render", "survey", "training",
))]  # fmt: skip


def exported(package: str) -> dict[str, object]:
    module = import_module(package)
    return {name: getattr(module, name) for name in module.__all__}


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_exported_is_there(package: str) -> None:
    assert exported(package)
    module = import_module(package)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="nosuchname"):
        module.nosuchname  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_no_export_has_the_name_of_a_module(package: str) -> None:
    """Which would take its place as soon as it is imported."""
    module = import_module(package)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    for name, value in exported(package).items():
        assert name not in modules or inspect.ismodule(value)


def annotations(source: str, name: str) -> list[ast.expr]:
    """The annotations of a function, or of the public methods and attributes of a class."""
    (node,) = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
    ][-1:]
    found: list[ast.expr | None] = []
    functions = [node]
    if isinstance(node, ast.ClassDef):
        functions = [
            child
            for child in node.body
            if isinstance(child, ast.FunctionDef)
            and (not child.name.startswith("_") or child.name in ("__init__", "__call__"))
        ]
        found += [
            child.annotation
            for child in node.body
            if isinstance(child, ast.AnnAssign)
            and not (isinstance(child.target, ast.Name) and child.target.id.startswith("_"))
        ]
    for function in functions:
        assert isinstance(function, ast.FunctionDef)
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        found += [argument.annotation for argument in every]
        found.append(function.returns)
    return [annotation for annotation in found if annotation is not None]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_any_in_a_public_signature(package: str) -> None:
    vague = []
    for name, value in exported(package).items():
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        source = Path(inspect.getsourcefile(value) or "").read_text(encoding="utf-8")
        for annotation in annotations(source, value.__name__):
            names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
            if "Any" in names or "Any" in str(getattr(annotation, "value", "")):
                vague.append(f"{package}.{name}: {ast.unparse(annotation)}")
    assert vague == []


def test_a_vague_signature_is_found() -> None:
    source = (
        "def f(x: dict[str, Any]) -> int: ...\nclass C:\n    a: Any\n    def m(self) -> 'Any': ..."
    )
    assert ["Any" in ast.unparse(a) for a in annotations(source, "f")] == [True, False]
    assert len(annotations(source, "C")) == 2


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, whyword; [getattr(whyword, n) for n in ('render', 'survey', 'evaluation', "
        "'methods', 'data', 'training')]; whyword.methods.METHODS; heavy = ('torch', 'numpy', "
        "'nltk', 'sklearn', 'matplotlib'); print([m for m in heavy if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_page_is_written_after_importing_the_package_alone() -> None:
    code = (
        "import whyword; model = whyword.load('news20-cnn');"
        "found = whyword.explain(model, 'The shuttle reached its orbit.');"
        "print(whyword.render.html.page([found]) == whyword.render.heatmap_page([found]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True"


def test_the_version_is_written_once() -> None:
    assert whyword.__version__.count(".") == 2
