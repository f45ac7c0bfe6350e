"""Targets: what is explained, a class or a contrast, by name and as a direction in score space.

A string that names a target is read in one way everywhere, here (`read`):

| string | target |
|---|---|
| ``all`` | every class |
| ``predicted`` | the class with the highest score |
| ``sci.space`` | the class of that name |
| ``sci.space - sci.med`` | a contrast: what speaks for the first class rather than the second |
| ``a - b -- c`` | the contrast of the classes "a - b" and "c": more dashes stand apart |
| ``=all`` | the class called "all": what follows ``=`` is taken as a class name as it is |

The keywords ``all`` and ``predicted`` keep their meaning whatever the classes are called, and a
string that can be read in two ways is refused. A program that gets class names as data passes
`Class` or `Contrast`, which are taken as they are. Everything else that takes or holds the name of
a class (``Explanation.targets``, ``--class``, tables, JSON) has it as it is. A contrast is called
"a - b" there, with more dashes where that would be a class or another contrast (`name_of`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from whyword.batch import Batch
from whyword.classifier import Classifier, is_multilabel
from whyword.errors import InputError, did_you_mean

ALL, PREDICTED = "all", "predicted"
"""Keywords: every class, and the one with the highest score."""

ESCAPE = "="
"""Written before a class name that is to be taken as it is."""

_DASHES = re.compile("(?=( -+ ))")  # look-ahead, so that matches may overlap


@dataclass(frozen=True)
class Class:
    """A class as the target; its name is taken as it is.

    Attributes:
        name: One of the classifier's classes.
    """

    name: str


@dataclass(frozen=True)
class Contrast:
    """The contrast of two classes: what speaks for the first rather than for the second.

    Attributes:
        first: Name of the class that positive relevance speaks for.
        second: Name of the class that negative relevance speaks for.
    """

    first: str
    second: str


Target = str | Class | Contrast
"""One target; strings are read as `whyword.targets` says."""


@dataclass(frozen=True)
class PerText:
    """A target of its own for each text, such as its true class.

    Attributes:
        names: One class or contrast per text. Strings are read as `whyword.targets` says. Names
            that may be anything, such as the labels of a corpus, are safe as
            ``PerText([Class(label) for label in labels])``.
    """

    names: Sequence[Target]

    def check(self, texts: int) -> None:
        """Raise `InputError` unless there is one name per text."""
        if len(self.names) != texts:
            raise InputError(f"Got {len(self.names)} targets for {texts} texts; expected one each.")

    def part(self, chosen: Sequence[int]) -> "PerText":
        """The targets of the texts with these indices."""
        return PerText([self.names[i] for i in chosen])


Targets = Target | Sequence[Target] | PerText
"""``"all"``, ``"predicted"``, a class, a contrast, several of them, or one for each text."""


def resolve(
    targets: Targets, classifier: Classifier, batch: Batch
) -> tuple[list[list[str]], Tensor]:
    """For each document the names of its targets, and their directions ``(target, batch, class)``.

    Raises:
        InputError: If there is no such class, or no target; if a string has two readings; or if the
            target is "predicted" and the classifier gives labels.
    """
    classes = classifier.classes
    if isinstance(targets, PerText):
        own = [read(one, classes) for one in targets.names]
        weights = torch.stack([direction(one, classes) for one in own])
        return [[name_of(one, classes)] for one in own], weights[None]
    wanted = [targets] if isinstance(targets, Target) else list(targets)
    if wanted == [PREDICTED]:
        if is_multilabel(classifier):
            raise InputError(
                "Every label of this classifier is predicted or not, by itself; expected a label "
                'as the target, several, or "all".'
            )
        with torch.no_grad():
            predicted = classifier(batch).argmax(dim=1)
        weights = one_hot(predicted, len(classes)).float()
        return [[classes[c]] for c in predicted.tolist()], weights[None]
    if not wanted:
        raise InputError("Got no target; expected a class, or several.")
    every = wanted == [ALL]
    chosen = [Class(name) for name in classes] if every else [read(one, classes) for one in wanted]
    names = [name_of(one, classes) for one in chosen]
    weights = torch.stack([direction(one, classes) for one in chosen])
    return [names] * len(batch), weights[:, None, :].expand(-1, len(batch), -1)


def read(target: Target, classes: Sequence[str]) -> Class | Contrast:
    """The class or contrast that a string stands for; a `Class` or `Contrast` is returned as it is.

    Example:
        >>> read("=all", ["all", "b"]), read("all - b", ["all", "b"])
        (Class(name='all'), Contrast(first='all', second='b'))

    Raises:
        InputError: If there is no such class, the string has several readings, or it is a keyword.
    """
    if not isinstance(target, str):
        names = (target.name,) if isinstance(target, Class) else (target.first, target.second)
        for name in names:
            if name not in classes:
                raise InputError(f'There is no class "{name}". {did_you_mean(name, classes)}')
        return target
    if target in (ALL, PREDICTED):
        raise InputError(
            f'Got "{target}", which is no class but a keyword that stands alone; for a class of '
            f'that name write "{ESCAPE}{target}".'
        )
    readings = _readings(target, classes)
    if len(readings) == 1:
        return readings[0]
    if readings:
        ways = " or as ".join(_described(one, classes) for one in readings)
        raise InputError(f'"{target}" can be read as {ways}; write which.')
    name = target.removeprefix(ESCAPE)
    hint = did_you_mean(name, classes)
    if name != target:
        hint = f'Behind "{ESCAPE}" stands the name of a class as it is. {hint}'
    raise InputError(f'There is no class "{name}". {hint}')


def name_of(target: Class | Contrast, classes: Sequence[str]) -> str:
    """The name of a target in explanations: a class's own, or "a - b", which `read` understands.

    No two targets of a classifier have the same name, and `named` finds the target again.
    """
    if isinstance(target, Class):
        return target.name
    names = (f"{target.first} {'-' * dashes} {target.second}" for dashes in count(1))
    # One of them is free: the one with more dashes in a row than any class has.
    return next(
        name for name in names if name not in classes and _readings(name, classes) == [target]
    )


def named(name: str, classes: Sequence[str]) -> Class | Contrast:
    """The target that has this name in explanations; see `name_of`.

    Raises:
        InputError: If there is no such target.
    """
    return Class(name) if name in classes else read(name, classes)


def direction(target: Class | Contrast, classes: Sequence[str]) -> Tensor:
    """The direction of a target in score space, ``(class,)``.

    It is +1 at a class; for a contrast +1 at the first class and -1 at the second. Its inner
    product with the scores is the target's score.

    Args:
        target: A target of existing classes, as `read` returns it.
        classes: The classifier's classes.
    """
    weights = torch.zeros(len(classes))
    if isinstance(target, Class):
        weights[classes.index(target.name)] = 1
    else:
        weights[classes.index(target.first)] += 1
        weights[classes.index(target.second)] -= 1
    return weights


def _readings(text: str, classes: Sequence[str]) -> list[Class | Contrast]:
    """The targets that a string can stand for; it is no keyword."""
    escaped = text.startswith(ESCAPE)
    if escaped and text[len(ESCAPE) :] in classes:
        return [Class(text[len(ESCAPE) :])]
    found: list[Class | Contrast] = [Class(text)] if text in classes and not escaped else []
    for dashes in _DASHES.finditer(text):
        first, second = text[: dashes.start()], text[dashes.end(1) :]
        if first in classes and second in classes:
            found.append(Contrast(first, second))
    return found


def _described(target: Class | Contrast, classes: Sequence[str]) -> str:
    """A target in words, with a string that can only be read as this target."""
    name = name_of(target, classes)
    if isinstance(target, Class):
        return f'the class "{name}" ("{ESCAPE}{name}")'
    return f'the contrast of "{target.first}" with "{target.second}" ("{name}")'


def against_competitors(targets: Tensor, scores: Tensor, *, sharpness: float = 1.0) -> Tensor:
    """The targets against their competing classes, as directions ``(target, batch, class)``.

    They are the gradients of the log odds of each target by the scores.

    For a class t and p = softmax(β f), the log odds are log(p_t / (1 - p_t)) / β
    = f_t - log(Σ_{c≠t} exp β f_c) / β, and their gradient is e_t - Σ_{c≠t} p_c / (1 - p_t) e_c:
    the class less its competitors, weighted by their probabilities among themselves. With β → ∞
    the strongest competitor alone is left. In general a direction loses its own sum, spread over
    the classes that it does not name: a contrast of two classes, which sums to 0, stays as it is,
    and so does a direction that names every class.

    Args:
        targets: ``(target, batch, class)`` directions.
        scores: ``(batch, class)`` logits.
        sharpness: β, how much more the strongest competitors count than the others.
    """
    directions = targets.to(scores)
    named = directions != 0
    others = (sharpness * scores).expand_as(directions).masked_fill(named, -torch.inf)
    weights = others.softmax(dim=2).masked_fill(named.all(dim=2, keepdim=True), 0)
    return directions - directions.sum(dim=2, keepdim=True) * weights
