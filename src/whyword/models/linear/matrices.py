"""Helpers for matrices, which may be sparse or dense, in single or double precision."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from whyword.data.arrays import Floats


def close(a: Any, b: Any, *made_from: Any) -> bool:
    """Whether two matrices are the same up to rounding; never if one has NaN.

    The rounding is that of the least precise of them and of ``made_from``, their sources.
    """
    if a.shape != b.shape or 0 in a.shape:
        return bool(a.shape == b.shape)
    kinds = [matrix.dtype for matrix in (a, b, *made_from) if matrix.dtype.kind == "f"]
    precision = max(np.finfo(kind).eps for kind in kinds or [np.dtype(float)])
    return bool(abs(a - b).max() <= precision**0.6 * (1 + abs(b).max()))


def dense(matrix: Any) -> Floats:
    """The matrix as a dense array of floats."""
    found = np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
    return found if found.dtype.kind == "f" else found.astype(np.float64)


def sparse(matrix: Any) -> sp.csr_matrix:
    """The matrix as sparse rows of floats, without stored zeros."""
    found = sp.csr_matrix(matrix if sp.issparse(matrix) else np.asarray(matrix))
    if found.dtype.kind != "f":
        found = found.astype(np.float64)
    found.sum_duplicates()
    found.eliminate_zeros()
    return found
