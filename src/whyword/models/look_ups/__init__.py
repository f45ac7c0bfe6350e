"""Gives models that look up their vectors themselves other vectors in place of these."""
