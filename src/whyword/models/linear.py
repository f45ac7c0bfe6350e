"""Linear classifiers of scikit-learn over bags of words, explained exactly.

A score is Σ_f x_f w_f + b over the features of a text. Feature f is an n-gram; its value x_f is
shared equally by the words of all its occurrences, so that every word's relevance is the sum of its
shares of x_f w_f. Nothing is approximated: words + bias = ``decision_function``.

As a `whyword.classifier.Classifier`, each word of each occurrence of an n-gram is a position, whose
vector has one component: its share of x_f.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.feature_extraction import FeatureHasher
from torch import Tensor

from whyword.classifier import Attribution, Batch
from whyword.errors import InputError, ModelError
from whyword.models.linear_form import Weights, linear_form
from whyword.models.ngrams import Analyzer
from whyword.text import Document

COLUMNWISE = {
    "TfidfTransformer",
    "Normalizer",
    "MaxAbsScaler",
    "StandardScaler",
    "Binarizer",
    "FunctionTransformer",  # to arrays that are not sparse, for example
}
"""Steps between vectorizer and classifier that leave every feature in its column."""

SAVED = ("lowercase", "strip_accents", "token_pattern", "ngram_range", "stop_words", "binary",
         "norm", "smooth_idf", "sublinear_tf")  # fmt: skip


@dataclass(frozen=True)
class FeatureBatch(Batch):
    """Encoded documents with the share of a feature's value that each position holds.

    Attributes:
        values: ``(batch, position)`` float64.
        absent: ``(batch, class)`` what features add that the text does not have, if a scaling step
            gives them a value.
    """

    values: Tensor
    absent: Tensor

    def rows(self, rows: Tensor) -> "FeatureBatch":
        """The documents at these places ``(row,)``, each as often as it is named."""
        chosen = vars(super().rows(rows))
        return FeatureBatch(**chosen, values=self.values[rows], absent=self.absent[rows])


class LinearClassifier:
    """A fitted pipeline of vectorizer, scaling steps and linear classifier.

    Args:
        pipeline: A fitted `sklearn.pipeline.Pipeline`: `CountVectorizer`, `TfidfVectorizer` or
            `HashingVectorizer`; then, if need be, steps that keep features apart; then a classifier
            that is linear in them.

    Raises:
        ModelError: If a step is none of these, or not fitted.
    """

    kind = "linear"

    def __init__(self, pipeline: Any) -> None:
        steps = [step for _, step in pipeline.steps if step is not None and step != "passthrough"]
        if len(steps) < 2:
            raise ModelError("Got a pipeline of fewer than two steps; expected vectorizer, model.")
        self.pipeline = pipeline
        self.vectorizer, *self.between, model = steps
        if not hasattr(self.vectorizer, "build_analyzer"):
            raise ModelError(
                f"The first step is {type(self.vectorizer).__name__}; expected CountVectorizer, "
                "TfidfVectorizer or HashingVectorizer."
            )
        for step in self.between:
            if type(step).__name__ not in COLUMNWISE and not hasattr(step, "get_support"):
                raise ModelError(
                    f"The step {type(step).__name__} mixes features, which then stand for no "
                    f"words; expected one of {', '.join(sorted(COLUMNWISE))}, or a selection."
                )
        self.analyzer = Analyzer(self.vectorizer)
        if hasattr(self.vectorizer, "n_features"):
            self.hasher = FeatureHasher(
                self.vectorizer.n_features,
                input_type="string",
                alternate_sign=self.vectorizer.alternate_sign,
            )
        elif not hasattr(self.vectorizer, "vocabulary_"):
            raise ModelError("The vectorizer is not fitted; call pipeline.fit first.")
        weights, biases = linear_form(model)
        names = [str(name) for name in model.classes_]
        if len(weights) == 1 and len(names) == 2:  # one score, for the second class
            weights, biases = np.vstack([-weights, weights]), np.concatenate([-biases, biases])
        self.classes = tuple(names)
        # One more column, for what no feature is: padding.
        self.weights = torch.from_numpy(np.hstack([weights, np.zeros((len(weights), 1))]))
        self.bias = torch.from_numpy(biases)
        self.threshold = getattr(model, "binarize", None)
        self._columns = self._columns_of(weights.shape[1])

    def encode(self, texts: Sequence[str | Document]) -> FeatureBatch:
        """One position for each word of each occurrence of a feature."""
        documents = tuple(
            t if isinstance(t, Document) else self.analyzer.document(t) for t in texts
        )
        values = self._transform([document.text for document in documents])
        rows, absent = [], np.zeros((len(documents), len(self.classes)))
        for i, document in enumerate(documents):
            value_of = dict(zip(values[i].indices.tolist(), values[i].data.tolist(), strict=True))
            rows.append(self._positions(document, value_of))
            for feature, value in value_of.items():
                absent[i] += value * self.weights[:, feature].numpy()
        length = max([1, *(len(row) for row in rows)])
        padding = self.weights.shape[1] - 1
        ids = np.full((len(rows), length), padding)
        words = np.full((len(rows), length), -1)
        shares = np.zeros((len(rows), length))
        for i, row in enumerate(rows):
            for position, (feature, word, share) in enumerate(row):
                ids[i, position], words[i, position], shares[i, position] = feature, word, share
        known = []
        for places, document in zip(words.tolist(), documents, strict=True):
            known.append(tuple(word in places for word in range(len(document))))
        return FeatureBatch(
            documents=documents,
            ids=torch.from_numpy(ids),
            mask=torch.from_numpy(ids != padding),
            words=torch.from_numpy(words),
            known=tuple(known),
            values=torch.from_numpy(shares),
            absent=torch.from_numpy(absent),
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, 1)`` shares of the features' values."""
        return _features(batch).values[:, :, None]

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)``, the pipeline's ``decision_function``; of two classes ±."""
        shared: Tensor = (embeddings * self.weights.T[batch.ids]).sum(dim=1)
        return shared + self.bias + _features(batch).absent

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` scores of the documents as they are."""
        return self.score(self.embed(batch), batch)

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """x_f w_f, shared equally by its words; what LRP becomes as its stabiliser vanishes."""
        relevance = self.gradient(batch, targets)[1] * self.embed(batch)
        weights, absent = targets.double(), _features(batch).absent
        remainder = {"bias": weights @ self.bias}
        if absent.any():
            remainder["absent features"] = (weights * absent).sum(dim=2)
        return Attribution(
            self(batch),
            relevance[..., 0],
            remainder=remainder,
            components=relevance if components else None,
        )

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and the weights of the features: ``(target, batch, position, 1)``."""
        weights = torch.einsum("tbc,bpc->tbp", targets.double(), self.weights.T[batch.ids])
        return self(batch), weights[..., None]

    def _transform(self, texts: list[str]) -> Any:
        values = self.vectorizer.transform(texts)
        for step in self.between:
            values = step.transform(values)
        found = csr_matrix(values)
        if self.threshold is not None:  # Bernoulli naive Bayes asks whether, not how often
            found = csr_matrix(found > self.threshold, dtype=np.float64)
        found.eliminate_zeros()
        return found

    def _columns_of(self, features: int) -> NDArray[np.int64] | None:
        """For each column of the vectorizer, that of the classifier; -1 for those not selected."""
        selections = [step for step in self.between if hasattr(step, "get_support")]
        if not selections:
            return None
        kept = np.arange(len(selections[0].get_support()))
        for step in selections:
            kept = kept[step.get_support()]
        if len(kept) != features:
            raise ModelError(f"{len(kept)} features were selected; the classifier has {features}.")
        columns = np.full(len(selections[0].get_support()), -1)
        columns[kept] = np.arange(features)
        return columns

    def _positions(
        self, document: Document, value_of: dict[int, float]
    ) -> list[tuple[int, int, float]]:
        """Feature, word and share of each position; takes what it shares out of ``value_of``."""
        ngrams = self.analyzer.ngrams(document)
        places = self._places([ngram.name for ngram in ngrams])
        counted: dict[int, float] = {}
        for feature, sign in places:
            counted[feature] = counted.get(feature, 0.0) + sign
        shared = {f: value_of.pop(f) for f, total in counted.items() if total and f in value_of}
        return [
            (feature, word, shared[feature] * sign / counted[feature] / len(ngram.words))
            for ngram, (feature, sign) in zip(ngrams, places, strict=True)
            if feature in shared
            for word in ngram.words
        ]

    def _places(self, names: list[str]) -> list[tuple[int, float]]:
        """Column in the classifier and sign of n-grams; -1 for those that are no features."""
        if not names:
            return []
        if hasattr(self.vectorizer, "vocabulary_"):
            found = [(self.vectorizer.vocabulary_.get(name, -1), 1.0) for name in names]
        else:  # columns are shared by what hashes alike, with different signs
            hashed = self.hasher.transform([[name] for name in names])
            found = list(zip(hashed.indices.tolist(), hashed.data.tolist(), strict=True))
        if self._columns is None:
            return found
        return [(-1 if c < 0 else int(self._columns[c]), sign) for c, sign in found]

    def save(self, path: Path, *, about: str = "") -> None:
        """Write ``model.json`` and ``weights.safetensors`` into a folder; no pickle.

        Raises:
            ModelError: If the pipeline is not a `TfidfVectorizer` and a classifier.
        """
        simple = type(self.vectorizer).__name__ == "TfidfVectorizer" and self.vectorizer.use_idf
        own = getattr(self.vectorizer, "preprocessor", None) or self.vectorizer.tokenizer
        if self.between or own or not simple:
            raise ModelError(
                "Only a TfidfVectorizer without functions of one's own, followed by a classifier, "
                "can be saved."
            )
        settings = {name: getattr(self.vectorizer, name) for name in SAVED}
        vocabulary = sorted(self.vectorizer.vocabulary_, key=self.vectorizer.vocabulary_.get)
        path.mkdir(parents=True, exist_ok=True)
        _write(path / "vocabulary.json", vocabulary)
        arrays = {
            "weights": self.weights[:, :-1].numpy(),
            "bias": self.bias.numpy(),
            "idf": self.vectorizer.idf_,
        }
        save_file(
            {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()},
            path / "weights.safetensors",
        )
        description = {"format": 1, "kind": self.kind, "about": about}
        _write(
            path / "model.json",
            {**description, "classes": list(self.classes), "settings": settings},
            indent=2,
        )

    @classmethod
    def load(cls, path: Path, description: Mapping[str, Any]) -> Self:
        """Read what `save` wrote.

        Raises:
            OSError, ValueError, KeyError, TypeError: If files are missing or damaged.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import Pipeline

        settings = dict(description["settings"])
        settings["ngram_range"] = tuple(settings["ngram_range"])
        words = json.loads((path / "vocabulary.json").read_text(encoding="utf-8"))
        vectorizer = TfidfVectorizer(
            **settings, vocabulary={word: column for column, word in enumerate(words)}
        )
        arrays = load_file(path / "weights.safetensors")
        vectorizer.idf_ = arrays["idf"].astype(np.float64)
        model = Weights(
            tuple(description["classes"]),
            arrays["weights"].astype(np.float64),
            arrays["bias"].astype(np.float64),
        )
        if model.coef_.shape != (len(model.classes_), len(words)):
            raise ValueError(
                f"weights of {model.coef_.shape} for {len(words)} words, {model.classes_}"
            )
        return cls(Pipeline([("tfidf", vectorizer), ("weights", model)]))


def _features(batch: Batch) -> FeatureBatch:
    if not isinstance(batch, FeatureBatch):
        raise InputError(f"Got {type(batch).__name__}; expected what encode returns.")
    return batch


def _write(path: Path, value: Any, **layout: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, **layout) + "\n", encoding="utf-8")
