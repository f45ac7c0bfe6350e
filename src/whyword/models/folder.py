"""Reads and writes the files of a model's folder: JSON for settings, safetensors for numbers.

A folder may be damaged, or come from a stranger. Its contents are checked before anything is
computed with them; no file is a pickle, and nothing larger than the files themselves is allocated.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from whyword.data.arrays import Singles
from whyword.data.files import make_folder, whole, write_text
from whyword.data.vectors import WordVectors
from whyword.errors import InputError, ModelError
from whyword.models.checks import entry, shown, single, strings

_FORMAT = 1
MODEL, WEIGHTS = "model.json", "weights.safetensors"
SOFTMAX, SIGMOID = "softmax", "sigmoid"
"""What makes probabilities of scores: of one class against the others, or of each label."""
VOCABULARY, VECTORS = "vocabulary.json", "vectors.safetensors"


@dataclass(frozen=True)
class Description:
    """The contents of ``model.json``.

    Attributes:
        kind: Name of the architecture.
        classes: Names of the classes.
        settings: Settings of the architecture, as JSON values; the architecture checks them.
        tokenizer: Settings of `whyword.text.Tokenizer`, as JSON values; None if the model uses
            another tokenizer.
        about: One line that describes the model.
        multilabel: Whether every class is a label of its own, given if its score is above 0. Then
            ``"outputs": "sigmoid"`` says so; without, probabilities of classes are a softmax.
    """

    kind: str
    classes: tuple[str, ...]
    settings: Mapping[str, object]
    tokenizer: Mapping[str, object] | None = None
    about: str = ""
    multilabel: bool = False


def describe(folder: Path) -> Description:
    """Read ``model.json``.

    Raises:
        ModelError: If it is missing, not JSON, of another format, or an entry is wrong.
    """
    if not os.path.lexists(folder / MODEL):
        raise ModelError(
            f"{folder} is not a model: it has no {MODEL}. Train one with: whyword train."
        )
    found = read_json(folder / MODEL)
    version = found.get("format") if isinstance(found, dict) else None
    if not isinstance(found, dict) or isinstance(version, bool) or version != _FORMAT:
        raise ModelError(f"{folder} is not a whyword model of format {_FORMAT}.")
    with checked(folder):
        about = entry(found, "about", str) if "about" in found else ""
        return Description(
            kind=entry(found, "kind", str),
            classes=strings("the classes", entry(found, "classes", list)),
            settings=entry(found, "settings", dict),
            tokenizer=entry(found, "tokenizer", dict) if "tokenizer" in found else None,
            about=strings("what it is about", [about])[0],
            multilabel=_gives_labels(found.get("outputs", SOFTMAX)),
        )


def _gives_labels(outputs: object) -> bool:
    """Whether the outputs of a model are labels.

    Raises:
        InputError: If they are unknown.
    """
    if outputs not in (SOFTMAX, SIGMOID):
        raise InputError(f"Got outputs {shown(outputs)}; expected {SOFTMAX} or {SIGMOID}.")
    return outputs == SIGMOID


def begin(folder: Path) -> None:
    """Make a folder for a model. A model that it holds is no longer one: ``model.json`` is removed.

    Raises:
        InputError: If the folder cannot be made or changed.
    """
    make_folder(folder)
    try:
        (folder / MODEL).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write {folder / MODEL}: {error.strerror}.") from error


def write_description(folder: Path, description: Description) -> None:
    """Write ``model.json``, the last of a model's files: a killed run leaves none half written.

    Raises:
        InputError: If it cannot be written.
    """
    found: dict[str, object] = {
        "format": _FORMAT,
        "kind": description.kind,
        "about": description.about,
        "classes": list(description.classes),
    }
    if description.tokenizer is not None:
        found["tokenizer"] = dict(description.tokenizer)
    if description.multilabel:
        found["outputs"] = SIGMOID
    write_json(folder / MODEL, {**found, "settings": dict(description.settings)}, indent=2)


def save_vectors(vectors: WordVectors, folder: Path, *, quantise: bool = False) -> None:
    """Write ``vectors.safetensors`` and ``vocabulary.json``.

    Args:
        vectors: The word vectors.
        folder: The folder to write to.
        quantise: Whether to store each vector as bytes with one scale: a quarter of the size.

    Raises:
        InputError: If they cannot be written.
    """
    vocabulary = {"lowercase": vectors.lowercase, "words": list(vectors.words)}
    write_json(folder / VOCABULARY, vocabulary, indent=0)
    write_tensors(folder / VECTORS, _packed(vectors.array, quantise))


def saved_vectors(folder: str | Path) -> WordVectors:
    """The word vectors of a saved model; for files of vectors see `whyword.data.vectors`.

    Args:
        folder: The model's folder.

    Raises:
        ModelError: If the folder has none, or they are damaged.
    """
    folder = Path(folder)
    if not os.path.lexists(folder / VOCABULARY):
        raise ModelError(f"{folder} has no word vectors: it has no {VOCABULARY}.")
    vocabulary = read_json(folder / VOCABULARY)
    found = read_tensors(folder / VECTORS)
    with checked(folder):
        if not isinstance(vocabulary, dict):
            raise InputError(f"Got {shown(vocabulary)} as {VOCABULARY}; expected an object.")
        words = strings("the words", entry(vocabulary, "words", list))
        lowercase = entry(vocabulary, "lowercase", bool)
        quantised = "vectors" in found and found["vectors"].dtype == torch.int8
        same_names(VECTORS, found, ("vectors", "scale") if quantised else ("vectors",))
        vectors = found["vectors"]
        if vectors.dim() != 2 or len(vectors) != len(words):
            raise InputError(
                f"The vectors have the shape {tuple(vectors.shape)}; expected one row for each of "
                f"{len(words)} words."
            )
        if quantised:
            same_shape("scale", found["scale"], (len(words), 1))
            vectors = vectors.float() * single("scale", found["scale"])
        return WordVectors(words, single("vectors", vectors).numpy(), lowercase)


def _packed(array: Singles, quantise: bool) -> dict[str, Tensor]:
    """The vectors as they are, or as bytes with one scale per word."""
    if not quantise:
        return {"vectors": torch.from_numpy(np.ascontiguousarray(array))}
    scale = np.abs(array).max(axis=1, keepdims=True, initial=0) / 127
    scale[scale == 0] = 1
    return {
        "vectors": torch.from_numpy(np.rint(array / scale).astype(np.int8)),
        "scale": torch.from_numpy(scale.astype(np.float32)),
    }


@contextmanager
def checked(folder: Path) -> Iterator[None]:
    """A block in which an `InputError` means that the model in the folder is damaged.

    Raises:
        ModelError: In place of the `InputError`, with the folder's name.
    """
    try:
        yield
    except InputError as error:
        raise ModelError(f"The model in {folder} is damaged: {error}") from error


def read_json(path: Path) -> object:
    """The contents of a JSON file of a model.

    Raises:
        ModelError: If there is no such file, or it is not JSON; NaN and infinity are not JSON.
    """
    _check_file(path)
    try:
        text = path.read_text(encoding="utf-8")
        found: object = json.loads(text, parse_constant=_refuse)
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    except RecursionError as error:
        raise _unreadable(path, "it is nested too deep") from error
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        InputError: If it cannot be written.
    """
    write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; shapes and types are not checked.

    Raises:
        ModelError: If there is no such file, or it is damaged.
    """
    _check_file(path)
    try:
        return dict(load_file(path))
    except Exception as error:  # the library names no full list, and torch lacks some of its types
        raise _unreadable(path, str(error)) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, whole or not at all.

    A model that was read from the same file is not harmed.

    Raises:
        InputError: If it cannot be written.
    """
    with whole(path) as draft:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, draft)


def same_names(file: str, found: Iterable[str], expected: Iterable[str]) -> None:
    """Check that a file has the tensors that it should have, and no others.

    Raises:
        InputError: If one is missing, or there is another.
    """
    for wrong, problem in (
        (set(expected) - set(found), "lacks"),
        (set(found) - set(expected), "should not have"),
    ):
        if wrong:
            raise InputError(f"{file} {problem} the tensor {shown(min(wrong))}.")


def same_shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    """Check a tensor's shape.

    Raises:
        InputError: If the shape is another.
    """
    if tuple(tensor.shape) != expected:
        raise InputError(f"{name} has the shape {tuple(tensor.shape)}; expected {expected}.")


def _check_file(path: Path) -> None:
    if not os.path.isfile(path):  # a pipe would wait for ever
        what = "it is no file" if os.path.lexists(path) else "there is no such file"
        raise _unreadable(path, what)


def _unreadable(path: Path, why: str) -> ModelError:
    return ModelError(f"The model in {path.parent} cannot be read: {path.name}: {why}.")
