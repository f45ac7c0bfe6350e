"""Small random models and texts for the tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from whyword.batch import Batch
from whyword.data.vectors import WordVectors
from whyword.models.base import WordClassifier
from whyword.models.cnn.model import WordCNN

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def random_vectors(seed: int = 0, dimension: int = 5) -> WordVectors:
    rng = np.random.default_rng(seed)
    return WordVectors(WORDS, rng.normal(size=(len(WORDS), dimension)).astype(np.float32), True)


def random_cnn(
    seed: int = 0,
    *,
    dimension: int = 5,
    filters: Mapping[int, int] | None = None,
    classes: Sequence[str] = ("a", "b", "c"),
    shift: float = 0.0,
) -> WordCNN:
    """A CNN with random weights; ``shift`` moves the scores, so that they may be negative."""
    torch.manual_seed(seed)
    model = WordCNN(random_vectors(seed, dimension), classes, filters=filters or {2: 7})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
        model.output.bias.add_(shift)
    return model.eval()


def random_text(rng: np.random.Generator, length: int) -> str:
    return " ".join(rng.choice(WORDS, size=length)) if length else ""


class Bag(WordClassifier):
    """Scores are a bias and the sum of what each word adds: exactly linear.

    Args:
        adds: The scores ``(class,)`` that each word adds.
        bias: The scores of a text without words.
    """

    kind = "test"

    def __init__(self, adds: Mapping[str, Sequence[float]], bias: Sequence[float]) -> None:
        vectors = WordVectors(tuple(adds), np.eye(len(adds), dtype=np.float32), True)
        super().__init__(vectors, tuple("abcdefgh"[: len(bias)]))
        self.output = torch.nn.Linear(len(adds), len(bias))
        with torch.no_grad():
            self.output.weight.copy_(torch.tensor(list(adds.values())).T)
            self.output.bias.copy_(torch.tensor(bias))
        self.double().eval()

    def settings(self) -> dict[str, object]:
        return {}

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        result: Tensor = self.output(embeddings.sum(dim=1))
        return result
