"""pyarrow, an extra, imported when it is needed."""

from types import ModuleType

from whyword.data.extras import require


def pyarrow(extra: str = "corpus") -> tuple[ModuleType, ModuleType]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Args:
        extra: The extra of the package that brings them for what is done.

    Raises:
        InputError: If pyarrow is not installed.
    """
    return (
        require("pyarrow", extra=extra, what="Parquet"),
        require("pyarrow.parquet", extra=extra, what="Parquet"),
    )
