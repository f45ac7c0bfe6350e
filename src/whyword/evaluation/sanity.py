"""Sanity checks: does an explanation change when it has to?

A correlation here is Spearman's rank correlation of the signed relevance of a text's words. Where
it is not defined (fewer than two words, or all relevances equal) it is NaN.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whyword.classifier import Classifier, module_of
from whyword.data.arrays import Floats
from whyword.errors import InputError
from whyword.evaluation.again import Explain, documents, relevances, target_names, targets
from whyword.evaluation.ranks import rank_correlation
from whyword.explanation import Explanation
from whyword.targets import Class


@dataclass(frozen=True)
class Randomisation:
    """How much explanations keep of themselves when the model is made random, layer by layer.

    Attributes:
        layers: For each stage, the name of the layer that was made random last.
        correlation: ``(stage, text)`` correlation with the explanation of the original model.
    """

    layers: tuple[str, ...]
    correlation: Floats


def model_randomisation(
    classifier: Classifier,
    explanations: Sequence[Explanation],
    explain: Explain,
    *,
    cascade: bool = False,
    seed: int = 0,
) -> Randomisation:
    """Run the model parameter randomisation test (Adebayo et al. 2018).

    The parameters of a copy of the model are drawn anew, each tensor from a normal distribution
    with its own mean and standard deviation, and the texts are explained for the same target.
    An explanation that stays as it was does not depend on what the model has learned: nearer to
    zero is better. Frozen word vectors are inputs and stay.

    Args:
        classifier: The model, which is left as it is: a torch module, an object that holds one as
            its ``module``, or one whose attributes are tensors.
        explanations: Explanations of the texts, with one target each.
        explain: The method, as it explained the texts.
        cascade: Whether to explain after each layer is made random, the last layer first (in the
            order in which the model defines them); otherwise once, when all are random.
        seed: Seed of the random parameters.

    Raises:
        InputError: If the model has no parameters, or an explanation has not exactly one target.
    """
    texts, explained = documents(explanations), targets(explanations, classifier.classes)
    model = deepcopy(classifier)
    layers = _layers(model)
    if not layers:
        raise InputError(
            f"Found no parameters in {type(classifier).__name__}; expected a torch module, or one "
            "as its attribute module."
        )
    generator = torch.Generator().manual_seed(seed)
    stages, correlation = [], []
    for layer, tensors in layers:
        for tensor in tensors:
            _draw_anew(tensor, generator)
        if cascade or layer == layers[-1][0]:
            stages.append(layer)
            found = relevances(explain, model, texts, explained)
            correlation.append(_correlations(explanations, found))
    return Randomisation(tuple(stages), np.array(correlation))


def random_logit(
    classifier: Classifier, explanations: Sequence[Explanation], explain: Explain, *, seed: int = 0
) -> Floats:
    """Run the random logit test (Sixt, Granz and Landgraf 2020): ``(text,)`` correlations.

    A logit is the score of a class before softmax. The explanation is correlated with that of
    another class, drawn at random. Near 1, the explanation does not depend on the class explained:
    lower is better. With two classes whose scores are each other's negative, -1 is right.

    Args:
        classifier: The model.
        explanations: Explanations of the texts, with one target each.
        explain: The method, as it explained the texts.
        seed: Seed of the random choice of classes.

    Raises:
        InputError: If an explanation has not exactly one target, or the model has one class only.
    """
    if len(classifier.classes) < 2:
        raise InputError(
            f"The model has {len(classifier.classes)} class; the random logit test compares the "
            "explanation of a class with that of another, and needs two classes or more."
        )
    rng = np.random.default_rng(seed)
    others = []
    for name in target_names(explanations):
        choices = [label for label in classifier.classes if label != name]
        others.append(Class(choices[int(rng.integers(len(choices)))]))
    found = relevances(explain, classifier, documents(explanations), others)
    return _correlations(explanations, found)


def conservation_residual(explanations: Sequence[Explanation]) -> Floats:
    """|f - Σ_t R_t|, ``(text,)``: how much of the score f the relevance of the words leaves out.

    It has the unit of the score. Zero means that relevance adds up to the score (Bach et al. 2015,
    Eq. 2). The remainder may name what is missing, such as the shares of padding or biases; methods
    that do not share out the score miss most of it.

    Args:
        explanations: Explanations of the texts, with one target each.

    Raises:
        InputError: If an explanation has not exactly one target.
    """
    target_names(explanations)  # raises if an explanation has not exactly one target
    return np.array([abs(e.target_scores[0] - e.relevance[0].sum()) for e in explanations])


def _layers(classifier: Classifier) -> list[tuple[str, list[Tensor]]]:
    """Return names and parameters of the layers, the last layer first, each parameter once."""
    module = module_of(classifier)
    if module is None:
        owned = [(k, v) for k, v in vars(classifier).items() if isinstance(v, Tensor)]
        return [(name, [tensor]) for name, tensor in reversed(owned) if tensor.is_floating_point()]
    seen: set[int] = set()
    layers = []
    for name, layer in reversed(list(module.named_modules())):
        own = [p for p in layer.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            layers.append((name or type(layer).__name__, own))
    return layers


@torch.no_grad()
def _draw_anew(tensor: Tensor, generator: torch.Generator) -> None:
    numbers = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    deviation, mean = torch.std_mean(tensor.double(), correction=0)
    tensor.copy_(numbers.to(tensor.device) * deviation + mean)


def _correlations(explanations: Sequence[Explanation], found: Sequence[Floats]) -> Floats:
    pairs: Iterator[tuple[Explanation, Floats]] = zip(explanations, found, strict=True)
    return np.array([rank_correlation(e.relevance[0], other) for e, other in pairs])
