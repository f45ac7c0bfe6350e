"""Targets by name: one escape, and classes of any name in everything that takes or shows them."""

import json
from io import StringIO
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from rich.console import Console, ConsoleRenderable

import whyword
from models import random_cnn, random_text
from test_cli import run
from whyword import Class, Contrast, Explanation, InputError, PerText, explain, render
from whyword.classifier import tokenised
from whyword.data.corpora import Corpus
from whyword.evaluation import experiment, measurements, metrics, results, tables
from whyword.evaluation.documents import choose_documents
from whyword.evaluation.settings import Settings
from whyword.models import store
from whyword.models.cnn.model import WordCNN
from whyword.render.map_files import MappedCorpus
from whyword.survey import audit_corpus
from whyword.survey.maps import map_corpus
from whyword.survey.words import corpus_words
from whyword.targets import Target, direction, name_of, named, read

NAMES = (
    "a", "b", "c", "a - b", "b - c", "a - b - c", "a -- b", " - ", "", "=", "==", "=a", "=all",
    "all", "predicted", "true", "none", "None", "accuracy", "NaN", "0", "__proto__", "constructor",
    "<b>bold</b>", "&amp;", "' or \"", "\\", "a,b", "two\nlines", "tab\tand\r\n", "x/y", "../up",
    "-x", "--html", "[/b]", "[bold]x", ":smile:", "$\\frac$", "{{ 7 * 7 }}", "\x1b[31mred",
    "naïve",
)  # fmt: skip
"""Names of classes that are something else to somebody."""

TEXT = "alpha beta gamma delta"


@pytest.fixture(scope="module")
def model() -> WordCNN:
    return random_cnn(3, classes=NAMES).double()


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    texts = tuple(random_text(rng, 8) for _ in range(2 * len(NAMES)))
    labels = np.arange(len(texts)) % len(NAMES)
    return Corpus(texts, labels, NAMES, tuple(f"text {i}" for i in range(len(texts))))


names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.sampled_from("a=- "), max_size=7),
    st.sampled_from(["a -- b", "=a - b", "=a -- b", "a - b -- c", "a --- b"]),
)
classes = st.lists(names, min_size=2, max_size=7, unique=True)


@given(classes)
def test_what_is_called_so_is_found_again(classes: list[str]) -> None:
    """Names of targets are all different, and each says which target it is of."""
    called: dict[str, Class | Contrast] = {}
    every: list[Class | Contrast] = [*map(Class, classes)]
    every += [Contrast(x, y) for x, y in permutations(classes, 2)]
    for target in every:
        name = name_of(target, classes)
        assert named(name, classes) == target
        assert called.setdefault(name, target) == target
        assert (name in classes) == isinstance(target, Class)
        if isinstance(target, Contrast):
            assert read(name, classes) == target


@given(classes)
def test_the_escape_takes_any_name_as_it_is(classes: list[str]) -> None:
    for name in classes:
        assert read(f"={name}", classes) == read(Class(name), classes) == Class(name)


@given(classes, names)
def test_a_string_is_a_class_a_contrast_or_refused(classes: list[str], text: str) -> None:
    """By all readings there are, written down anew."""
    expected: set[Class | Contrast] = set()
    if text in classes and not text.startswith("="):
        expected.add(Class(text))
    for x in classes:
        for y in classes:
            if any(text == f"{x} {'-' * dashes} {y}" for dashes in range(1, 9)):
                expected.add(Contrast(x, y))
    if text[:1] == "=" and text[1:] in classes:
        expected = {Class(text[1:])}
    if text in ("all", "predicted"):
        expected = set()
    if len(expected) == 1:
        assert {read(text, classes)} == expected
        return
    with pytest.raises(InputError) as refused:
        read(text, classes)
    for target in expected:  # the message says how to write each
        escape = "=" if isinstance(target, Class) else ""
        assert f'"{escape}{name_of(target, classes)}"' in str(refused.value)


@pytest.mark.parametrize(
    ("text", "classes", "message"),
    [
        ("a - b", ["a", "b", "a - b"], r'the class "a - b" \("=a - b"\) or as the contrast'),
        ("a - b", ["a", "b", "a - b"], 'contrast of "a" with "b" ."a -- b"'),
        ("a - b - c", ["a", "b - c", "a - b", "c"], r'\("a -- b - c"\) or as .* \("a - b -- c"\)'),
        ("all", ["all", "b"], r'a keyword that stands alone; .* write "=all"'),
        ("=b", ["a", "c"], r'no class "b". Behind "="'),
        ("=all", ["a", "b"], 'no class "all"'),
        ("spaec", ["space", "b"], 'Did you mean "space"'),
        ("space - b - b", ["space", "b"], "no class"),
        (Class("a - b"), ["a", "b"], 'no class "a - b"'),
        (Contrast("a", "all"), ["a", "b"], 'no class "all"'),
    ],
)
def test_what_cannot_be_read_says_what_to_write(
    text: Target, classes: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(text, classes)


def test_keywords_are_keywords_whatever_classes_are_called(model: WordCNN) -> None:
    every = explain(model, TEXT, targets="all")
    assert every.targets == NAMES
    np.testing.assert_array_equal(every.target_scores, every.scores)
    assert explain(model, TEXT, targets="predicted").targets == (every.predicted,)
    assert explain(model, TEXT, targets=["all"]).targets == NAMES
    for keyword in ("all", "predicted"):
        with pytest.raises(InputError, match=f'write "={keyword}"'):
            explain(model, TEXT, targets=["a", keyword])
        with pytest.raises(InputError, match=f'write "={keyword}"'):
            explain(model, [TEXT], targets=PerText([keyword]))


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_any_name_is_explained(model: WordCNN, name: str) -> None:
    every, row = explain(model, TEXT, targets="all"), NAMES.index(name)
    for targets in (f"={name}", Class(name), [Class(name)]):
        e = explain(model, TEXT, targets=targets)
        assert e.targets == (name,)
        np.testing.assert_allclose(e.relevance[0], every.relevance[row], atol=1e-12)
    assert every.only(name).targets == (name,)
    assert every.index(name) == row
    assert whyword.account(model, TEXT, target=Class(name)).target == name
    other = NAMES[row - 1]
    contrast = explain(model, TEXT, targets=Contrast(name, other))
    assert contrast.targets[0] not in NAMES
    expected = every.relevance[row] - every.relevance[row - 1]
    np.testing.assert_allclose(contrast.relevance[0], expected, atol=1e-12)
    assert whyword.account(model, TEXT, target=Contrast(name, other)).target == contrast.targets[0]


def test_a_direction_is_one_at_a_class() -> None:
    assert direction(Class("b"), ["a", "b"]).tolist() == [0, 1]
    assert direction(Contrast("c", "a"), ["a", "b", "c"]).tolist() == [-1, 0, 1]
    assert direction(Contrast("a", "a"), ["a", "b"]).tolist() == [0, 0]


def mixed(model: WordCNN) -> Explanation:
    """A class of every name, and contrasts that could be taken for classes."""
    pairs = [Contrast("a", "b"), Contrast("a - b", "c"), Contrast("a", "b - c"), Contrast("=", "")]
    return explain(model, TEXT, targets=[*map(Class, NAMES), *pairs])


def test_json_comes_back_as_it_was(model: WordCNN) -> None:
    e = mixed(model)
    assert len(set(e.targets)) == len(NAMES) + 4
    back = Explanation.from_json(e.to_json())
    assert (back.targets, back.classes, back.predicted) == (e.targets, NAMES, e.predicted)
    np.testing.assert_array_equal(back.relevance, e.relevance)
    np.testing.assert_array_equal(back.target_scores, e.target_scores)


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".parquet"])
def test_tables_hold_every_target(
    model: WordCNN, corpus: Corpus, tmp_path: Path, ending: str
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    chosen = choose_documents(model, corpus, minimum_words=1)
    explanations = explain(model, chosen.documents, targets="all")
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        tables.write(path, explanations)
    else:
        lines = [e.to_json() for e in explanations]
        path.write_text("\n".join(lines) if ending == ".jsonl" else f"[{','.join(lines)}]")
    found = tables.read(path)(chosen, [NAMES[c] for c in chosen.labels])
    for relevance, e, c in zip(found, explanations, chosen.labels, strict=True):
        np.testing.assert_array_equal(relevance, e.relevance[c])


def shown(render: ConsoleRenderable) -> str:
    """What a terminal shows, and that it has no control of its own."""
    output = StringIO()
    Console(file=output, width=200).print(render)
    assert "\x1b" not in output.getvalue()
    return output.getvalue()


def test_explanations_are_shown(model: WordCNN, tmp_path: Path) -> None:
    e = mixed(model)
    page = render.heatmap_page([e])
    assert "<b>bold" not in page
    for name in e.targets:
        assert str(escape(name)).replace("\r", "&#13;") in page
    assert e.predicted in render.heatmap_text(e)
    for ending in (".svg", ".pdf"):
        render.heatmap_picture([e]).save(tmp_path / f"heatmap{ending}")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_words_of_every_class(model: WordCNN, corpus: Corpus, tmp_path: Path) -> None:
    for subject in ("true", "predicted", "all"):
        found = corpus_words(model, corpus, subject=subject)
        order = [words.target for words in found.lists]
        assert order == [name for name in NAMES if name in order]
        assert len(order) == len(NAMES) or subject == "predicted"
        page, table = render.words_page(found), shown(render.WordTables(found))
        assert "<b>bold" not in page
        assert "[/b]" in table or "[/b]" not in order
        assert [
            row["target"] for row in json.loads(json.dumps(found.to_dict()))["targets"]
        ] == order
    every = corpus_words(model, corpus, subject="true")
    for name, other in pairwise(NAMES):
        (alone,) = corpus_words(model, corpus, subject="true", name=name).lists
        assert alone.target == name
        same = next(words for words in every.lists if words.target == name)
        assert [entry.word for entry in alone.top] == [entry.word for entry in same.top]
        (against,) = corpus_words(model, corpus, subject="true", name=name, against=other).lists
        assert named(against.target, NAMES) == Contrast(name, other)
        assert against.documents == 4
    render.draw_words(every, tmp_path / "words.svg")


def test_audits_of_every_class(model: WordCNN, corpus: Corpus) -> None:
    found = audit_corpus(model, corpus, min_documents=2, least=0)
    seen = {entry.target for entry in found.classes}
    assert "<b>bold" not in render.audit_page(found)
    shown(render.AuditTables(found))
    assert {entry["class"] for entry in found.to_dict()["classes"]} == seen
    for name in NAMES:
        one = audit_corpus(model, corpus, name=name, min_documents=2, least=0)
        assert {entry.target for entry in one.classes} == {name} & seen


@pytest.mark.parametrize("target", ["true", "predicted"])
def test_evaluation_of_every_class(
    model: WordCNN, corpus: Corpus, target: Literal["true", "predicted"]
) -> None:
    options = Settings(target=target, steps=3, runs=2)
    found = experiment.word_deletion(model, corpus, settings=options, minimum_words=1)
    summary = results.summarise(found, resamples=10)
    rows = metrics.measure_documents(model, found.documents, ["lrp"], settings=options)
    assert {row.metric for row in rows} == set(metrics.METRICS)
    summary["metrics"] = measurements.summarise(rows)
    costs = {"seconds": 1, "cpu_seconds": 1, "peak_memory_bytes": 1}
    everything = {**summary, "model": "m", "corpus": "c", "command": "w", **costs}
    json.dumps(everything)
    render.evaluation_page(everything)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_maps_and_confusions_of_every_class(model: WordCNN, corpus: Corpus, tmp_path: Path) -> None:
    documents = tokenised(model, corpus.texts)
    maps = map_corpus(model, corpus, weightings=["lrp"])
    mapped = MappedCorpus(model, documents, maps, groups=maps["lrp"].labels)
    mapped.write(tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "<b>bold" not in page
    pytest.importorskip("matplotlib")
    mapped.write(tmp_path / "map.svg")
    render.draw_confusion(np.eye(len(NAMES), dtype=int), NAMES, tmp_path / "confusion.svg")
    for file in ("map.svg", "confusion.svg"):
        drawn = (tmp_path / file).read_text(encoding="utf-8")
        for name in ("__proto__", "$\\frac$", "=all"):
            assert f"<!-- {name} -->" in drawn


def test_the_command_line_takes_every_name(model: WordCNN, corpus: Corpus, tmp_path: Path) -> None:
    store.save(random_cnn(3, classes=NAMES), tmp_path / "model")
    folder = str(tmp_path / "model")
    rows = [
        json.dumps({"text": text, "label": NAMES[label]})
        for text, label in zip(corpus.texts, corpus.labels, strict=True)
        if NAMES[label]  # a file's empty column is no label
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    options = ["-m", folder, "--corpus", str(tmp_path / "corpus.jsonl"), "--json"]
    for name, other in pairwise(NAMES):
        (found,) = answer("explain", "-m", folder, TEXT, "--json", "--target", f"={name}")
        assert list(found["targets"]) == [name]
        (found,) = answer("explain", "-m", folder, TEXT, "--account", "--json", "-t", f"={name}")
        assert found["target"] == name
        found = answer("words", *options, "--class", name, "--against", other)
        assert named(found["targets"][0]["target"], NAMES) == Contrast(name, other)
    (found,) = answer("explain", "-m", folder, TEXT, "--json", "--target", "all")
    assert tuple(found["targets"]) == NAMES
    found = answer("words", *options, "--class", "all", "--target", "true")
    assert [row["target"] for row in found["targets"]] == ["all"]
    found = answer("audit", *options, "--class", "-x", "--min-documents", "2")
    assert {entry["class"] for entry in found["classes"]} <= {"-x"}
    refused = run("explain", "-m", folder, TEXT, "--target", "a - b")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert (
        '("=a - b") or as the contrast of "a" with "b" ("a --- b"); write which.' in refused.stderr
    )


def answer(*arguments: str) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
