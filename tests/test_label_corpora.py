"""Corpora whose documents have several labels: reading, mapping, and who refuses them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from labels import labelled, names_of, write_json_lines
from whyword import InputError, explain, load
from whyword.classifier import predict, tokenised
from whyword.cli import cli
from whyword.data.corpora import Corpus, folder, load_corpus
from whyword.data.digests import digest_of_corpus
from whyword.evaluation.deletion import curves
from whyword.evaluation.documents import choose_documents
from whyword.evaluation.experiment import word_deletion
from whyword.evaluation.faithfulness import log_odds
from whyword.evaluation.oracle import oracle_orders
from whyword.evaluation.pointing import hybrid_documents
from whyword.survey.audit import audit_corpus
from whyword.survey.maps import map_corpus
from whyword.survey.vectors import document_vectors
from whyword.survey.words import corpus_words
from whyword.training.performance import performance_on


def lines(path: Path, *labels: object) -> Path:
    found = [json.dumps({"text": f"text {i}", "label": label}) for i, label in enumerate(labels)]
    path.write_text("\n".join(found), encoding="utf-8")
    return path


def test_lists_in_lines_of_json(tmp_path: Path) -> None:
    corpus = load_corpus(lines(tmp_path / "a.jsonl", ["b", "a"], [], ["c, d"], ["a", "a"]))
    assert corpus.multilabel
    assert corpus.classes == ("a", "b", "c, d")
    assert corpus.labels.dtype == bool
    assert corpus.labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert corpus.names == tuple(f"a.jsonl:{i}" for i in range(1, 5))


@pytest.mark.parametrize(("ending", "between"), [("csv", ","), ("tsv", "\t")])
def test_a_separator_in_a_column(tmp_path: Path, ending: str, between: str) -> None:
    path = tmp_path / f"a.{ending}"
    rows = [("one", "b;a"), ("two", ""), ("three", " c ;"), ("four", "a ; b")]
    path.write_text("\n".join(between.join(row) for row in [("text", "label"), *rows]))
    corpus = load_corpus(path, label_separator=";")
    assert corpus.classes == ("a", "b", "c")
    assert names_of(corpus) == [["a", "b"], [], ["c"], ["a", "b"]]
    if ending == "csv":
        path.write_text(path.read_text().replace('"', "").replace("two,\n", ""))
        assert not load_corpus(path).multilabel


def test_the_order_of_labels_changes_nothing(tmp_path: Path) -> None:
    one = load_corpus(lines(tmp_path / "a.jsonl", ["b", "a"], ["c", "b"]))
    other = load_corpus(lines(tmp_path / "b.jsonl", ["a", "b"], ["b", "c"]))
    assert digest_of_corpus(one) == digest_of_corpus(other)
    third = load_corpus(lines(tmp_path / "c.jsonl", ["a", "c"], ["b", "c"]))
    assert digest_of_corpus(one) != digest_of_corpus(third)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((["a"], ["b", 3]), "line 2: 3 stands among the labels; expected strings"),
        ((["a"], ["b", None]), "line 2: None stands among the labels"),
        ((["a"], ["b", ["c"]]), "line 2: .* stands among the labels"),
        ((["a"], ["b", " "]), "line 2: no label"),
        ((["a"], ["\ud800"]), "line 2: .* half a character"),
        (([], []), "2 documents of 0 labels; expected two labels or more"),
        ((["a"], ["a"], []), "3 documents of 1 labels; expected two labels or more"),
        ((["a"], "b"), r"a list of labels in a\.jsonl:1 and one label in a\.jsonl:2"),
        ((["a"], {"b": 1}), "got dict"),
    ],
)
def test_lists_that_do_not_fit_are_refused(
    tmp_path: Path, labels: tuple[object, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_corpus(lines(tmp_path / "a.jsonl", *labels))


def test_separators_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,a;b\ntwo,c\n")
    with pytest.raises(InputError, match=r'no document with two labels, or with "\|" between them'):
        load_corpus(tmp_path / "a.csv", label_separator="|")
    load_corpus(tmp_path / "a.csv", "test", label_separator="|")  # may have one label each
    for separator in ("", " "):
        with pytest.raises(InputError, match="Got the label separator"):
            load_corpus(tmp_path / "a.csv", label_separator=separator)
    for source in ("20news", str(tmp_path)):
        with pytest.raises(InputError, match="where each document has one class; leave it out"):
            load_corpus(source, label_separator=";")


def test_labels_among_those_of_a_model() -> None:
    corpus = labelled(9)
    classes = (corpus.classes[2], "other", corpus.classes[0], corpus.classes[1])
    found = corpus.label_matrix_in(classes)
    np.testing.assert_array_equal(found[:, [2, 3, 0]], corpus.labels)
    assert not found[:, 1].any()
    with pytest.raises(InputError, match=r"classes that the model has not: \['bikes', 'cats"):
        corpus.label_matrix_in(classes[:2])
    np.testing.assert_array_equal(corpus.subset([3, 1]).labels, corpus.labels[[3, 1]])
    assert corpus.sample(4).multilabel


def test_one_class_each_is_no_matrix(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_text("text")
    corpus = folder(tmp_path)
    assert not corpus.multilabel
    assert corpus.single_labels() is corpus.labels
    with pytest.raises(InputError, match="one class each; expected labels"):
        corpus.label_matrix_in(("a", "b"))


def of_newsgroups() -> Corpus:
    corpus = labelled(12)
    names = ("rec.motorcycles", "sci.med", "sci.space")
    return Corpus(corpus.texts, corpus.labels, names, corpus.names)


TAKERS: dict[str, Callable[[Any, Corpus], object]] = {
    "evaluate": word_deletion,
    "documents": choose_documents,
    "hybrids": lambda _, corpus: hybrid_documents(corpus, 1),
    "audit": audit_corpus,
    "maps": map_corpus,
    "words": corpus_words,
    "words of all": lambda model, corpus: corpus_words(model, corpus, subject="all"),
    "performance": performance_on,
}


@pytest.mark.parametrize("taker", TAKERS)
def test_whoever_needs_one_class_for_each_document_refuses(taker: str) -> None:
    with pytest.raises(InputError, match="several labels each, or none, which can be trained on"):
        TAKERS[taker](load("news20-cnn"), of_newsgroups())


@pytest.mark.parametrize("command", ["evaluate", "audit", "words", "map"])
def test_commands_refuse_in_one_line(tmp_path: Path, command: str) -> None:
    source = write_json_lines(of_newsgroups(), tmp_path / "a.jsonl")
    output = ["--output", str(tmp_path / "out")] if command in ("evaluate", "map") else []
    result = CliRunner().invoke(cli, [command, "--corpus", source, *output])
    assert result.exit_code == 2, result.output
    assert "several labels each" in " ".join(result.output.split())


@pytest.mark.parametrize("taker", set(TAKERS) - {"words of all", "hybrids"})
def test_models_that_give_labels_are_refused_where_one_class_is_predicted(taker: str) -> None:
    model = load("news20-cnn")
    vars(model)["multilabel"] = True
    one = labelled(12)
    names = ("rec.motorcycles", "sci.med", "sci.space")
    corpus = Corpus(one.texts, np.arange(12) % 3, names, one.names)
    with pytest.raises(InputError, match=r"gives? labels|label of this classifier"):
        TAKERS[taker](model, corpus)


def test_other_functions_refuse_such_models_too() -> None:
    model = load("news20-cnn")
    vars(model)["multilabel"] = True
    documents = tokenised(model, ["one two three"])
    orders, labels = np.zeros((1, 1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
    for refused in (
        lambda: curves(model, documents, orders, labels=labels),
        lambda: oracle_orders(model, documents, labels, labels > 0, steps=1),
        lambda: document_vectors(model, ["one two"], weightings=["lrp"]),
        lambda: corpus_words(
            model,
            Corpus(("one",), labels, ("sci.space",), ("0",)),
            subject="predicted",
            name="sci.space",
        ),
    ):
        with pytest.raises(InputError, match="needs a model that gives each text one class"):
            refused()


def test_the_probability_of_a_label_is_a_sigmoid() -> None:
    model = load("news20-cnn")
    vars(model)["multilabel"] = True
    found = explain(model, "the moon and the orbit of a rocket", targets="sci.space")
    (change,) = log_odds(model, [found], share=1.0)
    scores = predict(model, [found.text, ""])[:, model.classes.index("sci.space")]
    before, after = np.log(1 / (1 + np.exp(-scores)))
    assert change == pytest.approx(after - before, abs=1e-4)
