"""Linear classifiers of scikit-learn over bags of words, explained exactly.

A score is Σ_f x_f w_f + b over the features of a text. Feature f is an n-gram; its value x_f is
shared equally by the words of all its occurrences, so that every word's relevance is the sum of its
shares of x_f w_f. Nothing is approximated: words + remainder = ``decision_function``.

The modules ``vectorizers`` and ``steps`` follow n-grams on their way to the classifier, and
``estimators`` reads its weights. All is checked: scores are compared with the classifier's own, and
must predict what it predicts.

As a `whyword.classifier.Classifier`, each word of each occurrence of an n-gram is a position, whose
vector has one component: its share of x_f.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from whyword.batch import Attribution, Batch
from whyword.data.arrays import Floats, Ints
from whyword.errors import ModelError
from whyword.models.linear.batch import FeatureBatch, features_of
from whyword.models.linear.coefficients import Weights
from whyword.models.linear.estimators import linear_form
from whyword.models.linear.folder import KIND, write_linear
from whyword.models.linear.matrices import sparse
from whyword.models.linear.pipelines import flat, unwrapped
from whyword.models.linear.sources import Source
from whyword.models.linear.vectorizers import source_of
from whyword.text import Document


class LinearClassifier:
    """A classifier that is a fitted scikit-learn pipeline: vectorizer, steps, linear classifier.

    Args:
        pipeline: A fitted `sklearn.pipeline.Pipeline`, or a search that has found one. It begins
            with a `CountVectorizer`, `TfidfVectorizer`, `HashingVectorizer` or a `FeatureUnion` of
            these; then may come steps that keep features apart, and after them linear ones; it ends
            with a linear classifier.

    Attributes:
        meaning: What the scores are, in words, such as "decision value of LinearSVC".
        multilabel: Whether every class is a label of its own, given if its score is above 0.

    Raises:
        ModelError: If a step is none of these, or not fitted; the message names it.
    """

    kind = KIND

    def __init__(self, pipeline: Any) -> None:
        pipeline = unwrapped(pipeline)
        if not hasattr(pipeline, "steps"):
            name = type(pipeline).__name__
            raise ModelError(
                f"Got a {name} that is no pipeline; expected a vectorizer and a classifier in one, "
                f"such as make_pipeline(TfidfVectorizer(), {name}(...))."
            )
        steps = flat(pipeline)
        if len(steps) < 2:
            raise ModelError("Got a pipeline of fewer than two steps; expected vectorizer, model.")
        self.pipeline = pipeline
        self.vectorizer, *self.between, self.model = steps
        self.source: Source = source_of(self.vectorizer)
        for step in self.between:
            self.source = source_of(step, self.source)
        self.form = linear_form(self.model)
        self._both = self.form.both()
        if self.form.weights.shape[1] != self.source.empty.shape[1]:
            raise ModelError(
                f"The {type(self.model).__name__} has {self.form.weights.shape[1]} features; the "
                f"steps before it give {self.source.empty.shape[1]}."
            )
        if self.form.threshold is not None and self.source.matrix is not None:
            raise ModelError(
                f"The {type(self.model).__name__} binarizes features that are mixed; expected a "
                "classifier that is linear in them."
            )
        self.meaning = self.form.meaning
        self.multilabel = self.form.labels is not None
        self.classes = self.form.names
        weights = self._both.weights
        if self.source.matrix is not None:
            weights = np.asarray((self.source.matrix @ weights.T).T)
        self._folded = weights
        # One more column, for what no feature is: padding.
        self.weights = torch.from_numpy(np.hstack([weights, np.zeros((len(weights), 1))]))
        self.bias = torch.from_numpy(self._both.biases.copy())
        self._agrees = False

    def encode(self, texts: Sequence[str | Document]) -> FeatureBatch:
        """Encode texts, with one position for each word of each occurrence of a feature.

        Raises:
            InputError: If a text is no string, or features are not found in it.
            ModelError: If the scores are not the classifier's own, or would predict another class.
        """
        documents = self.documents(texts)
        plain = [document.text for document in documents]
        values = self.source.run(plain)
        x = values.x
        if self.form.threshold is not None:  # Bernoulli naive Bayes asks whether, not how often
            x = sparse(x > self.form.threshold)
        rows = [self._positions(document, x[i]) for i, document in enumerate(documents)]
        absent = self._absent(x, rows)
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
            found = set(places)
            known.append(tuple(word in found for word in range(len(document))))
        offset = np.zeros((len(rows), len(self.classes)))
        if values.offset is not None:
            offset = values.offset @ self._both.weights.T
        self._check(plain, values.z, ids, shares, absent, offset)
        return FeatureBatch(
            documents=documents,
            ids=torch.from_numpy(ids),
            mask=torch.from_numpy(ids != padding),
            words=torch.from_numpy(words),
            known=tuple(known),
            values=torch.from_numpy(shares),
            absent=torch.from_numpy(_product(absent, self.weights.numpy())),
            offset=torch.from_numpy(offset),
        )

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents; those that are strings are tokenised.

        Raises:
            InputError: If a text is no string.
        """
        return tuple(t if isinstance(t, Document) else self.source.document(t) for t in texts)

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, 1)`` the share of its feature's value that each position holds."""
        return features_of(batch).values[:, :, None]

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` scores, as `meaning` says; those of two classes are opposite."""
        shared: Tensor = (embeddings * self.weights.T[batch.ids]).sum(dim=1)
        return shared + self.bias + features_of(batch).absent + features_of(batch).offset

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` scores of the documents."""
        return self.score(self.embed(batch), batch)

    def lrp(
        self, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
    ) -> Attribution:
        """Relevance x_f w_f, shared equally by the words of f: LRP without a stabiliser."""
        relevance = self.gradient(batch, targets)[1] * self.embed(batch)
        weights, features = targets.double(), features_of(batch)
        remainder = {"bias": weights @ self.bias}
        for item, added in (("absent features", features.absent), ("offset", features.offset)):
            if added.any():
                remainder[item] = (weights * added).sum(dim=2)
        return Attribution(
            self(batch),
            relevance[..., 0],
            remainder=remainder,
            components=relevance if components else None,
        )

    def gradient(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and gradients ``(target, batch, position, 1)``: the weights of the features."""
        weights = torch.einsum("tbc,bpc->tbp", targets.double(), self.weights.T[batch.ids])
        return self(batch), weights[..., None]

    def _positions(self, document: Document, x: sp.csr_matrix) -> list[tuple[int, int, float]]:
        """Feature, word and share of each position of a document with the features ``(1, column)``.

        A feature whose occurrences cancel out, as they hash to different signs, has no position.
        """
        value_of = dict(zip(x.indices.tolist(), x.data.tolist(), strict=True))
        places = [place for place in self.source.places(document) if place.column in value_of]
        counted: dict[int, float] = {}
        for column, sign, _ in places:
            counted[column] = counted.get(column, 0.0) + sign
        return [
            (column, word, value_of[column] * sign / counted[column] * parts / len(words))
            for column, sign, words in places
            if counted[column]
            for word, parts in Counter(words).items()
        ]

    @staticmethod
    def _absent(x: sp.csr_matrix, rows: list[list[tuple[int, int, float]]]) -> sp.csr_matrix:
        """``(text, column)`` the values of features that have no position."""
        absent = x.copy()
        for i, row in enumerate(rows):
            inside = slice(absent.indptr[i], absent.indptr[i + 1])
            shared = np.isin(absent.indices[inside], [column for column, _, _ in row])
            absent.data[inside][shared] = 0
        absent.eliminate_zeros()
        return absent

    def _check(
        self,
        texts: list[str],
        z: Any,
        ids: Ints,
        shares: Floats,
        absent: sp.csr_matrix,
        offset: Floats,
    ) -> None:
        """Compare the scores with the classifier's own, and with its predictions.

        Classifiers that are known to predict by these scores are checked once, on the first texts:
        with many classes and features they take longer than all the rest.
        """
        done = self._agrees and self.form.decides
        if done or not texts or isinstance(self.model, Weights):
            return
        row, position = np.nonzero(shares)
        given = (shares[row, position], (row, ids[row, position]))
        x = sp.csr_matrix(given, shape=absent.shape) + absent
        scores = _product(x, self._folded) + offset + self._both.biases
        scores = scores[:, -len(self.form.weights) :]
        self.form.check(self.model, z, scores, texts)
        if not self._agrees:
            name = type(self.pipeline).__name__
            self.form.check_predictions(name, self.pipeline.predict(texts), scores, texts)
            self._agrees = True

    def save(self, path: Path, *, about: str = "") -> None:
        """Save the model: ``model.json``, ``vocabulary.json``, ``weights.safetensors``; no pickle.

        Args:
            path: The folder, made if need be.
            about: One line that describes the model.

        Raises:
            ModelError: If the pipeline is not a `TfidfVectorizer` of words and a classifier of one
                label, or one of labels that was trained here.
            InputError: If the folder cannot be written.
        """
        ours = isinstance(self.model, Weights)
        if self.between or (self.multilabel and not ours) or self.form.threshold is not None:
            raise ModelError(
                "Only a TfidfVectorizer of words followed by a classifier of one label can be "
                "saved, without steps between them."
            )
        write_linear(
            path,
            self.vectorizer,
            self.classes,
            self.weights[:, :-1],
            self.bias,
            about=about,
            multilabel=self.multilabel,
        )


def _product(x: sp.csr_matrix, weights: Floats) -> Floats:
    """The product ``(text, class)``, computed from the columns that any text has alone."""
    columns = np.unique(x.indices)
    return np.asarray(x[:, columns] @ weights[:, columns].T)
