"""Transformers of scikit-learn between a vectorizer and a classifier, and what they do to columns.

A step leaves every column in its place (and gives it another value), selects some, or mixes them.
Up to the first step that mixes, a column stands for an n-gram; from there on all must be linear. So
what a classifier gets for a text is

    z = x M + o

with x the values of the n-grams' columns, a matrix M that is the same for every text, and an offset
o that no word has part in. Without a mixing step M is the identity and o is zero. After one,
`Normalizer` divides x and o by the text's norm.

Nothing is believed: a step that is not known to leave every column in its place has to prove it on
the very texts, and a mixing step has to give x M + o.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from whyword.data.arrays import Floats, Ints
from whyword.errors import ModelError
from whyword.models.linear.matrices import close, dense, sparse
from whyword.text import Document

APART = (
    TfidfTransformer,
    Normalizer,
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
"""Steps that give every column another value, by itself and a factor that is the text's."""

PROBED = 4096
"""Columns up to which the matrix of a step is found by sending every one through."""


class Place(NamedTuple):
    """One occurrence of an n-gram that is a feature.

    Attributes:
        column: Where its value stands in x.
        sign: -1 if it is hashed to the negative.
        words: As in `whyword.models.linear.ngrams.NGram`.
    """

    column: int
    sign: float
    words: tuple[int, ...]


@dataclass(frozen=True)
class Values:
    """What steps make of texts.

    Attributes:
        z: What the last step returned, ``(text, out)``, as it returned it.
        x: ``(text, column)`` the columns of n-grams.
        offset: ``(text, out)`` o, or None for zero.
    """

    z: Any
    x: sp.csr_matrix
    offset: sp.csr_matrix | None = None


class Source(Protocol):
    """Steps from texts to features.

    Attributes:
        matrix: ``(column, out)`` M, or None for the identity.
        width: The number of columns of x.
        empty: What they make of an empty text, ``(1, out)``.
    """

    matrix: Any
    width: int
    empty: Any

    def run(self, texts: Sequence[str]) -> Values:
        """Send texts through.

        Raises:
            ModelError: If a step mixes features in a way that is not linear.
        """

    def document(self, text: str) -> Document:
        """The text with its words."""

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of n-grams; -1 as the column of those that are no features."""


class Step:
    """A fitted transformer after others.

    Args:
        source: The steps before it.
        step: The transformer.

    Raises:
        ModelError: If it is not fitted, or neither leaves columns in their places nor is linear.
    """

    def __init__(self, source: Source, step: Any) -> None:
        self.source, self.step, self.name = source, step, type(step).__name__
        self.matrix: Any = source.matrix
        self.width = source.width
        self.kept: Ints | None = None
        self.linear: tuple[Any, Floats] | None = None  # its own matrix and offset
        if not hasattr(step, "transform"):
            raise ModelError(f"The step {self.name} has no transform; take it out.")
        self.dense = not sp.issparse(source.empty)
        columns = source.empty.shape[1]
        self.empty = sent(step, source.empty)
        self.known = type(step) in APART or _elementwise(step)
        if source.matrix is None and hasattr(step, "get_support"):
            self.kept = self._support(columns)
            self.width = len(self.kept)
        elif type(step) is Normalizer or (source.matrix is None and self.known):
            return
        elif source.matrix is not None or not self._stays_apart(columns):
            self.linear = self._as_matrix(columns)
            own = self.linear[0]
            self.matrix = own if source.matrix is None else source.matrix @ own

    def run(self, texts: Sequence[str]) -> Values:
        """Send texts through, and see that the step does what we say.

        Raises:
            ModelError: If it mixes features.
        """
        before = self.source.run(texts)
        z = sent(self.step, before.z)
        if self.linear is not None:
            own, constant = self.linear
            offset = np.broadcast_to(constant, (len(texts), len(constant)))
            if before.offset is not None:
                offset = offset + dense(before.offset @ own)
            if not close(dense(before.x @ self.matrix) + offset, dense(z)):
                raise self._refusal()
            return Values(z, before.x, sp.csr_matrix(offset))
        if before.offset is not None:  # a Normalizer after mixing
            factor = sp.diags(_norms(dense(before.z), self.step.norm))
            if not close(dense(factor @ sparse(before.z)), dense(z)):
                raise self._refusal()
            return Values(z, sparse(factor @ before.x), sparse(factor @ before.offset))
        x = sparse(z)
        if self.kept is not None:
            if not close(x, before.x[:, self.kept]):
                raise self._refusal()
        elif not self.known:
            for row in range(len(texts)):
                if not self._own_columns(before.x[row], x[row]):
                    raise self._refusal()
        return Values(z, x)

    def document(self, text: str) -> Document:
        """The text with its words."""
        return self.source.document(text)

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences before the step, in the columns that it leaves them."""
        if self.kept is None:
            yield from self.source.places(document)
            return
        new = dict(zip(self.kept.tolist(), range(len(self.kept)), strict=True))
        for place in self.source.places(document):
            yield place._replace(column=new.get(place.column, -1))

    def _send(self, rows: sp.csr_matrix) -> Any:
        """Made-up values through the step alone."""
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

    def _support(self, columns: int) -> Ints:
        try:
            kept = np.asarray(self.step.get_support(indices=True))
        except NotFittedError as error:
            raise unfitted(self.step) from error
        if len(kept) and kept.max() >= columns:
            raise ModelError(f"The {self.name} was fitted on other features than the pipeline's.")
        return kept

    def _stays_apart(self, columns: int) -> bool:
        rows = _made_up(columns)
        found = self._send(rows)
        if np.ndim(found) != 2 or found.shape != rows.shape:
            return False
        return all(self._own_columns(rows[i], sparse(found)[i]) for i in range(rows.shape[0]))

    def _own_columns(self, row: sp.csr_matrix, found: sp.csr_matrix) -> bool:
        """Whether every output column of a row depends on the same column of the input alone.

        Of any two columns there is a mask that keeps one and drops the other: the bits of their
        numbers. Columns that are kept must keep their output, the others have that of a zero.
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
        given = sparse(self._send(sparse(keep.multiply(row))))
        if given.shape != keep.shape:
            return False
        zero = given[0]
        above = found - zero
        outside = np.setdiff1d(above.indices[above.data != 0], here)
        expected = keep.multiply(above) + sp.vstack([zero] * len(masks))
        return not len(outside) and close(sparse(expected), given)

    def _as_matrix(self, columns: int) -> tuple[Any, Floats]:
        """The step's matrix and offset, which it keeps to on made-up values."""
        constant = dense(self._send(sp.csr_matrix((1, columns))))[0]
        rows = _made_up(columns)
        found = dense(self._send(rows))
        for matrix in self._candidates(columns, constant):
            if close(dense(rows @ matrix) + constant, found):
                return matrix, constant
        raise self._refusal()

    def _candidates(self, columns: int, constant: Floats) -> Iterator[Any]:
        if hasattr(self.step, "get_support"):
            yield sp.eye(columns, format="csc")[:, self._support(columns)].tocsr()
        directions = getattr(self.step, "components_", None)
        if directions is not None and np.shape(directions) == (len(constant), columns):
            yield directions.T
            spread = getattr(self.step, "explained_variance_", None)
            if spread is not None:  # whitened
                yield directions.T / np.sqrt(spread)
        if self.source.matrix is not None and len(constant) == columns:
            ones = sp.csr_matrix(np.ones((1, columns)))
            yield sp.diags(dense(self._send(ones))[0] - constant, format="csr")
        if columns <= PROBED:
            yield dense(self._send(sp.csr_matrix(sp.eye(columns)))) - constant

    def _refusal(self) -> ModelError:
        what = "mixes features and is not linear, so that what it gives stands for no words"
        if self.source.matrix is not None:
            what = "is not linear, after a step that mixes features"
        return ModelError(
            f"The step {self.name} {what}; expected a step that gives every feature another value "
            "by itself (such as TfidfTransformer, Normalizer, MinMaxScaler), a selection, or a "
            "linear one (such as TruncatedSVD)."
        )


@dataclass
class Given:
    """Features as they are given, in which nothing needs to keep its place."""

    matrix: Any
    width: int
    empty: Any

    def run(self, texts: Sequence[str]) -> Values:
        """Nothing to send through."""
        raise NotImplementedError

    def document(self, text: str) -> Document:
        """No text."""
        raise NotImplementedError

    def places(self, document: Document) -> Iterator[Place]:
        """No n-grams."""
        raise NotImplementedError


def as_matrix(step: Any) -> tuple[Any, Floats]:
    """Matrix ``(feature, out)`` and offset ``(out,)`` of a fitted transformer of features.

    Raises:
        ModelError: If it is not linear.
    """
    columns = getattr(step, "n_features_in_", None)
    if columns is None:
        raise unfitted(step)
    zero = sp.csr_matrix((1, columns))
    try:
        found = Step(Given(sp.eye(columns, format="csr"), columns, zero), step).linear
    except (ModelError, TypeError, ValueError):  # perhaps it does not take sparse rows
        given = Given(sp.eye(columns, format="csr"), columns, zero.toarray())
        found = Step(given, step).linear
    if found is None:
        raise ModelError(f"The step {type(step).__name__} is not linear; expected a linear one.")
    return found


def unfitted(step: Any) -> ModelError:
    """The error for what was not fitted."""
    return ModelError(f"The {type(step).__name__} is not fitted; call pipeline.fit first.")


def sent(step: Any, values: Any) -> Any:
    """Values through one fitted step.

    Raises:
        ModelError: If it is not fitted, or returns no matrix.
    """
    try:
        found = step.transform(values)
    except NotFittedError as error:
        raise unfitted(step) from error
    if len(np.shape(found)) != 2:
        raise ModelError(
            f"The step {type(step).__name__} returns values of the shape {np.shape(found)}; "
            "expected (text, feature)."
        )
    return found


def _elementwise(step: Any) -> bool:
    """Whether it applies nothing, or one of NumPy's functions of one number."""
    if type(step) is not FunctionTransformer or step.kw_args:
        return False
    function = step.func
    return function is None or (isinstance(function, np.ufunc) and function.nin == 1)


def _norms(rows: Floats, norm: str) -> Floats:
    """One over the norm of every row; 1 for a row of zeros, as scikit-learn has it."""
    size = np.linalg.norm(rows, {"l1": 1, "l2": 2, "max": np.inf}[norm], axis=1)
    return 1 / np.where(size == 0, 1, size)


def _made_up(columns: int) -> sp.csr_matrix:
    """Rows of distinct positive values, in up to 64 columns each."""
    rng = np.random.default_rng(0)
    rows = sp.lil_matrix((3, columns))
    for i in range(3):
        chosen = np.unique(rng.integers(columns, size=64))
        rows[i, chosen] = rng.uniform(0.1, 2.0, len(chosen))
    return sp.csr_matrix(rows)
