"""Import of libraries that only some of the work needs, and that an extra installs."""

from importlib import import_module
from types import ModuleType

from whyword.errors import MissingLibraryError


def require(module: str, *, extra: str, what: str) -> ModuleType:
    """Import a library that one of the extras of the package brings.

    Args:
        module: The module to import, such as ``"sklearn.decomposition"``.
        extra: The extra that installs it, as in ``pip install "whyword[extra]"``.
        what: What needs the library; the error begins with it: ``"Maps of documents"``.

    Raises:
        MissingLibraryError: If the library is not installed, or one that it needs itself. A library
            that is there but fails to import raises its own error.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = (error.name or module).partition(".")[0]
        library = {"sklearn": "scikit-learn", "umap": "umap-learn"}.get(name, name)
        raise MissingLibraryError(
            f'{what} needs {library}: pip install "whyword[{extra}]".'
        ) from error
