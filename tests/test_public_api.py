"""The public API: what packages export, lazily, and that signatures are not vague."""

import ast
import inspect
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import whyword
from signatures import Signatures, parsed

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
def test_what_is_exported_is_said_where_it_comes_from(package: str) -> None:
    """A module that somebody else happened to import is no export."""
    module = import_module(package)
    nodes = list(ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))))
    said = {a.asname or a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}
    said |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    said |= {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    assert set(module.__all__) <= said


@pytest.mark.parametrize("package", PACKAGES)
def test_no_export_has_the_name_of_a_module(package: str) -> None:
    """Which would take its place as soon as it is imported."""
    module = import_module(package)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    for name, value in exported(package).items():
        assert name not in modules or inspect.ismodule(value)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_any_in_a_public_signature(package: str) -> None:
    """Nor in what it names: aliases, bases, and the public parts of other classes."""
    signatures = Signatures("whyword")
    for name in exported(package):
        signatures.read(package, name)
    assert signatures.vague == []


@pytest.mark.parametrize(
    "source",
    [
        "def it(x: dict[str, list[Any]]) -> int: ...",
        "def it() -> Any: ...",
        "def it() -> 'tuple[Any, ...]': ...",
        "def it(x: list['Any']) -> int: ...",
        "def it(*args: Any) -> int: ...",
        "def it(**options: Any) -> int: ...",
        "def it(*, x: Any | None = None) -> int: ...",
        "async def it() -> Any: ...",
        "def it(x: typing.Any) -> int: ...",
        "from typing import Any as Whatever\ndef it(x: Whatever) -> int: ...",
        "@overload\ndef it(x: str) -> Any: ...\n@overload\ndef it(x: int) -> int: ...\n"
        "def it(x: str | int) -> object: ...",
        "it: dict[str, Any] = {}",
        "it = Callable[..., Any]",
        "it: TypeAlias = 'list[Any]'",
        "it = TypeVar('it', bound=Any)",
        "it = TypedDict('it', {'class': Any})",
        "Json = dict[str, Any]\ndef it(x: 'Json | None') -> int: ...",
        "Json = dict[str, Any]\nRows = list[Json]\ndef it() -> Rows: ...",
        "if TYPE_CHECKING:\n    Json = dict[str, Any]\ndef it() -> 'Json': ...",
        "class it:\n    a: Any",
        "class it:\n    a: ClassVar[list[Any]] = []",
        "class it:\n    def __init__(self):\n        self.a: Any = 0",
        "class it:\n    @property\n    def a(self) -> Any: ...",
        "class it:\n    @classmethod\n    def a(cls, **options: Any) -> int: ...",
        "class it:\n    def __getitem__(self, i: Any) -> int: ...",
        "class it(dict[str, Any]): ...",
        "class Base:\n    def a(self) -> Any: ...\nclass it(Base): ...",
        "class Part:\n    a: Any\nclass it:\n    parts: list[Part]",
        "class it:\n    class Part:\n        a: Any",
        "from made_up.other import Other\ndef it(x: Other) -> int: ...",
        "from made_up.other import there as it",
        "from made_up import other\ndef it(x: other.Other) -> int: ...",
        "import made_up.other as more\ndef it(x: 'more.Other') -> int: ...",
    ],
)
def test_a_vague_signature_is_found(source: str, made_up: Callable[[str], Signatures]) -> None:
    assert len(made_up(source).vague) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def it(x: object, **options: object) -> dict[str, object]: ...",
        "def it(x: Literal['Any']) -> int:\n    y: Any = x\n    return y",
        "def _own(x: Any) -> int: ...\ndef it() -> int: ...",
        "class it:\n    _own: Any\n    def _make(self) -> Any: ...",
        "class it:\n    def a(self) -> int:\n        self._own: Any = 0",
        "class it:\n    next: 'it | None'",
        "from numpy.typing import NDArray\ndef it() -> NDArray[float64]: ...",
    ],
)
def test_what_is_private_or_said_is_left_alone(
    source: str, made_up: Callable[[str], Signatures]
) -> None:
    assert made_up(source).vague == []


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Signatures]:
    """What is found of the name ``it`` in a package of such a source."""

    def read(source: str) -> Signatures:
        folder = tmp_path / "made_up"
        folder.mkdir()
        (folder / "__init__.py").write_text(f"from typing import Any\n{source}\n")
        (folder / "other.py").write_text(
            "from typing import Any\nOther = list[Any]\ndef there() -> Any: ...\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        for module in ("made_up", "made_up.other"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        parsed.cache_clear()
        signatures = Signatures("made_up")
        signatures.read("made_up", "it")
        parsed.cache_clear()
        return signatures

    return read


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
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    sources = [path.read_text(encoding="utf-8") for path in (root / "src").rglob("*.py")]
    assert sum(source.count(f'"{whyword.__version__}"') for source in sources) == 1
