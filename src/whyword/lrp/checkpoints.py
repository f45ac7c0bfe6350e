"""`Checkpoints`: keeps of each block of a model what goes in, and computes the rest again.

The backward pass needs what the forward pass computed. Where that is too much to keep, the model is
cut in front of and behind each of its blocks, such as the layers of a transformer. Only the tensors
at the cuts are kept. On the way back each block runs once more, for all targets together, and its
graph is gone before the next one's is made (Chen et al. 2016, "Training deep nets with sublinear
memory cost", section 4).

A block must be a function of its arguments, and everything that follows one of its results.
Whatever goes around them, in a cache or an attribute, is noticed and refused.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from whyword.errors import InputError, ModelError
from whyword.lrp.accounting import Account
from whyword.lrp.audit import audit, leaves_of
from whyword.lrp.interception import Interception
from whyword.lrp.passes import backward_passes
from whyword.lrp.rounding import apart, largest, tolerance
from whyword.lrp.traces import Trace, on_path, remember

_Start = Callable[[Tensor], Interception]

_AROUND = (
    "The model cannot be explained with checkpointing: what depends on the embeddings goes around "
    "its block {!r}, in a cache or an attribute, and not through its arguments and results. "
    "Explain it with checkpointing=False."
)


@dataclass
class _Segment:
    """One call of a block.

    Attributes:
        name: Qualified name of the block.
        block: The block.
        args: Its arguments, with ``inside`` in place of ``before``.
        kwargs: Its keyword arguments, likewise.
        before: The tensors that it read, attached to the graph in front of it.
        inside: Leaves in their place.
        after: Leaves in place of the tensors that it returned.
    """

    name: str
    block: nn.Module
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    before: list[Tensor] = field(default_factory=list)
    inside: list[Tensor] = field(default_factory=list)
    after: list[Tensor] = field(default_factory=list)


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """Cuts a model at its blocks while it runs, and carries g = R / z back through the pieces.

    Args:
        blocks: The blocks by their names.
        interception: The forward pass.

    Attributes:
        leaves: The embeddings, and the tensors behind every cut in the order of the forward pass.
    """

    def __init__(self, blocks: dict[str, nn.Module], interception: Interception) -> None:
        self.blocks, self.interception = blocks, interception
        self.leaves = [interception.leaf]
        self._segments: list[_Segment] = []
        self._open: list[_Segment | None] = []
        self._hooks: list[Any] = []
        self._thread = get_ident()

    def __enter__(self) -> "Checkpoints":
        for name, block in self.blocks.items():
            enter, leave = self._entering(name), self._leaving
            self._hooks += [
                block.register_forward_pre_hook(enter, with_kwargs=True),
                block.register_forward_hook(leave, with_kwargs=True, always_call=True),
            ]
        return self

    def __exit__(self, *raised: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def audit(self, scores: Tensor, account: Account | None = None) -> bool:
        """Check every graph between the cuts; see `whyword.lrp.audit.audit`.

        Args:
            scores: The scores.
            account: Takes the entries of custom functions, if an account is kept.

        Returns:
            Whether the scores depend on the embeddings or on a block that does.

        Raises:
            InputError: If something goes around a block.
        """
        for segment in self._segments:
            for tensor in segment.before:
                self._check_around(tensor)
                audit([tensor], self.leaves, self.interception, None)
        self._check_around(scores)
        return audit([scores], self.leaves, self.interception, account)

    def pull(self, scores: Tensor, initial: Tensor, start: _Start, at_once: int) -> Tensor:
        """What arrives at the embeddings for all targets, ``(target, ...)``.

        Without blocks it is one backward pass for each target, which may carry R as well.

        Args:
            scores: The scores.
            initial: ``(target, batch, class)`` g of the scores.
            start: Makes an interception for a block that runs again, from one of its inputs.
            at_once: How many numbers targets may have together; see `backward_passes`.
        """
        found: dict[int, Tensor] = {}
        self._gather(found, [scores], [initial], at_once)
        while self._segments:
            segment = self._segments.pop()
            carried = [found.pop(id(leaf), None) for leaf in segment.after]
            if all(g is None for g in carried):
                continue
            parts = self._through(segment, carried, start, at_once)
            for tensor, g in zip(segment.before, parts, strict=True):
                if g is not None:
                    self._gather(found, [tensor], [g], at_once)
        leaf = self.leaves[0]
        return found.get(id(leaf), leaf.new_zeros(len(initial), *leaf.shape))

    def _through(
        self, segment: _Segment, carried: list[Tensor | None], start: _Start, at_once: int
    ) -> list[Tensor | None]:
        """What arrives in front of a block, whose graph is gone afterwards."""
        inside, outputs = self._again(segment, start)
        pairs = [(t, g) for t, g in zip(outputs, carried, strict=True) if g is not None]
        return backward_passes([t for t, _ in pairs], inside, [g for _, g in pairs], at_once)

    def _gather(
        self, found: dict[int, Tensor], outputs: list[Tensor], carried: list[Tensor], at_once: int
    ) -> None:
        """Add g of the leaves in front of a cut, from that of the tensors at the cut."""
        if len(outputs) == 1 and any(outputs[0] is leaf for leaf in self.leaves):
            pairs = [(outputs[0], carried[0])]
        else:
            parts = backward_passes(outputs, self.leaves, carried, at_once)
            pairs = [(leaf, g) for leaf, g in zip(self.leaves, parts, strict=True) if g is not None]
        for leaf, g in pairs:
            known = found.get(id(leaf))
            found[id(leaf)] = g if known is None else known + g

    def _again(self, segment: _Segment, start: _Start) -> tuple[list[Tensor], list[Tensor]]:
        """Run a block again: leaves at its inputs, and what it returned, attached to them."""
        inside = [t.detach().requires_grad_() for t in segment.inside]
        interception = start(inside[0])
        interception.origins.outer = self.interception.origins
        for leaf in inside:
            remember(leaf, Trace(run=interception.origins))
        given = _given(interception, segment.inside, inside)
        args, kwargs = tree_map(given, (segment.args, segment.kwargs))
        with interception:
            result = segment.block(*args, **kwargs)
        outputs = [t for t in tree_leaves(result) if on_path(t)]
        bound = tolerance(*interception.precisions)
        for got, expected in zip(outputs, segment.after, strict=False):
            if not apart(got.detach(), expected.detach()) <= bound * largest(expected.detach()):
                outputs = []
                break
        if len(outputs) != len(segment.after):
            raise ModelError(
                f"The block {segment.name!r} returns something else when it runs again, so it "
                "changes or draws numbers. Explain the model with checkpointing=False."
            )
        audit(outputs, inside, interception, None)
        return inside, outputs

    def _check_around(self, tensor: Tensor) -> None:
        reached = leaves_of([tensor]) if self._segments else set()
        for segment in self._segments:
            if any(id(leaf) in reached for leaf in segment.inside):
                raise InputError(_AROUND.format(segment.name))

    def _entering(self, name: str) -> Callable[..., Any]:
        def enter(block: nn.Module, args: Any, kwargs: Any) -> Any:
            if get_ident() != self._thread:
                return None
            with torch._C.DisableTorchFunction():
                segment = _Segment(name, block)
                segment.args, segment.kwargs = tree_map(
                    lambda t: self._leaf(t, segment.before, segment.inside), (args, kwargs)
                )
                self._open.append(segment if segment.inside else None)
                given = _given(self.interception, segment.inside)
                return tree_map(given, (segment.args, segment.kwargs)) if segment.inside else None

        return enter

    def _leaving(self, block: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        if get_ident() != self._thread or not self._open:
            return None
        segment = self._open.pop()
        if segment is None:
            return None
        with torch._C.DisableTorchFunction():
            returned: list[Tensor] = []
            output = tree_map(lambda t: self._leaf(t, returned, segment.after), output)
            output = tree_map(_given(self.interception, segment.after), output)
        self.leaves += segment.after
        self._segments.append(segment)
        return output

    def _leaf(self, value: Any, found: list[Tensor], leaves: list[Tensor]) -> Any:
        """A leaf in place of a tensor that depends on the embeddings; other values as they are."""
        if not on_path(value) or isinstance(value, nn.Parameter):
            return value
        for known, leaf in zip(found, leaves, strict=True):
            if known is value:
                return leaf
        leaf = value.detach().requires_grad_()
        remember(leaf, Trace(run=self.interception.origins))
        found.append(value)
        leaves.append(leaf)
        return leaf


def _given(
    interception: Interception, leaves: list[Tensor], others: list[Tensor] | None = None
) -> Callable[[Any], Any]:
    """A function that replaces leaves by others, or by what a model may change in place."""
    into = {id(leaf): new for leaf, new in zip(leaves, others or leaves, strict=True)}

    def given(value: Any) -> Any:
        new = into.get(id(value))
        if new is None or not interception.copying:
            return value if new is None else new
        copy = new.clone()
        remember(copy, Trace(run=interception.origins))
        return copy

    return given


def blocks_of(model: nn.Module | None) -> dict[str, nn.Module]:
    """The blocks of a model: the modules in its outermost lists, or else sequences.

    Raises:
        InputError: If it has neither.
    """
    for kind in (nn.ModuleList, nn.Sequential):
        found: dict[str, nn.Module] = {}
        inside: tuple[str, ...] = ()
        for name, module in () if model is None else model.named_modules():
            if isinstance(module, kind) and len(module) and not name.startswith(inside):
                inside += (f"{name}.",)
                found |= {f"{name}.{number}": block for number, block in enumerate(module)}
        if found:
            return found
    raise InputError(
        "Got a model without a list of blocks (nn.ModuleList or nn.Sequential), at which "
        "checkpointing would cut it. Explain it with checkpointing=False."
    )
