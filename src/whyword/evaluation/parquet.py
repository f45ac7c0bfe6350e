"""pyarrow, an extra, imported when it is needed."""

from typing import Any

from whyword.errors import InputError


def pyarrow() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        InputError: If pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError('Parquet needs pyarrow: pip install "whyword[evaluate]".') from error
    return arrow, parquet
