"""Damaged and hostile folders: every one is refused in one line, or gives a model that explains."""

import copy
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from torch import Tensor

import whyword
from models import random_cnn, random_vectors
from whyword import InputError, ModelError, explain
from whyword.classifier import Classifier
from whyword.models import folder, store
from whyword.models.characters import CharacterCNN
from whyword.models.linear.model import LinearClassifier
from whyword.models.linear.patterns import check_pattern
from whyword.models.recurrent import GRUClassifier, LSTMClassifier

TEXT = "alpha beta gamma, delta unknown alpha"
CLASSES = ("a", "b", "c")


Change = Callable[[dict[str, Tensor]], dict[str, Tensor] | None]
"""Changes the tensors of a file, or gives others in their place."""


def linear(**options: Any) -> LinearClassifier:
    texts = ["alpha beta", "gamma delta", "alpha kappa", "delta zeta", "iota eta"]
    pipeline = make_pipeline(TfidfVectorizer(**options), LinearSVC(random_state=0))
    return LinearClassifier(pipeline.fit(texts, ["a", "b", "a", "b", "c"]))


MODELS: dict[str, Callable[[], Classifier]] = {
    "cnn": lambda: random_cnn(3, filters={2: 6, 3: 4}),
    "lstm": lambda: LSTMClassifier(random_vectors(), CLASSES, hidden=4, layers=2),
    "gru": lambda: GRUClassifier(random_vectors(), CLASSES, hidden=4, bidirectional=False),
    "characters": lambda: CharacterCNN(CLASSES, dimension=4, filters={3: 5}),
    "linear": linear,
}


@pytest.fixture
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a saved model, of the kind that the test asks for."""
    torch.manual_seed(0)
    store.save(MODELS[getattr(request, "param", "cnn")](), tmp_path / "model", quantise=True)
    return tmp_path / "model"


def refused(path: Path) -> str:
    """The error of loading, which is one line and names the folder."""
    with pytest.raises(ModelError) as error:
        whyword.load(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 600
    return message


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(file.read_text())
    file.write_text(json.dumps(change(found) or found))


def tensors(file: Path, change: Change) -> None:
    found = load_file(file)
    save_file({name: tensor.clone() for name, tensor in (change(found) or found).items()}, file)


# --- Files -------------------------------------------------------------------------------------

FILES = ("model.json", "vocabulary.json", "vectors.safetensors", "weights.safetensors")
WRONG: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: None,
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: file.mkdir(),
    "a loop": lambda file: file.symlink_to(file.name),
    "a pipe": os.mkfifo,
    "no UTF-8": lambda file: file.write_bytes(b'{"a": "\xff"}'),
    "nested": lambda file: file.write_bytes(b"[" * 100_000 + b"]" * 100_000),
    "a list": lambda file: file.write_bytes(b"[1, 2]"),
    "a pickle": lambda file: file.write_bytes(b"\x80\x04K\x01."),
    "NaN": lambda file: file.write_bytes(b'{"format": NaN}'),
    "a huge number": lambda file: file.write_bytes(b'{"format": ' + b"9" * 9999 + b"}"),
    "half a header": lambda file: file.write_bytes(b"\xff" * 8 + b"{}"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", WRONG)
def test_files_that_are_none_are_refused(saved: Path, name: str, how: str) -> None:
    (saved / name).unlink()
    WRONG[how](saved / name)
    refused(saved)


@pytest.mark.parametrize("saved", ["linear"], indirect=True)
@pytest.mark.parametrize("name", ["model.json", "vocabulary.json", "weights.safetensors"])
@pytest.mark.parametrize("how", WRONG)
def test_files_of_linear_models_that_are_none_are_refused(saved: Path, name: str, how: str) -> None:
    (saved / name).unlink()
    WRONG[how](saved / name)
    refused(saved)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_files_that_are_broken_off_are_refused(saved: Path, name: str, part: float) -> None:
    data = (saved / name).read_bytes()
    (saved / name).write_bytes(data[: int(part * len(data))])
    refused(saved)


def test_names_that_no_file_can_have_are_no_models() -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(ModelError, match="There is no model"):
            whyword.load(name)


# --- What model.json says ----------------------------------------------------------------------

ENTRIES = [
    ("format", True, "format"),
    ("format", "1", "format"),
    ("kind", ["cnn"], "kind"),
    ("kind", None, "kind"),
    ("kind", "oracle", "of kind 'oracle'"),
    ("about", 3, "about"),
    ("about", "\ud800", "half a character"),
    ("classes", None, "classes"),
    ("classes", "abc", "classes"),
    ("classes", {"a": 1, "b": 2, "c": 3}, "classes"),
    ("classes", [1, 2, 3], "strings"),
    ("classes", ["a", ["b"], "c"], "strings"),
    ("classes", ["a", "b", "a"], "'a' twice"),
    ("classes", ["a"], "two or more"),
    ("classes", ["a", "b", "\udc00"], "half a character"),
    ("classes", ["a", "b", "c", "d"], "shape"),
    ("settings", [], "settings"),
    ("settings", {"depth": 2}, "no depth"),
    ("settings", {"classes": ["a", "b"]}, "no classes"),
    ("tokenizer", None, "tokenizer"),
    ("tokenizer", {"max_token": 3}, "max_token"),
    ("tokenizer", {"max_tokens": -1}, "max_tokens -1"),
    ("tokenizer", {"max_tokens": 2.5}, "max_tokens 2.5"),
    ("tokenizer", {"max_tokens": True}, "max_tokens True"),
    ("tokenizer", {"skip_headers": "no"}, "skip_headers 'no'"),
]


@pytest.mark.parametrize(("name", "value", "message"), ENTRIES)
def test_entries_that_do_not_fit_are_refused(
    saved: Path, name: str, value: object, message: str
) -> None:
    edit(saved / "model.json", lambda found: found.update({name: value}))
    assert message in refused(saved)


@pytest.mark.parametrize("name", ["format", "kind", "classes", "tokenizer", "settings"])
def test_entries_that_are_missing_are_refused(saved: Path, name: str) -> None:
    edit(saved / "model.json", lambda found: found.pop(name) and None)
    assert name in refused(saved)


FILTERS: list[object] = [
    None, [], {"2": -6, "3": 4}, {"2": 0, "3": 4}, {"2": 6.0, "3": 4}, {"2": True}, {"0": 6},
    {"-2": 6}, {" 2": 6}, {"２": 6}, {"x": 6}, {"9" * 5000: 6}, {"2": 10**12}, {"2": 10**30},
    {"999999999": 2**31 - 1}, {"2": "6"}, {"2": None},
]  # fmt: skip
SETTINGS = [
    *(("cnn", "filters", value) for value in FILTERS),
    *(("characters", "filters", value) for value in FILTERS),
    *(("cnn", "dropout", value) for value in (-0.1, 1.5, "0.5", None, True, list[float]())),
    *(("cnn", "word_dropout", value) for value in (-0.1, 1e9, "0.5", None)),
    *(("lstm", "hidden", value) for value in (0, -4, 5, 4.0, "4", None, 2**31 - 1, 10**30)),
    *(("lstm", "layers", value) for value in (0, -1, 1, 10**9, 2.0, None)),
    *(("gru", "bidirectional", value) for value in (True, 5, 0, None, "no")),
    *(("gru", "dropout", value) for value in (2, -1, "x")),
    *(("characters", "dimension", value) for value in (0, -1, 5, 2**31 - 1, 10**30, None)),
    *(("characters", "max_characters", value) for value in (0, -1, 1.5, 10**30, None, "9")),
]


@pytest.mark.parametrize(
    ("saved", "name", "value"), SETTINGS, indirect=["saved"], ids=lambda value: str(value)[:20]
)
def test_settings_that_do_not_fit_are_refused(saved: Path, name: str, value: object) -> None:
    edit(saved / "model.json", lambda found: found["settings"].update({name: value}))
    refused(saved)


# --- Words and numbers -------------------------------------------------------------------------

WORDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a list": lambda found: found["words"],
    "no words": lambda found: found.pop("words") and None,
    "words as an object": lambda found: found.update(words=dict.fromkeys(found["words"], 1)),
    "one too few": lambda found: found["words"].pop() and None,
    "one too many": lambda found: found["words"].append("omega"),
    "twice the same": lambda found: found["words"].__setitem__(0, "beta"),
    "a number": lambda found: found["words"].__setitem__(0, 7),
    "a list for a word": lambda found: found["words"].__setitem__(0, ["alpha"]),
    "half a character": lambda found: found["words"].__setitem__(0, "\ud800"),
    "lowercase as a string": lambda found: found.update(lowercase="yes"),
    "no lowercase": lambda found: found.pop("lowercase") and None,
}


@pytest.mark.parametrize("how", WORDS)
def test_vocabularies_that_do_not_fit_are_refused(saved: Path, how: str) -> None:
    edit(saved / "vocabulary.json", WORDS[how])
    refused(saved)
    with pytest.raises(ModelError):
        folder.saved_vectors(saved)


def set_(name: str, change: Callable[[Tensor], Tensor]) -> Change:
    return lambda found: found.update({name: change(found[name])})


def with_nan(tensor: Tensor) -> Tensor:
    tensor = tensor.clone().float()
    tensor.view(-1)[0] = torch.nan
    return tensor


def without(found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {other: tensor for other, tensor in found.items() if other != name}


NUMBERS: dict[str, tuple[str, Change]] = {
    "no tensors": ("weights", lambda found: {"x": torch.zeros(1)}),
    "one missing": ("weights", lambda found: without(found, "output.bias")),
    "one too many": ("weights", lambda found: found.update(more=torch.zeros(1))),
    "NaN": ("weights", set_("output.weight", with_nan)),
    "infinity": ("weights", set_("output.bias", lambda t: t / 0)),
    "integers": ("weights", set_("output.bias", lambda t: t.long())),
    "yes and no": ("weights", set_("output.bias", lambda t: t > 0)),
    "complex": ("weights", set_("output.bias", lambda t: t.to(torch.complex64))),
    "8 bits": ("weights", set_("output.bias", lambda t: t.to(torch.float8_e4m3fn))),
    "turned": ("weights", set_("output.weight", lambda t: t.T.contiguous())),
    "flat": ("weights", set_("output.weight", lambda t: t.reshape(-1))),
    "one class fewer": ("weights", set_("output.bias", lambda t: t[:-1])),
    "digits lost": ("weights", set_("output.bias", lambda t: t.double() + 1e-12)),
    "vectors missing": ("vectors", lambda found: {"scale": found["scale"]}),
    "scale missing": ("vectors", lambda found: {"vectors": found["vectors"]}),
    "vectors too many": ("vectors", lambda found: found.update(more=torch.zeros(1))),
    "scale of NaN": ("vectors", set_("scale", with_nan)),
    "huge scale": ("vectors", set_("scale", lambda t: t.fill_(3e38))),
    "scale in a row": ("vectors", set_("scale", lambda t: t.T.contiguous())),
    "scale of integers": ("vectors", set_("scale", lambda t: t.int())),
    "one vector fewer": ("vectors", set_("vectors", lambda t: t[1:])),
    "no components": ("vectors", set_("vectors", lambda t: t[:, :0])),
    "one axis": ("vectors", set_("vectors", lambda t: t[:, 0])),
    "other components": ("vectors", set_("vectors", lambda t: t[:, :-1])),
    "vectors of 16 bits": ("vectors", set_("vectors", lambda t: t.short())),
}


@pytest.mark.parametrize("how", NUMBERS)
def test_numbers_that_do_not_fit_are_refused(saved: Path, how: str) -> None:
    file, change = NUMBERS[how]
    tensors(saved / f"{file}.safetensors", lambda found: copy.copy(change(found) or found))
    refused(saved)


@pytest.mark.parametrize("saved", ["characters"], indirect=True)
def test_padding_without_a_vector_of_zeros_is_refused(saved: Path) -> None:
    tensors(
        saved / "weights.safetensors",
        lambda found: found.update({"embedding.weight": found["embedding.weight"] + 1}),
    )
    assert "padding" in refused(saved)


# --- Linear models -----------------------------------------------------------------------------

OF_LINEAR = [
    *(("ngram_range", value) for value in (None, 1, [1], [2, 1], [0, 1], ["1", 1], [1, 1.5])),
    *(("stop_words", value) for value in ("german", 3, [1], ["a", "a"], {"a": 1})),
    *(("token_pattern", value) for value in (None, 3, "(", r"(\w)(\w)", "a{99999999999}", "(a+)+")),
    *(("norm", value) for value in ("l3", 1, list[str](), dict[str, str]())),
    *(("strip_accents", value) for value in ("latin", True)),
    *((name, value) for name in ("lowercase", "binary") for value in (1, None, "yes")),
    *(("sublinear_tf", value) for value in ("no", 0.5)),
]


@pytest.mark.parametrize("saved", ["linear"], indirect=True)
@pytest.mark.parametrize(("name", "value"), OF_LINEAR)
def test_settings_of_linear_models_that_do_not_fit_are_refused(
    saved: Path, name: str, value: object
) -> None:
    edit(saved / "model.json", lambda found: found["settings"].update({name: value}))
    assert name in refused(saved)


@pytest.mark.parametrize("saved", ["linear"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        set_("idf", lambda t: t[:-1]),
        set_("idf", lambda t: t[None]),
        set_("idf", with_nan),
        set_("weights", lambda t: t[:, :-1]),
        set_("weights", lambda t: t[:-1]),
        set_("weights", lambda t: t.long()),
        set_("bias", lambda t: t[:-1]),
        lambda found: {name: found[name] for name in ("weights", "bias")},
    ],
)
def test_numbers_of_linear_models_that_do_not_fit_are_refused(saved: Path, change: Change) -> None:
    tensors(saved / "weights.safetensors", lambda found: copy.copy(change(found) or found))
    refused(saved)


@pytest.mark.parametrize("saved", ["linear"], indirect=True)
def test_a_huge_range_of_ngrams_takes_no_time(saved: Path) -> None:
    edit(saved / "model.json", lambda found: found["settings"].update(ngram_range=[1, 10**9]))
    assert explain(whyword.load(saved), TEXT).words


@pytest.mark.parametrize("pattern", ["", r"\b", r"\w*", "(a)?b"])
def test_patterns_that_find_nothing(pattern: str) -> None:
    with pytest.raises(InputError, match="empty tokens"):
        check_pattern(pattern)


def test_linear_models_with_settings_of_ones_own_are_saved(tmp_path: Path) -> None:
    model = linear(stop_words=["zeta", "eta", "eta"], token_pattern=r"\w+(?:[-']\w+)*")
    store.save(model, tmp_path)
    before, after = explain(model, TEXT), explain(whyword.load(tmp_path), TEXT)
    np.testing.assert_allclose(after.relevance, before.relevance, atol=1e-6)
    with pytest.raises(ModelError, match="can be saved"):
        store.save(linear(strip_accents=str.upper), tmp_path / "other")
    with pytest.raises(ModelError, match=r"cannot be saved.*for ever"):
        store.save(linear(token_pattern=r"(?:\w+\s?)+"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?u)\b\w\w+\b", r"\w+(?:[-']\w+)*", r"(?i)[a-z]+", r"\b[^\W\d_]{2,}\b", r"(\w+)'s", "a|b",
        r"\S+", r"[)*+(]+", r"\(\w+\)+", r"[\w.]+@[\w.]+",
    ],
)  # fmt: skip
def test_patterns_that_finish(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(?:a|aa)+$", r"(?:\w+\s?)*x", "(?:a*)*b", r"(?:\w\w+)*!", "(?i)(?:[a]A+)*b",
        "(?x)(a+) +b", "(?x:(a+) +b)", "(?:(a+)){2,}b", r"\w*\w*\w*\w*x", "a?" * 30 + "a" * 30,
        "(?:a|a)" * 30 + "b",
    ],
)  # fmt: skip
def test_patterns_that_may_not_finish(pattern: str) -> None:
    with pytest.raises(InputError, match="for ever"):
        check_pattern(pattern)


# --- Types of numbers, and models in place of models -------------------------------------------


@pytest.mark.parametrize("saved", ["cnn", "lstm", "gru", "characters"], indirect=True)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_weights_are_read_as_they_are(saved: Path, dtype: torch.dtype) -> None:
    file = saved / "weights.safetensors"
    tensors(file, lambda found: {name: t.to(dtype) for name, t in found.items()})
    narrow = whyword.load(saved)
    tensors(file, lambda found: {name: t.float() for name, t in found.items()})
    single = whyword.load(saved)
    assert isinstance(narrow, torch.nn.Module)
    assert isinstance(single, torch.nn.Module)
    for name, tensor in narrow.state_dict().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, single.state_dict()[name], rtol=0, atol=0)
    one, other = explain(narrow, TEXT), explain(single, TEXT)
    np.testing.assert_allclose(one.relevance, other.relevance, atol=1e-6)


def test_wide_weights_are_read_if_no_digit_is_lost(saved: Path) -> None:
    before = explain(whyword.load(saved), TEXT)
    for file in ("weights", "vectors"):
        tensors(
            saved / f"{file}.safetensors",
            lambda found: {n: t.double() if t.is_floating_point() else t for n, t in found.items()},
        )
    np.testing.assert_array_equal(explain(whyword.load(saved), TEXT).scores, before.scores)


def test_networks_in_double_are_saved_if_no_digit_is_lost(tmp_path: Path) -> None:
    model = random_cnn(0)
    before = explain(model, TEXT)
    store.save(model.double(), tmp_path)
    np.testing.assert_array_equal(explain(whyword.load(tmp_path), TEXT).scores, before.scores)
    with torch.no_grad():
        model.output.bias.add_(1e-12)
    with pytest.raises(InputError, match=r"model.float\(\)"):
        store.save(model, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_loaded_model_survives_another_in_its_place(tmp_path: Path) -> None:
    store.save(random_cnn(0, dimension=50, filters={2: 300}), tmp_path)
    loaded = whyword.load(tmp_path)
    before = explain(loaded, TEXT)
    store.save(random_cnn(1), tmp_path)
    np.testing.assert_array_equal(explain(loaded, TEXT).relevance, before.relevance)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_what_is_no_model_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which cannot be saved"):
        store.save(object(), tmp_path / "other")  # type: ignore[arg-type]
    assert not (tmp_path / "other").exists()


# --- Anything at all ---------------------------------------------------------------------------

ANYTHING = [
    None, True, False, -1, 0, 1, 3, 2**31, 2**63, 10**30, 1.5, -0.5, 1e999, "", "x", "a", "2",
    "\ud800", [], [1], ["a", "b"], ["a", "b", "c"], {}, {"2": 3}, {"max_tokens": 3},
]  # fmt: skip


def mutated(found: Any, rng: random.Random) -> Any:
    """A JSON value with one of its parts replaced, repeated or taken away."""
    parts: list[tuple[Any, Any]] = [(None, None)]
    stack = [found]
    while stack:
        part = stack.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part))
        for key in keys:
            parts.append((part, key))
            if isinstance(part[key], dict | list):
                stack.append(part[key])
    part, key = rng.choice(parts)
    if part is None:
        return rng.choice(ANYTHING)
    if rng.random() < 0.2:
        del part[key]
    elif isinstance(part, list) and rng.random() < 0.2:
        part.append(part[key])
    else:
        part[key] = rng.choice(ANYTHING)
    return found


def changed(found: dict[str, Tensor], rng: random.Random) -> dict[str, Tensor]:
    """Tensors of which one has another type, shape, number or name."""
    name = rng.choice(sorted(found))
    tensor = found.pop(name)
    dtypes = [torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.bool]
    changes = [
        lambda: tensor.to(rng.choice(dtypes)),
        lambda: tensor[:-1],
        lambda: tensor[None],
        lambda: tensor.reshape(-1),
        lambda: tensor.repeat(*[2] * tensor.dim()),
        lambda: tensor.new_zeros(0),
        lambda: tensor * rng.choice([0, -1, 1e30]),
        lambda: tensor.float() / rng.choice([0, 1]),
    ]
    new = name if rng.random() < 0.9 else rng.choice(["", "x", *found, name + "."])
    return {**found, **({new: rng.choice(changes)().contiguous()} if rng.random() < 0.9 else {})}


@pytest.mark.parametrize("saved", MODELS, indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_stands_in_a_folder_it_is_refused_or_explains(saved: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = {file: file.read_bytes() for file in sorted(saved.iterdir())}
    loaded = 0
    for _ in range(60):
        file = rng.choice(list(files))
        if rng.random() < 0.2:  # any byte
            data = bytearray(files[file])
            data[rng.randrange(len(data))] = rng.randrange(256)
            file.write_bytes(bytes(data))
        elif file.suffix == ".json":
            file.write_text(json.dumps(mutated(json.loads(files[file]), rng)))
        else:
            save_file(changed(load_file(file), rng), file)
        started = time.monotonic()
        try:
            model = whyword.load(saved)
        except ModelError as error:
            assert str(saved) in str(error)  # noqa: PT017 - it may as well load
        else:
            loaded += 1
            explanation = explain(model, TEXT)
            assert np.isfinite(explanation.scores).all()
            assert np.isfinite(explanation.relevance).all()
        assert time.monotonic() - started < 60
        file.write_bytes(files[file])
    assert explain(whyword.load(saved), TEXT).words
