"""`audit`: walks through autograd's graph, to prove that no gradient is taken for relevance.

The engine sees the functions that Python calls. It does not see inside custom autograd functions,
scripted or compiled code, or operators of other libraries, whose gradients would pass for
relevance. So after the forward pass every node on a way from the scores to the embeddings has to be
one of the engine's, one of those that only move numbers (`NODES`), or a custom function that was
given a rule. Anything else is refused.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from whyword.lrp.accounting import Account, Entry
from whyword.lrp.backward import Propagate, amount
from whyword.lrp.calls import HANDLERS, UnsupportedFunction, qualified
from whyword.lrp.functions.pooling import Batched

NODES = {
    f"{name}Backward{number}"
    for name, numbers in {
        "Alias": "0", "AsStrided": "01", "BlockDiag": "0", "Cat": "0", "ChannelShuffle": "0",
        "Clone": "0", "Complex": "0", "ConstantPadNd": "0", "Cummax": "0", "Cummin": "0",
        "DiagEmbed": "0", "Diagonal": "0", "DiagonalScatter": "0", "Expand": "0", "Fill": "0123",
        "Flip": "0", "Gather": "0", "Im2Col": "0", "Index": "0", "IndexCopy": "0",
        "IndexFill": "01", "IndexPut": "0", "IndexSelect": "0", "Kthvalue": "0",
        "MaskedFill": "01", "MaskedScatter": "0", "MaskedSelect": "0", "Max": "0",
        "MaxPool2DWithIndices": "0", "MaxPool3DWithIndices": "0", "AdaptiveMaxPool2D": "0",
        "AdaptiveMaxPool3D": "0", "Median": "1", "Min": "0", "Mode": "0", "Nanmedian": "1",
        "NativeChannelShuffle": "0", "Permute": "0", "PixelShuffle": "0", "PixelUnshuffle": "0",
        "ReflectionPad1D": "0", "ReflectionPad2D": "0", "ReflectionPad3D": "0",
        "Repeat": "0", "ReplicationPad1D": "0", "ReplicationPad2D": "0", "ReplicationPad3D": "0",
        "ReshapeAlias": "0", "Roll": "0", "Rot90": "0", "Scatter": "01", "Select": "0",
        "SelectScatter": "0", "Slice": "0", "SliceScatter": "0", "Sort": "01", "Split": "0",
        "SplitWithSizes": "0", "Squeeze": "012345", "Stack": "0", "T": "01", "Take": "0",
        "ToCopy": "0", "Topk": "0", "Transpose": "01", "Tril": "0", "Triu": "0", "Unbind": "0",
        "Unfold": "0", "UnsafeSplit": "0", "UnsafeSplitWithSizes": "0", "UnsafeView": "0",
        "Unsqueeze": "01", "View": "01", "ViewAsComplex": "0", "ViewAsReal": "0", "Where": "0",
        "Zero": "0", "Detach": "0",
    }.items()
    for number in numbers
} | {"torch::autograd::CopyBackwards"}  # fmt: skip
"""Nodes of autograd that only move numbers: their own backward pass moves relevance back."""

_COPY_SLICES = "torch::autograd::CopySlices"
_LEAF = "torch::autograd::AccumulateGrad"


class NeedsRelevance(BaseException):
    """The backward pass has to carry R, and not R / z; the message says why.

    It is a `BaseException` so that nobody takes it for an error.
    """


class _Seen(Protocol):
    """What the interception knows about the graph.

    Attributes:
        strangers: Nodes that no intercepted call made, each with the place of its first use.
        copies: Nodes that write into a part of a tensor, made by intercepted calls.
        gradient: Whether the backward pass carries g = R / z in place of R.
    """

    gradient: bool

    @property
    def strangers(self) -> dict[Any, str]: ...
    @property
    def copies(self) -> set[Any]: ...


def audit(
    outputs: Sequence[Tensor], leaves: Sequence[Tensor], seen: _Seen, account: Account | None
) -> bool:
    """Check every node between scores and embeddings; give custom functions their registered rules.

    Args:
        outputs: The scores that the forward pass returned, or other tensors.
        leaves: The embeddings, or other leaves of the graph.
        seen: What the interception knows about the graph.
        account: Takes the entries of custom functions, if an account is kept.

    Returns:
        Whether there is a way from an output to a leaf.

    Raises:
        UnsupportedFunction: If a node is neither the engine's nor known to move numbers.
    """
    strangers, copies, nodes = seen.strangers, seen.copies, _between(outputs, leaves)
    for node in nodes:
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            function: Any = node._forward_cls  # type: ignore[attr-defined]
            if function in (Propagate, Batched):
                continue
            rule = HANDLERS.get(qualified(function))
            if rule is None:
                raise UnsupportedFunction(_custom(function, _place(node, strangers)))
            if seen.gradient:
                raise NeedsRelevance(f"the rule of {function.__name__} is one for relevance")
            node.register_hook(_Ruled(node, rule, account))
            continue
        name = node.name()
        moves = name.removesuffix("_copy") in NODES and not getattr(
            node, "_saved_accumulate", False
        )
        if not moves and name != _LEAF and not (name == _COPY_SLICES and node in copies):
            raise UnsupportedFunction(_unknown(name, _place(node, strangers)))
    return bool(nodes)


def reaches(node: Any, leaf: Tensor) -> tuple[bool, list[Tensor]]:
    """Whether a node leads to a tensor, and all tensors that it leads to."""
    variables = [n.variable for n in _below([node]) if n.name() == _LEAF]
    return any(v is leaf for v in variables), variables


def leaves_of(outputs: Sequence[Tensor]) -> set[int]:
    """The ``id`` of every leaf that some tensors depend on, or are."""
    own = {id(t) for t in outputs if t.grad_fn is None}
    nodes = _below(t.grad_fn for t in outputs)
    return own | {id(node.variable) for node in nodes if node.name() == _LEAF}


def copies_into(tensor: Tensor, known: set[Any]) -> None:
    """Add to ``known`` the nodes by which an intercepted call wrote into parts of a tensor."""
    node: Any = tensor.grad_fn if tensor._base is None else tensor._base.grad_fn
    while node is not None and node not in known and node.name() == _COPY_SLICES:
        known.add(node)
        node = node.next_functions[0][0]


class _Ruled:
    """A hook that replaces a custom function's gradients by the relevance of its rule."""

    def __init__(self, node: Any, rule: Any, account: Account | None) -> None:
        self.node, self.rule, self.account = node, rule, account

    def __call__(self, gradients: Any, relevance: Any) -> Any:
        parts = self.rule(self.node, *relevance)
        parts = parts if isinstance(parts, tuple) else (parts,)
        if self.account is not None:
            passed = sum(amount(part) for part in parts if part is not None)
            received = sum(amount(part) for part in relevance if part is not None)
            name = type(self.node)._forward_cls.__name__
            self.account.add(Entry.balanced(name, "", received, passed, {}))
        # A backward gives a part for each argument, a hook sees a gradient for each tensor.
        wanted = (p for p, need in zip(parts, self.node.needs_input_grad, strict=True) if need)
        return tuple(
            g if below is None else _or_nothing(next(wanted), g)
            for g, (below, _) in zip(gradients, self.node.next_functions, strict=True)
        )


def _or_nothing(part: Tensor | None, gradient: Tensor) -> Tensor:
    return torch.zeros_like(gradient) if part is None else part


def _between(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> list[Any]:
    """The nodes on any way from outputs to leaves."""
    above: dict[Any, list[Any]] = {}
    wanted = {id(leaf) for leaf in leaves}
    waiting = []
    nodes = _below(t.grad_fn for t in outputs)
    for node in nodes:
        for below, _ in node.next_functions:
            if below is not None:
                above.setdefault(below, []).append(node)
        if node.name() == _LEAF and id(node.variable) in wanted:
            waiting.append(node)
    found = set(waiting)
    while waiting:
        for node in above.get(waiting.pop(), ()):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return [node for node in nodes if node in found]


def _below(starts: Iterable[Any]) -> list[Any]:
    """All nodes below some, each once; holding them all keeps their identity."""
    waiting = [node for node in starts if node is not None]
    found = dict.fromkeys(waiting)
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if node is not None and node not in found:
                found[node] = None
                waiting.append(node)
    return list(found)


def _place(node: Any, strangers: dict[Any, str]) -> str:
    """For an error, where the result of a node was first used; "" if that is not known."""
    for stranger, place in strangers.items():
        if node in _below([stranger]) and place:
            return f" Its result is used by what was{place.rstrip(',').lstrip(',')}."
    return ""


def _custom(function: type, place: str) -> str:
    hint = {
        "CheckpointFunction": "call checkpoint with use_reentrant=False",
        "BackwardHookFunction": "remove the backward hooks of the model's modules",
    }.get(function.__name__)
    advice = hint or f"give it a rule with whyword.lrp.register({function.__name__})"
    return (
        f"The custom autograd function {qualified(function)} turns embeddings into scores and has "
        f"no rule for relevance: its gradient would pass for it.{place} To go on, {advice}."
    )


def _unknown(name: str, place: str) -> str:
    return (
        f"The scores depend on the embeddings through {name}, a node of autograd's graph that no "
        "function seen in Python made: scripted (torch.jit) or compiled code, or an operator of "
        f"another library, whose gradient would pass for relevance.{place} Explain the model as it "
        "was written in Python."
    )
