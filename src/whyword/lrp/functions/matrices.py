"""Rules for products of matrices in all spellings, by way of Einstein's notation."""

from functools import partial, reduce
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor

from whyword.lrp.backward import losses, propagate
from whyword.lrp.calls import Call, must_be_constant, register
from whyword.lrp.functions.contractions import axis_of, contraction, terms_of
from whyword.lrp.functions.weighted import Term, share_out
from whyword.lrp.traces import constant, is_gate, layer_of, moved, note, on_path


@register("matmul", "__matmul__", "__rmatmul__", "mm", "_sparse_mm", "bmm", "mv", "dot", "vdot")
def matmul(call: Call, input: Any, other: Any) -> Tensor:
    """A product of matrices; see `contraction`."""
    a, b = (other, input) if call.name == "__rmatmul__" else (input, other)
    return contraction(call, a, b, _equation(a.ndim, b.ndim), torch.matmul)


@register("inner")
def inner(call: Call, input: Any, other: Any) -> Any:
    """A product over the last axis of both."""
    if not input.ndim or not other.ndim:
        return call.step("mul", input, other)
    return call.step("tensordot", input, other, ([-1], [-1]))


@register("vecdot")
def vecdot(call: Call, input: Any, other: Any, *, dim: int = -1) -> Any:
    """Products of vectors along an axis."""
    if input.is_complex() or other.is_complex():
        raise call.refuse("there is no rule for products of complex vectors.")
    return call.step("sum", call.step("mul", input, other), dim)


@register("multi_dot")
def multi_dot(call: Call, tensors: Any) -> Any:
    """Products from the left; torch computes them in the cheapest order."""
    return reduce(partial(call.step, "matmul"), tensors)


@register("chain_matmul")
def chain_matmul(call: Call, *matrices: Any) -> Any:
    """Products from the left."""
    return reduce(partial(call.step, "matmul"), matrices)


@register("bilinear")
def two_inputs(call: Call, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """z_k = x1ᵀ W_k x2 + b_k: two signals take half each; beside a constant it is a layer."""
    must_be_constant(call, weight=weight, bias=bias)
    if on_path(input1) and on_path(input2):
        right = torch.einsum("kij,...j->...ki", weight, constant(input2))
        left = torch.einsum("...i,kij->...kj", constant(input1), weight)
        z = torch.einsum("...i,...ki->...k", constant(input1), right)
        halves = [
            share_out(call.sums, z[..., None], Term(x[..., None, :], side, _dots, _undots))
            for x, side in ((input1, right), (input2, left))
        ]

        def backward(relevance: Tensor) -> tuple[Tensor, ...]:
            return tuple(half(relevance[..., None] / 2)[0].sum(dim=-2) for half in halves)

        def lost(relevance: Tensor) -> dict[str, Tensor]:
            return losses(call.sums, z, None, relevance)

        product = propagate(call, z, backward, input1, input2, lost=lost)
    else:
        x, equation = (
            (input1, "kij,...j->...ki") if on_path(input1) else (input2, "kij,...i->...kj")
        )
        made = torch.einsum(equation, weight, input2 if on_path(input1) else input1)
        made.whyword_layer = layer_of(weight)  # type: ignore[attr-defined]
        product = contraction(call, x, made, "...i,...ki->...k")
    return product if bias is None else call.step("add", product, bias)


def _dots(x: Tensor, w: Tensor) -> Tensor:
    return (x * w).sum(dim=-1, keepdim=True)


def _undots(q: Tensor, w: Tensor) -> Tensor:
    return q * w


@register("tensordot")
def tensordot(call: Call, input: Any, other: Any, dims: Any = 2) -> Tensor:
    """A product over several axes."""
    a, b = input, other
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    letters = iter(ascii_letters)
    first = [next(letters) for _ in range(a.ndim)]
    second = [next(letters) for _ in range(b.ndim)]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    out = [c for c in first if c not in second] + [c for c in second if c not in first]
    return contraction(call, a, b, f"{''.join(first)},{''.join(second)}->{''.join(out)}")


@register("einsum")
def einsum(call: Call, equation: Any, *operands: Any) -> Any:
    """A sum of one tensor, or a product of several, two at a time; see `contraction`.

    Raises:
        Refusal: If the operands are given as lists of axes.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise call.refuse('expected an equation and tensors, such as "bid,de->bie".')
    terms, out = terms_of(equation)
    repeated = any(len(set(t) - {"."}) < len(t.replace(".", "")) for t in terms)
    if len(terms) != len(operands) or repeated:
        raise call.refuse(f'"{equation}" takes a diagonal or lacks a term; take it beforehand.')
    parts = list(zip(terms, operands, strict=True))
    while len(parts) > 2:  # from the left, as torch does
        (first, a), (second, b) = parts[:2]
        kept = out + "".join(term for term, _ in parts[2:])
        inner = "..." * ("..." in first + second)
        inner += "".join(dict.fromkeys(c for c in first + second if c in kept and c != "."))
        parts[:2] = [(inner, _pair(call, first, a, second, b, inner))]
    if len(parts) == 2:
        (first, a), (second, b) = parts
        return _pair(call, first, a, second, b, out)
    return _alone(call, *parts[0], out)


def _pair(call: Call, first: str, a: Any, second: str, b: Any, out: str) -> Any:
    """The product of two terms; axes that only one of them has are summed before."""
    first, a = _summed(call, first, a, second + out)
    second, b = _summed(call, second, b, first + out)
    if not on_path(a) and not on_path(b):
        return torch.einsum(f"{first},{second}->{out}", a, b)
    if set(first + second) <= set(out) and "." not in out:  # nothing is summed
        product = call.step("mul", _placed(a, first, out), _placed(b, second, out))
        return note(product, gate=all(is_gate(t) for t in (a, b) if on_path(t)))
    return contraction(call, a, b, f"{first},{second}->{out}")


def _summed(call: Call, term: str, x: Any, kept: str) -> tuple[str, Any]:
    """A tensor summed over the axes that are not kept, with its subscripts."""
    gone = [c for c in term if c not in kept and c != "."]
    if not gone:
        return term, x
    axes = [axis_of(term, c) for c in gone]
    return "".join(c for c in term if c not in gone), moved(call.step("sum", x, axes), x)


def _placed(x: Any, term: str, out: str) -> Any:
    """A tensor with all axes of the result; those that it lacks have length one."""
    turned = torch.einsum(f"{term}->{''.join(c for c in out if c in term)}", x)
    return moved(turned[tuple(slice(None) if c in term else None for c in out)], x)


def _alone(call: Call, term: str, x: Tensor, out: str) -> Tensor:
    """One tensor, summed over axes and transposed."""
    term, x = _summed(call, term, x, out)
    return moved(torch.einsum(f"{term}->{out}", x), x)


def _equation(left: int, right: int) -> str:
    """The equation of ``torch.matmul`` for tensors with these numbers of axes."""
    if left == 1 and right == 1:
        return "k,k->"
    if right == 1:
        return "...ik,k->...i"
    return "k,...kj->...j" if left == 1 else "...ik,...kj->...ij"
