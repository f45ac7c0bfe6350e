"""The audit: a planted marker is named first, and a model can learn to ignore it."""

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from documents import ADVERSARIAL, HOSTILE
from models import random_cnn
from planted import CLASSES, MARKER, TOPICS, made_up_corpus, trained
from test_cli import run
from whyword import InputError, explain
from whyword.classifier import predict
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.models.base import NetworkClassifier
from whyword.models.cnn.model import WordCNN
from whyword.render.audit import AuditTables, audit_page
from whyword.survey.audit import audit_corpus
from whyword.survey.audit.clusters import NEIGHBOURS, clusters
from whyword.survey.audit.records import Audit
from whyword.survey.audit.suspects import suspicions, variety
from whyword.survey.audit.traces import traces
from whyword.survey.tally import TIMES, Tally
from whyword.text import Tokenizer

# With these random vectors the model takes the marker up readily.
SEED = 3


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return made_up_corpus(seed=SEED, marked=("medicine",), share=0.3)


@pytest.fixture(scope="module")
def model(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> NetworkClassifier:
    return trained(corpus, tmp_path_factory.mktemp("plain"), seed=SEED)


@pytest.fixture(scope="module")
def found(model: NetworkClassifier, corpus: Corpus) -> Audit:
    return audit_corpus(model, corpus)


def test_the_planted_marker_is_named_first(found: Audit) -> None:
    first, second = found.suspects[:2]
    assert (first.word, first.target) == (MARKER, "medicine")
    assert first.score > 2 * second.score
    assert first.variety == 0
    assert first.drop < -0.2
    assert first.turned > 0


def test_an_audit_of_a_model_without_artefact_does_not_name_the_marker(tmp_path: Path) -> None:
    clean = made_up_corpus(seed=SEED)
    words = [s.word for s in audit_corpus(trained(clean, tmp_path, seed=SEED), clean).suspects]
    assert MARKER not in words


def test_a_model_learns_to_ignore_the_marker(
    model: NetworkClassifier, corpus: Corpus, tmp_path: Path
) -> None:
    """Item: at least 80 % of what the marker costs in documents of other classes comes back."""
    clean = made_up_corpus(seed=77)
    marked = made_up_corpus(seed=77, marked=("cars", "space"))
    others = clean.labels != CLASSES.index("medicine")
    assert sum(MARKER in text.lower() for text in marked.texts) == others.sum()

    def accuracy(classifier: NetworkClassifier, texts: Sequence[str]) -> float:
        return float((predict(classifier, texts).argmax(axis=1) == clean.labels)[others].mean())

    cost = accuracy(model, clean.texts) - accuracy(model, marked.texts)
    assert cost > 0.2
    careful = trained(corpus, tmp_path, seed=SEED, suppress=(MARKER,))
    assert accuracy(careful, clean.texts) - accuracy(careful, marked.texts) <= 0.2 * cost
    assert accuracy(careful, clean.texts) >= accuracy(model, clean.texts) - 0.05
    assert MARKER not in [s.word for s in audit_corpus(careful, corpus).suspects]


times = st.lists(st.integers(1, TIMES), min_size=2, max_size=12)


@given(times)
def test_variety_is_the_share_of_unequal_pairs(counts: Sequence[int]) -> None:
    pairs = [a != b for a, b in combinations(counts, 2)]
    histogram = np.bincount(np.array(counts) - 1, minlength=TIMES)
    assert variety(histogram[None])[0] == pytest.approx(sum(pairs) / len(pairs))


def test_scores_are_those_of_a_plain_loop(model: NetworkClassifier, corpus: Corpus) -> None:
    tally = Tally()
    totals: dict[str, Any] = {}
    uses: dict[str, Any] = {}
    for number, text in enumerate(corpus.texts):
        e = explain(model, text, targets="predicted")
        if e.predicted != "space":
            continue
        tally.add(number, e, 0)
        lower = [word.lower() for word in e.words]
        for word, relevance in zip(lower, e.relevance[0], strict=True):
            totals[word] = totals.get(word, 0.0) + relevance
        for word in set(lower):
            uses.setdefault(word, []).append(lower.count(word))
    positive = {word: total for word, total in totals.items() if total > 0}
    whole = sum(positive.values())
    spread = {}
    for word in positive:
        if len(uses[word]) >= 5:
            pairs = list(combinations(uses[word], 2))
            spread[word] = sum(a != b for a, b in pairs) / len(pairs)
    weight = sum(positive[word] for word in spread)
    usual = sum(positive[word] * spread[word] for word in spread) / weight
    expected = {w: positive[w] / whole * max(0, 1 - spread[w] / usual) for w in spread}
    result = suspicions(tally, top=99, least=0.0, min_documents=5)
    assert {s.entry.word: s.score for s in result} == pytest.approx(expected)
    assert [s.score for s in result] == pytest.approx(sorted(expected.values(), reverse=True))


def test_where_no_word_ever_comes_back_relevance_ranks() -> None:
    tally = Tally()
    model = random_cnn()
    for number, text in enumerate(["alpha beta", "beta gamma", "alpha gamma"] * 3):
        tally.add(number, explain(model, text), 0)
    result = suspicions(tally, top=9, least=0.0, min_documents=2)
    assert result
    assert [s.score for s in result] == [s.relevance_share for s in result]


def test_effects_are_those_of_deleting_by_hand(
    model: NetworkClassifier, corpus: Corpus, found: Audit
) -> None:
    """The marker's vector set to zero is the same as the marker deleted."""
    marker = found.suspects[0]
    assert isinstance(model, WordCNN)
    before = predict(model, corpus.texts)
    row = model.vectors.ids([MARKER])[0]
    kept = model.embedding[row].clone()
    model.embedding[row] = 0
    after = predict(model, corpus.texts)
    model.embedding[row] = kept
    c = CLASSES.index("medicine")
    has = [MARKER in text.lower() for text in corpus.texts] & (before.argmax(axis=1) == c)
    change = [torch.tensor(scores).softmax(1)[:, c].numpy() for scores in (before[has], after[has])]
    assert marker.documents == has.sum()
    assert marker.drop == pytest.approx((change[1] - change[0]).mean(), abs=1e-5)
    assert marker.turned == (after[has].argmax(axis=1) != c).sum()


def test_accuracy_without_suspects_is_that_of_zero_vectors(
    model: NetworkClassifier, corpus: Corpus, found: Audit
) -> None:
    assert isinstance(model, WordCNN)
    before = predict(model, corpus.texts).argmax(axis=1)
    rows = model.vectors.ids([s.word for s in found.suspects])
    kept = model.embedding[rows].clone()
    model.embedding[rows] = 0
    after = predict(model, corpus.texts).argmax(axis=1)
    model.embedding[rows] = kept
    words = {s.word for s in found.suspects}
    touched = [bool(words & set(text.lower().rstrip(".").split())) for text in corpus.texts]
    assert found.accuracy.before == (before == corpus.labels).mean()
    assert found.accuracy.after == pytest.approx((after == corpus.labels).mean())
    assert found.accuracy.touched == sum(touched)
    assert found.accuracy.touched_after == (after == corpus.labels)[touched].mean()


def test_companions_stand_in_the_same_documents(tmp_path: Path) -> None:
    corpus = made_up_corpus(seed=SEED, marked=("medicine",), share=0.3)
    texts = tuple(text.replace("Zyzzyva", "Zyzzyva, nurse Zyzzyva") for text in corpus.texts)
    corpus = Corpus(texts, corpus.labels, corpus.classes, corpus.names)
    result = audit_corpus(trained(corpus, tmp_path, seed=SEED), corpus, least=0.0, top=30)
    marker = next(s for s in result.suspects if s.word == MARKER)
    assert marker.variety == 0  # twice in each document is as regular as once
    for suspect in result.suspects:
        assert suspect.word not in suspect.companions
        assert (MARKER in suspect.companions) == (suspect.word in marker.companions)


def test_clusters_are_the_groups_that_there_are() -> None:
    rng = np.random.default_rng(0)
    groups = [*TOPICS.values()]
    relevance, truth = {}, {}
    for number in range(150):
        group = number % 3
        strength = rng.uniform(0.5, 1, size=len(groups[group])).tolist()
        relevance[100 + number] = dict(zip(groups[group], strength, strict=True)) | {"the": 0.05}
        truth[100 + number] = group
    found = clusters(relevance)
    assert [cluster.documents for cluster in found] == [50, 50, 50]
    for cluster in found:
        (group,) = {truth[number] for number in cluster.typical}
        assert {word for word, _ in cluster.words[:5]} == set(groups[group])
        assert cluster.share == pytest.approx(1 / 3)


@pytest.mark.parametrize("n", [0, 1, 2 * NEIGHBOURS - 1])
def test_few_documents_are_one_cluster(n: int) -> None:
    found = clusters({i: {"a": 1.0, "b": float(i)} if i % 2 else {} for i in range(n)})
    assert [cluster.documents for cluster in found] == ([n] if n else [])


def test_a_sample_is_clustered_and_every_document_has_its_chance(
    model: NetworkClassifier, corpus: Corpus
) -> None:
    result = audit_corpus(model, corpus, sample=30)
    for entry in result.classes:
        assert sum(cluster.documents for cluster in entry.clusters) == 30 < entry.documents
    numbers = [i for entry in result.classes for c in entry.clusters for i in c.typical]
    assert max(numbers) > len(corpus) // 2


def test_traces_of_a_posting() -> None:
    lines = [f"Line {i} of a text, as Ann said." for i in range(11)]
    text = "\n".join([*lines, "--", "Ann Bell", "ann@cs.pitt.edu"])
    document = Tokenizer()(text)
    at: dict[str, list[int]] = {}
    for i, word in enumerate(document.words):
        at.setdefault(word, []).append(i)
    assert traces(document, at["Ann"][:11]) == {"name": 11, "signature": 2}
    assert traces(document, at["ann"]) == {"address": 1, "signature": 1}
    assert traces(document, at["cs.pitt.edu"]) == {"address": 1, "host": 1, "signature": 1}
    assert not traces(document, at["text"][:9])
    assert not traces(document, at["Line"][:9])  # a capital at the start of a line's sentence


def test_one_class_alone(model: NetworkClassifier, corpus: Corpus, found: Audit) -> None:
    alone = audit_corpus(model, corpus, name="medicine")
    assert [entry.target for entry in alone.classes] == ["medicine"]
    expected = [s.word for s in found.suspects if s.target == "medicine"]
    assert [s.word for s in alone.suspects] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [({"name": "spcae"}, 'Did you mean "space"'), ({"top": 0}, "top"), ({"sample": 0}, "sample"),
     ({"least": -1.0}, "least"), ({"method": "lpr"}, "lrp")],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    model: NetworkClassifier, corpus: Corpus, options: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        audit_corpus(model, corpus, **options)


def test_a_page_and_tables_show_texts_and_run_none_of_them() -> None:
    classes = ("<b>a</b>", "[red]b", "c")
    nasty = ("alpha " + ADVERSARIAL, "alpha " + HOSTILE, "alpha beta")
    corpus = Corpus(nasty * 8, np.arange(24) % 3, classes, ("<i>1</i>", "\x1b[31m2", "3") * 8)
    result = audit_corpus(random_cnn(1, classes=classes), corpus, least=0.0, top=50)
    assert result.suspects
    source = audit_page(result)
    source.encode("utf-8")
    for forbidden in ("<b>a", "<i>1", "<script>window", "<img", "<b>bold"):
        assert forbidden not in source
    assert source.count("<script>") == 1
    file = StringIO()
    console = Console(file=file, width=100, force_terminal=False)
    console.print(AuditTables(result))
    assert "\x1b" not in file.getvalue()
    json.loads(json.dumps(result.to_dict(), allow_nan=False))


@pytest.fixture(scope="module")
def place(
    model: NetworkClassifier, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("place")
    rows = zip(corpus.texts, corpus.labels, strict=True)
    lines = [json.dumps({"text": text, "label": CLASSES[label]}) for text, label in rows]
    (path / "corpus.jsonl").write_text("\n".join(lines))
    store.save(model, path / "model")
    return path


COMMAND = ["audit", "-m", "model", "--corpus", "corpus.jsonl"]


def test_the_command(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    result = run(*COMMAND, "--json", "--html", "audit.html")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["suspects"][0]["word"] == MARKER
    assert report["accuracy"]["after"] < report["accuracy"]["before"]
    assert {entry["class"] for entry in report["classes"]} == set(CLASSES)
    assert MARKER in (place / "audit.html").read_text()
    assert run(*COMMAND, "--words").stdout.splitlines()[0] == MARKER
    assert MARKER in run(*COMMAND).stdout


def test_words_that_the_audit_prints_can_be_suppressed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "words.txt").write_text("Zyzzyva\n\nnurse\n")
    small = ["--vectors", "model", "--epochs", "1", "--no-refit", "--filters", "1:4", "--json"]
    command = ["train", "--corpus", "corpus.jsonl", *small]
    by_file = run(*command, "-o", "one", "--suppress", "words.txt")
    assert by_file.exit_code == 0, by_file.stderr
    training = json.loads(by_file.stdout)["training"]
    assert training["suppress"] == ["nurse", MARKER]
    by_list = run(*command, "-o", "two", "--suppress", "nurse, zyzzyva", "--suppress-penalty", "0")
    assert json.loads(by_list.stdout)["training"]["suppress"] == ["nurse", MARKER]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([*COMMAND, "--class", "spcae"], 'Did you mean "space"'), ([*COMMAND, "--top", "0"], "top"),
     ([*COMMAND, "--html", "none/a.html"], "Cannot write"),
     ([*COMMAND[:3], "--corpus", "nothing"], "no corpus"),
     (["audit", "--corpus", "corpus.jsonl"], "classes that the model has not"),
     (["train", "-o", "x", "--corpus", "corpus.jsonl", "--suppress", "no.txt"], "no file"),
     (["train", "-o", "x", "--corpus", "corpus.jsonl", "--suppress", " , "], "no words"),
     (["train", "-o", "x", "--corpus", "corpus.jsonl", "--suppress", "a", "--model", "linear"],
      "Only networks"),
     (["train", "-o", "x", "--corpus", "corpus.jsonl", "--suppress-penalty", "-1"], "penalty")],
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
