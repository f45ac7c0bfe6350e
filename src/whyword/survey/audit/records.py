"""Records of what an audit found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypedDict

from whyword.data.corpora import Corpus
from whyword.survey.audit.clusters import Cluster
from whyword.survey.tally import Occurrence


@dataclass(frozen=True)
class Suspect:
    """A word that drives a class although it is used like a stamp.

    Attributes:
        word: The word, in lower case.
        target: The class that it drives.
        score: The share of the class's relevance that is out of proportion to the word's use; see
            `whyword.survey.audit.suspects`.
        relevance_share: The word's share of the class's positive relevance.
        documents: Number of documents that are predicted as the class and have the word.
        document_share: The same as a share of the documents predicted as the class.
        variety: The chance that two of these documents have the word unequally often.
        usual_variety: The mean variety of the class's words, weighted by relevance.
        drop: Mean change of the class's probability in these documents when the word alone is
            deleted; negative if the probability drops.
        turned: How many of them are then predicted as another class.
        traces: Share of its occurrences that show each trace; see `whyword.survey.audit.traces`.
        companions: Other suspects of the class that stand in mostly the same documents.
        examples: Some occurrences of the word.
    """

    word: str
    target: str
    score: float
    relevance_share: float
    documents: int
    document_share: float
    variety: float
    usual_variety: float
    drop: float
    turned: int
    traces: Mapping[str, float]
    companions: tuple[str, ...]
    examples: tuple[Occurrence, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The traces that most occurrences of the word show."""
        return tuple(name for name, share in self.traces.items() if share >= 0.5)


@dataclass(frozen=True)
class Accuracy:
    """Accuracy before and after the suspects are deleted.

    Attributes:
        before: Accuracy on the documents as they are.
        after: Accuracy on the documents without the suspects.
        touched: Number of documents that have a suspect.
        touched_before: Accuracy on these documents as they are.
        touched_after: Accuracy on these documents without the suspects.
    """

    before: float
    after: float
    touched: int
    touched_before: float
    touched_after: float


@dataclass(frozen=True)
class ClassAudit:
    """The audit of one class: how many documents are predicted as it, and their clusters."""

    target: str
    documents: int
    clusters: tuple[Cluster, ...]


class AuditSettings(TypedDict):
    """How an audit was made."""

    documents: int
    method: str
    top: int
    least: float
    min_documents: int
    sample: int
    seed: int


class ClusterRecord(TypedDict):
    """A `Cluster` as JSON values; documents are named."""

    documents: int
    share: float
    words: dict[str, float]
    typical: list[str]


ClassRecord = TypedDict(
    "ClassRecord", {"class": str, "documents": int, "clusters": list[ClusterRecord]}
)
"""A `ClassAudit` as JSON values."""


class AuditRecord(AuditSettings):
    """An `Audit` as JSON values.

    Accuracy and suspects have the attributes of `Accuracy` and `Suspect`; documents are named.
    """

    accuracy: dict[str, float]
    suspects: list[dict[str, object]]
    classes: list[ClassRecord]


@dataclass(frozen=True)
class Audit:
    """An audit: the words that a model learned to rely on by accident, as a corpus shows them.

    Attributes:
        suspects: The suspects of all classes, the highest score first.
        classes: A record for each class that documents were predicted as.
        accuracy: Accuracy by the true classes, with and without the suspects.
        corpus: The documents.
        about: How the audit was made.
    """

    suspects: tuple[Suspect, ...]
    classes: tuple[ClassAudit, ...]
    accuracy: Accuracy
    corpus: Corpus
    about: AuditSettings

    def to_dict(self) -> AuditRecord:
        """Return everything as JSON values, with the names of documents instead of their texts."""
        names = self.corpus.names
        return {
            **self.about,
            "accuracy": asdict(self.accuracy),
            "suspects": [
                {
                    **asdict(suspect),
                    "kinds": list(suspect.kinds),
                    "examples": [
                        {**asdict(place), "document": names[place.document]}
                        for place in suspect.examples
                    ],
                }
                for suspect in self.suspects
            ],
            "classes": [
                {
                    "class": entry.target,
                    "documents": entry.documents,
                    "clusters": [
                        {
                            "documents": cluster.documents,
                            "share": cluster.share,
                            "words": dict(cluster.words),
                            "typical": [names[i] for i in cluster.typical],
                        }
                        for cluster in entry.clusters
                    ],
                }
                for entry in self.classes
            ],
        }
