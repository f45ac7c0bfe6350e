"""`Reading`: finds out by running a module how it reads texts.

Two things are checked, once. Scores from vectors must be the module's own, or there is an error.
Scores of a text should be the same in a batch as alone; if not, texts are read one at a time.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from whyword.batch import Batch
from whyword.errors import ModelError
from whyword.lrp.rounding import apart, largest, tolerance

_TEXTS = 8
"""How many texts of a batch, the shortest ones, are also scored alone, to compare."""


class Reading:
    """What has been found out about a module.

    A deep copy knows nothing, since it belongs to another module.
    """

    def __init__(self) -> None:
        self._alone: dict[str, bool] = {}
        self._proven: set[tuple[Any, ...]] = set()

    def __deepcopy__(self, memo: Any) -> "Reading":
        """Called by `copy.deepcopy`."""
        return Reading()

    def one_by_one(
        self, mask: Tensor, together: Callable[[], Tensor], alone: Callable[[int], Tensor]
    ) -> bool:
        """Whether texts must be read one by one, because a batch changes their scores.

        Args:
            mask: ``(row, position)`` False on padding.
            together: Returns the scores ``(row, class)`` of the batch.
            alone: Returns the scores ``(1, class)`` of one row, without padding.
        """
        kind = _kind(mask)
        if len(mask) < 2:
            return False
        if kind not in self._alone:
            lengths = mask.sum(dim=1).tolist()
            rows = sorted((row for row, n in enumerate(lengths) if n), key=lengths.__getitem__)
            found = self._compare(rows[:_TEXTS], together, alone)
            if found is None:
                return True
            self._alone[kind] = found
        return self._alone[kind]

    @staticmethod
    @torch.no_grad()
    def _compare(
        rows: list[int], together: Callable[[], Tensor], alone: Callable[[int], Tensor]
    ) -> bool | None:
        """Whether any of the rows differs; None if none could be compared."""
        found = None
        scores = together() if rows else torch.empty(0)
        for row in rows:
            try:
                single = alone(row)
            except (RuntimeError, ValueError, IndexError):
                continue  # such as a text that is shorter than a filter
            found = not _near(single[0], scores[row], scores)
            if found:
                break
        return found

    def prove(
        self,
        batch: Batch,
        vectors: Tensor,
        name: str,
        score: Callable[[Tensor, Batch], Tensor],
        plain: Callable[[Batch], Tensor],
    ) -> None:
        """Check, once for each kind of call, that vectors give the module's own scores.

        Args:
            batch: The encoded documents.
            vectors: The vectors of the documents.
            name: Name of the embedding, for the error.
            score: Returns scores from vectors.
            plain: Returns the scores of the batch by the module itself.

        Raises:
            ModelError: If the scores differ.
        """
        call = (_kind(batch.mask), vectors.dtype, vectors.device.type)
        if call in self._proven:
            return
        with torch.no_grad():
            got, expected = score(vectors, batch), plain(batch)
        if not _near(got, expected, expected):
            worst = (got - expected).abs().max(dim=1).values.argmax()
            raise ModelError(
                f"Got the scores {_shown(got[worst])} from vectors in place of {name}; expected "
                f"those of the module itself, {_shown(expected[worst])}. Its scores must be the "
                "same at each call and depend on the words by look-ups in this table; is it in "
                "evaluation mode?"
            )
        self._proven.add(call)


def _near(found: Tensor, expected: Tensor, scores: Tensor) -> bool:
    """Whether scores are equal up to rounding, relative to the largest of ``scores`` or 0.01."""
    return apart(found, expected) <= tolerance(expected.dtype) * max(largest(scores), 0.01)


def reading_of(module: nn.Module) -> Reading:
    """The one `Reading` of a module."""
    return _READINGS.setdefault(module, Reading())


_READINGS: "WeakKeyDictionary[nn.Module, Reading]" = WeakKeyDictionary()


def _kind(mask: Tensor) -> str:
    if not mask.all():
        return "padded"
    return "several" if len(mask) > 1 else "single"


def _shown(scores: Tensor) -> str:
    return ", ".join(f"{score:.4g}" for score in scores.tolist())
