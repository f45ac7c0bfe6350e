"""Surveys of a whole corpus by relevance: how much each word contributed to a class's score.

`corpus_words` lists the words that drive each class, `audit_corpus` those that drive a class
although they hardly belong to it, `suspect_labels` documents that are probably labelled wrong, and
`map_corpus` draws documents near each other if the classifier found alike words relevant in them.
"""

from typing import TYPE_CHECKING

from whyword import lazy

if TYPE_CHECKING:
    from whyword.survey.audit import audit_corpus
    from whyword.survey.audit.records import Audit
    from whyword.survey.explanatory_power import Epi, epi, gap
    from whyword.survey.labels import suspect_labels
    from whyword.survey.labels.records import LabelAudit, LabelSuspect
    from whyword.survey.maps import DocumentMap, map_corpus, project
    from whyword.survey.vectors import document_vectors, inverse_document_frequencies
    from whyword.survey.words import CorpusWords, corpus_words

__all__ = [
    "Audit",
    "CorpusWords",
    "DocumentMap",
    "Epi",
    "LabelAudit",
    "LabelSuspect",
    "audit_corpus",
    "corpus_words",
    "document_vectors",
    "epi",
    "gap",
    "inverse_document_frequencies",
    "map_corpus",
    "project",
    "suspect_labels",
]

__getattr__, __dir__ = lazy.exports(__name__)
