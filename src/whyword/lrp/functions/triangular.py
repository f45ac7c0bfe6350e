"""The rule for triangular systems, which linear attention with the delta rule solves.

T y = b is what forward substitution computes step by step: y_i = (b_i - Σ_j N_ij y_j) / d_i, where
N is T without its diagonal d. So the rule follows from those of the steps: b and the products are
signals of a sum, the diagonal is a denominator that takes nothing, and the two factors of N_ij y_j
take half each (Achtibat et al. 2024, Proposition 3.3).

Let R(y_i) be all that y_i gets, from outside and from the steps behind it, and h_i = R(y_i) / (d_i
y_i). Then (d + N / 2)ᵀ h = R / y, again a triangular system; R(b_i) = b_i h_i, and R(N_ij) =
-N_ij y_j h_i / 2.
"""

import torch
from torch import Tensor

from whyword.lrp.backward import propagate, unbroadcast
from whyword.lrp.calls import Call, register
from whyword.lrp.rules import stabiliser
from whyword.lrp.traces import constant, is_gate, on_path


@register("solve_triangular")
def solve_triangular(
    call: Call,
    input: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """T y = b for a triangular T; a constant T, or one that is a gate, leaves all to b.

    Raises:
        Refusal: If T depends on the embeddings and b does not.
    """
    if not on_path(B):
        raise call.refuse(
            "only its system depends on the embeddings, and not what it is solved for."
        )
    if not left:  # y T = b is Tᵀ yᵀ = bᵀ
        options = {"upper": not upper, "unitriangular": unitriangular}
        transposed: Tensor = solve_triangular(call, input.mT, B.mT, **options)
        return transposed.mT
    t, b = constant(input), constant(B)
    options = {"upper": upper, "unitriangular": unitriangular}
    y = torch.linalg.solve_triangular(t, b, **options)
    inside = t.triu(1) if upper else t.tril(-1)
    factor = 0.5 if on_path(input) and not is_gate(input) else 1.0
    steps = factor * inside
    steps.diagonal(dim1=-2, dim2=-1).copy_(
        torch.ones_like(t[..., 0]) if unitriangular else t.diagonal(dim1=-2, dim2=-1)
    )

    def backward(relevance: Tensor) -> tuple[Tensor, ...]:
        q = relevance / (y + stabiliser(y, call.sums.epsilon))
        h = torch.linalg.solve_triangular(steps.mT, q, upper=not upper)
        found = ((input, (factor - 1) * inside * (h @ y.mT)), (B, b * h))
        return tuple(unbroadcast(part, x.shape) for x, part in found if on_path(x))

    return propagate(call, y, backward, *(x for x in (input, B) if on_path(x)))
