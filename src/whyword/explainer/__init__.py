"""From a classifier and texts to explanations: `explain`, `stream` and `account`."""

from whyword.explainer.accounts import account
from whyword.explainer.batches import attribute
from whyword.explainer.texts import explain, stream

__all__ = ["account", "attribute", "explain", "stream"]
