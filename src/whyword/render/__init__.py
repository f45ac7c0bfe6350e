"""Renderers: from explanations to something to look at."""
