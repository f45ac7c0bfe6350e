"""Lazy imports: a package imports what it exports on first use, so that it loads at once."""

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path


def exports(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for a package that imports its names on first use (PEP 562).

    The package lists the names once, in the block of imports for type checkers::

        if TYPE_CHECKING:
            from whyword.explainer import explain

        __getattr__, __dir__ = lazy.exports(__name__)

    Args:
        package: Name of the package, its ``__name__``.
    """

    def get(name: str) -> object:
        home = _homes(package).get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = import_module(f"{home}.{name}") if home == package else _attribute(home, name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_homes(package)})

    return get, listed


def _attribute(module: str, name: str) -> object:
    value: object = getattr(import_module(module), name)
    return value


@cache
def _homes(package: str) -> dict[str, str]:
    """The module that each name comes from; that of a subpackage is the package itself."""
    body = ast.parse(Path(str(sys.modules[package].__file__)).read_text(encoding="utf-8")).body
    return {
        alias.name: str(node.module)
        for block in body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
