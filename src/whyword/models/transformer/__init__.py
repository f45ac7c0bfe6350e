"""Classifiers of Hugging Face, and fresh heads on encoders."""
