"""Plant a marker word, find it by the audit, train the model to ignore it; the same for real ones.

    python experiments/artefacts.py [planted] [real]

Planted: five classes of 20 Newsgroups. The marker is a made-up word, written once, at a random
place, into 30 % of one class's training documents; word vectors are learned from those documents,
so it has one like any other word. Real: the shipped model is audited on all training documents, and
another one is trained to ignore what was found.

Writes ``results/artefacts.json``, which names no word of the corpus: suspects are counted by what
they look like. Without arguments both parts are run; a part that is not named keeps its results.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whyword import load
from whyword.classifier import Classifier, predict
from whyword.data import corpora
from whyword.data.corpora import Corpus
from whyword.models.store import pretrained
from whyword.survey.audit import audit_corpus
from whyword.survey.audit.effects import effects
from whyword.survey.audit.records import Audit
from whyword.text import Document, Span, Tokenizer
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

ROOT = Path(__file__).parent.parent
PARTS = ("planted", "real")
CLASSES = ("comp.graphics", "rec.autos", "sci.med", "sci.space", "talk.politics.mideast")
MARKERS = {"zyzzogeton": "sci.med", "qwyjibo": "sci.space"}
SHARE = 0.3
SKIP_GRAM = {"dimension": 200, "window": 20, "epochs": 8, "sample": 1e-4}
TRAINING = {"epochs": 6, "refit": False, "vector_rate": 0.0, "batch_size": 32, "validation": 0.1}
SETTINGS = {"filters": {"2": 800}, "word_dropout": 0.3}
TOKENS = Tokenizer(max_tokens=399)  # one place is left for the marker


def main() -> None:
    """Everything, and write the results."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=PARTS)
    parts = parser.parse_args().parts or PARTS
    path = ROOT / "results" / "artefacts.json"
    results: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if "planted" in parts:
        results |= {
            "command": "python experiments/artefacts.py",
            "classes": CLASSES,
            "share_of_documents": SHARE,
            "skip_gram": SKIP_GRAM,
            "training": TRAINING,
            "planted": [planted(marker, target) for marker, target in MARKERS.items()],
        }
    if "real" in parts:
        results["news20-cnn"] = real()
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def planted(marker: str, target: str) -> dict[str, Any]:
    """What the audit finds, and what the marker costs before and after training against it."""
    rng = np.random.default_rng(0)
    corpus, test = (five_classes(corpora.news20(split)) for split in ("train", "test"))
    of_class = np.flatnonzero(corpus.labels == corpus.classes.index(target))
    chosen = rng.choice(of_class, round(SHARE * len(of_class)), replace=False)
    corpus = with_marker(corpus, marker, chosen, rng)
    others = test.subset(np.flatnonzero(test.labels != test.classes.index(target)))
    marked = with_marker(others, marker, np.arange(len(others)), rng)
    result: dict[str, Any] = {"marker": marker, "class": target}
    vectors = None
    for name, suppress in (("plain", ()), ("suppressed", (marker,)), ("deleted", (marker,))):
        penalty = {"suppress_penalty": 0.0} if name == "deleted" else {}
        config = TrainingConfig(**TRAINING, suppress=suppress, **penalty)  # type: ignore[arg-type]
        directory = ROOT / "runs" / f"artefacts-{marker}-{name}"
        skip_gram = {} if vectors else SKIP_GRAM
        recipe = Recipe(settings=SETTINGS, vectors=vectors, skip_gram=skip_gram, training=config)
        if not (directory / "report.json").exists():
            train_model(recipe, corpus, directory)
        vectors = vectors or str(directory)
        model = load(directory)
        result[name] = {
            "test_accuracy": accuracy(model, test),
            "other_classes": accuracy(model, others),
            "other_classes_with_marker": accuracy(model, marked),
        }
        if name == "plain":
            found = audit_corpus(model, corpus)
            words = [suspect.word for suspect in found.suspects]
            scores = [suspect.score for suspect in found.suspects]
            result["audit"] = {
                "suspects": len(words),
                "place_of_marker": words.index(marker) + 1 if marker in words else None,
                "score_of_marker": scores[words.index(marker)] if marker in words else None,
                "highest_other_score": max(
                    (s for w, s in zip(words, scores, strict=True) if w != marker), default=0.0
                ),
                **summary(found, {marker}),
            }
        show(f"{marker} {name} {result[name]}")
    cost = _cost(result["plain"])
    result["cost"] = cost
    for name in ("suppressed", "deleted"):
        result[f"recovered_{name}"] = 1 - _cost(result[name]) / cost
    show(json.dumps(result, indent=1))
    return result


def real() -> dict[str, Any]:
    """What the audit finds in the model that ships, and a model trained to ignore that.

    Both have the same word vectors. Suspects come from the training documents; the test documents
    are those that have suspects, as they are and with all suspects deleted, and those without.
    """
    plain, corpus = load("news20-cnn"), corpora.news20("train")
    found = audit_corpus(plain, corpus)
    words: dict[int, list[str]] = {}
    for suspect in found.suspects:
        words.setdefault(plain.classes.index(suspect.target), []).append(suspect.word)
    suppress = tuple(sorted({suspect.word for suspect in found.suspects}))
    directory = ROOT / "runs" / "artefacts-news20-cnn"
    recipe = Recipe(
        vectors=str(pretrained()["news20-cnn"]),
        training=TrainingConfig(suppress=suppress, vector_rate=0.0),
    )
    train_model(recipe, corpus, directory)  # which refuses the folder of a run with other suspects
    test = corpora.news20("test")
    return {
        "suspects": len(found.suspects),
        **summary(found, set()),
        "test": {
            name: with_and_without(model, test, words)
            for name, model in (("plain", plain), ("suppressed", load(directory)))
        },
    }


def with_and_without(
    model: Classifier, test: Corpus, words: dict[int, list[str]]
) -> dict[str, float]:
    """Accuracy on test documents as they are, and with the words deleted."""
    scores = predict(model, test.texts)
    before = scores.argmax(axis=1)
    _, without = effects(model, test.texts, scores, words, batch_size=32)
    after = before.copy()
    after[list(without)] = list(without.values())
    has = np.isin(np.arange(len(test)), list(without))
    return {
        "accuracy": float((before == test.labels).mean()),
        "accuracy_words_deleted": float((after == test.labels).mean()),
        "documents_with_words": int(has.sum()),
        "their_accuracy": float((before == test.labels)[has].mean()),
        "their_accuracy_words_deleted": float((after == test.labels)[has].mean()),
        "their_decisions_changed_by_deletion": float((before != after)[has].mean()),
        "documents_without_words": int((~has).sum()),
        "accuracy_of_documents_without_words": float((before == test.labels)[~has].mean()),
    }


def summary(found: Audit, leave_out: set[str]) -> dict[str, Any]:
    """Counts of what was found, without words: they are people's names and addresses."""
    suspects = [suspect for suspect in found.suspects if suspect.word not in leave_out]
    looks = Counter(" ".join(suspect.kinds) or "no trace" for suspect in suspects)
    return {
        "found": dict(looks.most_common()),
        "per_class": dict(Counter(suspect.target for suspect in suspects).most_common()),
        "clusters": {entry.target: len(entry.clusters) for entry in found.classes},
        "training_accuracy": found.accuracy.before,
        "training_accuracy_without_suspects": found.accuracy.after,
    }


def five_classes(corpus: Corpus) -> Corpus:
    """The documents of some classes alone."""
    chosen = [i for i, c in enumerate(corpus.labels) if corpus.classes[c] in CLASSES]
    part = corpus.subset(chosen)
    labels = np.array([CLASSES.index(part.classes[c]) for c in part.labels])
    return Corpus(part.texts, labels, CLASSES, part.names, part.chronological)


def with_marker(
    corpus: Corpus, marker: str, documents: NDArray[np.int64], rng: np.random.Generator
) -> Corpus:
    """The corpus with the marker written once into each of these documents."""
    texts = list(corpus.texts)
    for i in documents.tolist():
        texts[i] = insert(TOKENS(texts[i]), marker, rng)
    return Corpus(tuple(texts), corpus.labels, corpus.classes, corpus.names, corpus.chronological)


def insert(document: Document, word: str, rng: np.random.Generator) -> str:
    """The text with a word before one of its tokens, or behind the last."""
    places = [*document.spans, Span(len(document.text), len(document.text))]
    at = places[int(rng.integers(len(places)))][0]
    return f"{document.text[:at]} {word} {document.text[at:]}"


def accuracy(model: Any, corpus: Corpus) -> float:
    """Share of the documents that are classified correctly."""
    return float((predict(model, corpus.texts).argmax(axis=1) == corpus.labels).mean())


def _cost(accuracies: dict[str, float]) -> float:
    return accuracies["other_classes"] - accuracies["other_classes_with_marker"]


def show(text: str) -> None:
    """A message while it runs."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
