"""Documents that are there twice: in the training part and the test part, or with two labels."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from whyword.classifier import Classifier, predict
from whyword.data.arrays import Ints
from whyword.data.corpora import Corpus
from whyword.data.duplicates import duplicate_groups, find_duplicates
from whyword.training.config import TrainingConfig
from whyword.training.validation import split

EXAMPLES = 10
"""The most examples of duplicates to name."""


class LeakRecord(TypedDict, total=False):
    """What part of the test or validation documents the training documents repeat.

    ``accuracy_without`` is the accuracy on the other documents: None if there are none, and missing
    for the validation part, which a model trained again on all documents has learned.
    """

    documents: int
    share: float
    examples: list[dict[str, str | float]]
    accuracy_without: float | None


class GroupsRecord(TypedDict):
    """How many groups of duplicates there are, with how many documents; and some of the groups."""

    groups: int
    documents: int
    examples: list[dict[str, str]]


class DuplicatesRecord(TypedDict, total=False):
    """Duplicates of a training, as JSON values; documents are named.

    ``training`` has the duplicates among the training documents, ``contradicting`` those of them
    with different labels.
    """

    training: GroupsRecord
    contradicting: GroupsRecord
    validation: LeakRecord
    test: LeakRecord


def duplicates_of(
    model: Classifier,
    config: TrainingConfig,
    corpus: Corpus,
    test: Corpus | None = None,
    accuracy: float = 0.0,
) -> DuplicatesRecord:
    """Find the duplicates among training, validation and test documents.

    Args:
        model: The trained model, for its accuracy without the duplicates.
        config: How it was trained: which documents were held out for validation.
        corpus: The training documents.
        test: The test documents.
        accuracy: The model's accuracy on all test documents.
    """
    labels = [tuple(np.atleast_1d(label)) for label in corpus.labels]
    groups = duplicate_groups(corpus.texts)
    learned, held_out = split(
        corpus.labels, config.validation, chronological=corpus.chronological, seed=config.seed
    )
    found = DuplicatesRecord(
        training=_groups(groups, corpus),
        contradicting=_groups(
            [group for group in groups if len({labels[i] for i in group}) > 1], corpus
        ),
        validation=_leak(corpus.subset(learned), corpus.subset(held_out))[0],
    )
    if test is not None:
        found["test"], places = _leak(corpus, test)
        known = test.subset(places)
        predicted = predict(model, known.texts).argmax(axis=1)
        right = round(accuracy * len(test)) - int(
            (predicted == known.labels_in(model.classes)).sum()
        )
        others = len(test) - len(places)
        found["test"]["accuracy_without"] = right / others if others else None
    return found


def sentences(found: DuplicatesRecord, accuracy: float | None = None) -> list[str]:
    """Say what was found, and what to do; nothing where there are no duplicates.

    Args:
        found: What `duplicates_of` returned.
        accuracy: The accuracy on all test documents.
    """
    said = []
    test, validation = found.get("test"), found["validation"]
    if test is not None and test["documents"]:
        without = test["accuracy_without"]
        said.append(
            f"{test['documents']} test documents ({test['share']:.1%}) are (nearly) the same as "
            "training documents; accuracy on them says nothing about new texts. "
            + (
                "No test document is new."
                if without is None
                else f"Test accuracy without them: {without:.2%} (with them {accuracy or 0:.2%})."
            )
            + f" For example {_example(test)}."
        )
    if validation["documents"]:
        said.append(
            f"{validation['documents']} validation documents ({validation['share']:.1%}) are "
            "(nearly) the same as other training documents, so that the validation accuracy is too "
            f"high. For example {_example(validation)}."
        )
    if (wrong := found["contradicting"])["groups"]:
        example = " and ".join(
            f"{name} ({label})" for name, label in list(wrong["examples"][0].items())[:2]
        )
        said.append(
            f"{wrong['documents']} training documents are (nearly) the same as others with "
            f"another label; one of the labels is wrong, or both belong. For example {example}."
        )
    return said


def _example(leak: LeakRecord) -> str:
    first = leak["examples"][0]
    return f"{first['document']} and {first['training']}"


def _leak(training: Corpus, others: Corpus) -> tuple[LeakRecord, Ints]:
    """Find the documents that the training repeats: a record, and their places."""
    found = find_duplicates(training.texts, others.texts)
    places = np.array([one.other for one in found], dtype=np.int64)
    examples: list[dict[str, str | float]] = [
        {
            "document": others.names[one.other],
            "training": training.names[one.index],
            "similarity": round(one.similarity, 3),
        }
        for one in found[:EXAMPLES]
    ]
    share = len(found) / len(others) if len(others) else 0.0
    return LeakRecord(documents=len(found), share=share, examples=examples), places


def _groups(groups: list[list[int]], corpus: Corpus) -> GroupsRecord:
    def named(group: list[int]) -> Mapping[str, str]:
        # A document of each label comes first.
        labels = [str(np.take(corpus.classes, corpus.labels[i])) for i in group]
        order = sorted(range(len(group)), key=lambda i: labels.index(labels[i]) != i)
        return {corpus.names[group[i]]: labels[i] for i in order[:EXAMPLES]}

    return GroupsRecord(
        groups=len(groups),
        documents=sum(map(len, groups)),
        examples=[dict(named(group)) for group in groups[:EXAMPLES]],
    )
