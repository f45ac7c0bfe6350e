"""Documents that are there twice: in the training part and the test part, or with two labels."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from whyword.classifier import Classifier, predict
from whyword.data.arrays import Bools, Ints
from whyword.data.corpora import Corpus
from whyword.data.duplicates import duplicate_groups, find_duplicates
from whyword.training.config import TrainingConfig, checked_validation
from whyword.training.parts import parts_of

EXAMPLES = 10
"""The most examples of duplicates to name."""


class LeakRecord(TypedDict, total=False):
    """What part of the test or validation documents the training documents repeat.

    If there are such test documents, ``accuracy`` is that on all test documents, and
    ``accuracy_without`` that on the others, None if there are none; the share whose labels are all
    right, if documents have several. Both are missing for the validation part, which a model that
    is trained again on all documents has learned.
    """

    documents: int
    share: float
    examples: list[dict[str, str | float]]
    accuracy: float
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
    development: int = 0,
    test: Corpus | None = None,
) -> DuplicatesRecord:
    """Find the duplicates among training, validation and test documents.

    Args:
        model: The trained model, for its accuracy with the duplicates and without.
        config: How it was trained; its share of validation documents is set.
        corpus: The training documents, and after them the development part, if there is one.
        development: Number of documents in the development part.
        test: The test documents.
    """
    parts = parts_of(
        corpus.labels,
        checked_validation(config.validation),
        chronological=corpus.chronological,
        seed=config.seed,
        development=development,
    )
    training = corpus.subset(parts.final)
    labels = [tuple(np.atleast_1d(label)) for label in training.labels]
    groups = duplicate_groups(training.texts)
    found = DuplicatesRecord(
        training=_groups(groups, training),
        contradicting=_groups(
            [group for group in groups if len({labels[i] for i in group}) > 1], training
        ),
        validation=_leak(corpus.subset(parts.learned), corpus.subset(parts.held_out))[0],
    )
    if test is not None:
        found["test"], places = _leak(corpus, test)
        if len(places):
            right = _right(model, test)
            others = np.delete(right, places)
            found["test"]["accuracy"] = float(right.mean())
            found["test"]["accuracy_without"] = float(others.mean()) if len(others) else None
    return found


def _right(model: Classifier, corpus: Corpus) -> Bools:
    """Whether the model gives each document its class, or exactly its labels: ``(document,)``."""
    scores = predict(model, corpus.texts)
    right: Bools
    if corpus.multilabel:
        right = ((scores > 0) == corpus.label_matrix_in(model.classes)).all(axis=1)
    else:
        right = scores.argmax(axis=1) == corpus.labels_in(model.classes)
    return right


def sentences(found: DuplicatesRecord) -> list[str]:
    """Say what was found, and what to do; nothing where there are no duplicates.

    Args:
        found: What `duplicates_of` returned.
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
                else f"Test accuracy without them {without:.2%}, with them {test['accuracy']:.2%}."
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
        classes = np.array(corpus.classes)
        labels = [", ".join(classes[np.atleast_1d(corpus.labels[i])]) for i in group]
        order = sorted(range(len(group)), key=lambda i: labels.index(labels[i]) != i)
        return {corpus.names[group[i]]: labels[i] for i in order[:EXAMPLES]}

    return GroupsRecord(
        groups=len(groups),
        documents=sum(map(len, groups)),
        examples=[dict(named(group)) for group in groups[:EXAMPLES]],
    )
