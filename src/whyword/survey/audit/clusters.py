"""Spectral relevance analysis: the different ways in which a model comes to one class.

Lapuschkin et al. 2019, "Unmasking Clever Hans predictors": explanations of one class are clustered;
a cluster is a strategy, and strategies that look at the wrong thing stand out. Here an explanation
is a document's relevance per word, as a vector of unit length. The clusters are those of the graph
that joins each document with its nearest neighbours by cosine (Ng, Jordan and Weiss 2002); where
the eigenvalues of its normalised Laplacian leave the largest gap is their number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from whyword.data.arrays import Floats
from whyword.data.extras import require

NEIGHBOURS = 10
"""Documents that a document is joined with."""

MOST = 8
"""Clusters at most."""

# Joins all documents a little, so that the graph is connected (Amini et al. 2013).
_REGULARISER = 1e-3


@dataclass(frozen=True)
class Cluster:
    """Documents that the model assigns to a class for similar words.

    Attributes:
        documents: How many.
        share: The same as a share of the documents clustered.
        words: Words that get more relevance here than in the class's other documents, with the
            difference of the means, relevance per document being scaled to unit length.
        typical: Documents nearest to the cluster's mean, by place in the corpus.
    """

    documents: int
    share: float
    words: tuple[tuple[str, float], ...]
    typical: tuple[int, ...]


def clusters(
    relevance: Mapping[int, Mapping[str, float]], *, words: int = 8, typical: int = 3, seed: int = 0
) -> list[Cluster]:
    """The clusters of some documents' explanations, the largest first.

    Args:
        relevance: For each document, by place in the corpus, its relevance per word.
        words: Words named per cluster.
        typical: Documents named per cluster.
        seed: Of the eigenvector solver.

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
    """The cluster of each document, from the cosines ``(document, document)``."""
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
    """Raise `MissingLibraryError` for what `clusters` needs, before an audit explains a corpus."""
    _library("scipy.sparse")
    _library("sklearn.cluster")


def _library(module: str) -> ModuleType:
    return require(module, extra="corpus", what="Clusters of explanations")
