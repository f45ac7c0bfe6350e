"""Words over a corpus: sums against plain loops, subjects, contrasts, and how they are shown."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from documents import ADVERSARIAL, HOSTILE, explanation_of
from models import WORDS, random_cnn, random_text
from test_cli import run
from whyword import Explanation, InputError, explain
from whyword.data.corpora import Corpus
from whyword.models import store
from whyword.render.words import WordTables, draw_words, words_page
from whyword.survey.tally import EXAMPLES, Order, Tally
from whyword.survey.words import CorpusWords, Subject, context, corpus_words

CLASSES = ("a", "b", "c")


def random_corpus(n: int = 24, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Corpus:
    rng = np.random.default_rng(seed)
    texts = [random_text(rng, int(rng.integers(0, 12))) for _ in range(n)]
    texts = [text.title() if rng.random() < 0.5 else text for text in texts]
    names = tuple(f"text {i}" for i in range(n))
    return Corpus(tuple(texts), rng.integers(len(classes), size=n), classes, names)


texts = st.lists(st.lists(st.sampled_from(["a", "A", "b", "c", "d", "ß"])), min_size=1, max_size=9)


def tallied(
    written: Sequence[list[str]], seed: int = 0, **options: Any
) -> tuple[Tally, list[Explanation]]:
    """A tally, and the explanations in it."""
    tally = Tally(**options)
    explanations = [
        explanation_of(" ".join(words), seed=seed + i) for i, words in enumerate(written)
    ]
    for i, explanation in enumerate(explanations):
        tally.add(10 + i, explanation, 1)
    return tally, explanations


def by_word(
    explanations: Sequence[Explanation], row: int = 1
) -> dict[str, list[tuple[int, int, int, float]]]:
    """Relevance and place of every occurrence of every word, by a plain loop."""
    found = defaultdict(list)
    for i, e in enumerate(explanations):
        for word, span, relevance in zip(e.words, e.spans, e.relevance[row], strict=True):
            found[word.lower()].append((10 + i, *span, float(relevance)))
    return found


@given(texts, st.integers(0, 99))
def test_sums_are_those_of_a_plain_loop(written: Sequence[list[str]], seed: int) -> None:
    tally, explanations = tallied(written, seed)
    expected = by_word(explanations)
    assert tally.documents == len(written)
    assert set(tally.words) == set(expected)
    for entry in tally.entries(range(len(tally.words))):
        places = expected[entry.word]
        documents = {place[0] for place in places}
        assert entry.total == pytest.approx(sum(place[3] for place in places), abs=1e-12)
        assert entry.occurrences == len(places)
        assert entry.documents == len(documents)
        assert entry.share == len(documents) / len(written)
        assert entry.mean == pytest.approx(entry.total / len(documents))
        # One occurrence per document, the greatest by magnitude, and of those the greatest.
        best = [max((p for p in places if p[0] == d), key=lambda p: abs(p[3])) for d in documents]
        best = sorted(best, key=lambda place: -abs(place[3]))[:EXAMPLES]
        found = [(e.document, e.start, e.end, e.relevance) for e in entry.examples]
        assert found == [place for place in best if place[3]]


@given(texts, st.integers(0, 99), st.sampled_from(["total", "mean"]), st.integers(1, 3))
def test_words_for_and_against_are_ranked(
    written: Sequence[list[str]], seed: int, by: Order, least: int
) -> None:
    tally, _ = tallied(written, seed)
    everything = tally.entries(range(len(tally.words)))
    for ranked, sign in ((tally.top, 1), (tally.bottom, -1)):
        found = [getattr(entry, by) for entry in ranked(3, by=by, min_documents=least)]
        expected = [sign * getattr(e, by) for e in everything if e.documents >= least]
        expected = sorted((value for value in expected if value > 0), reverse=True)[:3]
        assert [sign * value for value in found] == pytest.approx(expected)


@given(st.lists(st.lists(st.integers(0, 40), max_size=8), max_size=40), st.integers(10, 30))
def test_memory_is_bounded_and_frequent_words_stay(numbers: Sequence[list[int]], most: int) -> None:
    written = [[f"w{n}" for n in words] for words in numbers]
    tally, _ = tallied(written, max_words=most)
    counts = Counter(word for words in written for word in set(words))
    assert len(tally.words) <= most
    kept = dict(zip(tally.words, tally.document_counts.tolist(), strict=True))
    for word, documents in counts.items():
        assert documents - tally.missed <= kept.get(word, 0) <= documents
    if len(counts) <= most - 8:
        assert tally.missed == 0


@pytest.mark.parametrize("subject", ["predicted", "true", "all"])
def test_a_document_counts_for_its_subject(subject: Subject) -> None:
    model, corpus = random_cnn(2), random_corpus()
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    documents: Counter[str] = Counter()
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        e = explain(model, text)
        targets = {"predicted": [e.predicted], "true": [CLASSES[label]], "all": CLASSES}[subject]
        for target in targets:
            documents[target] += 1
            for word, relevance in e.top(99, target):
                sums[target, word] += relevance
    found = corpus_words(model, corpus, subject=subject, top=99)
    assert {one.target: one.documents for one in found.lists} == documents
    assert [one.target for one in found.lists] == [c for c in CLASSES if c in documents]
    for one in found.lists:
        for entry in (*one.top, *one.bottom):
            assert entry.total == pytest.approx(sums[one.target, entry.word], abs=1e-4)
        (alone,) = corpus_words(model, corpus, subject=subject, top=99, name=one.target).lists
        assert [e.word for e in alone.top] == [e.word for e in one.top]
        assert alone.documents == one.documents


@pytest.mark.parametrize("subject", ["predicted", "true", "all"])
def test_a_contrast_is_the_difference_over_the_documents_of_both(subject: Subject) -> None:
    model, corpus = random_cnn(3), random_corpus(seed=1)
    sums: defaultdict[str, float] = defaultdict(float)
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        e = explain(model, text)
        of = {"predicted": e.predicted, "true": CLASSES[label], "all": "a"}[subject]
        if of in ("a", "b"):
            for word, relevance in explain(model, text, targets="a - b").top(99):
                sums[word] += relevance
    (found,) = corpus_words(model, corpus, subject=subject, name="a", against="b", top=99).lists
    assert found.target == "a - b"
    assert {e.word: e.total for e in (*found.top, *found.bottom)} == pytest.approx(sums, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"subject": "tru"}, 'Did you mean "true"'), ({"name": "d"}, "no class"),
     ({"name": "a", "against": "d"}, "no class"), ({"against": "a"}, "name both"),
     ({"name": "a", "against": "a"}, "twice"), ({"by": "men"}, 'Did you mean "mean"'),
     ({"top": 0}, "at least 1")],
)  # fmt: skip
def test_what_cannot_be_is_refused(options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        corpus_words(random_cnn(), random_corpus(), **options)


def test_true_classes_must_be_the_models() -> None:
    with pytest.raises(InputError, match="has not"):
        corpus_words(random_cnn(), random_corpus(classes=("a", "z")), subject="true")


def test_context_is_one_line() -> None:
    assert context("x\r\n\ty  word\u2028z", 7, 11) == ("x   y  ", "word", " z")


def hostile() -> CorpusWords:
    """Words of texts that break renderers."""
    corpus = Corpus(
        ("alpha " + ADVERSARIAL, "beta " + HOSTILE),
        np.array([0, 1]),
        ("<b>a</b>", "[red]b"),
        ("<i>1</i>", "\x1b[31m2"),
    )
    model = random_cnn(1, classes=("<b>a</b>", "[red]b", "c"))
    return corpus_words(model, corpus, subject="all", top=50)


def test_a_page_shows_texts_and_runs_none_of_them() -> None:
    found = hostile()
    source = words_page(found)
    source.encode("utf-8")
    for forbidden in ("<b>a", "<i>1", "<script>window", "<img", "\x00"):
        assert forbidden not in source
    assert "&lt;b&gt;a&lt;/b&gt;" in source
    assert (
        "alpha &lt;<mark>b</mark>&gt;bold?&lt;/b&gt; a &lt; b &amp;&amp; c &gt; d; &amp;amp;"
        in source
    )
    assert source.count("<script>") == 1
    assert source.count("http-equiv") == 1
    assert 'src="http' not in source


def test_tables_drive_no_terminal() -> None:
    file = StringIO()
    console = Console(file=file, width=100, force_terminal=False)
    console.print(WordTables(hostile()))
    output = file.getvalue()
    assert "\x1b" not in output
    assert "[red]b" in output
    assert "alpha" in output


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures_are_drawn(tmp_path: Path, ending: str) -> None:
    found = corpus_words(random_cnn(), random_corpus())
    draw_words(found, tmp_path / f"words.{ending}")
    content = (tmp_path / f"words.{ending}").read_bytes()
    assert len(content) > 1000
    if ending == "svg":
        assert b"#f5a35c" in content  # the palette's
        assert b"#7db3f0" in content


def test_pictures_of_other_kinds_are_refused(tmp_path: Path) -> None:
    found = corpus_words(random_cnn(), random_corpus())
    with pytest.raises(InputError, match="Cannot write"):
        draw_words(found, tmp_path / "words.docx")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and a corpus in the working folder."""
    corpus = random_corpus()
    rows = zip(corpus.texts, corpus.labels, strict=True)
    lines = [json.dumps({"text": text, "label": CLASSES[label]}) for text, label in rows]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    store.save(random_cnn(2), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = ["words", "-m", "model", "--corpus", "corpus.jsonl"]


def test_the_command_prints_what_python_returns(place: Path) -> None:
    result = run(*COMMAND, "--json", "--top", "4", "--target", "true")
    assert result.exit_code == 0, result.stderr
    expected = corpus_words(random_cnn(2), random_corpus(), subject="true", top=4)
    found = json.loads(result.stdout)
    assert [t["target"] for t in found["targets"]] == [one.target for one in expected.lists]
    for one, other in zip(found["targets"], expected.lists, strict=True):
        assert [w["word"] for w in one["for"]] == [entry.word for entry in other.top]
        for entry in one["for"]:
            for example in entry["examples"]:
                assert example["word"].lower() == entry["word"]
                assert entry["word"] in WORDS


def test_the_command_writes_pages_and_pictures(place: Path) -> None:
    result = run(*COMMAND, "--html", "w.html", "--picture", "w.svg", "--class", "a")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "</html>" in (place / "w.html").read_text()
    assert (place / "w.svg").exists()
    assert "alpha" in run(*COMMAND).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--class", "d"], "no class"), (["--against", "a"], "name both"),
     (["--top", "0"], "at least"), (["--html", "none/w.html"], "Cannot write"),
     (["--picture", "w.docx"], "Cannot write"), (["--corpus", "nothing"], "no corpus"),
     (["--target", "tru"], "tru"), (["--method", "lpr"], 'Did you mean "lrp"')],
)  # fmt: skip
def test_bad_input_gives_one_clear_line(
    place: Path, arguments: Sequence[str], message: str
) -> None:
    result = run(*COMMAND, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
