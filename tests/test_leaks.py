"""What a training says about documents that are there twice."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planted import CLASSES, made_up_corpus
from test_cli import run
from whyword.classifier import predict
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.training.leaks import EXAMPLES, duplicates_of, sentences
from whyword.training.recipe import Recipe
from whyword.training.train import train_model
from whyword.training.validation import split

RECIPE = Recipe.from_options("linear", {"ngrams": 1}, validation=0.2, seed=3)


def joined(*parts: Corpus) -> Corpus:
    return Corpus(
        sum((part.texts for part in parts), ()),
        np.concatenate([part.labels for part in parts]),
        CLASSES,
        sum((part.names for part in parts), ()),
    )


def renamed(corpus: Corpus, prefix: str, shift: int = 0) -> Corpus:
    names = tuple(f"{prefix}/{i}" for i in range(len(corpus)))
    texts = tuple(text.upper() + "  " for text in corpus.texts)
    return Corpus(texts, (corpus.single_labels() + shift) % len(CLASSES), CLASSES, names)


def test_accuracy_is_also_said_without_the_duplicates(tmp_path: Path) -> None:
    training, test = made_up_corpus(seed=1), renamed(made_up_corpus(seed=2), "test")
    # Half of the copies are labelled wrong.
    right = renamed(training.subset(range(0, 30, 3)), "copy")
    wrong = renamed(training.subset(range(30, 60, 3)), "copy", shift=1)
    copies = replace(joined(right, wrong), names=tuple(f"copy/{i}" for i in range(20)))
    report = train_model(RECIPE, training, tmp_path, test=joined(copies, test))
    found = report["duplicates"]
    assert json.loads((tmp_path / "report.json").read_text())["duplicates"] == found
    assert found["test"]["documents"] == 20
    assert found["test"]["share"] == 20 / (20 + len(test))
    scores = predict(store.load(str(tmp_path)), test.texts)
    expected = (scores.argmax(axis=1) == test.labels).mean()
    assert found["test"]["accuracy_without"] == pytest.approx(expected)
    assert found["test"]["accuracy"] == report["test"]["accuracy"] < expected
    examples = [(one["document"], one["training"]) for one in found["test"]["examples"]]
    assert examples == [(f"copy/{i}", training.names[3 * i]) for i in range(EXAMPLES)]
    said = " ".join(sentences(found))
    assert f"20 test documents ({20 / (20 + len(test)):.1%})" in said
    assert f"{expected:.2%}" in said
    assert f"{report['test']['accuracy']:.2%}" in said
    assert not any(text in json.dumps(found) for text in training.texts)  # names alone


def test_duplicates_within_the_training_part_and_contradicting_labels(tmp_path: Path) -> None:
    plain = made_up_corpus(seed=1)
    training = joined(
        plain,
        renamed(plain.subset(range(20, 40)), "again"),
        renamed(plain.subset([7]), "wrong", shift=1),
    )
    report = train_model(RECIPE, training, tmp_path)
    found = report["duplicates"]
    assert "test" not in found
    assert (found["training"]["groups"], found["training"]["documents"]) == (21, 42)
    (group,) = found["contradicting"]["examples"]
    assert group == {
        plain.names[7]: CLASSES[plain.single_labels()[7]],
        "wrong/0": CLASSES[(plain.single_labels()[7] + 1) % 3],
    }
    _, held_out = split(training.single_labels(), 0.2, chronological=False, seed=3)
    pairs = [(20 + i, len(plain) + i) for i in range(20)] + [(7, len(plain) + 20)]
    held = set(held_out.tolist())
    across = [pair for pair in pairs if len(held.intersection(pair)) == 1]
    assert 0 < len(across) < 21  # so that both cases are there
    assert found["validation"]["documents"] == len(across)
    examples = {str(one["document"]) for one in found["validation"]["examples"]}
    assert examples <= {training.names[i] for i in held}
    assert any(f"{len(across)} validation documents" in one for one in sentences(found))
    (said,) = [one for one in sentences(found) if "another label" in one]
    assert plain.names[7] in said
    assert "wrong/0" in said


def test_documents_with_several_labels_and_a_development_part(tmp_path: Path) -> None:
    def several(corpus: Corpus) -> Corpus:
        labels = np.eye(3, dtype=bool)[corpus.single_labels()]
        labels[::4, 0] = True
        return replace(corpus, labels=labels)

    plain = several(made_up_corpus(seed=1))
    copies = plain.subset(range(7))
    other = replace(copies, labels=~copies.labels)
    training = replace(
        plain,
        texts=(*plain.texts, plain.texts[9]),
        labels=np.concatenate([plain.labels, ~plain.labels[9:10]]),
        names=(*plain.names, "again"),
    )
    new = several(made_up_corpus(seed=2))
    test = replace(
        new,
        texts=(*other.texts, *new.texts),
        labels=np.concatenate([other.labels, new.labels]),
        names=(*other.names, *new.names),
    )
    report = train_model(RECIPE, training, tmp_path, test=test, development=plain.subset([1, 50]))
    found = report["duplicates"]
    assert found["validation"]["documents"] == 2  # of the development part, which was given
    assert found["training"]["groups"] == found["contradicting"]["groups"] == 1
    labels = np.array(CLASSES)[training.labels[-1].astype(bool)]
    assert found["contradicting"]["examples"][0]["again"] == ", ".join(labels)
    assert found["test"]["documents"] == 7
    assert found["test"]["accuracy"] == report["test"]["subset_accuracy"]
    right = (predict(store.load(str(tmp_path)), new.texts) > 0) == new.labels
    assert found["test"]["accuracy_without"] == pytest.approx(right.all(axis=1).mean())


def test_a_group_names_a_document_of_each_label_first(tmp_path: Path) -> None:
    plain = made_up_corpus(seed=1)
    one = plain.subset([7])
    copies = [renamed(one, f"copy{i}") for i in range(15)]
    training = joined(plain, *copies, renamed(one, "wrong", shift=1))
    model = store.load(str(_trained(plain, tmp_path)))
    (group,) = duplicates_of(model, RECIPE.training, training)["contradicting"]["examples"]
    assert len(group) == EXAMPLES
    assert list(group)[:2] == [plain.names[7], "wrong/0"]


def test_if_no_test_document_is_new(tmp_path: Path) -> None:
    training = made_up_corpus(seed=1)
    report = train_model(RECIPE, training, tmp_path, test=training.subset(range(30)))
    assert report["duplicates"]["test"]["accuracy_without"] is None
    assert any("No test document is new." in one for one in sentences(report["duplicates"]))


def test_without_duplicates_nothing_is_said(tmp_path: Path) -> None:
    report = train_model(RECIPE, made_up_corpus(seed=1), tmp_path, test=made_up_corpus(seed=2))
    assert report["duplicates"]["test"] == {"documents": 0, "share": 0, "examples": []}
    assert sentences(report["duplicates"]) == []


def test_the_command_says_it_and_says_nothing_without_duplicates(tmp_path: Path) -> None:
    training = made_up_corpus(seed=1)
    plain, copied = tmp_path / "plain.jsonl", tmp_path / "copied.jsonl"
    for path, corpus in ((plain, training), (copied, training.subset(range(9)))):
        rows = zip(corpus.texts, corpus.labels, strict=True)
        lines = [json.dumps({"text": text, "label": CLASSES[label]}) for text, label in rows]
        path.write_text("\n".join(lines))
    command = ["train", "--model", "linear", "--corpus", str(plain), "-o"]
    with_test = run(*command, str(tmp_path / "one"), "--test", str(copied))
    assert with_test.exit_code == 0, with_test.stderr
    said = " ".join(with_test.stdout.split())
    assert "9 test documents (100.0%) are (nearly) the same as training documents" in said
    assert "copied.jsonl:1 and plain.jsonl:1" in said
    assert "same" not in run(*command, str(tmp_path / "two")).stdout


def _trained(corpus: Corpus, directory: Path) -> Path:
    train_model(RECIPE, corpus, directory)
    return directory
