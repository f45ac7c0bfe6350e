"""The contract: what classifiers may offer stands in one place, and is asked for by capability."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from models import Bag, random_cnn, random_vectors
from whyword import ModuleClassifier
from whyword import classifier as contract
from whyword.classifier import Classifier, is_multilabel, module_of, tokenised
from whyword.models.characters import CharacterCNN
from whyword.models.linear.model import LinearClassifier
from whyword.models.recurrent import GRUClassifier

PACKAGE = Path(__file__).parents[1] / "src" / "whyword"
CAPABILITIES = {
    name: found
    for name, found in vars(contract).items()
    if isinstance(found, type) and Protocol in found.__mro__ and found is not Protocol
}


def linear() -> LinearClassifier:
    texts, labels = ["good film", "bad film", "good", "bad"], ["p", "n", "p", "n"]
    return LinearClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    )


FAST = {"FollowsDeletions", "ReplacesWords", "SearchesGreedily", "HasShapleyLRP"}
NETWORK = {"Classifier", "ReadsWords", "HasVectorTable", "HasUnknownId"}
OFFERS: dict[str, tuple[Callable[[], object], set[str]]] = {
    "cnn": (random_cnn, NETWORK | FAST | {"HasClosedForm", "HasGradient", "WritesOutLayers"}),
    "gru": (lambda: GRUClassifier(random_vectors(), ("a", "b")), NETWORK),
    "characters": (lambda: CharacterCNN(("a", "b")), NETWORK | {"WritesOutLayers"}),
    "linear": (
        linear,
        {"Classifier", "GivesLabels", "ReadsWords", "HasClosedForm", "HasGradient", "CanBeSaved"},
    ),
    "one's own": (lambda: Bag({"alpha": (1.0, 0.0)}, (0.5, 0.0)), {"Classifier"}),
}


@pytest.mark.parametrize("name", OFFERS)
def test_what_each_model_offers(name: str) -> None:
    build, offered = OFFERS[name]
    model = build()
    found = {
        capability for capability, protocol in CAPABILITIES.items() if isinstance(model, protocol)
    }
    assert found >= offered
    assert not found & (FAST - offered)


def test_the_table_names_every_capability() -> None:
    table = contract.__doc__ or ""
    assert set(CAPABILITIES) == set(re.findall(r"`([A-Z]\w+)`", table))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every file of the package."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.name, node


def test_no_protocol_of_classifiers_is_declared_elsewhere() -> None:
    declared = {
        file
        for file, node in nodes()
        if isinstance(node, ast.ClassDef) and "runtime_checkable" in ast.unparse(node)
    }
    assert declared == {"classifier.py"}


def test_no_attribute_of_a_classifier_is_asked_for_in_passing() -> None:
    """By `getattr` or `hasattr`, which no protocol names."""
    found = {
        f"{file}: {ast.unparse(node)}"
        for file, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "hasattr")
        and ast.unparse(node.args[0]) in ("classifier", "self.classifier")
    }
    # What stands around a classifier passes on the capabilities that it has asked for.
    assert found == {"infidelity.py: getattr(classifier, name)"}


def test_what_is_asked_of_any_classifier() -> None:
    cnn, own = random_cnn(), Bag({"alpha": (1.0, 0.0)}, (0.5, 0.0))
    assert isinstance(own, Classifier)
    assert module_of(cnn) is cnn
    assert module_of(own) is own
    assert module_of(linear()) is None
    inner = nn.Sequential(words := nn.Embedding(3, 2), nn.Flatten())
    around = ModuleClassifier(inner, ("a", "b"), {"alpha": 2}, embedding=words)
    assert module_of(around) is inner
    assert not is_multilabel(own)
    assert not is_multilabel(linear())
    told: list[tuple[str, int, int]] = []
    texts = ["alpha beta"] * 70
    documents = tokenised(
        own, texts, progress=lambda at: told.append((at.phase, at.done, at.total))
    )
    assert [document.words for document in documents] == [["alpha", "beta"]] * 70
    assert told == [("reading", 64, 70), ("reading", 70, 70)]
    assert tokenised(cnn, documents) == documents
