"""Training: classifiers from a corpus, chosen on a validation part."""
