"""Data that is read and written: corpora, word vectors and files."""

from typing import TYPE_CHECKING

from whyword import lazy

if TYPE_CHECKING:
    from whyword.data.corpora import Corpus, load_corpus
    from whyword.data.duplicates import Duplicate, duplicate_groups, find_duplicates
    from whyword.data.vectors import WordVectors, read_vectors

__all__ = [
    "Corpus",
    "Duplicate",
    "WordVectors",
    "duplicate_groups",
    "find_duplicates",
    "load_corpus",
    "read_vectors",
]

__getattr__, __dir__ = lazy.exports(__name__)
