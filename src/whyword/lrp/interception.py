"""The function mode under which a model runs: each function that embeddings reach gets its rule.

What has a handler is handed to it; what only moves numbers around runs as it is; what torch writes
in Python is run step by step. Anything else whose result depends on the embeddings is refused.
``detach`` makes a constant of a signal, as its user wants it.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from itertools import chain
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import _functorch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.hooks import RemovableHandle

from whyword.lrp.accounting import Account
from whyword.lrp.audit import copies_into, reaches
from whyword.lrp.calls import HANDLERS, Call, Refusal, UnsupportedFunction, bound
from whyword.lrp.composites import Composite
from whyword.lrp.functions import (
    ASSIGNMENT,
    ELEMENTWISE,
    GATES,
    IN_PLACE,
    ROUTING,
    STOPS,
    keeps_gates,
)
from whyword.lrp.modes import with_gradients, without_autocast
from whyword.lrp.rules import Rule
from whyword.lrp.steps import is_made_of_steps, opened
from whyword.lrp.traces import Trace, layer_of, on_path, remember, trace

_NAMELESS = "."
"""The layer of a weight that no module of the model holds."""

_PARTS = {"unbind", "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit"}
_SAME = {"clone", "contiguous", "alias"}
_NUMBERS = {"item", "tolist", "__float__"}


class ChangedInPlace(BaseException):  # noqa: N818 - not an error, a reason to start again
    """The model changes a tensor that rules remember the value of.

    It passes by whatever errors the model itself catches.
    """


class Interception(TorchFunctionMode):
    """Gives each function that the embeddings reach its rule, or refuses it.

    Args:
        composite: The rules.
        model: Where the names of layers come from.
        leaf: The embeddings.
        account: Where entries go, if an account is kept.
        copying: Whether rules get copies of what they remember, because the model changes tensors
            in place. That costs memory, so it is found out by trying.

    Attributes:
        layers: Number of layers with weights on the longest way so far.
        spellings: Each function with a rule that was called, and the form of its arguments.
        strangers: Nodes of autograd's graph that no intercepted call made, and who used them.
        copies: Nodes that write into a part of a tensor, as intercepted calls made them.
        cuts: Where the model made a constant of what depends on the embeddings.
        precisions: The types of what depends on the embeddings.
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
        self.spellings: set[tuple[Any, ...]] = set()
        self.strangers: dict[Any, str] = {}
        self.copies: set[Any] = set()
        self.cuts: list[str] = []
        self.precisions = {leaf.dtype}
        weights = () if model is None else chain(model.named_parameters(), model.named_buffers())
        self.names = {id(weight): name.rpartition(".")[0] or _NAMELESS for name, weight in weights}
        self._inside: list[Any] = []

    @property
    def kind(self) -> Hashable:
        """Which functions the embeddings reached, each with the form of its arguments."""
        rules = (self.composite.attention, self.composite.maxima, self.copying)
        return frozenset(self.spellings), rules, self.leaf.dtype, self.leaf.device.type

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        if _inside_custom_function():  # the audit asks for the rule of the whole
            return func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "__set__":  # of a property of the tensor itself
            self._check_set(func, args)
            return func(*args, **(kwargs or {}))
        read: list[Tensor] = []
        layers: list[str] = []
        args = tuple(self._entering(value, read, layers) for value in args)
        kwargs = {name: self._entering(v, read, layers) for name, v in (kwargs or {}).items()}
        name = name_of(func)
        if name == "_set_grad_enabled" and args == (False,):
            return None  # how to compute, not what: see whyword.lrp.modes
        with with_gradients():
            if read:
                return self._intercepted(func, name, args, kwargs, read, layers)
            if (why := _differentiates(name, func)) is not None:
                raise UnsupportedFunction(f"The function {name}{self._caller()} {why}.")
            result = func(*args, **kwargs)
            if layers:
                self._made_of(result, layers[0])
            return result

    def _intercepted(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        read: list[Tensor],
        layers: list[str],
    ) -> Any:
        if name == "register_hook":  # hooks are about gradients, which are not computed here
            return RemovableHandle(OrderedDict())
        plain, in_place = _plain(name, kwargs)
        if plain == "__setitem__" and _names_places(args[1]):
            plain = ASSIGNMENT
        if kwargs.get("out") is not None:
            raise UnsupportedFunction(
                f"The function {name}{self._caller()} writes into out=; assign its result instead."
            )
        target = args[0] if in_place and args else None
        if id(target) in self.names:
            raise UnsupportedFunction(self._kept_by_the_model(name, target))
        if in_place and not self.copying:
            raise ChangedInPlace
        place = max(trace(t).depth for t in read)
        handler = HANDLERS.get(plain)
        with without_autocast(func, args, kwargs, read[0].device.type) as cast:
            if cast is not None:
                args, kwargs = tree_map(cast, (args, kwargs))
            if handler is not None:
                self.spellings.add((func, handler, *map(type, args), *kwargs))
                result = self._handled(handler, func, plain, args, kwargs, place, layers)
                made = result
                if in_place:  # the tensor that others may hold takes over value and history
                    result = target.copy_(made)  # type: ignore[union-attr]
            elif plain not in ROUTING and is_made_of_steps(func):
                result = self._step_by_step(func, args, kwargs)
                self._check_stopped(name, result)
                return result
            else:
                result = self._routed(plain, func, args, kwargs)
        changed = target if in_place else result
        if handler is None and plain not in ROUTING:
            self._check_known(name, plain, changed)
        gate = plain in self.gates or (keeps_gates(plain) and all(trace(t).gate for t in read))
        windows = self._windows(plain, read, args, kwargs)
        kept = self._kept(plain, read) if handler is None else None
        for tensor in tree_leaves(changed):
            if not on_path(tensor) or (not in_place and any(tensor is t for t in read)):
                continue
            found = kept or trace(made if in_place else tensor)
            depth = max(place, found.depth)
            self.layers = max(self.layers, depth)
            self.precisions.add(tensor.dtype)
            if windows is not None and tensor.shape == read[0].shape:
                found = found._replace(windows=windows)
            remember(tensor, found._replace(run=self, gate=gate or found.gate, depth=depth))
            copies_into(tensor, self.copies)
        return result

    # --- What goes in -----------------------------------------------------------------------------

    def _entering(self, value: Any, read: list[Tensor], layers: list[str]) -> Any:
        """An argument as the call gets it; notes what depends on the embeddings, and on weights.

        Parameters, and whatever else brings its own gradient, enter as constants.
        """
        if isinstance(value, Tensor):
            return self._entering_tensor(value, read, layers)
        if isinstance(value, tuple | list):
            parts = [self._entering(v, read, layers) for v in value]
            if all(a is b for a, b in zip(parts, value, strict=True)):
                return value
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, dict):
            return {k: self._entering(v, read, layers) for k, v in value.items()}
        return value

    def _entering_tensor(self, value: Tensor, read: list[Tensor], layers: list[str]) -> Tensor:
        if _functorch.is_functorch_wrapped_tensor(value):
            self._check_wrapped(value)
            return value
        if not value.requires_grad:
            layer = layer_of(value) or self.names.get(id(value), "")
        elif (weights := self._status(value)) is None:
            read.append(value)
            return value
        else:
            layer, value = weights, value.detach()
            value.whyword_layer = layer  # type: ignore[attr-defined]
        if layer:
            layers.append(layer)
        return value

    def _status(self, value: Tensor) -> str | None:
        """None if a tensor with a gradient depends on the embeddings, otherwise its layer."""
        if value is self.leaf or trace(value).run is self:
            return None
        if value.is_leaf:
            return self.names.get(id(value), _NAMELESS)
        node = value.grad_fn
        found, variables = reaches(node, self.leaf)
        if not found:  # a weight that was made of parameters outside of this forward pass
            return next((self.names[id(v)] for v in variables if id(v) in self.names), _NAMELESS)
        self.strangers.setdefault(node, self._caller())
        remember(value, Trace(run=self))
        return None

    def _check_wrapped(self, value: Tensor) -> None:
        """Refuse what depends on the embeddings inside of torch.func; masks may be built there."""
        while _functorch.is_functorch_wrapped_tensor(value):
            value = _functorch.get_unwrapped(value)
        if value.requires_grad and self._status(value) is None:
            raise UnsupportedFunction(
                f"The model calls torch.func (vmap, grad){self._caller()} under which relevance "
                "cannot be followed; write the batch out instead."
            )

    def _check_set(self, func: Any, args: tuple[Any, ...]) -> None:
        """Refuse to change what a tensor on the way holds behind the back of autograd."""
        name = getattr(func.__self__, "__name__", "")
        if name in ("data", "real", "imag") and any(
            isinstance(t, Tensor) and t.requires_grad and self._status(t) is None for t in args
        ):
            raise UnsupportedFunction(
                f"The model sets .{name} of a tensor{self._caller()} which relevance cannot "
                "follow; assign to its elements, tensor[...] = value, instead."
            )

    def _made_of(self, result: Any, layer: str) -> None:
        """Remember of constants that they were computed from a layer's weights."""
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor) not in self.names:
                tensor.whyword_layer = layer  # type: ignore[attr-defined]

    def _copy(self, value: Any) -> Any:
        """A tensor of its own for the rules, if the model may change it."""
        if not self.copying or not on_path(value):
            return value
        known: tuple[int, Tensor] | None = getattr(value, "whyword_copy", None)
        if known is not None and known[0] == value._version:
            return known[1]
        copy = value.clone()
        remember(copy, trace(value))
        value.whyword_copy = (value._version, copy)  # one value is one tensor to the rules
        return copy

    # --- What is done -----------------------------------------------------------------------------

    def _handled(
        self,
        handler: Callable[..., Any],
        func: Callable[..., Any],
        plain: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        place: int,
        layers: list[str],
    ) -> Any:
        layer = layers[0].removeprefix(_NAMELESS) if layers else ""
        call = Call(
            function=getattr(Tensor, plain, func) if name_of(func) != plain else func,
            name=plain,
            rule=self._rule(plain, layer, place),
            sums=self.composite.sums,
            attention=self.composite.attention,
            maxima=self.composite.maxima,
            layer=layer,
            record=None if self.account is None else self.account.add,
        )
        if self.copying:
            args, kwargs = tree_map(self._copy, (args, kwargs))
        try:
            arguments = bound(handler, call, args, kwargs)
            result = handler(*arguments.args, **arguments.kwargs)
        except Refusal as refusal:
            raise UnsupportedFunction(
                f"The function {plain}{self._caller()} cannot be explained: {refusal} "
                "Another rule can be given with whyword.lrp.register."
            ) from None
        return tree_map(self._copy, result) if self.copying else result

    def _rule(self, function: str, layer: str, place: int) -> Callable[[], Rule]:
        """The rule of a layer, once the number of layers is known."""
        return lambda: self.composite.rule_for(function, layer, place=place, layers=self.layers)

    def _step_by_step(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function that torch writes in Python under this mode, so that its steps arrive."""
        if func in self._inside:
            raise UnsupportedFunction(self._refusal(name_of(func)))
        self._inside.append(func)
        try:
            with self:
                return opened(func)(*args, **kwargs)
        finally:
            self._inside.pop()

    def _routed(
        self, plain: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The result of a function without a handler.

        Raises:
            UnsupportedFunction: If it leads out of what can be followed.
        """
        why = _leads_out(plain, func)
        if kwargs.get("out") is not None:
            why = "writes into out=; assign its result instead"
        if why is not None:
            raise UnsupportedFunction(f"The function {plain}{self._caller()} {why}.")
        if plain in _NUMBERS:
            self._cut(plain)
        result = func(*args, **kwargs)
        if plain in ("detach", "data"):  # what is done to it must not change the signal unseen
            return result.clone()
        if self.copying and plain in _PARTS:
            # Autograd forbids changes in place in views that come together, so each comes alone.
            return tuple(
                t._base.as_strided(t.shape, t.stride(), t.storage_offset()) for t in result
            )
        return result

    # --- What comes out ---------------------------------------------------------------------------

    def _check_known(self, name: str, plain: str, changed: Any) -> None:
        """Refuse a function without a rule whose result depends on the embeddings."""
        if any(on_path(t) for t in tree_leaves(changed)):
            raise UnsupportedFunction(self._refusal(name))
        if plain not in STOPS:
            self._check_stopped(name, changed)
        elif plain in ("detach", "data"):
            self._cut(plain)

    def _check_stopped(self, name: str, result: Any) -> None:
        """Refuse an operator without a gradient: it would make a constant of a signal."""
        for t in tree_leaves(result):
            if not isinstance(t, Tensor) or on_path(t):
                continue
            if t.is_floating_point() or t.is_complex():
                raise UnsupportedFunction(self._refusal(name))
            self._cut(name)

    def _cut(self, name: str) -> None:
        if not self.cuts:
            self.cuts.append(f"{name}{self._caller().rstrip(',')}")

    def _kept(self, plain: str, read: list[Tensor]) -> Trace:
        """What a tensor that was moved around still is."""
        if len(read) != 1:
            return Trace()
        known = trace(read[0])
        if plain in _SAME:
            root = known.root if known.root is not None else self._copy(read[0])
            return known._replace(root=root, windows=None)
        masked = plain in ("masked_fill", "where")
        exponent = known.exponent if masked else None
        return Trace(total=known.total, exponent=exponent, choice=known.choice)

    @staticmethod
    def _windows(name: str, read: list[Tensor], args: tuple[Any, ...], kwargs: Any) -> Any:
        """The convolution whose output the result still holds, element by element."""
        if len(read) != 1 or name not in ELEMENTWISE | {"masked_fill"}:
            return None
        windows = trace(read[0]).windows
        if windows is None or name != "masked_fill":
            return windows
        mask = kwargs["mask"] if "mask" in kwargs else args[len(args) - 1 - ("value" not in kwargs)]
        return windows.overwritten(mask)

    def _refusal(self, name: str) -> str:
        return (
            f"The function {name}{self._caller()} turns embeddings into scores and has no rule for "
            "relevance. Give it one with whyword.lrp.register, or, if it only moves numbers "
            "around, add its name to whyword.lrp.ROUTING."
        )

    def _kept_by_the_model(self, name: str, buffer: Any) -> str:
        return (
            f"The function {name}{self._caller()} writes what depends on the embeddings into a "
            f"buffer of the model ({self.names[id(buffer)]}), from where relevance cannot be "
            "followed. Let the model compute with a tensor of its own, or switch the cache off."
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


def _names_places(index: Any) -> bool:
    """Whether an index lists places, of which one may come twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (isinstance(part, Tensor) and part.dtype != torch.bool)
        for part in parts
    )


def _leads_out(name: str, func: Any) -> str | None:
    """Why a function leads out of what can be followed; None if it does not."""
    if name in ("numpy", "__array__"):
        return (
            "hands what depends on the embeddings to NumPy, outside of torch, where relevance "
            "cannot be followed; compute with tensors"
        )
    if name in ("set", "resize", "resize_as"):
        return "puts other numbers into a tensor behind autograd's back; assign a new tensor"
    return _differentiates(name, func)


def _differentiates(name: str, func: Any) -> str | None:
    """Why a function that computes gradients is refused, whatever it computes them of."""
    if getattr(func, "__module__", None) == "torch.autograd" or name == "backward":
        return (
            "computes gradients inside of the model, which relevance cannot pass through; write "
            "them out as functions of torch"
        )
    return None


def _inside_custom_function() -> bool:
    """Whether a custom autograd function computes its value, since nothing else records nothing."""
    return not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def _plain(name: str, kwargs: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of the same function out of place, and whether it works in place."""
    if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
        return name.removesuffix("_"), True
    return name, name in IN_PLACE or bool(kwargs.get("inplace"))


_PACKAGES = ("linalg_", "special_")


def name_of(func: Callable[..., Any]) -> str:
    """A function's name; of a property such as ``Tensor.T`` the property's."""
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    for package in _PACKAGES:
        name = name.removeprefix(package)
    return name
