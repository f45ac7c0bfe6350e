"""The engine: LRP is the backward pass with other local rules.

A model's forward pass runs unmodified under a `TorchFunctionMode`. Of every torch function that the
embeddings reach, the value stays what it is, and

- a function with a rule (`whyword.lrp.functions`) returns it from an autograd function whose
  backward pass carries relevance;
- a routing function (views, indexing, concatenation, maximum) keeps autograd's own backward pass,
  which already hands each input what is due to it;
- any other function whose result depends on the embeddings raises `UnsupportedFunction`.

The relevance of the embeddings is then ``torch.autograd.grad`` of the scores, started with the
scores themselves. What is carried is R and not R / z, because the paper's rule gives an input of
zero its share of bias and stabiliser, which no multiple of the input can express.

Nothing of this touches the model: parameters enter as detached constants, modules get no hooks, and
the mode belongs to the calling thread.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from whyword.errors import InputError, WhywordError
from whyword.lrp.accounting import Account
from whyword.lrp.calls import HANDLERS, Call, Trace, on_path, remember, trace
from whyword.lrp.composites import Composite
from whyword.lrp.functions import ELEMENTWISE, GATE_KEEPING, GATES, IN_PLACE, LAYERS, ROUTING
from whyword.lrp.rules import Rule


class UnsupportedFunction(WhywordError):  # noqa: N818 - says what was met, as in torch's own errors
    """A function on the way from the embeddings to the scores has no rule."""


@dataclass(frozen=True)
class Result:
    """What `relevance` found.

    Attributes:
        scores: ``(batch, class)``, those of the plain model.
        relevance: ``(target, batch, ...)``, shaped like the embeddings behind the first axis.
        accounts: One per target, where the relevance went, if asked for.
    """

    scores: Tensor
    relevance: Tensor
    accounts: list[Account] | None = None


def relevance(
    score: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    targets: Tensor,
    *,
    composite: Composite | None = None,
    model: nn.Module | None = None,
    accounting: bool = False,
) -> Result:
    """Relevance of every component of the embeddings.

    Args:
        score: From embeddings to scores ``(batch, class)``; called once.
        embeddings: ``(batch, ...)``, any shape.
        targets: ``(target, batch, class)`` directions in score space: one-hot for a class, +1 and
            -1 for a contrast. The relevance started with is target times score.
        composite: The rules; by default the paper's everywhere.
        model: The module that ``score`` runs, for the names of its layers.
        accounting: Whether to say for each call where relevance went; targets then take turns
            instead of sharing one backward pass.

    Raises:
        UnsupportedFunction: If a function on the way has no rule.
        InputError: If the scores do not depend on the embeddings, or shapes do not fit.
    """
    account = Account() if accounting else None
    leaf = embeddings.detach().requires_grad_()
    options = (composite or Composite(), model, leaf, account)
    try:
        scores = _forward(score, Interception(*options))
    except _ChangedInPlace:
        scores = _forward(score, Interception(*options, copying=True))
    if not isinstance(scores, Tensor) or scores.ndim != 2 or targets.shape[1:] != scores.shape:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise InputError(
            f"Got scores of {shape} and targets of {tuple(targets.shape)}; expected (batch, class) "
            "and (target, batch, class)."
        )
    if not scores.requires_grad:
        raise InputError("The scores do not depend on the embeddings; there is nothing to explain.")
    initial = targets.to(scores) * scores.detach()
    if account is None and len(initial) > 1:
        found = torch.func.vmap(partial(_backward, scores, leaf))(initial)
        return Result(scores.detach(), found)
    rows, accounts = [], []
    for started in initial:
        if account is not None:
            account.begin(float(started.sum()))
        row = _backward(scores, leaf, started)
        rows.append(row)
        if account is not None:
            accounts.append(account.finish(float(row.sum())))
    found = torch.stack(rows) if rows else embeddings.new_zeros(0, *embeddings.shape)
    return Result(scores.detach(), found, accounts if accounting else None)


def _forward(score: Callable[[Tensor], Tensor], interception: "Interception") -> Tensor:
    with torch.enable_grad(), interception:
        return score(interception.leaf.clone())


def _backward(scores: Tensor, leaf: Tensor, started: Tensor) -> Tensor:
    return torch.autograd.grad(scores, leaf, started, retain_graph=True)[0]


class _ChangedInPlace(Exception):  # noqa: N818 - not an error, a reason to start again
    """The model changes a tensor that rules remember the value of."""


class Interception(TorchFunctionMode):
    """Gives each function that the embeddings reach its rule, or refuses it.

    Attributes:
        copying: Whether rules get copies of what they remember, because the model changes tensors
            in place. That costs memory, so it is found out by trying.
        layers: Number of layers with weights on the longest way so far.
    """

    def __init__(
        self,
        composite: Composite,
        model: nn.Module | None,
        leaf: Tensor,
        account: Account | None,
        *,
        copying: bool = False,
    ) -> None:
        super().__init__()
        self.copying = copying
        self.composite, self.model, self.leaf, self.account = composite, model, leaf, account
        self.gates = GATES if composite.attention == "cplrp" else GATES - {"softmax"}
        self.layers = 0
        weights = () if model is None else chain(model.named_parameters(), model.named_buffers())
        self.names = {id(weight): name.rpartition(".")[0] for name, weight in weights}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        given = (args, dict(kwargs or {}))
        args, kwargs = tree_map(self._constant, given)
        read = [trace(t) for t in tree_leaves((args, kwargs)) if on_path(t)]
        if not read:
            return func(*args, **kwargs)
        name = _name(func)
        plain, in_place = _plain(name, kwargs)
        if in_place and not self.copying:
            raise _ChangedInPlace
        place = max(found.depth for found in read)
        if plain in HANDLERS:
            copies = tree_map(self._copy, (args, kwargs))
            call = Call(
                function=func if plain == name else getattr(Tensor, plain),
                name=plain,
                args=copies[0],
                kwargs=copies[1],
                rule=self._rule(plain, self._layer(given), place),
                sums=self.composite.sums,
                attention=self.composite.attention,
                maxima=self.composite.maxima,
                layer=self._layer(given),
                record=None if self.account is None else self.account.add,
            )
            result = tree_map(self._copy, HANDLERS[plain](call))
            if in_place:  # the tensor that others may hold takes over value and history
                result = args[0].copy_(result)
        else:
            result = func(*args, **kwargs)
        changed = args[0] if name == "__setitem__" else result
        reached = [t for t in tree_leaves(changed) if on_path(t)]
        if reached and plain not in HANDLERS and plain not in ROUTING:
            raise UnsupportedFunction(self._refusal(name))
        gate = plain in self.gates or (plain in GATE_KEEPING and all(found.gate for found in read))
        depth = place + (plain in LAYERS)
        self.layers = max(self.layers, depth)
        windows = self._windows(plain, args, result)
        for tensor in reached:
            remember(tensor, Trace(gate, depth, windows))
        return result

    @staticmethod
    def _windows(name: str, args: tuple[Any, ...], result: Any) -> Any:
        """The convolution whose output the result still holds, element by element."""
        if name == "conv1d":
            return trace(result).windows
        if name not in ELEMENTWISE | {"masked_fill"} or not args or not on_path(args[0]):
            return None
        windows = trace(args[0]).windows
        if windows is None or not isinstance(result, Tensor) or result.shape != args[0].shape:
            return None
        return windows.overwritten(args[1]) if name == "masked_fill" else windows

    def _rule(self, function: str, layer: str, place: int) -> Callable[[], Rule]:
        """The rule of a layer, once the number of layers is known."""
        return lambda: self.composite.rule_for(function, layer, place=place, layers=self.layers)

    def _constant(self, value: Any) -> Any:
        """Parameters, and whatever else brings its own gradient, enter as constants."""
        if isinstance(value, Tensor) and value.is_leaf and value.requires_grad:
            return value if value is self.leaf else value.detach()
        return value

    def _copy(self, value: Any) -> Any:
        """A tensor of its own for the rules, if the model may change it."""
        if not self.copying or not on_path(value):
            return value
        copy = value.clone()
        remember(copy, trace(value))
        return copy

    def _layer(self, given: Any) -> str:
        names = (self.names.get(id(t)) for t in tree_leaves(given) if isinstance(t, Tensor))
        return next((name for name in names if name is not None), "")

    def _refusal(self, name: str) -> str:
        return (
            f"The function {name}{self._caller()} turns embeddings into scores and has no rule for "
            "relevance. Give it one with whyword.lrp.register, or, if it only moves numbers "
            "around, add its name to whyword.lrp.ROUTING."
        )

    def _caller(self) -> str:
        """The module that called the function, read off the stack."""
        names = {id(m): n for n, m in self.model.named_modules()} if self.model is not None else {}
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(owner, nn.Module):
                name = names.get(id(owner), "")
                place = f"{code.co_filename}:{frame.f_lineno}"
                kind = type(owner).__name__
                return f", called in {kind}{f' ({name!r})' if name else ''} at {place},"
            frame = frame.f_back
        return ""


def _plain(name: str, kwargs: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of the same function out of place, and whether it works in place."""
    if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
        return name.removesuffix("_"), True
    return name, name in IN_PLACE or bool(kwargs.get("inplace"))


def _name(func: Callable[..., Any]) -> str:
    """A function's name; of a property such as ``Tensor.T`` the property's."""
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name
