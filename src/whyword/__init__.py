"""whyword: which words made your text classifier decide?

`load` a model, `explain` texts with it, look at the `Explanation`. Beyond single texts:
`whyword.evaluation` measures whether explanations are right, `whyword.survey` looks at whole
corpora through them, `whyword.render` shows them, `whyword.training` makes classifiers,
`whyword.data` reads corpora and word vectors, and `whyword.lrp` is the engine. What these packages
list in ``__all__`` is public; the modules inside them are not.
"""

from typing import TYPE_CHECKING

from whyword import lazy
from whyword.errors import InputError, ModelError, WhywordError

if TYPE_CHECKING:
    from whyword import data, evaluation, lrp, methods, paper, render, survey, training
    from whyword.batch import Attribution, Batch
    from whyword.classifier import Classifier
    from whyword.explainer import account, explain, stream
    from whyword.explanation import Explanation
    from whyword.models.module import ModuleClassifier
    from whyword.models.store import load
    from whyword.models.transformer.model import TransformerClassifier
    from whyword.progress import Progress
    from whyword.targets import Class, Contrast, PerText
    from whyword.text import Document, Tokenizer

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "Batch",
    "Class",
    "Classifier",
    "Contrast",
    "Document",
    "Explanation",
    "InputError",
    "ModelError",
    "ModuleClassifier",
    "PerText",
    "Progress",
    "Tokenizer",
    "TransformerClassifier",
    "WhywordError",
    "account",
    "data",
    "evaluation",
    "explain",
    "load",
    "lrp",
    "methods",
    "paper",
    "render",
    "stream",
    "survey",
    "training",
]

# Resolved on first use, so that `import whyword` is cheap: torch alone takes seconds.
__getattr__, __dir__ = lazy.exports(__name__)
