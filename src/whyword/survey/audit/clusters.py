"""Spectral relevance analysis: the different ways in which a model comes to predict one class.

Lapuschkin et al. 2019, "Unmasking Clever Hans predictors": explanations of one class are clustered;
a cluster is a strategy, and strategies that look at the wrong thing stand out. Here an explanation
is a document's relevance per word, as a vector of unit length. A graph joins each document with its
nearest neighbours by cosine, and is cut into clusters (Ng, Jordan and Weiss 2002). The largest gap
between the eigenvalues of its normalised Laplacian decides about their number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.extras import require

NEIGHBOURS = 10
"""The number of nearest documents that each document is joined with."""

MOST = 8
"""The most clusters."""

# Joins all documents a little, so that the graph is connected (Amini et al. 2013).
_REGULARISER = 1e-3


@dataclass(frozen=True)
class Cluster:
    """A cluster: documents that the model assigns to a class for similar words.

    Attributes:
        documents: The number of documents.
        share: The same as a share of the documents that were clustered.
        words: Words that get more relevance here than in the class's other documents, with the
            difference of the means. The relevance of each document is scaled to unit length.
        typical: The documents nearest to the cluster's mean, as places in the corpus.
    """

    documents: int
    share: float
    words: tuple[tuple[str, float], ...]
    typical: tuple[int, ...]


def clusters(
    relevance: Mapping[int, Mapping[str, float]], *, words: int = 8, typical: int = 3, seed: int = 0
) -> list[Cluster]:
    """Cluster the explanations of documents; the largest cluster comes first.

    Args:
        relevance: For each document, by its place in the corpus, the relevance of its words.
        words: Most words to name for each cluster.
        typical: Most documents to name for each cluster.
        seed: Seed of the eigenvector solver.

    Returns:
        Two clusters or more; a single one if there are fewer than twice `NEIGHBOURS` documents.
    """
    sparse, preprocessing = _library("scipy.sparse"), _library("sklearn.preprocessing")
    numbers, rows = list(relevance), list(relevance.values())
    if not numbers:
        return []
    index: dict[str, int] = {}
    columns = [index.setdefault(word, len(index)) for row in rows for word in row]
    pointers = np.cumsum([0, *map(len, rows)])
    values = np.array([value for row in rows for value in row.values()], dtype=float)
    if not index:  # no document has a word
        return [Cluster(len(rows), 1.0, (), tuple(numbers[:typical]))]
    shape = (len(rows), len(index))
    matrix = preprocessing.normalize(sparse.csr_matrix((values, columns, pointers), shape=shape))
    labels = _labels(np.asarray((matrix @ matrix.T).todense()), seed)
    names = list(index)
    found = []
    for label in np.unique(labels):
        inside = labels == label
        mean = np.asarray(matrix[inside].mean(axis=0)).ravel()
        others = np.asarray(matrix[~inside].mean(axis=0)).ravel() if not inside.all() else 0 * mean
        difference = mean - others
        strongest = [i for i in np.argsort(-difference)[:words] if difference[i] > 0]
        members = np.flatnonzero(inside)
        nearest = members[np.argsort(-(matrix[members] @ mean), kind="stable")][:typical]
        found.append(
            Cluster(
                documents=len(members),
                share=len(members) / len(rows),
                words=tuple((names[i], float(difference[i])) for i in strongest),
                typical=tuple(numbers[i] for i in nearest),
            )
        )
    return sorted(found, key=lambda cluster: -cluster.documents)


def _labels(similarity: Floats, seed: int) -> Sequence[int] | Floats:
    """Return the cluster of each document, from their cosines ``(document, document)``."""
    csgraph, cluster = _library("scipy.sparse.csgraph"), _library("sklearn.cluster")
    count = len(similarity)
    if count < 2 * NEIGHBOURS:
        return np.zeros(count, dtype=np.int64)
    similarity = similarity.clip(0)
    np.fill_diagonal(similarity, 0)
    nearest = np.argsort(-similarity, axis=1)[:, :NEIGHBOURS]
    graph = np.full_like(similarity, _REGULARISER / count)
    rows = np.arange(count)[:, None]
    graph[rows, nearest] += similarity[rows, nearest]
    graph = np.maximum(graph, graph.T)
    np.fill_diagonal(graph, 0)
    values = np.linalg.eigvalsh(csgraph.laplacian(graph, normed=True))[: MOST + 1]
    number = int(np.argmax(np.diff(values)[1:])) + 2
    model = cluster.SpectralClustering(
        number, affinity="precomputed", assign_labels="cluster_qr", random_state=seed
    )
    labels: Floats = model.fit_predict(graph)
    return labels


def check_libraries() -> None:
    """Raise ``MissingLibraryError`` if a library of `clusters` is missing, before all the work."""
    _library("scipy.sparse")
    _library("sklearn.cluster")


def _library(module: str) -> ModuleType:
    return require(module, extra="corpus", what="A clustering of explanations")
