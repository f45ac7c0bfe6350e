"""`rows_times`: a product with weights that leaves out rows of zeros.

A classifier reads its classes off one position, or off a few. On the way back through the layer
below, all other positions carry nothing: most of its products are of zeros.
"""

import torch
from torch import Tensor
from torch._C import _functorch

_WORTH = 64
"""The number of rows from which on it pays to look for zeros."""


def rows_times(q: Tensor, weight: Tensor) -> Tensor:
    """``q @ weight`` for ``(..., out)`` and ``(out, in)``, by the rows of q that are not zero."""
    rows = q.numel() // max(1, q.shape[-1])
    if rows < _WORTH or _functorch.is_functorch_wrapped_tensor(q):
        return q @ weight
    flat = q.reshape(rows, -1)
    if torch.count_nonzero(flat[:, 0]) * 2 > rows:  # one column says that there is little to save
        return q @ weight
    chosen = flat.any(dim=1).nonzero()[:, 0]
    if len(chosen) * 2 > rows:
        return q @ weight
    result = q.new_zeros(rows, weight.shape[1])
    result[chosen] = flat[chosen] @ weight
    return result.view(*q.shape[:-1], -1)
