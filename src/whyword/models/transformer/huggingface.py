"""Loads models from Hugging Face folders: no pickle is read, and no code of others is run."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Unpack

import torch

from whyword.data.extras import require
from whyword.errors import InputError, ModelError
from whyword.models.checks import finite, shown, strings, whole
from whyword.models.folder import checked, read_json
from whyword.models.transformer.model import MULTILABEL, SETTINGS, TransformerClassifier
from whyword.models.transformer.quiet import quietly
from whyword.models.transformer.tokens import Options

MOST_LAYERS = 1000
"""Layers and the like are built one by one, before the weights can show how many there are."""

_COUNTS = re.compile("(layers?|blocks|experts|functions)$")
_LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")


def load_folder(path: str | Path) -> TransformerClassifier:
    """A saved classifier with its tokenizer, ready to be explained.

    Args:
        path: A folder, as ``save_pretrained`` or `whyword.models.store.save` leaves it.

    Raises:
        ModelError: If transformers is missing, or the folder holds no classifier that can be read
            and reads a word: damaged or foreign files, weights that are missing or not finite. A
            pickle (``pytorch_model.bin``) is not read.
    """
    path = Path(path)
    with checked(path):
        config = read_json(path / "config.json")
        _check_layers(config)
        _check_classes(config)
    model, tokenizer, missing, unused = _read(path, local_files_only=True)
    if missing:
        raise ModelError(
            f"{path} is no classifier: it has no weights for {', '.join(sorted(missing)[:3])}. "
            f"Train a head on it: whyword train --model transformer --base {path}."
        )
    with checked(path):
        # Without them transformers makes up a tokenizer that knows no word.
        vocabularies = sorted(tokenizer.vocab_files_names.values())
        if not any(os.path.isfile(path / name) for name in vocabularies):
            raise InputError(f"Got no tokenizer; expected one of {', '.join(vocabularies)}.")
        weights = dict(model.named_parameters())
        _check_unused(unused, weights)
        for name, weight in weights.items():
            finite(name, weight)
        strings("the classes", list(model.config.id2label.values()))
        length, overlap = _lengths(path)
        classifier = TransformerClassifier(model, tokenizer, max_length=length, overlap=overlap)
    _try(classifier, path)
    return classifier


def _check_layers(config: object) -> None:
    """Check that a configuration, and those inside it, ask for no endless building of layers.

    Raises:
        InputError: If one has no layers, or more than `MOST_LAYERS` of anything.
    """
    for key, value in config.items() if isinstance(config, dict) else ():
        if _COUNTS.search(key) and isinstance(value, int):
            whole(key, int(value), least=1 if key in _LAYERS else -1, most=MOST_LAYERS)
        _check_layers(value)


def _check_classes(config: object) -> None:
    """Check that a configuration names its classes by number, if it names them.

    Raises:
        InputError: If ``id2label`` is anything else.
    """
    named = config.get("id2label") if isinstance(config, dict) else None
    if named is None:
        return
    if not isinstance(named, dict) or not all(key.isdecimal() for key in named):
        raise InputError(
            f"Got id2label {shown(named)}; expected an object that names classes by their numbers, "
            'such as {"0": "ham", "1": "spam"}.'
        )


def _check_unused(unused: set[str], names: Iterable[str]) -> None:
    """Check that no layer is left out; other weights may be, such as a head for another task.

    Args:
        unused: Names of the weights that the model has no place for.
        names: Of the weights that it has.

    Raises:
        InputError: If it has layers with these names and lower numbers.
    """
    layers = {layer for name in names for layer in _layers(name)}
    for name in sorted(unused):
        for layer in _layers(name):
            first = layer.rpartition(".")[0] + ".0"
            if layer not in layers and first in layers:
                raise InputError(f"The configuration leaves out the weights of {layer}.")


def _layers(name: str) -> list[str]:
    """What of a weight's name ends in a number: ``encoder.layer.3`` of that layer's weights."""
    return [name[: found.end()] for found in re.finditer(r"\.\d+(?=\.)", name)]


def _lengths(path: Path) -> tuple[int | None, int | None]:
    """How much of a text the model reads, and the overlap; None where nothing is said.

    Raises:
        InputError: If something else is said.
        ModelError: If it cannot be read.
    """
    if not os.path.lexists(path / SETTINGS):
        return None, None
    found = read_json(path / SETTINGS)
    if not isinstance(found, dict):
        raise InputError(f"Got {shown(found)} as {SETTINGS}; expected an object.")
    length, overlap = found.get("max_length"), found.get("overlap")
    return (
        None if length is None else whole("max_length", length, most=sys.maxsize),
        None if overlap is None else whole("overlap", overlap, least=0),
    )


def _try(classifier: TransformerClassifier, path: Path) -> None:
    """Read one word: a configuration may fit its weights and still make no model.

    Raises:
        ModelError: If that fails, or gives no finite scores.
    """
    try:
        with torch.no_grad():
            scores = classifier(classifier.encode(["word"]))
    except Exception as error:  # whatever it is, the library does not work with these files
        raise ModelError(f"The model in {path} cannot read a word: {_line(error)}") from error
    if not scores.isfinite().all():
        raise ModelError(f"The model in {path} is damaged: its scores are not finite.")


def untrained(
    base: str, classes: Sequence[str], *, multilabel: bool = False, **options: Unpack[Options]
) -> TransformerClassifier:
    """A pretrained encoder with an untrained head for these classes.

    Args:
        base: A folder, or a name that transformers finds.
        classes: Names of the classes.
        multilabel: Whether every class is a label of its own.
        options: Keyword arguments of `TransformerClassifier`.

    Raises:
        ModelError: If transformers is missing, or there is no such model.
    """
    names = dict(enumerate(classes))
    model, tokenizer, _, _ = _read(
        base,
        num_labels=len(classes),
        id2label=names,
        label2id={name: i for i, name in names.items()},
        ignore_mismatched_sizes=True,  # a head for other classes gives way
    )
    model.config.problem_type = MULTILABEL if multilabel else "single_label_classification"
    if model.config.get_text_config().pad_token_id is None:
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return TransformerClassifier(model, tokenizer, **options)


def _read(source: str | Path, **options: Any) -> tuple[Any, Any, set[str], set[str]]:
    """Model, tokenizer, and the names of weights that were missing and that were not used."""
    transformers = require("transformers", extra="transformers", what=str(source))
    offline = {"local_files_only": True} if options.get("local_files_only") else {}
    try:
        with quietly():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source, trust_remote_code=False, **offline
            )
            model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
                source,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # whatever it is, the library does not work with these files
        raise ModelError(f"The model in {source} cannot be read: {_line(error)}") from error
    missing, unused = set(report["missing_keys"]), set(report["unexpected_keys"])
    return model.eval(), tokenizer, missing, unused


def _line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    if isinstance(error, RecursionError):
        return "a file in it is nested too deep."
    return shorten(f"{type(error).__name__}: {error}", 300)
