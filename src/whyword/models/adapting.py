"""`as_classifier`: turns models of scikit-learn and transformers into classifiers."""

import sys
from collections.abc import Mapping
from typing import Protocol

from whyword.classifier import Classifier, module_of
from whyword.data.extras import require
from whyword.errors import InputError


class _ScikitLearnModel(Protocol):
    """A fitted pipeline of scikit-learn, or a search that has found one."""

    def get_params(self, deep: bool = ...) -> Mapping[str, object]: ...


class _TextClassificationPipeline(Protocol):
    """A text-classification pipeline of transformers."""

    @property
    def task(self) -> str: ...

    @property
    def tokenizer(self) -> object: ...


Explainable = Classifier | _ScikitLearnModel | _TextClassificationPipeline
"""What `whyword.explain` takes: a `Classifier`, or a model that `as_classifier` makes into one."""


def as_classifier(model: Explainable) -> Classifier:
    """A `Classifier` for a model, ready to be explained.

    Args:
        model: A classifier, which is returned as it is, a fitted pipeline of scikit-learn, or a
            text-classification pipeline of transformers.

    Raises:
        InputError: If it is neither a classifier nor a pipeline, or in training mode.
        ModelError: If it is a pipeline that is not linear.
    """
    if isinstance(model, Classifier):
        module = module_of(model)
        if module is not None and module.training:
            raise InputError(
                "The model is in training mode, in which dropout makes its scores random; call "
                "model.eval() first."
            )
        return model
    if hasattr(model, "get_params") and hasattr(model, "fit"):  # scikit-learn's
        for library in ("scipy", "sklearn"):
            require(library, extra="train", what=f"{type(model).__name__}, taken for a pipeline,")
        from whyword.models.linear.model import LinearClassifier

        return LinearClassifier(model)
    transformers = sys.modules.get("transformers")  # whoever has such a model has loaded it
    if transformers and isinstance(model, transformers.Pipeline | transformers.PreTrainedModel):
        from whyword.models.transformer.model import TransformerClassifier

        return TransformerClassifier.of(model)
    raise InputError(
        f"Got {type(model).__name__} as the classifier; expected an object with classes, encode, "
        'embed and score, such as whyword.load("news20-cnn"), a scikit-learn pipeline, or a torch '
        "module in a whyword.ModuleClassifier."
    )
