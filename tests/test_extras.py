"""Libraries that are not installed: one line that says what to install, and all else works."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import transformers_small
from models import random_cnn, random_text
from whyword import TransformerClassifier
from whyword.models import store
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

HIDE = '''
import json, sys
from click.testing import CliRunner

hidden, commands = json.load(sys.stdin)

class Without:
    """Finds what another finder finds, but for one library."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == hidden:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from whyword.cli import cli

found = []
for command in commands:
    result = CliRunner().invoke(cli, command)
    error = result.exception
    strange = error is not None and not isinstance(error, SystemExit)
    found.append([result.exit_code, result.stderr + (repr(error) if strange else "")])
print(json.dumps(found))
'''

EXPLAIN = "explain -m {cnn} alpha".split()
CORPUS = "--corpus {corpus}".split()
EVALUATE = "evaluate -m {cnn} --minimum-words 1 --methods lrp,random --deletions 2".split() + CORPUS
MAP = ["map", "-m", "{cnn}", *CORPUS, "-w", "sum", "-o"]
TRAIN = ["train", *CORPUS, "--epochs", "1", "-o"]

CASES: dict[str, list[tuple[list[str], str | None]]] = {
    "sklearn": [
        (EXPLAIN, None),
        (["words", "-m", "{cnn}", *CORPUS], None),
        (EVALUATE, None),
        (["audit", "-m", "{cnn}", *CORPUS], "corpus"),
        (["audit", "--labels", "-m", "{cnn}", *CORPUS], "corpus"),
        ([*MAP, "{out}/map.html"], "corpus"),
        (["words", "-m", "{cnn}"], "corpus"),
        (["explain", "-m", "{linear}", "alpha"], "train"),
        ([*TRAIN, "{out}/linear", "--model", "linear"], "train"),
        ([*TRAIN, "{out}/cnn", "--vectors", "{cnn}", "--test", "{corpus}"], "train"),
        ([*TRAIN, "{out}/head", "--model", "transformer", "--base", "{bert}"], "train"),
        (["paper", "-o", "{out}/paper"], "train,evaluate"),
    ],
    "scipy": [
        (EXPLAIN, None),
        (EVALUATE, None),
        ([*EVALUATE, "--metrics", "loo_kendall"], "evaluate"),
        ([*EVALUATE, "--metrics", "random_logit"], "evaluate"),
        (["audit", "-m", "{cnn}", *CORPUS], "corpus"),
        ([*MAP, "{out}/map.html"], "corpus"),
        (["explain", "-m", "{linear}", "alpha"], "train"),
    ],
    "gensim": [
        ([*TRAIN, "{out}/gensim"], "train"),
        ([*TRAIN, "{out}/other", "--vectors", "{cnn}"], None),
        (["paper", "-o", "{out}/paper"], "train,evaluate"),
    ],
    "captum": [
        ([*EXPLAIN, "--method", "lime"], "captum"),
        ([*EXPLAIN, "--method", "deep_lift"], "captum"),
        (EXPLAIN, None),
    ],
    "transformers": [
        (["explain", "-m", "{bert}", "alpha"], "transformers"),
        ([*TRAIN, "{out}/head", "--model", "transformer", "--base", "{bert}"], "transformers"),
        (EXPLAIN, None),
    ],
    "pyarrow": [
        ([*EVALUATE, "--output", "{out}/evaluation"], "evaluate"),
        ([*EVALUATE, "--relevance", "{out}/some.parquet"], "evaluate"),
        ([*MAP, "{out}/map.parquet"], "corpus"),
        ([*MAP, "{out}/map.html"], None),
    ],
    "umap": [
        ([*MAP, "{out}/map.html", "--projection", "umap"], "umap"),
        ([*MAP, "{out}/map.html"], None),
    ],
    "matplotlib": [
        ([*EXPLAIN, "--picture", "{out}/words.svg"], None),
        ([*EXPLAIN, "--picture", "{out}/words.png"], "corpus"),
        (["words", "-m", "{cnn}", *CORPUS, "--picture", "{out}/words.svg"], "corpus"),
        ([*MAP, "{out}/map.svg"], "corpus"),
        ([*MAP, "{out}/map.html"], None),
        ([*EVALUATE, "--output", "{out}/evaluation"], "evaluate"),
        (EVALUATE, None),
        ([*TRAIN, "{out}/cnn", "--vectors", "{cnn}", "--test", "{corpus}"], "train"),
        (["paper", "-o", "{out}/paper"], "train,evaluate"),
    ],
}
"""For each library commands, and the extra that the line names; None where it is not needed."""

CALLED = {"sklearn": "scikit-learn", "umap": "umap-learn"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models and a corpus."""
    root = tmp_path_factory.mktemp("extras")
    found = {name: root / name for name in ("cnn", "linear", "bert", "out")}
    found["corpus"] = root / "corpus.jsonl"
    found["out"].mkdir()
    rng = np.random.default_rng(0)
    found["corpus"].write_text(
        "\n".join(
            json.dumps({"text": random_text(rng, 12), "label": "abc"[i % 3]}) for i in range(60)
        )
    )
    store.save(random_cnn(), found["cnn"])
    from whyword.data import corpora

    corpus = corpora.load_corpus(str(found["corpus"]), "train")
    train_model(Recipe.from_options("linear", {}), corpus, found["linear"])
    bert = TransformerClassifier(
        transformers_small.model("bert"), transformers_small.tokenizer("wordpiece")
    )
    store.save(bert, found["bert"])
    return found


@pytest.mark.parametrize("library", CASES)
def test_what_is_not_installed_is_named(library: str, places: dict[str, Path]) -> None:
    for needed in ("sklearn", "transformers", "gensim", "pyarrow", "matplotlib", "captum"):
        pytest.importorskip(needed)
    commands = [[part.format(**places) for part in command] for command, _ in CASES[library]]
    ran = subprocess.run(
        [sys.executable, "-c", HIDE],
        input=json.dumps([library, commands]),
        capture_output=True,
        text=True,
        check=True,
    )
    for (command, extra), (code, errors) in zip(
        CASES[library], json.loads(ran.stdout), strict=True
    ):
        line = errors.rstrip("\n").rpartition("\n")[2]
        assert "Traceback" not in errors, command
        assert code == (0 if extra is None else 1), (command, errors)
        if extra is not None:
            assert line.startswith("whyword: "), (command, errors)
            needs = f'needs {CALLED.get(library, library)}: pip install "whyword[{extra}]".'
            assert line.endswith(needs), (command, line)
