"""Hugging Face folders: config.json, safetensors weights, tokenizer. No pickle, no remote code."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from whyword.data.extras import require
from whyword.errors import ModelError
from whyword.models.transformer.model import SETTINGS, TransformerClassifier
from whyword.models.transformer.quiet import quietly


def load_folder(path: str | Path) -> TransformerClassifier:
    """A saved classifier with its tokenizer, ready to explain.

    Args:
        path: A folder, as ``save_pretrained`` or `whyword.models.store.save` leaves it.

    Raises:
        ModelError: If transformers is missing, or the folder holds no classifier that can be read.
    """
    path = Path(path)
    model, tokenizer, missing = _read(path, local_files_only=True)
    if missing:
        raise ModelError(
            f"{path} is no classifier: it has no weights for {', '.join(sorted(missing)[:3])}. "
            f"Train a head on it: whyword train --model transformer --base {path}."
        )
    try:
        settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
        return TransformerClassifier(
            model, tokenizer, max_length=settings["max_length"], overlap=settings["overlap"]
        )
    except FileNotFoundError:
        return TransformerClassifier(model, tokenizer)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path / SETTINGS} is damaged: {error}") from error


def untrained(base: str, classes: Sequence[str], **options: Any) -> TransformerClassifier:
    """A pretrained encoder below a fresh head.

    Args:
        base: A folder, or a name that transformers finds.
        classes: Names of the classes.
        options: Those of `TransformerClassifier`.

    Raises:
        ModelError: If transformers is missing, or there is no such model.
    """
    names = dict(enumerate(classes))
    model, tokenizer, _ = _read(
        base,
        num_labels=len(classes),
        id2label=names,
        label2id={name: i for i, name in names.items()},
        ignore_mismatched_sizes=True,  # a head for other classes gives way
    )
    model.config.problem_type = "single_label_classification"
    if model.config.get_text_config().pad_token_id is None:
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return TransformerClassifier(model, tokenizer, **options)


def _read(source: str | Path, **options: Any) -> tuple[Any, Any, set[str]]:
    """Model, tokenizer, and the names of weights that were missing."""
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
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise ModelError(f"The model in {source} cannot be read: {error}") from error
    except SafetensorError as error:
        raise ModelError(f"The model in {source} is damaged: {error}.") from error
    return model.eval(), tokenizer, set(report["missing_keys"])
