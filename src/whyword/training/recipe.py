"""What to train and how: everything that decides the model, apart from the corpus."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from whyword.data.digests import digest_of_file, digest_of_files
from whyword.data.memory import physical_memory
from whyword.data.skip_gram import learn
from whyword.data.vectors import MOST_COMPONENTS, WordVectors
from whyword.errors import InputError, ModelError, did_you_mean
from whyword.models import store
from whyword.models.base import WordClassifier
from whyword.models.checks import entry, number, shown, whole, yes_or_no
from whyword.text import Tokenizer
from whyword.training.config import TrainingConfig

AUTO = "auto"
"""The kind that is the best of several."""

OTHERS = {
    store.LINEAR: ("ngrams",),
    store.TRANSFORMER: ("base", "full", "max_length"),
    AUTO: ("base", "max_length"),
}
"""The kinds of models that are no networks of whyword's own, and their settings."""

FINE_TUNING: dict[str, Any] = {"learning_rate": 5e-5, "epochs": 3, "refit": False}
"""Defaults of the training if a whole transformer is trained."""


@dataclass(frozen=True)
class Recipe:
    """A recipe: everything that decides the trained model, apart from the corpus.

    Attributes:
        kind: The architecture: a key of `whyword.models.store.KINDS`, ``"linear"``,
            ``"transformer"``, or ``"auto"``, the best of several.
        settings: Settings of the architecture, as JSON values. What is not given here, among those
            of skip-gram or of the training depends on the corpus; see `whyword.training.plan`.
        vectors: A file of word vectors, or the folder of a model that has some; None learns them
            from the training documents.
        skip_gram: Settings of skip-gram, which learns vectors: see `whyword.data.skip_gram.learn`.
        tokenizer: The tokenizer with which the classifier reads texts; None leaves it to the
            architecture and the length of the documents. Vectors are learned from whole documents.
        training: The settings of the training; its seed is also that of the vectors.

    Raises:
        InputError: If there is no such architecture, it has no such setting, or a setting is of
            another type or out of its range.
    """

    kind: str = "cnn"
    settings: Mapping[str, object] = field(default_factory=dict)
    vectors: str | None = None
    skip_gram: Mapping[str, object] = field(default_factory=dict)
    tokenizer: Tokenizer | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        kinds = (*store.KINDS, *OTHERS)
        if self.kind not in kinds:
            raise InputError(
                f'There is no architecture "{self.kind}". {did_you_mean(self.kind, kinds)}'
            )
        # Both are looked at before anything takes time.
        self._all_settings()
        self._skip_gram()
        if self.kind == store.TRANSFORMER and not self.settings.get("base"):
            raise InputError(
                "A transformer needs a base, a folder or the name of a pretrained model: "
                "whyword train --model transformer --base DIR."
            )
        if self.kind in OTHERS and self.training.vector_rate is not None:
            raise InputError(f"The architecture {self.kind} has no word vectors to learn.")
        if self.kind in OTHERS and self.training.suppress:
            raise InputError(
                "Only networks of words or characters learn to ignore some; choose another --model."
            )

    @classmethod
    def from_options(
        cls,
        kind: str,
        settings: Mapping[str, object],
        *,
        vectors: str | None = None,
        window: int | None = None,
        sample: float | None = None,
        vector_epochs: int | None = None,
        dimension: int | None = None,
        **training: object,
    ) -> Self:
        """Make a recipe of the options of a command; None stands for the default."""
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

    def identity(self) -> dict[str, object]:
        """Describe all that decides the model apart from the corpus, as JSON values.

        Files are described by digests of their contents.

        Raises:
            InputError: If the file of word vectors cannot be read.
            ModelError: If the model that has the vectors, or the base, cannot be read.
        """
        every, vectors, skip_gram = self._all_settings(), None, None
        # What is left open the corpus decides: it is another run than the same, given.
        settings = {name: value for name, value in every.items() if name in self.settings}
        if "base" in settings:
            from whyword.training.transformer import digest_of_base

            settings["base"] = digest_of_base(settings["base"])
        elif self.reads_words and self.vectors is not None:
            vectors = _digest_of_vectors(self.vectors)
        elif self.reads_words:
            given = self._skip_gram()
            skip_gram = {name: given[name] for name in sorted(self.skip_gram)}
        return {
            "plan": PLAN,
            "kind": self.kind,
            "settings": settings,
            "vectors": vectors,
            "skip_gram": skip_gram,
            "tokenizer": None if self.tokenizer is None else self.tokenizer.to_json(),
            **asdict(self.training),
            "suppress": list(self.training.suppress),
        }

    def _all_settings(self) -> dict[str, Any]:
        """Return the settings of the architecture, checked, with its defaults."""
        if self.kind in OTHERS:
            return self._checked_settings(OTHERS[self.kind])
        network = store.KINDS[self.kind]
        components = 1
        if self.vectors is None:
            given = self.skip_gram.get("dimension", _FEWEST_COMPONENTS)
            components = whole("dimension", given, most=MOST_COMPONENTS)
        vectors = WordVectors(("word",), np.zeros((1, components), dtype=np.float32))
        try:
            with torch.device("meta"):  # nothing is allocated, nothing drawn at random
                untrained = store.build(
                    network,
                    vectors if self.reads_words else None,
                    ("one", "other"),
                    self.tokenizer or network.default_tokenizer,
                    self.settings,
                )
        except RuntimeError as error:  # numbers of weights that torch cannot count
            raise InputError(
                f"No network has the settings {shown(dict(self.settings))}."
            ) from error
        weights = sum(weight.numel() for weight in untrained.parameters())
        if weights * _BYTES > (memory := physical_memory()):
            raise InputError(
                f"With {shown(dict(self.settings))} the network has {weights:,} weights or more, "
                f"which take {weights * _BYTES / 2**30:,.0f} GiB in training; this machine has "
                f"{memory / 2**30:,.0f}. Give smaller numbers."
            )
        return untrained.settings()

    def _checked_settings(self, known: Collection[str]) -> dict[str, Any]:
        """Check the settings of a kind that is no network of whyword's own."""
        if unknown := [name for name in self.settings if name not in known]:
            raise InputError(f"The architecture {self.kind} has no {' and no '.join(unknown)}.")
        found = dict(self.settings)
        for name in ("ngrams", "max_length"):
            if name in found:
                found[name] = whole(name, found[name])
        if "full" in found:
            found["full"] = yes_or_no("full", found["full"])
        if "base" in found:
            found["base"] = entry(found, "base", str)
        return found

    def _skip_gram(self) -> dict[str, Any]:
        """Return the settings of skip-gram, checked, with their defaults."""
        known = inspect.signature(learn).parameters
        defaults = {name: known[name].default for name in (*_WHOLE, "sample")}
        if unknown := [name for name in self.skip_gram if name not in defaults]:
            raise InputError(
                f"Skip-gram has no {' and no '.join(unknown)}; it has: {', '.join(defaults)}."
            )
        found = {**defaults, **self.skip_gram}
        # gensim takes a sample of 1 or more for a number of words.
        sample = number("sample", found["sample"], least=0, below=1)
        limits = {"dimension": MOST_COMPONENTS, "window": _MOST_WINDOW, "negative": _MOST_WINDOW}
        numbers = {name: whole(name, found[name], most=limits.get(name, _MOST)) for name in _WHOLE}
        return numbers | {"sample": sample}


PLAN = 1
"""The version of what a corpus decides: with another one the same recipe is another run."""

_FEWEST_COMPONENTS = 100
"""The fewest components that a plan gives to learned vectors."""

_BYTES = 24
"""Bytes of each weight in training: itself, its gradient, two means, the best so far, a copy."""

_MOST, _MOST_WINDOW = 2**31 - 1, 10_000
"""The largest numbers of passes and the like, and of words to each side or of noise words."""

_WHOLE = ("dimension", "window", "epochs", "min_count", "negative")
"""The settings of skip-gram that are whole numbers."""


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


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
