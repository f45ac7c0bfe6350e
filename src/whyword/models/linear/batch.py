"""`FeatureBatch`: texts as a linear classifier reads them, with the shares of words in features."""

from dataclasses import dataclass

from torch import Tensor

from whyword.batch import Batch
from whyword.errors import InputError


@dataclass(frozen=True)
class FeatureBatch(Batch):
    """Encoded documents with the share of a feature's value that each position holds.

    Attributes:
        values: ``(batch, position)`` float64, the shares.
        absent: ``(batch, class)`` the part of the scores from features that the text lacks; a
            scaling step may give these a value.
        offset: ``(batch, class)`` the part of the scores from constants that steps add, such as a
            centre.
    """

    values: Tensor
    absent: Tensor
    offset: Tensor

    def rows(self, rows: Tensor) -> "FeatureBatch":
        """The documents at these indices ``(row,)``, each as often as it is named."""
        own = {name: getattr(self, name)[rows] for name in ("values", "absent", "offset")}
        return FeatureBatch(**vars(super().rows(rows)), **own)


def features_of(batch: Batch) -> FeatureBatch:
    """The batch, if it is one of a linear classifier.

    Raises:
        InputError: If it comes from another kind of classifier.
    """
    if not isinstance(batch, FeatureBatch):
        raise InputError(f"Got {type(batch).__name__}; expected what encode returns.")
    return batch
