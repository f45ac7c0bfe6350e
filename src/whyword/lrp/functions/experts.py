"""Rules for mixtures of experts: the choice of experts takes no relevance.

Relevance goes through the experts that were chosen, not to the router: probabilities of which the
largest are picked, and probabilities among picked scores, only scale what experts answer. That is
signal-take-all (Arras et al. 2017, section 3.1) for a product of routing weight and answer. A
softmax of which nothing is picked stays what it is.
"""

from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import one_deeper
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.traces import note, trace


@register("topk")
def top(
    call: Call, input: Tensor, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    """The largest elements; if they are probabilities, they are gates."""
    found: Any = call.function(input, k, dim, largest, sorted)
    note(found.values, gate=trace(input).choice == "softmax", choice="picked")
    return found


@register("gather")
def gather(
    call: Call, input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False
) -> Tensor:
    """Elements by an index; if they are probabilities, they are gates."""
    found = torch.gather(input, dim, index)
    return note(found, gate=True) if trace(input).choice == "softmax" else found


@register("_grouped_mm", "grouped_mm")
def grouped_mm(
    call: Call, input: Any, mat_b: Any, offs: Any = None, bias: Any = None, out_dtype: Any = None
) -> Any:
    """A layer for each group of rows, such as those that are sent to one expert.

    Which rows belong to a group is a constant: ``offs`` says where each ends.
    """
    must_be_constant(call, mat_b=mat_b, bias=bias)
    if input.ndim != 2 or mat_b.ndim != 3 or bias is not None:
        raise call.refuse(
            f"there is a rule for rows (row, input) and weights (group, input, output) without a "
            f"bias; got {tuple(input.shape)} and {tuple(mat_b.shape)}."
        )
    ends = offs.tolist()
    rows = zip([0, *ends], ends, mat_b, strict=False)
    parts = [call.step("matmul", input[start:end], weight) for start, end, weight in rows]
    rest = len(input) - (ends[-1] if ends else 0)  # rows of no group
    result = torch.cat([*parts, input.new_zeros(rest, mat_b.shape[2])])
    result = result if out_dtype is None else result.to(out_dtype)
    return one_deeper(result, input)
