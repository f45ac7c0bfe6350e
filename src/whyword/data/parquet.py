"""pyarrow, an extra, imported when it is needed."""

from types import ModuleType

from whyword.data.extras import require


def pyarrow() -> tuple[ModuleType, ModuleType]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        InputError: If pyarrow is not installed.
    """
    return (
        require("pyarrow", extra="corpus", what="Parquet"),
        require("pyarrow.parquet", extra="corpus", what="Parquet"),
    )
