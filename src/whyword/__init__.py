"""whyword: which words made your text classifier decide?

`load` a model, `explain` texts with it, look at the `Explanation`.
"""

from typing import TYPE_CHECKING, Any

from whyword.errors import InputError, ModelError, WhywordError

if TYPE_CHECKING:
    from whyword.explainer import account, explain, stream
    from whyword.explanation import Explanation
    from whyword.models.module import ModuleClassifier
    from whyword.models.store import load
    from whyword.models.transformer.model import TransformerClassifier
    from whyword.targets import Class, Contrast, PerText
    from whyword.text import Document, Tokenizer

__version__ = "0.1.0"

__all__ = [
    "Class",
    "Contrast",
    "Document",
    "Explanation",
    "InputError",
    "ModelError",
    "ModuleClassifier",
    "PerText",
    "Tokenizer",
    "TransformerClassifier",
    "WhywordError",
    "account",
    "explain",
    "load",
    "stream",
]

# Resolved on first use, so that `import whyword` is cheap: torch alone takes seconds.
_HOME = {
    "Document": "whyword.text",
    "Tokenizer": "whyword.text",
    "Explanation": "whyword.explanation",
    "explain": "whyword.explainer",  # not whyword.explain: a module of that name would hide it
    "account": "whyword.explainer",
    "stream": "whyword.explainer",
    "Class": "whyword.targets",
    "Contrast": "whyword.targets",
    "PerText": "whyword.targets",
    "load": "whyword.models.store",
    "ModuleClassifier": "whyword.models.module",
    "TransformerClassifier": "whyword.models.transformer.model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'whyword' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
