"""Suspected labels: planted ones are found, clean ones are not, whatever the order of documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from documents import ADVERSARIAL, HOSTILE
from models import random_cnn
from planted import CLASSES, TOPICS, made_up_corpus
from test_cli import run
from whyword import InputError, explain
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.models.linear.baseline import out_of_fold_scores
from whyword.models.linear.model import LinearClassifier
from whyword.render.suspected_labels import LabelTable, labels_page
from whyword.survey import LabelAudit, suspect_labels
from whyword.survey.labels.confidence import (
    canonical_order,
    probabilities,
    stratified_folds,
    suspected,
)
from whyword.targets import Contrast
from whyword.training.linear import train_linear

FLIPPED = tuple(range(0, 150, 10))


def mislabelled() -> Corpus:
    corpus = made_up_corpus(seed=1)
    labels = corpus.single_labels().copy()
    labels[list(FLIPPED)] = (labels[list(FLIPPED)] + 1) % len(CLASSES)
    return replace(corpus, labels=labels)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return mislabelled()


@pytest.fixture(scope="module")
def model(corpus: Corpus) -> LinearClassifier:
    return train_linear(corpus, ngrams=1)[0]


@pytest.fixture(scope="module")
def found(model: LinearClassifier, corpus: Corpus) -> LabelAudit:
    return suspect_labels(model, corpus)


def test_planted_labels_are_found_with_the_right_class(found: LabelAudit) -> None:
    truth = made_up_corpus(seed=1).single_labels()
    first = found.suspects[: len(FLIPPED)]
    right = {suspect.document for suspect in first} & set(FLIPPED)
    assert len(right) >= 0.8 * len(FLIPPED)
    for suspect in first:
        if suspect.document in right:
            assert suspect.suggested == CLASSES[truth[suspect.document]]
            assert suspect.label == CLASSES[(truth[suspect.document] + 1) % 3]
            assert suspect.confidence > suspect.label_confidence
            topic = set(TOPICS[suspect.suggested])
            assert topic & {word for word, _ in suspect.words(3)}
    confidence = [suspect.label_confidence for suspect in found.suspects]
    assert confidence == sorted(confidence)


def test_the_words_are_those_of_the_contrast(found: LabelAudit, model: LinearClassifier) -> None:
    for suspect in found.suspects[:3]:
        text = found.corpus.texts[suspect.document]
        target = Contrast(suspect.suggested, suspect.label)
        expected = explain(model, text, targets=[target])
        assert suspect.words() == [entry for entry in expected.top(8) if entry[1] > 0]
        scores = dict(zip(expected.classes, expected.scores, strict=True))
        assert suspect.margin == pytest.approx(scores[suspect.suggested] - scores[suspect.label])


def test_a_separable_corpus_without_mistakes_has_no_suspects() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    texts = tuple(
        " ".join(["the", "and", *rng.choice(TOPICS[CLASSES[label]], 6)]) for label in labels
    )
    clean = Corpus(texts, labels, CLASSES, tuple(map(str, range(90))))
    result = suspect_labels(random_cnn(classes=CLASSES), clean)
    assert result.suspects == ()
    assert result.about["judged"] == 90
    assert "No label" in shown(result)
    assert "No label" in labels_page(result)


@pytest.mark.parametrize("seed", range(3))
def test_another_order_of_documents_changes_nothing(
    model: LinearClassifier, corpus: Corpus, found: LabelAudit, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(corpus))
    again = suspect_labels(model, corpus.subset(order))
    documents = [order[one.document] for one in again.suspects]
    assert documents == [one.document for one in found.suspects]
    assert [one.label_confidence for one in again.suspects] == [
        one.label_confidence for one in found.suspects
    ]


def test_a_document_is_scored_without_its_own_label(corpus: Corpus) -> None:
    """Whatever the labels of a fold say, the scores of its documents are the same."""
    folds = stratified_folds(corpus.texts, corpus.single_labels(), 5)
    before, _ = out_of_fold_scores(corpus.texts, corpus.single_labels(), folds, 3, penalty=1.0)
    labels = np.where(folds == 2, (corpus.single_labels() + 1) % 3, corpus.labels)
    after, _ = out_of_fold_scores(corpus.texts, labels, folds, 3, penalty=1.0)
    np.testing.assert_array_equal(after[folds == 2], before[folds == 2])
    assert not np.allclose(after[folds == 1], before[folds == 1])


def test_copies_of_a_document_share_a_fold_and_each_fold_has_every_class(corpus: Corpus) -> None:
    texts = (*corpus.texts, *(text.upper() for text in corpus.texts[:30]))
    labels = np.concatenate([corpus.single_labels(), (corpus.single_labels()[:30] + 1) % 3])
    folds = stratified_folds(texts, labels, 5)
    count = len(corpus)
    np.testing.assert_array_equal(folds[count:], folds[:30])
    sizes = [[np.sum((folds == f) & (labels == c)) for c in range(3)] for f in range(5)]
    assert np.min(sizes) > 0.5 * np.max(sizes)


def test_a_wrong_label_is_not_confirmed_by_its_copy(
    corpus: Corpus, model: LinearClassifier
) -> None:
    places = list(FLIPPED[:4])
    copied = Corpus(
        (*corpus.texts, *(corpus.texts[i] for i in places * 3)),
        np.concatenate([corpus.labels, corpus.labels[places * 3]]),
        CLASSES,
        (*corpus.names, *(f"copy {i}" for i in range(12))),
    )
    names = {suspect.document for suspect in suspect_labels(model, copied).suspects}
    before = {suspect.document for suspect in suspect_labels(model, corpus).suspects}
    assert before.intersection(places) <= names
    assert before.intersection(places)


def test_two_classes(corpus: Corpus) -> None:
    part = corpus.subset(np.flatnonzero(corpus.labels < 2))
    pair = replace(part, classes=CLASSES[:2])
    folds = stratified_folds(pair.texts, pair.single_labels(), 5)
    scores, judged = out_of_fold_scores(pair.texts, pair.single_labels(), folds, 2, penalty=0.3)
    assert (scores.argmax(axis=1) == pair.labels)[judged].mean() > 0.7
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])


def test_documents_that_cannot_be_judged_between_others(
    model: LinearClassifier, corpus: Corpus, found: LabelAudit
) -> None:
    texts = [text for one in corpus.texts for text in (one, " ")]
    names = [name for one in corpus.names for name in (one, f"nothing in {one}")]
    labels = corpus.labels.repeat(2)
    result = suspect_labels(model, Corpus(tuple(texts), labels, CLASSES, tuple(names)))
    assert result.about["judged"] == len(corpus)
    assert {one.document % 2 for one in result.suspects} == {0}
    for one in result.suspects:
        assert one.label == CLASSES[corpus.single_labels()[one.document // 2]]
    first = {one.document for one in found.suspects[:10]}
    assert len(first & {one.document // 2 for one in result.suspects}) > 7


def test_no_document_is_counted_as_a_class_without_documents() -> None:
    p = np.array([[0.3, 0.1, 0.6], [0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    places, _ = suspected(p, np.array([0, 0, 1]))
    assert places.tolist() == []


def test_each_fold_has_its_share_of_a_rare_class() -> None:
    labels = (np.arange(100) % 20 == 0).astype(np.int64)
    folds = stratified_folds([f"text{i}" for i in range(100)], labels, 5)
    assert sorted(folds[labels == 1].tolist()) == [0, 1, 2, 3, 4]
    assert np.bincount(folds).tolist() == [20] * 5


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_suspects_are_those_of_a_plain_loop(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), size=20)
    labels = rng.integers(classes, size=20)
    means = {
        c: np.mean([p[i, c] for i in range(20) if labels[i] == c]) for c in set(labels.tolist())
    }
    expected = {}
    for i in range(20):
        over = [(p[i, c], c) for c, mean in means.items() if p[i, c] >= mean]
        if over and max(over)[1] != labels[i]:
            expected[i] = max(over)[1]
    places, counted = suspected(p, labels)
    assert dict(zip(places.tolist(), counted.tolist(), strict=True)) == expected
    own = p[places, labels[places]]
    assert (np.diff(own) >= 0).all()


def test_probabilities_have_the_temperature_of_the_truth() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(logits / 7, labels), truth, atol=0.02)
    impossible = np.column_stack([logits / 7, np.full(len(logits), -np.inf)])
    assert (probabilities(impossible, labels)[:, 3] == 0).all()


def small(texts: Sequence[str], labels: Sequence[int]) -> Corpus:
    classes = ("a", "b", "c")[: max(labels, default=0) + 1]
    return Corpus(
        tuple(texts), np.array(labels, dtype=np.int64), classes, tuple(map(str, range(len(texts))))
    )


def test_what_cannot_be_judged_is_not_suspected() -> None:
    plain = ["alpha beta", "alpha gamma", "delta epsilon", "delta zeta"] * 3
    texts = [f"{text} w{i}" for i, text in enumerate(plain)]
    labels = [0, 0, 1, 1] * 3
    alone = small([*texts, "", "☃", "alpha delta alone"], [*labels, 0, 1, 2])
    result = suspect_labels(random_cnn(classes=("a", "b", "c")), alone)
    assert (result.about["documents"], result.about["judged"]) == (15, 12)
    assert result.suspects == ()


@pytest.mark.parametrize(
    ("texts", "labels"),
    [(["", "", "", ""], [0, 1, 0, 1]), (["alpha one", "beta two"], [0, 1]),
     (["alpha"] * 9, [0, 1, 0] * 3), (["alpha one", "alpha two", "beta"], [0, 0, 1]),
     ([], []), (["one two", "two one three"], [0, 0])],
)  # fmt: skip
def test_too_few_documents_are_refused(texts: Sequence[str], labels: Sequence[int]) -> None:
    with pytest.raises(InputError, match="can be judged"):
        suspect_labels(random_cnn(classes=("a", "b")), small(texts, labels))


def test_documents_with_several_labels_are_refused(corpus: Corpus) -> None:
    several = replace(corpus, labels=np.eye(3, dtype=bool)[corpus.single_labels()])
    with pytest.raises(InputError, match="several labels"):
        suspect_labels(random_cnn(classes=CLASSES), several)


def test_fewer_documents_than_folds(model: LinearClassifier) -> None:
    texts = ["car engine", "engine car wheel", "orbit moon", "moon orbit star"]
    result = suspect_labels(random_cnn(classes=("a", "b")), small(texts, [0, 0, 1, 1]), folds=99)
    assert result.about["judged"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [({"name": "spcae"}, 'Did you mean "space"'), ({"most": 0}, "most"), ({"folds": 1}, "folds"),
     ({"method": "lpr"}, "lrp")],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    model: LinearClassifier, corpus: Corpus, options: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        suspect_labels(model, corpus, **options)


def test_one_class_alone_and_the_first_ones(
    model: LinearClassifier, corpus: Corpus, found: LabelAudit
) -> None:
    alone = suspect_labels(model, corpus, name="space")
    expected = [one.document for one in found.suspects if one.label == "space"]
    assert [one.document for one in alone.suspects] == expected
    few = suspect_labels(model, corpus, most=2)
    assert [one.document for one in few.suspects] == [one.document for one in found.suspects[:2]]
    assert few.about["suspected"] == found.about["suspected"] == len(found.suspects)
    assert "the first 2 are shown" in shown(few)


def test_seeds_make_other_folds(corpus: Corpus) -> None:
    labels = corpus.single_labels()
    orders = [canonical_order(corpus.texts, labels, seed).tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def shown(audit: LabelAudit) -> str:
    file = StringIO()
    Console(file=file, width=100, force_terminal=False).print(LabelTable(audit))
    return file.getvalue()


def test_a_page_and_a_table_show_texts_and_run_none_of_them(corpus: Corpus) -> None:
    classes = ("<b>a</b>", "[red]b", "c")
    names = [f"<i>{i}</i>\x1b[31m" for i in range(len(corpus))]
    texts = [f"{text} {(ADVERSARIAL, HOSTILE)[i % 2]}" for i, text in enumerate(corpus.texts)]
    nasty = Corpus(tuple(texts), corpus.labels, classes, tuple(names))
    result = suspect_labels(random_cnn(classes=classes), nasty)
    assert result.suspects
    source = labels_page(result)
    source.encode("utf-8")
    for forbidden in ("<b>a", "<i>1", "<script>window", "<img", "<b>bold"):
        assert forbidden not in source
    assert source.count("<script>") == 1
    assert "\x1b" not in shown(result)
    json.loads(json.dumps(result.to_dict(), allow_nan=False))


@pytest.fixture(scope="module")
def place(
    corpus: Corpus, model: LinearClassifier, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("place")
    rows = zip(corpus.texts, corpus.single_labels(), strict=True)
    lines = [json.dumps({"text": text, "label": CLASSES[label]}) for text, label in rows]
    (path / "corpus.jsonl").write_text("\n".join(lines))
    store.save(model, path / "model")
    return path


COMMAND = ["audit", "--labels", "-m", "model", "--corpus", "corpus.jsonl"]


def test_the_command(place: Path, monkeypatch: pytest.MonkeyPatch, found: LabelAudit) -> None:
    monkeypatch.chdir(place)
    result = run(*COMMAND, "--json", "--html", "labels.html")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    names = [f"corpus.jsonl:{suspect.document + 1}" for suspect in found.suspects]
    assert [one["document"] for one in report["suspects"]] == names
    first, expected = report["suspects"][0], found.suspects[0]
    assert (first["label"], first["suggested"]) == (expected.label, expected.suggested)
    assert first["label_confidence"] == pytest.approx(expected.label_confidence)
    assert first["model_margin"] == pytest.approx(expected.margin, rel=1e-5)
    assert list(first["words"]) == [word for word, _ in expected.words()]
    assert corpus_is_not_in(report, place)
    assert names[0] in (place / "labels.html").read_text()
    assert run(*COMMAND, "--names").stdout.splitlines() == names
    assert names[0] in run(*COMMAND).stdout


def corpus_is_not_in(report: Mapping[str, Any], place: Path) -> bool:
    texts = [json.loads(line)["text"] for line in (place / "corpus.jsonl").read_text().splitlines()]
    return not any(text in json.dumps(report) for text in texts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([*COMMAND, "--words"], "--names goes with"), ([*COMMAND, "--folds", "1"], "folds"),
     ([*COMMAND, "--json", "--names"], "two ways"), (["audit", "--names"], "--names goes with"),
     ([*COMMAND, "--class", "spcae"], 'Did you mean "space"'),
     (["audit", "--labels", "--corpus", "corpus.jsonl"], "classes that the model has not")],
)  # fmt: skip
def test_bad_input_gives_one_clear_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], message: str
) -> None:
    monkeypatch.chdir(place)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
