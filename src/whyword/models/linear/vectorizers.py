"""`source_of`: the source that a vectorizer, a union or a step of a scikit-learn pipeline is."""

from collections.abc import Iterator, Sequence
from typing import Any

import scipy.sparse as sp
from sklearn.feature_extraction import FeatureHasher

from whyword.errors import ModelError
from whyword.models.linear.matrices import sparse
from whyword.models.linear.ngrams import Analyzer
from whyword.models.linear.pipelines import flat, sent, unfitted, unwrapped
from whyword.models.linear.sources import Place, Source, Values
from whyword.models.linear.steps import Step
from whyword.text import Document, Span


class _Words:
    """A source that is a fitted vectorizer.

    Raises:
        ModelError: If it is not fitted, or `Analyzer` refuses it.
    """

    matrix = None

    def __init__(self, vectorizer: Any) -> None:
        self.analyzer = Analyzer(vectorizer)
        self.vectorizer = vectorizer
        if hasattr(vectorizer, "n_features"):
            self.width: int = vectorizer.n_features
            self.hasher = FeatureHasher(
                self.width, input_type="string", alternate_sign=vectorizer.alternate_sign
            )
        elif hasattr(vectorizer, "vocabulary_"):
            self.width = len(vectorizer.vocabulary_)
        else:
            raise unfitted(vectorizer)
        self.empty = self.run([""]).z

    def run(self, texts: Sequence[str]) -> Values:
        """The values of texts, from the vectorizer."""
        z = sent(self.vectorizer, texts)
        return Values(z, sparse(z))

    def document(self, text: str) -> Document:
        """The text with the vectorizer's words."""
        return self.analyzer.document(text)

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of the vectorizer's features."""
        ngrams = self.analyzer.ngrams(document)
        if hasattr(self.vectorizer, "vocabulary_"):
            vocabulary = self.vectorizer.vocabulary_
            for ngram in ngrams:
                yield Place(vocabulary.get(ngram.name, -1), 1.0, ngram.words)
        elif ngrams:  # columns are shared by what hashes alike, with different signs
            hashed = self.hasher.transform([[ngram.name] for ngram in ngrams])
            for ngram, column, sign in zip(ngrams, hashed.indices, hashed.data, strict=True):
                yield Place(int(column), float(sign), ngram.words)


class _Union:
    """A source that is a fitted `FeatureUnion`: features side by side, with weights.

    Args:
        union: The union.
        before: The steps before it; None if its parts read texts.

    Raises:
        ModelError: If one of its parts does not read texts, or cannot be followed.
    """

    def __init__(self, union: Any, before: Source | None = None) -> None:
        weights = union.transformer_weights or {}
        parts = [(name, step) for name, step in union.transformer_list if step != "drop"]
        self.parts = [source_of(step, before) for _, step in parts]
        self.weights = [1.0 if (w := weights.get(name)) is None else float(w) for name, _ in parts]
        self.width = sum(part.width for part in self.parts)
        self.matrix = None
        if any(part.matrix is not None for part in self.parts):
            blocks = [sp.eye(p.width) if p.matrix is None else p.matrix for p in self.parts]
            self.matrix = sp.csr_matrix(sp.block_diag(blocks))
        self.empty = self.run([""]).z

    def run(self, texts: Sequence[str]) -> Values:
        """The values of all parts, each times its weight."""
        found = list(zip([part.run(texts) for part in self.parts], self.weights, strict=True))
        z = sp.hstack([sparse(one.z) * weight for one, weight in found], format="csr")
        x = sp.hstack([one.x * weight for one, weight in found], format="csr")
        offset = None
        if self.matrix is not None:
            offset = sp.hstack(
                [
                    sp.csr_matrix(one.z.shape) if one.offset is None else one.offset * weight
                    for one, weight in found
                ],
                format="csr",
            )
        return Values(z if any(sp.issparse(one.z) for one, _ in found) else z.toarray(), x, offset)

    def document(self, text: str) -> Document:
        """The text with the words of all parts; words that overlap are joined."""
        spans: list[Span] = []
        for span in sorted({s for part in self.parts for s in part.document(text).spans}):
            if spans and span.start < spans[-1].end:
                spans[-1] = Span(spans[-1].start, max(span.end, spans[-1].end))
            else:
                spans.append(span)
        return Document(text, tuple(spans))

    def places(self, document: Document) -> Iterator[Place]:
        """The occurrences of all parts' features."""
        before = 0
        for part in self.parts:
            for place in part.places(document):
                yield place._replace(column=place.column + before) if place.column >= 0 else place
            before += part.width


def source_of(step: Any, before: Source | None = None) -> Source:
    """The source of a fitted transformer and the steps before it; without any, it reads texts.

    Raises:
        ModelError: If it does not read texts, is not fitted, or cannot be followed.
    """
    step = unwrapped(step)
    if hasattr(step, "steps"):
        for one in flat(step):
            before = source_of(one, before)
        if before is None:
            raise ModelError("Got an empty pipeline; expected one with a vectorizer.")
        return before
    if step is None or step == "passthrough":
        if before is None:
            raise ModelError("Got a part that passes texts on; expected a vectorizer.")
        return before
    if hasattr(step, "transformer_list"):
        return _Union(step, before)
    if before is not None:
        return Step(before, step)
    if hasattr(step, "build_analyzer"):
        return _Words(step)
    name = type(step).__name__
    if hasattr(step, "transformers"):
        raise ModelError(
            f"The first step is {name}, which reads tables; expected a pipeline that reads texts, "
            "such as make_pipeline(TfidfVectorizer(), LogisticRegression())."
        )
    raise ModelError(
        f"The first step is {name}; expected CountVectorizer, TfidfVectorizer or "
        "HashingVectorizer, or a FeatureUnion of them."
    )
