"""Linear classifiers of scikit-learn, explained exactly."""
