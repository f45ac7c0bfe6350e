"""What is read and written: corpora, word vectors, files."""
