"""Reads, without importing it, what public names say that they take and give, and finds ``Any``."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@cache
def parsed(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def is_file(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a class of which something is named, or nothing
        return False


@dataclass
class Signatures:
    """Public names, followed to whatever they name: aliases, bases, and classes of the package.

    Attributes:
        package: Definitions outside it are not read.
        vague: Places that say ``Any``, as ``module.name: annotation``.
    """

    package: str
    vague: list[str] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def read(self, module: str, name: str) -> None:
        """Read the definitions of a name, wherever it is imported from."""
        ours = module.split(".", maxsplit=1)[0] == self.package
        if (module, name) in self._seen or not ours or not is_file(module):
            return
        self._seen.add((module, name))
        for node in statements(parsed(module).body):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        self.read(node.module, alias.name)
            elif name in names_of(node):
                assert isinstance(node, Definition)
                for annotation in annotations(node):
                    self._check(module, name, annotation)

    def _check(self, module: str, name: str, annotation: ast.expr) -> None:
        for node in written(annotation):
            if is_any(node, parsed(module)):
                self.vague.append(f"{module}.{name}: {ast.unparse(annotation)}")
            elif isinstance(node, ast.Name):
                self.read(module, node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                self.read(imported_as(node.value.id, parsed(module)), node.attr)


def imported_as(name: str, module: ast.Module) -> str:
    """The module that has this name in another, if it is one."""
    for node in statements(module.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return source + alias.name
    return ""


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module or class, also those that stand under an ``if``."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements(node.body + node.orelse)


def names_of(node: ast.stmt) -> set[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.AnnAssign):
        return {ast.unparse(node.target)}
    return (
        {ast.unparse(target) for target in node.targets} if isinstance(node, ast.Assign) else set()
    )


def annotations(node: Definition) -> Iterator[ast.expr]:
    """What a function, an alias, or what is public in a class says that it takes and gives."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one]
        yield from (one.annotation for one in every if one.annotation)
        if node.returns:
            yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
        if ast.unparse(node.annotation).endswith("TypeAlias") and node.value:
            yield node.value
    elif isinstance(node, ast.Assign):
        if isinstance(node.value, ast.Name | ast.Subscript | ast.BinOp) or makes_a_type(node.value):
            yield node.value
    else:
        yield from node.bases
        for child in statements(node.body):
            if isinstance(child, Definition) and any(map(is_public, names_of(child))):
                yield from annotations(child)
                if isinstance(child, ast.FunctionDef):
                    yield from attributes(child)


def makes_a_type(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in (
        "TypeVar", "NewType", "TypedDict", "NamedTuple",
    )  # fmt: skip


def attributes(method: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a method says of public attributes: ``self.name: annotation``."""
    for node in ast.walk(method):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Attribute)
            and is_public(node.target.attr)
        ):
            yield node.annotation


def is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def written(annotation: ast.AST) -> Iterator[ast.AST]:
    """The nodes of an annotation, also of parts that are strings; a Literal's are values."""
    yield annotation
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        with suppress(SyntaxError):  # a name or a default, no annotation
            yield from written(ast.parse(annotation.value, mode="eval").body)
    elif not (
        isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal")
    ):
        for child in ast.iter_child_nodes(annotation):
            yield from written(child)


def is_any(node: ast.AST, module: ast.Module) -> bool:
    """Whether a name is typing's ``Any``, under whatever name it was imported."""
    if isinstance(node, ast.Attribute):
        return node.attr == "Any"
    called = {
        alias.asname or alias.name
        for statement in statements(module.body)
        if isinstance(statement, ast.ImportFrom) and statement.module == "typing"
        for alias in statement.names
        if alias.name == "Any"
    }
    return isinstance(node, ast.Name) and node.id in called
