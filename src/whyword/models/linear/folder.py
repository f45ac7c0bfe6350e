"""Saves and loads linear models: ``model.json``, ``vocabulary.json``, ``weights.safetensors``.

Only a `TfidfVectorizer` of words, followed by a linear classifier, can be saved.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline
from torch import Tensor

from whyword.errors import InputError, ModelError
from whyword.models.checks import finite, shown, strings, whole, yes_or_no
from whyword.models.folder import (
    VOCABULARY,
    WEIGHTS,
    Description,
    begin,
    checked,
    read_json,
    read_tensors,
    same_names,
    same_shape,
    write_description,
    write_json,
    write_tensors,
)
from whyword.models.linear.coefficients import Weights
from whyword.models.linear.patterns import check_pattern

KIND = "linear"
"""The kind of such a model in ``model.json``."""

_SWITCHES = ("lowercase", "binary", "smooth_idf", "sublinear_tf")
_CHOICES = {"strip_accents": (None, "ascii", "unicode"), "norm": (None, "l1", "l2")}


def write_linear(
    path: Path,
    tfidf: TfidfVectorizer,
    classes: tuple[str, ...],
    weights: Tensor,
    bias: Tensor,
    *,
    about: str = "",
    multilabel: bool = False,
) -> None:
    """Save a linear model, without pickle.

    Args:
        path: The folder, made if need be.
        tfidf: The fitted vectorizer.
        classes: Names of the classes.
        weights: ``(class, feature)`` weights of the classifier.
        bias: ``(class,)`` biases of the classifier.
        about: One line that describes the model.
        multilabel: Whether every class is a label of its own.

    Raises:
        ModelError: If the vectorizer is another kind, or calls functions of its user.
        InputError: If the folder cannot be written.
    """
    if (
        type(tfidf).__name__ != "TfidfVectorizer"
        or not tfidf.use_idf
        or (tfidf.preprocessor or tfidf.tokenizer or tfidf.analyzer != "word")
        or callable(tfidf.strip_accents)
    ):
        raise ModelError(
            "Only a TfidfVectorizer of words without functions of one's own, followed by a "
            "classifier of one label, can be saved."
        )
    words = tfidf.stop_words
    settings = {
        **{name: getattr(tfidf, name) for name in (*_SWITCHES, *_CHOICES)},
        "token_pattern": tfidf.token_pattern,
        "ngram_range": list(tfidf.ngram_range),
        "stop_words": words if words is None or isinstance(words, str) else sorted(set(words)),
    }
    try:
        _arguments(settings)
    except InputError as error:
        raise ModelError(f"The TfidfVectorizer cannot be saved: {error}") from error
    begin(path)
    write_json(path / VOCABULARY, sorted(tfidf.vocabulary_, key=tfidf.vocabulary_.get))
    tensors = {
        "weights": weights,
        "bias": bias,
        "idf": torch.as_tensor(tfidf.idf_),
    }
    write_tensors(path / WEIGHTS, {name: t.float() for name, t in tensors.items()})
    write_description(
        path, Description(KIND, classes, settings, about=about, multilabel=multilabel)
    )


def read_linear(path: Path, description: Description) -> Pipeline:
    """Load a pipeline that `write_linear` saved.

    Args:
        path: The folder.
        description: The contents of its ``model.json``.

    Raises:
        ModelError: If files are missing or damaged.
    """
    words, tensors = read_json(path / VOCABULARY), read_tensors(path / WEIGHTS)
    with checked(path):
        vocabulary = strings("the features", words)
        if len(vocabulary) < 1 or len(description.classes) < 2:
            raise InputError(
                f"Got {len(vocabulary)} features and {len(description.classes)} classes; expected "
                "one feature or more, and two classes or more."
            )
        shapes = {
            "weights": (len(description.classes), len(vocabulary)),
            "bias": (len(description.classes),),
            "idf": (len(vocabulary),),
        }
        same_names(WEIGHTS, tensors, shapes)
        for name, shape in shapes.items():
            same_shape(name, tensors[name], shape)
        found = {name: finite(name, t).double().numpy() for name, t in tensors.items()}
        arguments = _arguments(description.settings)
    vectorizer = TfidfVectorizer(
        **arguments, vocabulary={word: column for column, word in enumerate(vocabulary)}
    )
    vectorizer.idf_ = found["idf"]
    weights = Weights(description.classes, found["weights"], found["bias"], description.multilabel)
    return Pipeline([("tfidf", vectorizer), ("weights", weights)])


def _arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the `TfidfVectorizer` for settings read from JSON.

    Raises:
        InputError: If a setting is missing, unknown or wrong.
    """
    known = {*_SWITCHES, *_CHOICES, "token_pattern", "ngram_range", "stop_words"}
    for wrong, problem in ((known - set(settings), "no"), (set(settings) - known, "the unknown")):
        if wrong:
            raise InputError(f"The settings have {problem} {shown(min(wrong))}.")
    for name in _SWITCHES:
        yes_or_no(name, settings[name])
    for name, values in _CHOICES.items():
        if settings[name] not in values:
            raise InputError(f"Got {name} {shown(settings[name])}; expected one of {values}.")
    check_pattern(settings["token_pattern"])
    lengths = settings["ngram_range"]
    if not isinstance(lengths, list) or len(lengths) != 2:
        raise InputError(f"Got ngram_range {shown(lengths)}; expected two numbers.")
    shortest = whole("ngram_range", lengths[0])
    longest = whole("ngram_range", lengths[1], least=shortest)
    words = settings["stop_words"]
    if words is not None and words != "english":
        words = list(strings("stop_words", words))
    return {**settings, "ngram_range": (shortest, longest), "stop_words": words}
