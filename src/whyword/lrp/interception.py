"""The function mode under which a model runs: each function that the embeddings reach gets its rule.

What has a handler is handed to it; what only moves numbers around runs as it is; what torch writes
in Python is run step by step. Anything else whose result depends on the embeddings is refused.

The modes in which torch records no gradients (``no_grad``, ``inference_mode``) say how to compute,
not what, so they are left out of account; ``detach`` makes a constant, as its user wants it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import chain
from types import FrameType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.hooks import RemovableHandle

from whyword.lrp.accounting import Account
from whyword.lrp.audit import copies_into, reaches
from whyword.lrp.calls import HANDLERS, Call, UnsupportedFunction, bound
from whyword.lrp.composites import Composite
from whyword.lrp.functions import ELEMENTWISE, GATES, IN_PLACE, ROUTING, STOPS, keeps_gates
from whyword.lrp.rules import Rule
from whyword.lrp.traces import Trace, layer_of, on_path, remember, trace


class ChangedInPlace(Exception):  # noqa: N818 - not an error, a reason to start again
    """The model changes a tensor that rules remember the value of."""


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
        spellings: Each function that the embeddings reached, with the form of its arguments.
        strangers: Nodes of autograd's graph that no intercepted call made, and who used them.
        copies: Nodes that write into a part of a tensor, as intercepted calls made them.
        cuts: Where the model made a constant of what depends on the embeddings.
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
        weights = () if model is None else chain(model.named_parameters(), model.named_buffers())
        self.names = {id(weight): name.rpartition(".")[0] or "." for name, weight in weights}
        self._inside: list[Any] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        read: list[Tensor] = []
        layers: list[str] = []
        args = tuple(self._entering(value, read, layers) for value in args)
        kwargs = {name: self._entering(v, read, layers) for name, v in (kwargs or {}).items()}
        name = name_of(func)
        if name == "_set_grad_enabled" and args == (False,):
            return None  # see above
        with _gradients():
            if read:
                return self._intercepted(func, name, args, kwargs, read, layers)
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
            return RemovableHandle({})
        plain, in_place = _plain(name, kwargs)
        if in_place and not self.copying:
            raise ChangedInPlace
        target = args[0] if in_place and args else None
        if in_place and isinstance(target, Tensor) and id(target) in self.names:
            args, kwargs = tree_map(_detached, (args, kwargs))  # a buffer of the model's stays one
            return func(*args, **kwargs)
        place = max(trace(t).depth for t in read)
        handler = HANDLERS.get(plain)
        with _full_precision(func, args, kwargs, read) as cast:
            args, kwargs = tree_map(cast, (args, kwargs))
            if handler is not None:
                self._note_spelling(func, args, kwargs)
                result = self._handled(handler, func, name, args, kwargs, place, layers)
                if in_place:  # the tensor that others may hold takes over value and history
                    result = target.copy_(result)  # type: ignore[union-attr]
            elif plain not in ROUTING and self._is_made_of_steps(func):
                return self._step_by_step(func, args, kwargs)
            else:
                result = self._views(plain, func, args, kwargs)
        changed = target if in_place else result
        reached = [t for t in tree_leaves(changed) if on_path(t)]
        if plain not in HANDLERS and plain not in ROUTING:
            self._check_known(name, plain, changed, reached)
        gate = plain in self.gates or (keeps_gates(plain) and all(trace(t).gate for t in read))
        windows = self._windows(plain, read, args, kwargs)
        kept = Trace() if handler is not None or len(read) != 1 else self._kept(plain, read[0])
        for tensor in reached:
            found = kept if handler is None else trace(tensor)
            depth = max(place, found.depth)
            self.layers = max(self.layers, depth)
            if windows is not None and tensor.shape == read[0].shape:
                found = found._replace(windows=windows)
            remember(tensor, found._replace(run=self, gate=gate, depth=depth))
            copies_into(tensor, self.copies)
        return result

    # --- What goes in -----------------------------------------------------------------------------

    def _entering(self, value: Any, read: list[Tensor], layers: list[str]) -> Any:
        """An argument as the call gets it; notes what depends on the embeddings, and on weights.

        Parameters, and whatever else brings its own gradient, enter as constants.
        """
        if isinstance(value, Tensor):
            if not value.requires_grad:
                if layer := layer_of(value) or self.names.get(id(value), ""):
                    layers.append(layer)
                return value
            layer = self._status(value)
            if layer is None:
                read.append(value)
                return value
            value = value.detach()
            if layer:
                layers.append(layer)
                value.whyword_layer = layer
            return value
        if isinstance(value, tuple | list):
            parts = [self._entering(v, read, layers) for v in value]
            if all(a is b for a, b in zip(parts, value, strict=True)):
                return value
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, dict):
            return {k: self._entering(v, read, layers) for k, v in value.items()}
        return value

    def _status(self, value: Tensor) -> str | None:
        """None if a tensor with a gradient depends on the embeddings, otherwise its layer."""
        if value is self.leaf or trace(value).run is self:
            return None
        if value.is_leaf:
            return self.names.get(id(value), ".")
        if torch._C._functorch.is_functorch_wrapped_tensor(value):
            raise UnsupportedFunction(
                f"The model calls torch.func (vmap, grad){self._caller()} under which relevance "
                "cannot be followed; write the batch out instead."
            )
        node = value.grad_fn
        found, variables = reaches(node, self.leaf)
        if not found:  # a weight that was made of parameters outside of this forward pass
            return next((self.names[id(v)] for v in variables if id(v) in self.names), ".")
        self.strangers.setdefault(node, self._caller())
        remember(value, Trace(run=self))
        return None

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
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        place: int,
        layers: list[str],
    ) -> Any:
        plain, _ = _plain(name, kwargs)
        layer = layers[0] if layers else ""
        call = Call(
            function=func if plain == name else getattr(Tensor, plain, func),
            name=plain,
            rule=self._rule(plain, "" if layer == "." else layer, place),
            sums=self.composite.sums,
            attention=self.composite.attention,
            maxima=self.composite.maxima,
            layer="" if layer == "." else layer,
            record=None if self.account is None else self.account.add,
        )
        try:
            arguments = bound(handler, call, *tree_map(self._copy, (args, kwargs)))
            result = handler(*arguments.args, **arguments.kwargs)
        except UnsupportedFunction as refusal:
            if self._caller() and " at " not in str(refusal):
                raise UnsupportedFunction(f"{refusal} It was{self._caller()[1:-1]}.") from refusal
            raise
        return tree_map(self._copy, result)

    def _rule(self, function: str, layer: str, place: int) -> Callable[[], Rule]:
        """The rule of a layer, once the number of layers is known."""
        return lambda: self.composite.rule_for(function, layer, place=place, layers=self.layers)

    def _is_made_of_steps(self, func: Callable[..., Any]) -> bool:
        return isinstance(func, FunctionType) and func.__module__.startswith("torch.")

    def _step_by_step(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run a function that torch writes in Python under this mode, so that its steps arrive.

        Such functions begin by asking whether somebody overrides them, and would come back here;
        a copy is run in which the answer is no.
        """
        if func in self._inside:
            raise UnsupportedFunction(self._refusal(name_of(func)))
        namespace = {**func.__globals__, **dict.fromkeys(_ASKED, _nobody)}
        copy = FunctionType(
            func.__code__, namespace, func.__name__, func.__defaults__, func.__closure__
        )
        copy.__kwdefaults__ = func.__kwdefaults__
        self._inside.append(func)
        try:
            with self:
                return copy(*args, **kwargs)
        finally:
            self._inside.pop()

    def _views(
        self, plain: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A function's result; autograd forbids changes in place in parts that come together."""
        result = func(*args, **kwargs)
        if self.copying and plain in ("unbind", "split", "chunk", "tensor_split"):
            return tuple(
                part.as_strided(part.shape, part.stride(), part.storage_offset())
                if part._base is None
                else part._base.as_strided(part.shape, part.stride(), part.storage_offset())
                for part in result
            )
        return result

    # --- What comes out ---------------------------------------------------------------------------

    def _check_known(self, name: str, plain: str, changed: Any, reached: list[Tensor]) -> None:
        """Refuse a function without a rule whose result depends on the embeddings.

        A result of floating point without a gradient depends on them too, if it is not known to
        stop them: some operators have no gradient, and would make a constant of a signal.
        """
        if reached:
            raise UnsupportedFunction(self._refusal(name))
        floats = [
            t
            for t in tree_leaves(changed)
            if isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())
        ]
        if floats and plain not in STOPS:
            raise UnsupportedFunction(self._refusal(name))
        if floats:
            self.cuts.append(f"{name}{self._caller()}")

    @staticmethod
    def _kept(plain: str, source: Tensor) -> Trace:
        """What a tensor that was moved around still is."""
        known = trace(source)
        return Trace(
            exponent=known.exponent if plain in ("masked_fill", "where") else None,
            total=known.total,
        )

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

    def _note_spelling(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.spellings.add((func, *map(type, args), *kwargs))

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


_ASKED = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def _nobody(*_: Any) -> bool:
    """The answer to whether a function is overridden."""
    return False


@contextmanager
def _full_precision(
    func: Callable[..., Any], args: Any, kwargs: Any, read: list[Tensor]
) -> Iterator[Callable[[Any], Any]]:
    """Under autocast, what casts the arguments to what torch would compute the function in.

    Rules run later, outside of autocast, so that its casts have to be steps of their own. Which
    they are, the function itself says best.
    """
    device = read[0].device.type
    if not torch.is_autocast_enabled(device):
        yield lambda value: value
        return
    with torch.no_grad():
        result = func(*tree_map(_detached, args), **tree_map(_detached, kwargs))
    kinds = {
        t.dtype for t in tree_leaves(result) if isinstance(t, Tensor) and t.is_floating_point()
    }
    kind = kinds.pop() if len(kinds) == 1 else None

    def cast(value: Any) -> Any:
        if kind is None or not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        if value.dtype == kind:
            return value
        other = value.to(kind)
        if on_path(value):
            remember(other, trace(value)._replace(windows=None, root=None))
        elif layer := layer_of(value):
            other.whyword_layer = layer  # type: ignore[attr-defined]
        return other

    with torch.autocast(device, enabled=False):
        yield cast


def _gradients() -> AbstractContextManager[Any]:
    """Gradients are recorded, whatever mode the model is in."""
    if torch.is_inference_mode_enabled():
        stack = ExitStack()
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        return stack
    return nullcontext()


def _detached(value: Any) -> Any:
    return value.detach() if on_path(value) else value


def _plain(name: str, kwargs: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of the same function out of place, and whether it works in place."""
    if (
        name.endswith("_")
        and not name.endswith("__")
        and name not in ("requires_grad_", "retain_grad")
    ):
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
