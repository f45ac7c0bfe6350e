"""The word CNN of the paper, and what it computes in closed form."""
