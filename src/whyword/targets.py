"""Targets: what is explained, by name, and as directions in score space."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from whyword.batch import Batch
from whyword.classifier import Classifier, is_multilabel
from whyword.errors import InputError, did_you_mean

CONTRAST = " - "
"""Between two class names: what speaks for the first rather than the second."""


@dataclass(frozen=True)
class PerText:
    """A target of its own for each text, such as its true class.

    Attributes:
        names: One class or contrast per text.
    """

    names: Sequence[str]

    def check(self, texts: int) -> None:
        """Raise `InputError` unless there is one name per text."""
        if len(self.names) != texts:
            raise InputError(f"Got {len(self.names)} targets for {texts} texts; expected one each.")

    def part(self, chosen: slice) -> "PerText":
        """The targets of some of the texts."""
        return PerText(self.names[chosen])


Targets = str | Sequence[str] | PerText
"""``"all"``, ``"predicted"``, a class, a contrast, several of them, or one for each text."""


def resolve(
    targets: Targets, classifier: Classifier, batch: Batch
) -> tuple[list[list[str]], Tensor]:
    """Per document the targets' names, and their weights ``(target, batch, class)``.

    Raises:
        InputError: If there is no such class, or no target; or if it is the predicted class of a
            classifier that gives labels.
    """
    classes = classifier.classes
    if isinstance(targets, PerText):
        names = list(targets.names)
        weights = torch.stack([direction(name, classes) for name in names])
        return [[name] for name in names], weights[None]
    names = [targets] if isinstance(targets, str) else list(targets)
    if names == ["predicted"] and "predicted" not in classes:
        if is_multilabel(classifier):
            raise InputError(
                "Every label of this classifier is predicted or not, by itself; expected a label "
                'as the target, several, or "all".'
            )
        with torch.no_grad():
            predicted = classifier(batch).argmax(dim=1)
        weights = one_hot(predicted, len(classes)).float()
        return [[classes[c]] for c in predicted.tolist()], weights[None]
    if names == ["all"] and "all" not in classes:
        names = list(classes)
    if not names:
        raise InputError("Got no target; expected a class, or several.")
    weights = torch.stack([direction(name, classes) for name in names])
    return [names] * len(batch), weights[:, None, :].expand(-1, len(batch), -1)


def direction(name: str, classes: Sequence[str]) -> Tensor:
    """``(class,)``: one at a class; for a contrast one at the first and minus one at the second.

    Raises:
        InputError: If there is no such class.
    """
    weights = torch.zeros(len(classes))
    pair = name.split(CONTRAST)
    if name in classes:
        weights[classes.index(name)] = 1
    elif len(pair) == 2 and all(part in classes for part in pair):
        weights[classes.index(pair[0])] += 1
        weights[classes.index(pair[1])] -= 1
    else:
        raise InputError(f'There is no class "{name}". {did_you_mean(name, classes)}')
    return weights


def against_competitors(targets: Tensor, scores: Tensor, *, sharpness: float = 1.0) -> Tensor:
    """The gradient of the log odds of each target, by the scores: ``(target, batch, class)``.

    For a class t and p = softmax(β f), the log odds are log(p_t / (1 - p_t)) / β
    = f_t - log(Σ_{c≠t} exp β f_c) / β, and their gradient is e_t - Σ_{c≠t} p_c / (1 - p_t) e_c:
    the class less its competitors, weighted by their probabilities among themselves. With β → ∞
    the strongest competitor alone is left. In general a direction loses its own sum, spread over
    the classes that it does not name: a contrast of two classes, which sums to 0, stays as it is,
    and so does a direction that names every class.

    Args:
        targets: ``(target, batch, class)``.
        scores: ``(batch, class)`` logits.
        sharpness: β, how much the strongest competitors count before the others.
    """
    directions = targets.to(scores)
    named = directions != 0
    others = (sharpness * scores).expand_as(directions).masked_fill(named, -torch.inf)
    weights = others.softmax(dim=2).masked_fill(named.all(dim=2, keepdim=True), 0)
    return directions - directions.sum(dim=2, keepdim=True) * weights
