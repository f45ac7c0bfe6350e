"""Maps of a corpus: document vectors projected to two dimensions, with names and classes.

`map_corpus` does it all; `project` is its last step, and needs no classifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import numpy as np

from whyword.classifier import predict
from whyword.data.arrays import Floats, Reals, Singles
from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.data.parquet import pyarrow
from whyword.errors import InputError
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress
from whyword.survey.vectors import document_vectors
from whyword.text import Document

Projection = Literal["pca", "umap"]

_NEWSGROUPS = {
    "talk.politics": "politics",
    "talk.religion": "religion",
    "alt.atheism": "religion",
    "soc.religion": "religion",
}


@dataclass(frozen=True, eq=False)
class DocumentMap:
    """A map: documents as points in two dimensions, with what is known of them.

    Attributes:
        names: The name of each document.
        labels: True class of each document.
        predicted: Predicted class of each document.
        vectors: ``(document, dimension)`` document vectors, of unit length or zero.
        points: ``(document, 2)`` where each document lies on the map.
        weighting: How the words were weighted, as in `whyword.survey.vectors.Weighting`.
        projection: How the vectors became points.

    Raises:
        InputError: If the numbers of documents disagree.
    """

    names: Sequence[str]
    labels: Sequence[str]
    predicted: Sequence[str]
    vectors: Singles
    points: Floats
    weighting: str
    projection: Projection = "pca"

    def __post_init__(self) -> None:
        columns = (self.names, self.labels, self.predicted, self.vectors, self.points)
        lengths = [len(column) for column in columns]
        if len(set(lengths)) != 1:
            raise InputError(
                f"Got {lengths} names, labels, predicted classes, vectors and points; expected as "
                "many of each."
            )

    def __len__(self) -> int:
        return len(self.names)


def map_corpus(
    classifier: Explainable,
    corpus: Corpus,
    *,
    documents: Sequence[Document] | None = None,
    weightings: Sequence[str] = ("lrp-elementwise",),
    projection: Projection = "pca",
    idf: Mapping[str, float] | None = None,
    progress: OnProgress | None = None,
) -> dict[str, DocumentMap]:
    """Make a map of a corpus for each weighting: for each way of weighting a document's words.

    Args:
        classifier: What `whyword.explain` takes.
        corpus: Texts, names and true classes.
        documents: The corpus's texts, if they are tokenised already.
        weightings: Names as in `whyword.survey.vectors.Weighting`.
        projection: How vectors become points, as in `project`.
        idf: Inverse document frequencies for TF-IDF; by default those of these documents.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: As `document_vectors` and `project` do.
    """
    labels = [corpus.classes[i] for i in corpus.single_labels()]
    model = as_classifier(classifier)
    texts = corpus.texts if documents is None else documents
    vectors = document_vectors(model, texts, weightings=weightings, idf=idf, progress=progress)
    predicted = [model.classes[i] for i in predict(model, texts).argmax(axis=1)]
    return {
        name: DocumentMap(
            names=corpus.names,
            labels=labels,
            predicted=predicted,
            vectors=found,
            points=project(found, projection=projection),
            weighting=name,
            projection=projection,
        )
        for name, found in vectors.items()
    }


def project(vectors: Reals, *, projection: Projection = "pca", seed: int = 0) -> Floats:
    """Project vectors to two dimensions.

    Args:
        vectors: ``(document, dimension)``.
        projection: ``"pca"``, the paper's, which takes the two directions of the highest variance;
            or ``"umap"``, which keeps neighbours by cosine (McInnes, Healy and Melville 2018).
        seed: Seed of UMAP; PCA is not random.

    Returns:
        ``(document, 2)`` points.

    Raises:
        InputError: If there is no such projection, there are too few documents or components, or
            UMAP is not installed.
    """
    library = check_projection(projection)
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or min(vectors.shape) < 2:
        raise InputError(
            f"Got vectors of the shape {vectors.shape}; expected (document, dimension) with at "
            "least two of each."
        )
    if projection == "pca":
        points = library.PCA(2, svd_solver="covariance_eigh").fit_transform(vectors)
    else:
        # With a seed UMAP runs one job only, and warns unless it is told so.
        points = library.UMAP(metric="cosine", random_state=seed, n_jobs=1).fit_transform(vectors)
    return np.asarray(points, dtype=np.float64)


def check_projection(projection: str) -> ModuleType:
    """Import the library of a projection.

    Raises:
        InputError: If there is no such projection, or its library is not installed.
    """
    if projection not in get_args(Projection):
        options = ", ".join(get_args(Projection))
        raise InputError(f'There is no projection "{projection}"; expected one of: {options}.')
    if projection == "umap":
        return require("umap", extra="umap", what="The projection UMAP")
    return require("sklearn.decomposition", extra="corpus", what="The projection PCA")


def top_level(name: str) -> str:
    """Return what stands before the first dot; for newsgroups the paper's category (Figure 3).

    ``misc.forsale`` is in none of the paper's five categories, and gives "misc".

    Example:
        >>> top_level("sci.space"), top_level("talk.politics.guns"), top_level("alt.atheism")
        ('sci', 'politics', 'religion')
    """
    for prefix, category in _NEWSGROUPS.items():
        if name == prefix or name.startswith(prefix + "."):
            return category
    return name.split(".", maxsplit=1)[0] or name


def write_parquet(found: DocumentMap, path: str | Path) -> None:
    """Write a map as a Parquet table: a row per document with name, label, predicted, x, y, vector.

    Weighting and projection stand in the metadata of the schema.

    Raises:
        InputError: If pyarrow is not installed, or the file cannot be written.
    """
    pa, parquet = pyarrow()
    dimension = found.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(found.vectors, dtype=np.float32).ravel())
    table = pa.table(
        {
            "name": pa.array(found.names, pa.string()),
            "label": pa.array(found.labels, pa.string()).dictionary_encode(),
            "predicted": pa.array(found.predicted, pa.string()).dictionary_encode(),
            "x": found.points[:, 0],
            "y": found.points[:, 1],
            "vector": pa.FixedSizeListArray.from_arrays(flat, dimension),
        }
    ).replace_schema_metadata({"weighting": found.weighting, "projection": found.projection})
    try:
        parquet.write_table(table, path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error}.") from error
