"""The table of methods: what it says of each is so."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from torch import Tensor

from models import random_cnn
from whyword import InputError, explain
from whyword.batch import Batch
from whyword.cli import cli
from whyword.methods import METHODS, label_of, method_named

TEXT = "alpha beta gamma delta alpha"
FAST = {name: method for name, method in METHODS.items() if "captum" not in method.needs}


@pytest.mark.parametrize("name", METHODS)
def test_every_entry_is_whole(name: str) -> None:
    method = METHODS[name]
    assert method.name == name
    assert method.label
    assert method.title[0].isupper()
    assert re.fullmatch(r"[A-Z].*\.", method.about)
    assert re.search(r"\d{4}|this project", method.source)
    assert re.search(r"\d+ (forward|backward)", method.cost)
    assert callable(method.run)
    assert not {"classifier", "batch", "targets", "components"} & set(method.settings)


def test_names_and_labels_are_no_two_alike() -> None:
    assert len({method.label for method in METHODS.values()}) == len(METHODS)
    assert len({method.function for method in METHODS.values()}) == len(METHODS)
    assert label_of("lrp") == "LRP"
    assert label_of("mine") == "mine"


@pytest.mark.parametrize("name", METHODS)
def test_whether_it_adds_up_is_said_truly(name: str) -> None:
    method = METHODS[name]
    if method not in FAST.values():
        pytest.importorskip("captum")
    found = explain(random_cnn(1).double(), TEXT, method=name)
    assert ("not decomposed" not in found.remainder) == method.decomposes


@pytest.mark.parametrize("name", FAST)
def test_a_closed_form_does_all_the_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_cnn(1)

    def refuse(embeddings: Tensor, batch: Batch) -> Tensor:
        raise AssertionError("the model was run from its embeddings")

    monkeypatch.setattr(model, "score", refuse)
    if METHODS[name].closed:
        explain(model, TEXT, method=name)
    else:
        with pytest.raises(AssertionError, match="was run"):
            explain(model, TEXT, method=name)


@pytest.mark.parametrize("name", FAST)
def test_settings_say_how_it_was_computed(name: str) -> None:
    method = METHODS[name]
    found = explain(random_cnn(1), TEXT, method=name).settings
    assert set(found) <= set(method.settings)
    for setting, default in method.settings.items():
        if default is not None:
            assert found[setting] == default
    assert json.loads(json.dumps(dict(found))) == dict(found)


def test_a_default_that_depends_on_the_model_is_named() -> None:
    assert explain(random_cnn(1), TEXT).settings == {"epsilon": 0.01}
    assert explain(random_cnn(1), TEXT, epsilon=0.5).settings == {"epsilon": 0.5}
    assert explain(random_cnn(1), TEXT, method="shapley_lrp", contrast=None).settings == {
        "epsilon": 0.01,
        "contrast": None,
        "depth": 16,
    }


def test_an_error_inside_a_model_is_not_taken_for_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = random_cnn(1)

    def broken(batch: Batch, targets: Tensor, **options: object) -> None:
        raise TypeError("forward() got an unexpected keyword argument 'mask'")

    monkeypatch.setattr(model, "lrp", broken)
    with pytest.raises(TypeError, match="'mask'"):
        explain(model, TEXT)
    with pytest.raises(InputError, match=r'no setting "mask"\. Choose one of: epsilon'):
        explain(model, TEXT, mask=1)


def test_an_unknown_method_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match=r'no method "lpr"\. Did you mean "lrp"'):
        method_named("lpr")


def test_the_command_lists_what_the_table_holds() -> None:
    text = CliRunner().invoke(cli, ["methods"])
    rows = json.loads(CliRunner().invoke(cli, ["methods", "--json"]).output)
    assert text.exit_code == 0
    assert [row["name"] for row in rows] == list(METHODS)
    for row, method in zip(rows, METHODS.values(), strict=True):
        assert row["adds_up"] == method.decomposes
        for said in (method.name, method.label, method.about, method.source, method.cost):
            assert said in text.output


def test_help_names_methods_that_there_are() -> None:
    shown = CliRunner().invoke(cli, ["explain", "--help"]).output
    assert "whyword methods" in shown
    assert "methods" in CliRunner().invoke(cli, ["--help"]).output


def test_no_file_but_the_table_has_labels() -> None:
    package = Path(__file__).parents[1] / "src" / "whyword"
    for path in package.rglob("*.py"):
        if path.name != "table.py":
            assert '"integrated gradients"' not in path.read_text(encoding="utf-8")
