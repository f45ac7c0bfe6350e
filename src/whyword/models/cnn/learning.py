"""The filters' maxima while the network learns: gradients that flow through winning windows alone.

A filter passes on one window of a document, so that of the U · K · F products of a batch's U words
with the filters only B · F · K have a gradient. The backward pass sums up these, word vector by
word vector and filter by filter, and multiplies nothing else; autograd's own would multiply with
matrices that are nearly all zeros.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

from whyword.models.cnn import ragged


class _Maxima(torch.autograd.Function):
    """See `maxima`."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, weight: Tensor, slots: Tensor, lengths: Tensor
    ) -> Tensor:
        filters, _, width = weight.shape
        places = weight.permute(2, 0, 1).flatten(0, 1)
        rows = (vectors @ places.T).view(-1, filters)
        best, start = ragged.winners(rows, slots, lengths, width)
        ctx.save_for_backward(vectors, weight, slots, start)
        return best

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        vectors, weight, slots, start = ctx.saved_tensors
        of_vectors = torch.zeros_like(vectors) if ctx.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight)
        column = torch.arange(len(weight)).repeat(len(slots))
        for k in range(weight.shape[2]):
            words = slots.gather(1, start + k)
            # A bag for each filter: the words that it took, one from each document.
            of_weight[:, :, k] = embedding_bag(
                words.T.contiguous(),
                vectors,
                mode="sum",
                per_sample_weights=gradient.T.contiguous(),
            )
            if of_vectors is not None:
                # A bag for each word: the filters that took it.
                order = words.flatten().argsort(stable=True)
                count = words.flatten().bincount(minlength=len(vectors))
                of_vectors += embedding_bag(
                    column[order],
                    weight[:, :, k].contiguous(),
                    torch.cat([count.new_zeros(1), count.cumsum(0)]),
                    mode="sum",
                    per_sample_weights=gradient.flatten()[order],
                    include_last_offset=True,
                )
        return of_vectors, of_weight, None, None


def maxima(vectors: Tensor, weight: Tensor, slots: Tensor, lengths: Tensor) -> Tensor:
    """``(batch, filter)`` each filter's highest value, without bias, on the CPU.

    Gradients flow to vectors and weights, once: there are no second derivatives.

    Args:
        vectors: ``(slot, dimension)`` the vectors of the words of a batch, each once.
        weight: ``(filter, dimension, width)`` of a convolution.
        slots: ``(batch, position)`` the words' slots.
        lengths: ``(batch,)`` number of words of each document.
    """
    found: Tensor = _Maxima.apply(vectors, weight, slots, lengths)  # type: ignore[no-untyped-call]
    return found
