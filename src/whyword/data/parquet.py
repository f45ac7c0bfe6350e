"""Import of pyarrow, the library for Parquet files, which an extra installs."""

from types import ModuleType

from whyword.data.extras import require


def pyarrow(extra: str = "corpus") -> tuple[ModuleType, ModuleType]:
    """Return the modules ``pyarrow`` and ``pyarrow.parquet``.

    Args:
        extra: The extra that installs them for the work at hand.

    Raises:
        InputError: If pyarrow is not installed.
    """
    return (
        require("pyarrow", extra=extra, what="Parquet"),
        require("pyarrow.parquet", extra=extra, what="Parquet"),
    )
