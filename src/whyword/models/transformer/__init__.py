"""Hugging Face transformers as classifiers, and untrained heads on pretrained encoders."""
