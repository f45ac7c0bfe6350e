"""Texts as a linear classifier reads them: the shares that words have in features."""

from dataclasses import dataclass

from torch import Tensor

from whyword.batch import Batch
from whyword.errors import InputError


@dataclass(frozen=True)
class FeatureBatch(Batch):
    """Encoded documents with the share of a feature's value that each position holds.

    Attributes:
        values: ``(batch, position)`` float64.
        absent: ``(batch, class)`` what features add that the text does not have, if a scaling step
            gives them a value.
        offset: ``(batch, class)`` what steps add that mix features, such as a centre.
    """

    values: Tensor
    absent: Tensor
    offset: Tensor

    def rows(self, rows: Tensor) -> "FeatureBatch":
        """The documents at these places ``(row,)``, each as often as it is named."""
        own = {name: getattr(self, name)[rows] for name in ("values", "absent", "offset")}
        return FeatureBatch(**vars(super().rows(rows)), **own)


def features_of(batch: Batch) -> FeatureBatch:
    """The batch, which holds features.

    Raises:
        InputError: If it is that of another kind of classifier.
    """
    if not isinstance(batch, FeatureBatch):
        raise InputError(f"Got {type(batch).__name__}; expected what encode returns.")
    return batch
