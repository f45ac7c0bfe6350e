"""Models on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import whyword
from models import random_cnn
from whyword import ModelError, explain
from whyword.models import store
from whyword.models.cnn.model import WordCNN

TEXT = "alpha beta gamma, delta unknown alpha"


@pytest.fixture
def saved(tmp_path: Path) -> tuple[WordCNN, Path]:
    model = random_cnn(3, filters={2: 6, 3: 4})
    store.save(model, tmp_path / "model", about="a test")
    return model, tmp_path / "model"


def test_a_saved_model_explains_as_before(saved: tuple[WordCNN, Path]) -> None:
    model, path = saved
    loaded = whyword.load(path)
    assert isinstance(loaded, WordCNN)
    assert loaded.classes == model.classes
    assert not loaded.training
    before, after = explain(model, TEXT), explain(loaded, TEXT)
    np.testing.assert_array_equal(before.relevance, after.relevance)
    np.testing.assert_array_equal(before.scores, after.scores)
    assert loaded.settings() == model.settings()
    assert loaded.tokenizer == model.tokenizer


def test_no_file_of_a_model_is_a_pickle(saved: tuple[WordCNN, Path]) -> None:
    assert {file.suffix for file in saved[1].iterdir()} == {".json", ".safetensors"}


def test_quantised_vectors_are_close_and_small(tmp_path: Path) -> None:
    model = random_cnn(3, dimension=64)
    store.save(model, tmp_path, quantise=True)
    loaded = whyword.load(tmp_path)
    assert isinstance(loaded, WordCNN)
    scale = np.abs(model.vectors.array).max(axis=1, keepdims=True)
    assert (np.abs(loaded.vectors.array - model.vectors.array) <= scale / 127).all()
    arrays = load_file(tmp_path / "vectors.safetensors")
    assert arrays["vectors"].dtype == np.int8


def edit(path: Path, **changes: object) -> None:
    file = path / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


BROKEN: dict[str, Callable[[Path], object]] = {
    "no model.json": lambda p: (p / "model.json").unlink(),
    "no weights": lambda p: (p / "weights.safetensors").unlink(),
    "no vocabulary": lambda p: (p / "vocabulary.json").unlink(),
    "cut weights": lambda p: (p / "weights.safetensors").write_bytes(
        (p / "weights.safetensors").read_bytes()[:-10]
    ),
    "empty weights": lambda p: (p / "weights.safetensors").write_bytes(b""),
    "a pickle": lambda p: (p / "weights.safetensors").write_bytes(b"\x80\x04K\x01."),
    "other json": lambda p: (p / "model.json").write_text("[1, 2, 3]"),
    "no json": lambda p: (p / "model.json").write_bytes(b"\xff\xfe{}"),
    "another format": lambda p: edit(p, format=99),
    "another kind": lambda p: edit(p, kind="oracle"),
    "other classes": lambda p: edit(p, classes=["a", "b"]),
    "no classes": lambda p: edit(p, classes=None),
    "other filters": lambda p: edit(p, settings={"filters": {"2": 10**9}}),
    "no settings": lambda p: edit(p, settings={}),
    "an unknown setting": lambda p: edit(p, tokenizer={"max_token": 3}),
    "words and vectors differ": lambda p: (p / "vocabulary.json").write_text(
        '{"lowercase": true, "words": ["alpha"]}'
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_damaged_models_are_refused(saved: tuple[WordCNN, Path], how: str) -> None:
    _, path = saved
    BROKEN[how](path)
    with pytest.raises(ModelError, match=str(path)):
        whyword.load(path)


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        whyword.load("news20-cm")
    file = tmp_path / "file.bin"
    file.write_bytes(b"PK")
    with pytest.raises(ModelError, match="neither a folder nor"):
        whyword.load(file)


def test_a_fingerprint_is_that_of_the_files_that_make_the_model(tmp_path: Path) -> None:
    store.save(random_cnn(0), tmp_path / "one")
    store.save(random_cnn(0), tmp_path / "same")
    store.save(random_cnn(1), tmp_path / "other")
    one = store.fingerprint(tmp_path / "one")
    assert len(one) == 64
    assert store.fingerprint(str(tmp_path / "same")) == one
    assert store.fingerprint(tmp_path / "other") != one
    for name in store._OF_TRAINING:
        (tmp_path / "one" / name).write_text("{}")
    assert store.fingerprint(tmp_path / "one") == one
    with pytest.raises(ModelError, match="no model"):
        store.fingerprint("nothing")
