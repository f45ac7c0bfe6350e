"""What to train and how: everything that decides the model, apart from the corpus."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from whyword.data.digests import digest_of_file, digest_of_files
from whyword.data.expected import FLAG, Expected, check, integer
from whyword.data.vectors import SKIP_GRAM, WordVectors, learn
from whyword.errors import InputError, ModelError, did_you_mean
from whyword.models import store
from whyword.models.base import NetworkClassifier
from whyword.models.words import WordClassifier
from whyword.text import Tokenizer
from whyword.training import linear
from whyword.training.config import TrainingConfig

OTHERS: dict[str, dict[str, Expected]] = {
    store.LINEAR: {"ngrams": linear.EXPECTED["ngrams"]},
    store.TRANSFORMER: {
        "base": Expected(
            "a folder, or a name that transformers finds", lambda v: isinstance(v, str)
        ),
        "full": FLAG,
        "max_length": integer(1),
    },
}
"""Architectures beside the networks, and what their settings may be."""

FINE_TUNING: dict[str, Any] = {"learning_rate": 5e-5, "epochs": 3, "refit": False}
"""Defaults where a whole transformer is trained."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out, apart from the corpus.

    Attributes:
        kind: The architecture, a key of `store.KINDS`, ``"linear"`` or ``"transformer"``.
        settings: Its keyword arguments, as JSON values.
        vectors: A file of word vectors, or a folder of a model that has some; None learns them from
            the training documents.
        skip_gram: Arguments of `whyword.data.vectors.learn`.
        tokenizer: How the classifier reads texts; None leaves it to the architecture. Vectors are
            learned from whole documents.
        training: How the network is trained; its seed is also that of the vectors.

    Raises:
        InputError: If there is no such architecture, it has no such setting, or a setting is of
            another type or out of its range.
    """

    kind: str = "cnn"
    settings: Mapping[str, Any] = field(default_factory=dict)
    vectors: str | None = None
    skip_gram: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Tokenizer | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        kinds = (*store.KINDS, *OTHERS)
        if self.kind not in kinds:
            raise InputError(
                f'There is no architecture "{self.kind}". {did_you_mean(self.kind, kinds)}'
            )
        known = OTHERS.get(self.kind) or _settings_of(store.KINDS[self.kind])
        if unknown := [name for name in self.settings if name not in known]:
            raise InputError(f"The architecture {self.kind} has no {' and no '.join(unknown)}.")
        if unknown := [name for name in self.skip_gram if name not in SKIP_GRAM]:
            raise InputError(
                f"Skip-gram has no {' and no '.join(unknown)}; it has: {', '.join(SKIP_GRAM)}."
            )
        check(self.skip_gram, SKIP_GRAM)
        self._all_settings()  # refuses what the architecture would, before anything takes time
        if self.kind == store.TRANSFORMER and not self.settings.get("base"):
            raise InputError(
                "A transformer needs a base, a folder or the name of a pretrained model: "
                "whyword train --model transformer --base DIR."
            )
        if self.kind in OTHERS and self.training.suppress:
            raise InputError(
                "Only networks of words or characters learn to ignore some; choose another --model."
            )

    @classmethod
    def from_options(
        cls,
        kind: str,
        settings: Mapping[str, Any],
        *,
        vectors: str | None = None,
        window: int | None = None,
        sample: float | None = None,
        vector_epochs: int | None = None,
        dimension: int | None = None,
        **training: Any,
    ) -> Self:
        """A recipe from flat options; None stands for the default."""
        skip_gram = {
            "window": window,
            "sample": sample,
            "epochs": vector_epochs,
            "dimension": dimension,
        }
        return cls(
            kind=kind,
            settings=_given(settings),
            vectors=vectors,
            skip_gram=_given(skip_gram),
            training=TrainingConfig(
                **{**(FINE_TUNING if settings.get("full") else {}), **_given(training)}
            ),
        )

    @property
    def reads_words(self) -> bool:
        """Whether the architecture has word vectors."""
        return self.kind in store.KINDS and issubclass(store.KINDS[self.kind], WordClassifier)

    def identity(self) -> dict[str, Any]:
        """All that decides the model beside the corpus, as JSON values.

        Defaults are filled in, and files stand for what they hold.

        Raises:
            InputError: If the file of word vectors cannot be read.
            ModelError: If the model that has the vectors, or the base, cannot be read.
        """
        settings, vectors, skip_gram = self._all_settings(), None, None
        if self.kind == store.TRANSFORMER:
            from whyword.training.transformer import digest_of_base

            settings["base"] = digest_of_base(settings["base"])
        elif self.reads_words and self.vectors is not None:
            vectors = _digest_of_vectors(self.vectors)
        elif self.reads_words:
            defaults = inspect.signature(learn).parameters
            skip_gram = {name: defaults[name].default for name in SKIP_GRAM} | {**self.skip_gram}
        return {
            "kind": self.kind,
            "settings": settings,
            "vectors": vectors,
            "skip_gram": skip_gram,
            "tokenizer": None if self.tokenizer is None else self.tokenizer.to_json(),
            **asdict(self.training),
            "suppress": list(self.training.suppress),
        }

    def _all_settings(self) -> dict[str, Any]:
        """Those of the architecture, checked, with its defaults."""
        if self.kind in OTHERS:
            check(self.settings, OTHERS[self.kind])
            return dict(self.settings)
        network = store.KINDS[self.kind]
        vectors = WordVectors(("word",), np.zeros((1, 1), dtype=np.float32))
        with torch.device("meta"):  # nothing is allocated, nothing drawn at random
            untrained = store.build(
                network,
                vectors if self.reads_words else None,
                ("one", "other"),
                self.tokenizer or network.default_tokenizer,
                self.settings,
            )
        return untrained.settings()


def _settings_of(network: type[NetworkClassifier]) -> list[str]:
    parameters = inspect.signature(network).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "tokenizer"]


def _digest_of_vectors(source: str) -> str:
    path = Path(source)
    try:
        if path.is_dir():
            return digest_of_files([path / "vocabulary.json", path / "vectors.safetensors"])
        return digest_of_file(path)
    except OSError as error:
        if path.is_dir():
            raise ModelError(f"{path} has no word vectors that can be read: {error}.") from error
        raise InputError(f"Cannot read word vectors from {path}: {error}.") from error


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
