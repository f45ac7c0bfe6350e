"""Models on disk: JSON for what can be read, safetensors for the numbers. No pickle anywhere.

A model is a folder with ``model.json`` (architecture, classes, tokeniser), ``weights.safetensors``,
for classifiers of words ``vectors.safetensors`` and ``vocabulary.json``. Transformers are plain
Hugging Face folders (`whyword.models.transformer.huggingface`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from whyword.data.vectors import WordVectors
from whyword.errors import ModelError, did_you_mean
from whyword.models.base import NetworkClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.cnn.model import WordCNN
from whyword.models.recurrent import GRUClassifier, LSTMClassifier
from whyword.models.words import WordClassifier
from whyword.text import Tokenizer

FORMAT = 1
LINEAR = "linear"
"""The one kind that is no network; scikit-learn loads with it."""
OF_TRAINING = ("checkpoint.safetensors", "report.json", "run.json", "vectors.json")
"""Files that training leaves beside a model's own."""
TRANSFORMER = "transformer"
"""Hugging Face folders; they have no model.json."""

KINDS: dict[str, type[NetworkClassifier]] = {
    network.kind: network for network in (WordCNN, LSTMClassifier, GRUClassifier, CharacterCNN)
}


def pretrained() -> dict[str, Path]:
    """The models that ship with the package, by name."""
    root = Path(str(resources.files("whyword.models") / "pretrained"))
    return {path.parent.name: path.parent for path in sorted(root.glob("*/model.json"))}


def load(name: str | Path) -> Any:
    """Load a model, ready to explain (in evaluation mode).

    Args:
        name: A model that ships with the package, such as ``"news20-cnn"``, or a folder, also one
            that transformers' ``save_pretrained`` wrote.

    Raises:
        ModelError: If there is no such model, or its files are damaged or of another kind.
    """
    path = _folder(name)
    if (path / "config.json").exists() and not (path / "model.json").exists():
        from whyword.models.transformer import huggingface

        return huggingface.load(path)
    description = describe(path)
    if description["kind"] == LINEAR:
        return _load_linear(path, description)
    try:
        network = KINDS[description["kind"]]
        vectors = load_vectors(path) if issubclass(network, WordClassifier) else None
        # On the meta device nothing is allocated before the weights have shown their shapes.
        with torch.device("meta"):
            model = build(
                network,
                vectors,
                description["classes"],
                Tokenizer(**description["tokenizer"]),
                description["settings"],
            )
        model.load_state_dict(load_tensors(path / "weights.safetensors"), assign=True)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The model in {path} cannot be read: {error}.") from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"The model in {path} is damaged: {error}") from error
    return model.eval()


def fingerprint(name: str | Path) -> str:
    """SHA-256 of a model's files, in hexadecimal digits.

    Args:
        name: As for `load`.

    Raises:
        ModelError: If there is no such model, or a file cannot be read.
    """
    digest = hashlib.sha256()
    path = _folder(name)
    try:
        for file in sorted(path.iterdir()):
            if file.suffix in (".json", ".safetensors") and file.name not in OF_TRAINING:
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    except OSError as error:
        raise ModelError(f"The model in {path} cannot be read: {error}.") from error
    return digest.hexdigest()


def _folder(name: str | Path) -> Path:
    """Where a model is.

    Raises:
        ModelError: If it is nowhere.
    """
    shipped = pretrained()
    path = shipped.get(str(name), Path(name))
    if not path.is_dir():
        raise ModelError(
            f'There is no model "{name}": neither a folder nor one that ships with whyword. '
            + did_you_mean(str(name), shipped)
        )
    return path


def _load_linear(path: Path, description: Mapping[str, Any]) -> Any:
    try:
        from whyword.models.linear.model import LinearClassifier
    except ImportError as error:
        raise ModelError(
            f'{path} is a linear model, which needs scikit-learn: pip install "whyword[train]".'
        ) from error
    try:
        return LinearClassifier.load(path, description)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The model in {path} cannot be read: {error}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The model in {path} is damaged: {error}") from error


def build(
    network: type[NetworkClassifier],
    vectors: WordVectors | None,
    classes: Sequence[str],
    tokenizer: Tokenizer,
    settings: Mapping[str, Any],
) -> NetworkClassifier:
    """An untrained network from settings as JSON values; ``vectors`` where it reads words."""
    inputs: tuple[Any, ...] = (classes,) if vectors is None else (vectors, classes)
    return network(*inputs, tokenizer=tokenizer, **network.arguments(settings))


def describe(path: Path) -> dict[str, Any]:
    """What ``model.json`` says.

    Raises:
        ModelError: If it is missing, not JSON, or of a format or kind that is not known.
    """
    try:
        description = json.loads((path / "model.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} is not a model: it has no model.json. Train one with: whyword train."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path / 'model.json'} cannot be read: {error}.") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelError(f"{path} is not a whyword model of format {FORMAT}.")
    if description.get("kind") not in (*KINDS, LINEAR):
        raise ModelError(
            f"{path} has a model of kind {description.get('kind')!r}; expected one of: "
            f"{', '.join((*KINDS, LINEAR))}."
        )
    return description


def save(model: Any, path: str | Path, *, quantise: bool = False, about: str = "") -> None:
    """Write a model to a folder, which is made if need be.

    Args:
        model: A network, a `whyword.models.linear.model.LinearClassifier`, or a transformer.
        path: The folder.
        quantise: Whether to store each vector as bytes with one scale: a quarter of the size.
        about: One line for people, shown by ``whyword models``.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    if hasattr(model, "subwords"):
        from whyword.models.transformer import huggingface

        huggingface.save(model, path, about=about)
        return
    if not isinstance(model, NetworkClassifier):
        model.save(path, about=about)
        return
    description = {
        "format": FORMAT,
        "kind": model.kind,
        "about": about,
        "classes": list(model.classes),
        "tokenizer": model.tokenizer.to_json(),
        "settings": model.settings(),
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (path / "model.json").write_text(text + "\n", encoding="utf-8")
    if isinstance(model, WordClassifier):
        save_vectors(model.vectors, path, quantise=quantise)
    save_tensors(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        path / "weights.safetensors",
    )


def save_vectors(vectors: WordVectors, path: Path, *, quantise: bool = False) -> None:
    """Write ``vectors.safetensors`` and ``vocabulary.json`` into a folder."""
    vocabulary = {"lowercase": vectors.lowercase, "words": list(vectors.words)}
    text = json.dumps(vocabulary, ensure_ascii=False, indent=0)
    (path / "vocabulary.json").write_text(text + "\n", encoding="utf-8")
    save_file(_packed(vectors.array, quantise), path / "vectors.safetensors")


def load_vectors(path: Path) -> WordVectors:
    """Read what `save_vectors` wrote.

    Raises:
        OSError, SafetensorError, KeyError, ValueError: If the files are missing or damaged.
    """
    vocabulary = json.loads((path / "vocabulary.json").read_text(encoding="utf-8"))
    arrays = load_file(path / "vectors.safetensors")
    array = arrays["vectors"].astype(np.float32) * arrays.get("scale", np.float32(1))
    return WordVectors(tuple(vocabulary["words"]), array, bool(vocabulary["lowercase"]))


def vectors_of(path: str | Path) -> WordVectors:
    """The word vectors of a saved model.

    Raises:
        ModelError: If the folder has none, or they are damaged.
    """
    try:
        return load_vectors(Path(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} has no word vectors that can be read: {error}.") from error


def _packed(array: NDArray[np.float32], quantise: bool) -> dict[str, NDArray[Any]]:
    """The vectors as they are, or as bytes with one scale per word."""
    if not quantise:
        return {"vectors": np.ascontiguousarray(array)}
    scale = np.abs(array).max(axis=1, keepdims=True, initial=0) / 127
    scale[scale == 0] = 1
    return {"vectors": np.rint(array / scale).astype(np.int8), "scale": scale.astype(np.float32)}
