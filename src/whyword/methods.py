"""Explanation methods: functions from a classifier, a batch and targets to relevance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from whyword.classifier import Batch, Classifier


@dataclass(frozen=True)
class Attribution:
    """Relevance of a batch, position by position.

    Attributes:
        scores: ``(batch, class)`` the classifier's scores.
        relevance: ``(target, batch, position)``.
        remainder: What no position received, item by item, ``(target, batch)`` each. None if the
            method does not share out the score; `explain` then states the difference. What
            positions without a word received (padding, special tokens) is added by `explain`.
        components: ``(target, batch, position, dimension)``, if asked for; sums to ``relevance``
            over the last axis.
    """

    scores: Tensor
    relevance: Tensor
    remainder: Mapping[str, Tensor] | None = None
    components: Tensor | None = None


class Method(Protocol):
    """A method; ``targets`` are directions in score space, ``(target, batch, class)``."""

    def __call__(
        self,
        classifier: Classifier,
        batch: Batch,
        targets: Tensor,
        *,
        components: bool = False,
        **settings: Any,
    ) -> Attribution: ...
