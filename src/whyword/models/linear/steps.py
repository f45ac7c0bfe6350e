"""`Step`: a transformer of scikit-learn between vectorizer and classifier.

A step leaves every column in its place (and gives it another value), selects some, or mixes them
(`whyword.models.linear.sources`). After mixing, `Normalizer` divides x and o by the text's norm.

Everything is checked on the very texts: a step that is not known to leave every column in its place
must do so there, and a mixing step must return x M + o.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
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
from whyword.models.linear.pipelines import sent
from whyword.models.linear.probing import Probe
from whyword.models.linear.sources import Place, Source, Values
from whyword.text import Document

_APART = (
    TfidfTransformer,
    Normalizer,
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
"""Steps that change each column's value by itself, but for a factor that the text has."""


class Step:
    """A fitted transformer, with the steps before it.

    Args:
        source: The steps before it.
        step: The transformer.

    Raises:
        ModelError: If it is not fitted, or neither leaves columns in their places nor is linear.
    """

    def __init__(self, source: Source, step: Any) -> None:
        self.source, self.step = source, step
        self.matrix: Any = source.matrix
        self.width = source.width
        self.kept: Ints | None = None
        self.linear: tuple[Any, Floats] | None = None  # its own matrix and offset
        if not hasattr(step, "transform"):
            raise ModelError(f"The step {type(step).__name__} has no transform; take it out.")
        self.probe = Probe(
            step,
            source.empty.shape[1],
            dense=not sp.issparse(source.empty),
            mixed=source.matrix is not None,
        )
        self.empty = sent(step, source.empty)
        self.known = type(step) in _APART or _elementwise(step)
        if source.matrix is None and hasattr(step, "get_support"):
            self.kept = self.probe.support()
            self.width = len(self.kept)
        elif type(step) is Normalizer or (source.matrix is None and self.known):
            return
        elif source.matrix is not None or not self.probe.stays_apart():
            self.linear = self.probe.as_matrix()
            own = self.linear[0]
            self.matrix = own if source.matrix is None else source.matrix @ own

    def run(self, texts: Sequence[str]) -> Values:
        """Send texts through the steps, and check that this one does what was found out.

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
                raise self.probe.refusal()
            return Values(z, before.x, sp.csr_matrix(offset))
        if before.offset is not None:  # a Normalizer after mixing
            factor = sp.diags(_norms(dense(before.z), self.step.norm))
            if not close(dense(factor @ sparse(before.z)), dense(z)):
                raise self.probe.refusal()
            return Values(z, sparse(factor @ before.x), sparse(factor @ before.offset))
        x = sparse(z)
        if self.kept is not None:
            if not close(x, before.x[:, self.kept]):
                raise self.probe.refusal()
        elif not self.known:
            for row in range(len(texts)):
                if not self.probe.own_columns(before.x[row], x[row]):
                    raise self.probe.refusal()
        return Values(z, x)

    def document(self, text: str) -> Document:
        """The text as a document, with its words."""
        return self.source.document(text)

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of n-grams, with the columns that this step puts them in."""
        if self.kept is None:
            yield from self.source.places(document)
            return
        new = dict(zip(self.kept.tolist(), range(len(self.kept)), strict=True))
        for place in self.source.places(document):
            yield place._replace(column=new.get(place.column, -1))


def _elementwise(step: Any) -> bool:
    """Whether a step applies no function, or a NumPy function of one number."""
    if type(step) is not FunctionTransformer or step.kw_args:
        return False
    function = step.func
    return function is None or (isinstance(function, np.ufunc) and function.nin == 1)


def _norms(rows: Floats, norm: str) -> Floats:
    """One over the norm of every row; 1 for a row of zeros, as scikit-learn has it."""
    size = np.linalg.norm(rows, {"l1": 1, "l2": 2, "max": np.inf}[norm], axis=1)
    return 1 / np.where(size == 0, 1, size)
