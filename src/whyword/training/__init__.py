"""Training of classifiers on a corpus; a validation part of it chooses the best."""

from typing import TYPE_CHECKING

from whyword import lazy

if TYPE_CHECKING:
    from whyword.training.config import TrainingConfig
    from whyword.training.recipe import Recipe

__all__ = ["Recipe", "TrainingConfig"]

__getattr__, __dir__ = lazy.exports(__name__)
