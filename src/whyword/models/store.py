"""Loads and saves models, by name or folder, and takes their fingerprints.

A model is a folder with ``model.json`` (architecture, classes, tokeniser), ``weights.safetensors``,
for classifiers of words ``vectors.safetensors`` and ``vocabulary.json``; see
`whyword.models.folder`. Transformers are plain Hugging Face folders
(`whyword.models.transformer.huggingface`).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from whyword.classifier import CanBeSaved, Classifier
from whyword.data.extras import require
from whyword.data.vectors import WordVectors
from whyword.errors import InputError, ModelError, did_you_mean
from whyword.models import folder
from whyword.models.base import NetworkClassifier, WordClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.checks import shown, single
from whyword.models.cnn.model import WordCNN
from whyword.models.recurrent import GRUClassifier, LSTMClassifier
from whyword.text import Tokenizer

LINEAR = "linear"
"""The kind of linear models; only these need scikit-learn."""
_OF_TRAINING = ("checkpoint.safetensors", "report.json", "run.json", "vectors.json")
"""Files that training leaves beside a model's own."""
TRANSFORMER = "transformer"
"""The kind of Hugging Face folders, which have no model.json."""

KINDS: dict[str, type[NetworkClassifier]] = {
    network.kind: network for network in (WordCNN, LSTMClassifier, GRUClassifier, CharacterCNN)
}


def pretrained() -> dict[str, Path]:
    """The folders of the models that ship with the package, by name."""
    root = Path(str(resources.files("whyword.models") / "pretrained"))
    return {path.parent.name: path.parent for path in sorted(root.glob("*/model.json"))}


def load(name: str | Path) -> Classifier:
    """Load a model, ready to be explained (in evaluation mode).

    Everything in the folder is checked before it is used. Networks compute in float32: weights in
    float16 and bfloat16 are converted without loss; weights in float64 are converted if that
    changes no number, and refused otherwise.

    Args:
        name: Name of a model that ships with the package, such as ``"news20-cnn"``, or a folder
            that `save`, ``whyword train`` or transformers' ``save_pretrained`` wrote.

    Raises:
        ModelError: If there is no such model, or its files are damaged or of another kind.
    """
    path = _folder(name)
    if os.path.lexists(path / "config.json") and not os.path.lexists(path / folder.MODEL):
        from whyword.models.transformer import huggingface

        return huggingface.load_folder(path)
    description = folder.describe(path)
    kinds = (*KINDS, LINEAR)
    if description.kind not in kinds:
        raise ModelError(
            f"{path} has a model of kind {shown(description.kind)}; expected one of: "
            f"{', '.join(kinds)}."
        )
    if description.kind == LINEAR:
        return _linear(path, description)
    network = KINDS[description.kind]
    vectors = folder.saved_vectors(path) if issubclass(network, WordClassifier) else None
    tensors = folder.read_tensors(path / folder.WEIGHTS)
    with folder.checked(path):
        tokenizer = _tokenizer(description.tokenizer)
        # On the meta device nothing is allocated before the weights have shown their shapes.
        try:
            with torch.device("meta"):
                model = build(
                    network,
                    vectors,
                    description.classes,
                    tokenizer,
                    description.settings,
                    multilabel=description.multilabel,
                )
        except RuntimeError as error:
            raise InputError(
                f"No network has the settings {shown(description.settings)}."
            ) from error
        _fill(model, tensors)
    return model.eval()


def _tokenizer(settings: Mapping[str, Any] | None) -> Tokenizer:
    """The tokeniser that ``model.json`` describes.

    Raises:
        InputError: If it describes none.
    """
    if settings is None:
        raise InputError('Got no "tokenizer"; expected its settings.')
    if unknown := sorted(set(settings) - {field.name for field in fields(Tokenizer)}):
        raise InputError(f"The tokenizer has no setting {shown(unknown[0])}.")
    return Tokenizer(**settings)


def _fill(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give a network its weights.

    Raises:
        InputError: If names, shapes or types are not those of the network.
    """
    expected = model.state_dict()
    folder.same_names(folder.WEIGHTS, tensors, expected)
    for name, tensor in tensors.items():
        folder.same_shape(name, tensor, tuple(expected[name].shape))
    found = {name: single(name, tensor) for name, tensor in tensors.items()}
    model.load_state_dict(found, assign=True)
    for name, layer in model.named_modules():
        padding = layer.padding_idx if isinstance(layer, nn.Embedding) else None
        if padding is not None and found[f"{name}.weight"][padding].any():
            raise InputError(f"{name} has a vector for padding; expected zeros.")


def fingerprint(name: str | Path) -> str:
    """The SHA-256 hash of a model's files, in hexadecimal digits.

    Args:
        name: Name or folder of the model, as for `load`.

    Raises:
        ModelError: If there is no such model, or a file cannot be read.
    """
    digest = hashlib.sha256()
    path = _folder(name)
    try:
        for file in sorted(path.iterdir()):
            if file.suffix in (".json", ".safetensors") and file.name not in _OF_TRAINING:
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    except OSError as error:
        raise ModelError(f"The model in {path} cannot be read: {error}.") from error
    return digest.hexdigest()


def _folder(name: str | Path) -> Path:
    """The folder of a model.

    Raises:
        ModelError: If there is no such model.
    """
    shipped = pretrained()
    path = shipped.get(str(name), Path(name))
    if not os.path.isdir(path):
        raise ModelError(
            f'There is no model "{name}": neither a folder nor one that ships with whyword. '
            + did_you_mean(str(name), shipped)
        )
    return path


def _linear(path: Path, description: folder.Description) -> Classifier:
    """The linear model in a folder.

    Raises:
        InputError: If scikit-learn is not installed.
        ModelError: If a file is missing or damaged.
    """
    for library in ("scipy", "sklearn"):
        require(library, extra="train", what=f"{path} is a linear model, which")
    from whyword.models.linear.folder import read_linear
    from whyword.models.linear.model import LinearClassifier

    return LinearClassifier(read_linear(path, description))


def build(
    network: type[NetworkClassifier],
    vectors: WordVectors | None,
    classes: Sequence[str],
    tokenizer: Tokenizer,
    settings: Mapping[str, Any],
    *,
    multilabel: bool = False,
) -> NetworkClassifier:
    """An untrained network from settings as JSON values; without ``vectors`` if it reads none."""
    inputs: tuple[Any, ...] = (classes,) if vectors is None else (vectors, classes)
    found = network(*inputs, tokenizer=tokenizer, **network.arguments(settings))
    found.multilabel = multilabel
    return found


def save(model: Classifier, path: str | Path, *, quantise: bool = False, about: str = "") -> None:
    """Write a model to a folder, which is made if need be.

    Args:
        model: A network of this package, or a classifier with a method ``save`` (`CanBeSaved`).
        path: The folder.
        quantise: Whether to store each vector as bytes with one scale: a quarter of the size.
        about: One line that describes the model, shown by ``whyword models``.

    Raises:
        InputError: If the model is of another kind, has weights that could not be loaded again (see
            `load`), or the folder cannot be written.
        ModelError: If it is a linear model that cannot be saved.
    """
    path = Path(path)
    if isinstance(model, NetworkClassifier):
        _save_network(model, path, quantise=quantise, about=about)
    elif isinstance(model, CanBeSaved):
        model.save(path, about=about)
    else:
        raise InputError(
            f"Got {type(model).__name__}, which cannot be saved; expected a network of "
            f"{', '.join(KINDS)}, or a classifier with a method `save`."
        )


def _save_network(model: NetworkClassifier, path: Path, *, quantise: bool, about: str) -> None:
    tensors = {name: single(name, tensor.cpu()) for name, tensor in model.state_dict().items()}
    folder.begin(path)
    if isinstance(model, WordClassifier):
        folder.save_vectors(model.vectors, path, quantise=quantise)
    folder.write_tensors(path / folder.WEIGHTS, tensors)
    description = folder.Description(
        model.kind,
        model.classes,
        model.settings(),
        model.tokenizer.to_json(),
        about,
        model.multilabel,
    )
    folder.write_description(path, description)
