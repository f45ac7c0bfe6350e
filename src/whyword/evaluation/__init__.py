"""Are the explanations right? Word deletion, metrics, and the pointing game.

`word_deletion` is the paper's experiment: it deletes words in the order of their relevance and
watches the predictions. `measure` compares methods by several metrics at once. `play` plays the
pointing game, which needs no words marked by hand.
"""

from typing import TYPE_CHECKING

from whyword import lazy

if TYPE_CHECKING:
    from whyword.evaluation.deletion import Curves, curves, deletion_order, random_orders
    from whyword.evaluation.documents import Documents, choose_documents
    from whyword.evaluation.experiment import Experiment, Panel, word_deletion
    from whyword.evaluation.measurements import Measurement
    from whyword.evaluation.metrics import METRICS, measure, measure_documents
    from whyword.evaluation.oracle import oracle_orders
    from whyword.evaluation.pointing import HybridDocument, hybrid_documents, play
    from whyword.evaluation.settings import Settings

__all__ = [
    "METRICS",
    "Curves",
    "Documents",
    "Experiment",
    "HybridDocument",
    "Measurement",
    "Panel",
    "Settings",
    "choose_documents",
    "curves",
    "deletion_order",
    "hybrid_documents",
    "measure",
    "measure_documents",
    "oracle_orders",
    "play",
    "random_orders",
    "word_deletion",
]

__getattr__, __dir__ = lazy.exports(__name__)
