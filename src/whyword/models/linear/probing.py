"""`Probe`: finds out what a fitted step does to columns by sending made-up values through."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import Normalizer

from whyword.data.arrays import Floats, Ints
from whyword.errors import ModelError
from whyword.models.linear.matrices import close, dense, sparse
from whyword.models.linear.pipelines import sent, unfitted

_PROBED = 4096
"""The most columns of which every one is sent through a step to find its matrix."""


class Probe:
    """A fitted transformer that made-up values are sent through.

    Args:
        step: The transformer.
        columns: Number of columns that it reads.
        dense: Whether it reads arrays instead of sparse matrices.
        mixed: Whether a step before it mixes columns, so that this one has to be linear.
    """

    def __init__(self, step: Any, columns: int, *, dense: bool, mixed: bool) -> None:
        self.step, self.name = step, type(step).__name__
        self.columns, self.dense, self.mixed = columns, dense, mixed

    def send(self, rows: sp.csr_matrix) -> Any:
        """What the step returns for made-up values ``(row, column)``.

        Raises:
            ModelError: If it fails on them.
        """
        try:
            return sent(self.step, rows.toarray() if self.dense else rows)
        except ModelError:
            raise
        except Exception as error:  # a function of one's own may raise anything
            raise ModelError(
                f"The step {self.name} could not be checked, because it fails on other values "
                f"({type(error).__name__}: {error}); expected a step that keeps features apart, "
                "or a linear one."
            ) from error

    def support(self) -> Ints:
        """The columns that a selection keeps.

        Raises:
            ModelError: If it is not fitted, or on other columns.
        """
        try:
            kept = np.asarray(self.step.get_support(indices=True))
        except NotFittedError as error:
            raise unfitted(self.step) from error
        if len(kept) and kept.max() >= self.columns:
            raise ModelError(f"The {self.name} was fitted on other features than the pipeline's.")
        return kept

    def stays_apart(self) -> bool:
        """Whether the step leaves every column of made-up values in its place."""
        rows = _made_up(self.columns)
        found = self.send(rows)
        if np.ndim(found) != 2 or found.shape != rows.shape:
            return False
        return all(self.own_columns(rows[i], sparse(found)[i]) for i in range(rows.shape[0]))

    def own_columns(self, row: sp.csr_matrix, found: sp.csr_matrix) -> bool:
        """Whether every output column of a row depends on the same column of the input alone.

        Masks made of the bits of the columns' numbers keep one of any two columns and drop the
        other. Kept columns must keep their output, dropped ones must have the output of a zero.
        """
        here = row.indices[row.data != 0]
        bits = range(max(len(here) - 1, 0).bit_length())
        numbers = np.arange(len(here))
        masks = [np.zeros(len(here)), *((numbers >> b & 1) for b in bits)]
        masks += [1 - mask for mask in masks[1:]]
        keep = sp.lil_matrix((len(masks), row.shape[1]))
        for i, mask in enumerate(masks):
            keep[i, here] = mask
        keep = sp.csr_matrix(keep)
        given = sparse(self.send(sparse(keep.multiply(row))))
        if given.shape != keep.shape:
            return False
        zero = given[0]
        above = found - zero
        outside = np.setdiff1d(above.indices[above.data != 0], here)
        expected = keep.multiply(above) + sp.vstack([zero] * len(masks))
        return not len(outside) and close(sparse(expected), given)

    def as_matrix(self) -> tuple[Any, Floats]:
        """The step's matrix ``(column, out)`` and offset, tested on made-up values.

        Raises:
            ModelError: If no matrix fits.
        """
        columns = self.columns
        constant = dense(self.send(sp.csr_matrix((1, columns))))[0]
        rows = _made_up(columns)
        found = dense(self.send(rows))
        for matrix in self._candidates(constant):
            if close(dense(rows @ matrix) + constant, found):
                return matrix, constant
        raise self.refusal()

    def _candidates(self, constant: Floats) -> Iterator[Any]:
        columns = self.columns
        if hasattr(self.step, "get_support"):
            yield sp.eye(columns, format="csc")[:, self.support()].tocsr()
        directions = getattr(self.step, "components_", None)
        if directions is not None and np.shape(directions) == (len(constant), columns):
            yield directions.T
            spread = getattr(self.step, "explained_variance_", None)
            if spread is not None:  # whitened
                yield directions.T / np.sqrt(spread)
        if self.mixed and len(constant) == columns:
            ones = sp.csr_matrix(np.ones((1, columns)))
            yield sp.diags(dense(self.send(ones))[0] - constant, format="csr")
        if columns <= _PROBED:
            yield dense(self.send(sp.csr_matrix(sp.eye(columns)))) - constant

    def refusal(self) -> ModelError:
        """The error for a step that mixes features, or mixes them in a way that is not linear."""
        what = "mixes features and is not linear, so that what it gives stands for no words"
        if self.mixed:
            what = "is not linear, after a step that mixes features"
        return ModelError(
            f"The step {self.name} {what}; expected a step that gives every feature another value "
            "by itself (such as TfidfTransformer, Normalizer, MinMaxScaler), a selection, or a "
            "linear one (such as TruncatedSVD)."
        )


def as_matrix(step: Any) -> tuple[Any, Floats]:
    """Matrix ``(feature, out)`` and offset ``(out,)`` of a fitted transformer of features.

    Raises:
        ModelError: If it is not linear.
    """
    columns = getattr(step, "n_features_in_", None)
    if columns is None:
        raise unfitted(step)
    if type(step) is Normalizer:
        raise ModelError("The step Normalizer is not linear; expected a linear one.")
    try:
        return Probe(step, columns, dense=False, mixed=True).as_matrix()
    except ModelError:  # perhaps it does not take sparse rows
        return Probe(step, columns, dense=True, mixed=True).as_matrix()


def _made_up(columns: int) -> sp.csr_matrix:
    """Rows of distinct positive values, in up to 64 columns each."""
    rng = np.random.default_rng(0)
    rows = sp.lil_matrix((3, columns))
    for i in range(3):
        chosen = np.unique(rng.integers(columns, size=64))
        rows[i, chosen] = rng.uniform(0.1, 2.0, len(chosen))
    return sp.csr_matrix(rows)
