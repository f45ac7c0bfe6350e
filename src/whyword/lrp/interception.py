"""The function mode under which a model runs: each function that embeddings reach gets its rule.

What has a handler is handed to it; what only moves numbers around runs as it is; what torch writes
in Python is run step by step. Anything else whose result depends on the embeddings is refused.
``detach`` makes a constant of a signal, as its user wants it.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.hooks import RemovableHandle

from whyword.lrp.accounting import Account
from whyword.lrp.audit import copies_into
from whyword.lrp.calls import HANDLERS, Call, Handler, Refusal, bound
from whyword.lrp.composites import Composite
from whyword.lrp.functions import ASSIGNMENT, ELEMENTWISE, GATES, ROUTING, STOPS, keeps_gates
from whyword.lrp.modes import with_gradients, without_autocast
from whyword.lrp.names import name_of, out_of_place
from whyword.lrp.origins import NAMELESS, Origins
from whyword.lrp.refusals import Refusals, why_differentiates, why_out
from whyword.lrp.rules import Rule
from whyword.lrp.steps import is_made_of_steps, opened
from whyword.lrp.traces import Trace, on_path, remember, trace

_PARTS = {"unbind", "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit"}
"""Functions whose results are views of one tensor that come together."""

_SAME = {"clone", "contiguous", "alias"}
"""Functions whose result is what they read."""

_NUMBERS = {"item", "tolist", "__float__"}
"""Functions whose results are numbers of Python."""

_TEMPLATES = STOPS - {"detach", "data"}
_PATTERNS = {"to", "type_as", "view_as", "reshape_as", "expand_as"}
"""Functions that take only a type or shape: the one of all they read, the others of the second."""

_AXES = 8
"""Integers up to here may be axes or options, greater ones are sizes."""


class ChangedInPlace(BaseException):
    """The model changes a tensor that rules remember the value of: a reason to start again.

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
        origins: Where tensors come from.
        layers: Number of layers with weights on the longest way so far.
        spellings: Each function with a rule that was called, and the form of its arguments; each
            that changed a constant in place.
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
        self.composite, self.leaf, self.account = composite, leaf, account
        self.refusals = Refusals(model)
        self.origins = Origins(model, leaf, self.refusals)
        self.gates = GATES if composite.attention == "cplrp" else GATES - {"softmax"}
        self.layers = 0
        self.spellings: set[tuple[Any, ...]] = set()
        self.copies: set[Any] = set()
        self.cuts: list[str] = []
        self.precisions = {leaf.dtype}
        self._inside: list[Any] = []

    @property
    def strangers(self) -> dict[Any, str]:
        """Nodes of autograd's graph that no intercepted call made, and who used them."""
        return self.origins.strangers

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
            self.origins.check_set(func, args)
            return func(*args, **(kwargs or {}))
        read: list[Tensor] = []
        layers: list[str] = []
        args = tuple(self.origins.enter(value, read, layers) for value in args)
        kwargs = {name: self.origins.enter(v, read, layers) for name, v in (kwargs or {}).items()}
        name = name_of(func)
        if name == "_set_grad_enabled" and args == (False,):
            return None  # how to compute, not what: see whyword.lrp.modes
        with with_gradients():
            if read:
                return self._intercepted(func, name, args, kwargs, read, layers)
            if (why := why_differentiates(name, func)) is not None:
                raise self.refusals.leads_out(name, why)
            if out_of_place(name, kwargs)[1]:  # maybe what a signal holds, by its .data
                self.spellings.add((func,))
            result = func(*args, **kwargs)
            if layers and self._is_weighty(name, args):
                self.origins.made_of(result, layers[0])
            return result

    def _is_weighty(self, name: str, args: tuple[Any, ...]) -> bool:
        """Whether what was called with weights is made of them, not only of their type or shape.

        ``mask.to(weight)`` is a mask, and its user's own tensor if it has that type already.
        """
        return name not in _TEMPLATES and (
            name not in _PATTERNS or any(self.origins.weighs(t) for t in args[:1])
        )

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
        plain, in_place = out_of_place(name, kwargs)
        if plain == "__setitem__" and _names_places(args[1]):
            plain = ASSIGNMENT
        target = args[0] if in_place and args else None
        if (layer := self.origins.names.get(id(target))) is not None:
            raise self.refusals.kept_by_the_model(name, layer)
        if in_place and not self.copying:
            raise ChangedInPlace
        place = max(trace(t).depth for t in read)
        handler = HANDLERS.get(plain)
        with without_autocast(func, args, kwargs, read[0].device.type) as cast:
            if cast is not None:
                args, kwargs = tree_map(cast, (args, kwargs))
            if handler is not None:
                self.spellings.add(
                    (func, handler, _form(args), *kwargs, *map(_form, kwargs.values()))
                )
                result = self._handled(handler, func, plain, args, kwargs, place, layers)
            elif plain not in ROUTING and is_made_of_steps(func):
                result = self._step_by_step(func, args, kwargs)
                self._check_stopped(name, result)
                return result
            else:
                result = self._routed(plain, func, args, kwargs)
        known = trace(result) if handler is not None and in_place else None
        if known is not None:  # the tensor that others may hold takes over value and history
            result = target.copy_(result)  # type: ignore[union-attr]
        elif handler is None:
            known = self._kept(plain, read)
        changed = target if in_place else result
        if handler is None and plain not in ROUTING:
            self._check_known(name, plain, changed)
        windows = self._windows(plain, read, args, kwargs)
        self._note(plain, read, [] if in_place else read, changed, place, known, windows)
        return result

    def _note(
        self,
        plain: str,
        read: list[Tensor],
        but: list[Tensor],
        changed: Any,
        place: int,
        known: Trace | None,
        windows: Any,
    ) -> None:
        """Remember what a call made.

        Args:
            plain: The function.
            read: What it read.
            but: What was there before and is handed back.
            changed: What came out.
            place: Layers before the call.
            known: Facts about all that came out; by default what its handler noted about each.
            windows: The convolution whose output still stands in what is shaped like it.
        """
        gate = plain in self.gates or (keeps_gates(plain) and all(trace(t).gate for t in read))
        for tensor in tree_leaves(changed):
            if not on_path(tensor) or any(tensor is t for t in but):
                continue
            found = trace(tensor) if known is None else known
            depth = max(place, found.depth)
            self.layers = max(self.layers, depth)
            self.precisions.add(tensor.dtype)
            if windows is not None and tensor.shape == read[0].shape:
                found = found._replace(windows=windows)
            remember(tensor, found._replace(run=self.origins, gate=gate or found.gate, depth=depth))
            copies_into(tensor, self.copies)

    # --- What is done -----------------------------------------------------------------------------

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

    def _handled(
        self,
        handler: Handler,
        func: Callable[..., Any],
        plain: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        place: int,
        layers: list[str],
    ) -> Any:
        layer = layers[0].removeprefix(NAMELESS) if layers else ""
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
            raise self.refusals.not_covered(plain, refusal) from None
        return tree_map(self._copy, result) if self.copying else result

    def _rule(self, function: str, layer: str, place: int) -> Callable[[], Rule]:
        """The rule of a layer, once the number of layers is known."""
        return lambda: self.composite.rule_for(function, layer, place=place, layers=self.layers)

    def _step_by_step(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function that torch writes in Python under this mode, so that its steps arrive."""
        if func in self._inside:
            raise self.refusals.no_rule(name_of(func))
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
        why = why_out(plain, func)
        if kwargs.get("out") is not None:
            why = "writes into out=; assign its result instead"
        if why is not None:
            raise self.refusals.leads_out(plain, why)
        if plain in _NUMBERS:
            self._cut(plain)
        try:
            result = func(*args, **kwargs)
        except RuntimeError as error:
            if "is not differentiable" not in str(error):
                raise
            raise self.refusals.no_rule(plain) from error
        if plain in ("detach", "data"):  # what is done to it must not change the signal unseen
            return result.clone()
        if self.copying and plain in _PARTS:
            # Autograd forbids changes in place in views that come together, so each comes alone.
            whole = next(t for t in (*args, *kwargs.values()) if isinstance(t, Tensor))
            return tuple(whole.as_strided(t.shape, t.stride(), t.storage_offset()) for t in result)
        return result

    # --- What comes out ---------------------------------------------------------------------------

    def _check_known(self, name: str, plain: str, changed: Any) -> None:
        """Refuse a function without a rule whose result depends on the embeddings."""
        if any(on_path(t) for t in tree_leaves(changed)):
            raise self.refusals.no_rule(name)
        if plain not in STOPS:
            self._check_stopped(name, changed)
        elif plain in ("detach", "data"):
            self._cut(plain)

    def _check_stopped(self, name: str, result: Any) -> None:
        """Refuse an operator without a gradient: it would make a constant of a signal."""
        for t in tree_leaves(result):
            if not isinstance(t, Tensor) or on_path(t):
                continue
            if t.is_floating_point() or t.is_complex() or t.is_quantized:
                raise self.refusals.no_rule(name)
            self._cut(name)

    def _cut(self, name: str) -> None:
        if not self.cuts:
            self.cuts.append(f"{name}{self.refusals.caller().rstrip(',')}")

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


def _form(value: Any) -> Any:
    """What kind of argument a value is, hashable: numbers that are axes count, sizes do not."""
    if isinstance(value, Tensor):
        return Tensor, value.ndim
    if isinstance(value, tuple | list):
        return tuple(map(_form, value))
    axis = isinstance(value, int) and abs(value) <= _AXES
    return value if axis or value is None or isinstance(value, str) else type(value)


def _names_places(index: Any) -> bool:
    """Whether an index lists places, of which one may come twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (isinstance(part, Tensor) and part.dtype != torch.bool)
        for part in parts
    )


def _inside_custom_function() -> bool:
    """Whether a custom autograd function computes its value, since nothing else records nothing."""
    return not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
