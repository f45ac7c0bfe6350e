"""How good explanations are, in numbers."""
