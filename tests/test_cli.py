"""The command line: what it prints, and what it says to bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from documents import ADVERSARIAL
from models import random_cnn
from whyword import __version__
from whyword.cli import cli
from whyword.models import store

CLASSES = ("rec.motorcycles", "sci.med", "sci.space")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    store.save(random_cnn(3, classes=CLASSES), path, about="for tests")
    return str(path)


def run(*arguments: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin, catch_exceptions=False)


def explain(model: str, *arguments: str, stdin: bytes | str | None = None) -> list[dict[str, Any]]:
    result = run("explain", "-m", model, "--json", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_json_has_an_object_for_each_text(model: str) -> None:
    found = explain(model, "alpha beta", "gamma", "--target", "all")
    assert [entry["text"] for entry in found] == ["alpha beta", "gamma"]
    for entry in found:
        assert entry["method"] == "lrp"
        assert set(entry["scores"]) == set(entry["remainder"]) == set(CLASSES)
        assert entry["predicted"] == max(entry["scores"], key=entry["scores"].get)
        for word in entry["words"]:
            assert entry["text"][word["start"] : word["end"]] == word["text"]
        for name, score in entry["scores"].items():
            words = sum(word["relevance"][name] for word in entry["words"])
            assert words + entry["remainder"][name] == pytest.approx(score, abs=1e-4)


def test_json_is_utf_8_whatever_is_printed(model: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "whyword", "explain", "-m", model, "--json", "alpha é 🎉"]
    found = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True
    )
    assert json.loads(found.stdout.decode("utf-8"))[0]["text"] == "alpha é 🎉"
    (tmp_path / "empty.txt").write_text("\n\n")
    assert explain(model, "--lines", str(tmp_path / "empty.txt")) == []


@pytest.mark.parametrize("option", [["--account"], ["--overlap", "8"]])
def test_workers_refuse_what_they_would_drop(model: str, option: list[str]) -> None:
    refused = run("explain", "-m", model, "alpha", "--workers", "2", *option)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"leave it out, or {option[0]}" in refused.stderr
    assert run("explain", "-m", model, "alpha", "--workers", "0").exit_code == 2


def test_the_account_of_a_text(model: str) -> None:
    result = run("explain", "-m", model, "alpha beta", "--account", "-t", "sci.med")
    assert result.exit_code == 0
    for part in ("conv1d", "convolutions.0", "output", "lost"):
        assert part in result.stdout
    printed = result.stdout
    found = run("explain", "-m", model, "alpha beta", "gamma", "--account", "--json")
    first, second = json.loads(found.stdout)
    assert (first["text"], second["text"]) == ("alpha beta", "gamma")
    predicted = explain(model, "alpha beta")[0]["predicted"]
    assert first["target"] == predicted
    (one,) = json.loads(
        run("explain", "-m", model, "alpha beta", "--account", "--json", "-t", "sci.med").stdout
    )
    assert f"{one['started']:12.4f}{one['arrived']:12.4f}" in printed
    assert one["started"] - one["arrived"] == pytest.approx(sum(one["lost"].values()), abs=1e-5)
    assert {entry["function"] for entry in one["entries"]} >= {"conv1d", "linear"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["-t", "all"], "one target"),
        (["--method", "sa"], "leave out --method sa"),
        (["--html", "page.html"], "leave out --html page.html"),
        (["--picture", "words.svg"], "leave out --picture words.svg"),
    ],
)
def test_an_account_refuses_what_it_would_drop(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("explain", "-m", model, "alpha", "--account", *option)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert message in refused.stderr
    assert not list(tmp_path.iterdir())


def test_two_ways_to_print_are_refused(model: str) -> None:
    refused = run("audit", "-m", model, "--json", "--words")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "give one" in refused.stderr


def test_targets_and_methods(model: str) -> None:
    (predicted,) = explain(model, "alpha beta gamma")
    assert set(predicted["words"][0]["relevance"]) == {predicted["predicted"]}
    (chosen,) = explain(model, "alpha beta", "-t", "sci.med", "--method", "sa")
    assert set(chosen["words"][0]["relevance"]) == {"sci.med"}
    assert chosen["words"][0]["relevance"]["sci.med"] >= 0
    (contrast,) = explain(model, "alpha beta", "-t", "sci.med - sci.space")
    assert set(contrast["targets"]) == {"sci.med - sci.space"}


def test_texts_come_from_arguments_files_and_stdin(model: str, tmp_path: Path) -> None:
    file = tmp_path / "post.txt"
    file.write_bytes("\ufeffalpha\r\nbeta".encode())
    found = explain(model, str(file), "-", "gamma", stdin="delta\n")
    assert [entry["text"] for entry in found] == ["alpha\r\nbeta", "delta\n", "gamma"]
    assert explain(model, stdin="alpha")[0]["text"] == "alpha"
    file.write_text("alpha one\n\nbeta two\n")
    found = explain(model, "--lines", str(file))
    assert [entry["text"] for entry in found] == ["alpha one", "beta two"]


def test_the_adversarial_document_survives_json(model: str) -> None:
    assert explain(model, "-", stdin=ADVERSARIAL.encode())[0]["text"] == ADVERSARIAL


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), (" \n\t ", 0), ("zzz qqq", 2), ("alpha", 1), ("12 + 3 = 15", 0), ("🎉", 0)],
)
def test_texts_with_little_in_them_are_explained(model: str, text: str, words: int) -> None:
    (entry,) = explain(model, "-", "-t", "all", stdin=text)
    assert len(entry["words"]) == words
    for name, score in entry["scores"].items():
        total = sum(word["relevance"][name] for word in entry["words"])
        assert total + entry["remainder"][name] == pytest.approx(score, abs=1e-4)
    for option in ([], ["--method", "sa"]):
        assert run("explain", "-m", model, "-", *option, stdin=text).exit_code == 0


def test_ten_megabytes_of_text(model: str, tmp_path: Path) -> None:
    file = tmp_path / "big.txt"
    file.write_text("alpha beta, gamma. " * 550_000)
    (entry,) = explain(model, str(file))
    assert len(entry["words"]) == 400
    assert entry["truncated"]


@pytest.fixture
def place(tmp_path: Path, model: str) -> Path:
    """A folder with all kinds of bad input."""
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 noir")
    (tmp_path / "folder").mkdir()
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    (tmp_path / "ok.txt").write_text("alpha")
    (tmp_path / "table.csv").write_text("body,label\na,b\n")
    (tmp_path / "one.jsonl").write_text('{"text": "a", "label": "b"}\n')
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in Path(model).iterdir():
        (cut / file.name).write_bytes(file.read_bytes())
    weights = cut / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    return tmp_path


EXPLAIN = ["explain", "-m", "MODEL"]
TRAIN = ["train", "-o", "out"]
BAD = [
    ([*EXPLAIN, "latin.txt"], "latin.txt is not utf-8"),
    ([*EXPLAIN, "noise.bin"], "noise.bin is not utf-8"),
    ([*EXPLAIN, "folder"], "Is a directory"),
    ([*EXPLAIN, "missing.txt"], "no file"),
    ([*EXPLAIN, "./missing"], "no file"),
    ([*EXPLAIN, "ok.txt", "--encoding", "utf-88"], "no encoding"),
    ([*EXPLAIN, "ok.txt", "--target", "sci.spcae"], 'Did you mean "sci.space"'),
    ([*EXPLAIN, "ok.txt", "--method", "lpr"], 'Did you mean "lrp"'),
    ([*EXPLAIN, "ok.txt", "--html", "none/a.html"], "Cannot write"),
    ([*EXPLAIN, "ok.txt", "--html", "folder"], "directory"),
    (["explain", "-m", "news20-cm", "x"], "There is no model"),
    (["explain", "-m", "cut", "x"], "cannot be read"),
    (["explain", "-m", "foreign", "x"], "no model.json"),
    (["explain", "-m", "ok.txt", "x"], "neither a folder"),
    ([*TRAIN, "--corpus", "nothing"], "There is no corpus"),
    ([*TRAIN, "--corpus", "table.csv"], 'no column "text"'),
    ([*TRAIN, "--corpus", "one.jsonl"], "two classes"),
    ([*TRAIN, "--corpus", "folder"], "two classes"),
    ([*TRAIN, "--filters", "2x800"], "WIDTH:COUNT"),
    ([*TRAIN, "--model", "oracle"], "no architecture"),
    (["train"], "--output"),
    (["explian", "x"], 'Did you mean "explain"'),
    (["explain", "--tarket", "x"], "--target"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_gives_one_clear_line(
    place: Path, model: str, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], message: str
) -> None:
    monkeypatch.chdir(place)
    result = run(*[model if argument == "MODEL" else argument for argument in arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    if result.stderr.startswith("whyword: "):
        assert result.stderr.count("\n") == 1


def test_models_are_listed() -> None:
    assert run("models").exit_code == 0
    assert isinstance(json.loads(run("models", "--json").stdout), list)


def test_version() -> None:
    assert run("--version").stdout == f"whyword {__version__}\n"


IMPORTS = "import sys, {module}; print(sorted({{'torch', 'nltk', 'sklearn'}} & set(sys.modules)))"


@pytest.mark.parametrize("module", ["whyword", "whyword.cli"])
def test_importing_is_cheap(module: str) -> None:
    code = IMPORTS.format(module=module)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    assert found.stderr == ""


HEAVY = """
rich jinja2 markupsafe matplotlib pyarrow sklearn scipy gensim captum transformers sympy networkx
nltk.metrics nltk.classify nltk.corpus torch._dynamo torch._inductor torch.onnx torch.testing
multiprocessing.pool http.server
"""


def test_the_first_answer_imports_nothing_that_it_does_not_need() -> None:
    """What `import torch` brings is not ours to save; `make bench` measures the rest."""
    code = (
        "import sys, torch; before = set(sys.modules);"
        "from whyword.cli import cli;"
        "cli(['explain', 'The shuttle reached its orbit.', '--json'], standalone_mode=False);"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(found.stderr.split())
    assert len(json.loads(found.stdout)[0]["words"]) == 5
    assert {"whyword.explainer", "whyword.explanation", "click"} <= imported
    assert imported & set(HEAVY.split()) == set()


def test_a_closed_pipe_is_no_error(model: str) -> None:
    """``whyword explain ... | head -0``."""
    command = [sys.executable, "-m", "whyword", "explain", "-m", model, "--json", "-t", "all", "-"]
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        command, input=b"alpha beta " * 5000, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert b"Traceback" not in found.stderr
    assert found.returncode in (0, 1)


def test_numbers_are_the_same_as_in_python(model: str) -> None:
    from whyword import explain as explain_texts
    from whyword import load

    (entry,) = explain(model, "alpha beta gamma", "-t", "sci.med")
    expected = explain_texts(load(model), "alpha beta gamma", targets="sci.med")
    found = [word["relevance"]["sci.med"] for word in entry["words"]]
    np.testing.assert_allclose(found, expected.relevance[0])
