"""Linear classifiers of scikit-learn: pipelines over bags of words, explained exactly."""
