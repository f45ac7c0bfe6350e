"""Small random models and texts for the tests."""

import numpy as np
import torch

from whyword.models.cnn import WordCNN
from whyword.vectors import WordVectors

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def random_vectors(seed=0, dimension=5):
    rng = np.random.default_rng(seed)
    return WordVectors(WORDS, rng.normal(size=(len(WORDS), dimension)).astype(np.float32), True)


def random_cnn(seed=0, *, dimension=5, filters=None, classes=("a", "b", "c"), shift=0.0):
    """A CNN with random weights; ``shift`` moves the scores, so that they may be negative."""
    torch.manual_seed(seed)
    model = WordCNN(random_vectors(seed, dimension), classes, filters=filters or {2: 7})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
        model.output.bias += shift
    return model.eval()


def random_text(rng, length):
    return " ".join(rng.choice(WORDS, size=length)) if length else ""
