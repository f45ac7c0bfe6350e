"""A corpus seen through relevance: words, audits, document vectors, maps."""
