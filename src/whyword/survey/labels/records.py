"""Records of suspected labels."""

from dataclasses import dataclass
from typing import TypedDict

from whyword.data.corpora import Corpus
from whyword.explanation import Explanation


@dataclass(frozen=True)
class LabelSuspect:
    """A document whose label is probably wrong.

    Attributes:
        document: Its place in the corpus.
        label: The class that it is labelled as.
        suggested: The class that it is counted as.
        label_confidence: Probability of the label, by the baseline trained without the document.
        confidence: Probability of the suggested class, likewise.
        explanation: The contrast of the suggested class with the label, by the model that was
            given, which may have been trained on the document.
    """

    document: int
    label: str
    suggested: str
    label_confidence: float
    confidence: float
    explanation: Explanation

    @property
    def margin(self) -> float:
        """Score of the suggested class less that of the label, by the model that was given."""
        return float(self.explanation.target_scores[0])

    def words(self, n: int = 8) -> list[tuple[str, float]]:
        """The words that speak most for the suggested class against the label."""
        return [(word, value) for word, value in self.explanation.top(n) if value > 0]


class LabelSettings(TypedDict):
    """How labels were audited, and how many documents were judged and suspected."""

    documents: int
    judged: int
    suspected: int
    folds: int
    method: str
    seed: int


class LabelSuspectRecord(TypedDict):
    """A `LabelSuspect` as JSON values."""

    document: str
    label: str
    suggested: str
    label_confidence: float
    confidence: float
    model_margin: float
    words: dict[str, float]


class LabelAuditRecord(LabelSettings):
    """A `LabelAudit` as JSON values; documents are named."""

    suspects: list[LabelSuspectRecord]


@dataclass(frozen=True, eq=False)
class LabelAudit:
    """Documents whose labels are probably wrong.

    Attributes:
        suspects: The documents, the lowest confidence in the label first.
        corpus: All documents.
        about: How they were found. ``judged`` is the number of documents with a word and with
            another document of their class, ``suspected`` that of all suspects found.
    """

    suspects: tuple[LabelSuspect, ...]
    corpus: Corpus
    about: LabelSettings

    def to_dict(self) -> LabelAuditRecord:
        """Return everything as JSON values, with the names of documents instead of their texts."""
        return {
            **self.about,
            "suspects": [
                {
                    "document": self.corpus.names[suspect.document],
                    "label": suspect.label,
                    "suggested": suspect.suggested,
                    "label_confidence": suspect.label_confidence,
                    "confidence": suspect.confidence,
                    "model_margin": suspect.margin,
                    "words": dict(suspect.words()),
                }
                for suspect in self.suspects
            ],
        }
