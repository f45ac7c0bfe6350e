"""`PooledConvolutions`: the network of the CNNs, written with torch modules alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PooledConvolutions(nn.Module):
    """Convolution, maximum over time, ReLU and a linear layer, for one document.

    Args:
        convolutions: One convolution for each width.
        output: The linear layer.
        positions: Number of positions of the document.
    """

    def __init__(
        self, convolutions: Sequence[nn.Conv1d], output: nn.Linear, positions: int
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.windows = [max(positions - c.kernel_size[0], 0) + 1 for c in convolutions]
        self.pools = nn.ModuleList(nn.MaxPool1d(count) for count in self.windows)
        self.relu, self.output = nn.ReLU(), output

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores ``(batch, class)`` from vectors ``(batch, position, dimension)``."""
        x = embeddings.mT
        layers = zip(self.convolutions, self.pools, self.windows, strict=True)
        pooled = torch.cat([pool(conv(x)[..., :count]) for conv, pool, count in layers], dim=1)
        scores: Tensor = self.output(self.relu(pooled.squeeze(2)))
        return scores
