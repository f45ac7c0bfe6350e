"""Hugging Face folders that are damaged or hostile: refused in one line, or a model that reads."""

import copy
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from whyword.models.cnn.model import WordCNN

pytest.importorskip("transformers")

import whyword
from test_folder import refused
from transformers_small import model, tokenizer
from whyword import InputError, ModelError, TransformerClassifier, explain
from whyword.models import store
from whyword.text import Document, Span

TEXT = "the shuttle reached its orbit, good film"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that nobody changes."""
    path = tmp_path_factory.mktemp("bert")
    store.save(TransformerClassifier(model("bert"), tokenizer("wordpiece")), path)
    return path


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    for file in original.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


WRONG: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: file.mkdir(),
    "no UTF-8": lambda file: file.write_bytes(b'{"a": "\xff"}'),
    "nested": lambda file: file.write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a list": lambda file: file.write_bytes(b"[1, 2]"),
    "a loop": lambda file: file.symlink_to(file.name),
}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "whyword.json"])
@pytest.mark.parametrize("how", WRONG)
def test_files_that_are_none_are_refused(saved: Path, name: str, how: str) -> None:
    (saved / name).unlink()
    WRONG[how](saved / name)
    refused(saved)


@pytest.mark.parametrize("how", WRONG)
def test_tokenizers_that_are_none_are_refused(saved: Path, how: str) -> None:
    (saved / "tokenizer_config.json").unlink()
    (saved / "tokenizer.json").unlink()
    WRONG[how](saved / "tokenizer.json")
    refused(saved)


CONFIGS = [
    {"dtype": 1.5},
    {"vocab_size": "x"},
    {"vocab_size": 2**40},
    {"hidden_size": 2**40},
    {"num_attention_heads": -1},
    {"num_attention_heads": 0},
    {"num_hidden_layers": 2**40},
    {"num_hidden_layers": 10**30},
    {"num_hidden_layers": 0},
    {"num_hidden_layers": 1},
    {"num_hidden_layers": 3},
    {"id2label": ""},
    {"id2label": {"0": 0, "1": 1, "2": 2}},
    {"id2label": {"0": "a", "1": "a", "2": "b"}},
    {"id2label": {"0": "a", "1": "\ud800", "2": "b"}},
    {"id2label": {"0": "a", "1": "b"}},
    {"model_type": "oracle"},
    {"model_type": None},
    {"pad_token_id": 2**40},
    {"hidden_act": "none"},
    {"auto_map": {"AutoModelForSequenceClassification": "code.Model"}, "model_type": "own"},
]


@pytest.mark.parametrize("changes", CONFIGS, ids=str)
def test_configurations_that_do_not_fit_are_refused(
    saved: Path, changes: Mapping[str, Any]
) -> None:
    edit(saved / "config.json", **changes)
    refused(saved)


@pytest.mark.parametrize(
    "settings",
    [
        *({"max_length": n, "overlap": None} for n in ("9", 0, -1, 2, 1.5, 10**30, 67)),
        *({"max_length": 9, "overlap": n} for n in (-1, "1", 1.5, 9, True)),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(saved: Path, settings: Mapping[str, object]) -> None:
    (saved / "whyword.json").write_text(json.dumps(settings))
    refused(saved)


WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {
    "NaN": lambda t: t * torch.nan,
    "infinite": lambda t: t / 0,
    "fewer": lambda t: t[:-1].clone(),
    "more axes": lambda t: t[None],
}


@pytest.mark.parametrize("name", ["classifier.bias", "bert.encoder.layer.0.output.dense.weight"])
@pytest.mark.parametrize("how", WEIGHTS)
def test_weights_that_do_not_fit_are_refused(saved: Path, name: str, how: str) -> None:
    file = saved / "model.safetensors"
    found = load_file(file)
    save_file({**found, name: WEIGHTS[how](found[name])}, file, {"format": "pt"})
    refused(saved)


def test_a_tokenizer_that_is_missing_is_not_made_up(saved: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (saved / file).unlink()
    assert "tokenizer" in refused(saved)


def test_no_pickle_is_read(saved: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return (pytest.fail, ("a pickle was read",))

    (saved / "model.safetensors").unlink()
    torch.save({"classifier.bias": Bomb()}, saved / "pytorch_model.bin")
    assert "cannot be read" in refused(saved)


def test_a_network_takes_the_place_of_a_transformer_and_back(saved: Path) -> None:
    from models import random_cnn

    transformer = whyword.load(saved)
    store.save(random_cnn(0), saved)
    assert isinstance(whyword.load(saved), WordCNN)
    store.save(transformer, saved)
    assert isinstance(whyword.load(saved), TransformerClassifier)


def test_tokens_that_the_model_has_no_embedding_for_are_refused() -> None:
    subwords = copy.deepcopy(tokenizer("wordpiece"))
    subwords.add_tokens(["zzzz"])
    network = model("bert", vocab_size=len(subwords) - 1)
    classifier = TransformerClassifier(network, subwords)
    assert explain(classifier, "the film").words == ["the", "film"]
    with pytest.raises(ModelError, match="resize_token_embeddings"):
        explain(classifier, "the zzzz film")


def test_windows_longer_than_the_learned_positions_are_refused() -> None:
    with pytest.raises(InputError, match="at most the 66 positions"):
        TransformerClassifier(model("bert"), tokenizer("wordpiece"), max_length=67)


def test_a_document_whose_last_word_is_cut_says_so() -> None:
    classifier = TransformerClassifier(model("bert"), tokenizer("wordpiece"), max_length=5)
    text = "reached reachedorbitreached"
    document = Document(text, (Span(0, 7), Span(8, len(text))))
    explanation = explain(classifier, document)
    assert explanation.words == document.words
    assert explanation.truncated


ANYTHING = [
    None, True, -1, 0, 1, 2**40, 10**30, 1.5, -0.5, "x", "", "\ud800", [], [1], {}, {"a": 1},
    ["a", "b"],
]  # fmt: skip


def mutated(found: Any, rng: random.Random) -> Any:
    """JSON with one of its parts replaced or taken away."""
    parts: list[tuple[Any, Any]] = []
    stack = [found]
    while stack:
        part = stack.pop()
        for key in list(part)[:50] if isinstance(part, dict) else range(min(len(part), 50)):
            parts.append((part, key))
            if isinstance(part[key], dict | list):
                stack.append(part[key])
    part, key = rng.choice(parts)
    if rng.random() < 0.2:
        del part[key]
    else:
        part[key] = rng.choice(ANYTHING)
    return found


@pytest.mark.parametrize("seed", range(2))
def test_whatever_stands_in_a_folder_it_is_refused_or_explains(saved: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = {file: file.read_bytes() for file in sorted(saved.iterdir())}
    for _ in range(40):
        file = rng.choice(list(files))
        if file.suffix == ".json" and rng.random() < 0.8:
            file.write_text(json.dumps(mutated(json.loads(files[file]), rng)))
        else:  # any byte; most of the weights' are numbers, so one of the header's
            data = bytearray(files[file])
            data[rng.randrange(min(len(data), 2000))] = rng.randrange(256)
            file.write_bytes(bytes(data))
        try:
            loaded = whyword.load(saved)
        except ModelError as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may as well load
        else:
            assert np.isfinite(explain(loaded, TEXT).relevance).all()
        file.write_bytes(files[file])
    assert explain(whyword.load(saved), TEXT).words


@pytest.mark.parametrize("labels", ["abc", 5, ["a", "b"], {"z": "a"}])
def test_classes_that_are_not_named_by_number_are_refused(saved: Path, labels: object) -> None:
    edit(saved / "config.json", id2label=labels)
    assert "names classes by their numbers" in refused(saved)


def test_a_tokenizer_nested_too_deep_is_refused(saved: Path) -> None:
    (saved / "tokenizer_config.json").write_text('{"a":' * 5000 + "1" + "}" * 5000)
    assert "nested too deep" in refused(saved)
