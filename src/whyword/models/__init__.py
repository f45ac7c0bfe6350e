"""The classifiers, adapters for models of other libraries, and models on disk (`store`)."""
