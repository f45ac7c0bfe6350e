"""`Interception`: the torch function mode that gives each function its rule while a model runs.

Functions with a handler are handed to it, and functions that torch writes in Python are run step by
step; `whyword.lrp.routing` runs all others, or refuses them.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.hooks import RemovableHandle

from whyword.lrp.accounting import Account
from whyword.lrp.audit import copies_into
from whyword.lrp.calls import HANDLERS, Call, Handler, Refusal, bound, form
from whyword.lrp.composites import Composite
from whyword.lrp.functions import GATES, QUESTIONS, ROUTING, keeps_gates
from whyword.lrp.functions.scattering import ASSIGNMENT, names_places
from whyword.lrp.in_place import ChangedInPlace, own_copy
from whyword.lrp.inherited import kept, windows
from whyword.lrp.modes import inside_custom_function, with_gradients, without_autocast
from whyword.lrp.names import name_of, out_of_place
from whyword.lrp.origins import NAMELESS, Origins
from whyword.lrp.refusals import Refusals, why_differentiates
from whyword.lrp.routing import Routing
from whyword.lrp.rules import Rule
from whyword.lrp.steps import is_made_of_steps, opened
from whyword.lrp.traces import Trace, on_path, remember, trace


class Interception(TorchFunctionMode):
    """A mode that gives each function that the embeddings reach its rule, or refuses it.

    Args:
        composite: The rules.
        model: The module whose layers' names are used; None if there is none.
        leaf: The embeddings.
        account: Takes an entry for each call, if an account is kept.
        copying: Whether rules get copies of what they remember, because the model changes tensors
            in place. That costs memory, so it is found out by trying.
        gradient: Whether the backward pass carries g = R / z in place of R.

    Attributes:
        origins: Finds out which tensors depend on the embeddings.
        layers: Number of layers with weights on the longest way so far.
        spellings: The functions with a rule that were called, each with the form of its arguments;
            and those that changed a constant in place.
        copies: Nodes of autograd by which intercepted calls wrote into parts of tensors.
        routing: Runs the functions without a rule.
        precisions: The types of the tensors that depend on the embeddings.
    """

    def __init__(
        self,
        composite: Composite,
        model: nn.Module | None,
        leaf: Tensor,
        account: Account | None,
        *,
        copying: bool = False,
        gradient: bool = False,
    ) -> None:
        super().__init__()
        self.gradient = gradient
        self.copying = copying
        self.composite, self.leaf, self.account = composite, leaf, account
        self.refusals = Refusals(model)
        self.origins = Origins(model, leaf, self.refusals)
        self.routing = Routing(self.refusals, copying=copying)
        self.gates = GATES if composite.attention == "cplrp" else GATES - {"softmax"}
        self.layers = 0
        self.spellings: set[tuple[Any, ...]] = set()
        self.copies: set[Any] = set()
        self.precisions = {leaf.dtype}
        self._inside: list[Any] = []

    @property
    def strangers(self) -> dict[Any, str]:
        """Nodes of autograd's graph that no intercepted call made, each with its first use."""
        return self.origins.strangers

    @property
    def kind(self) -> Hashable:
        """The kind of forward pass: the functions called, and the form of their arguments."""
        rules = (self.composite.attention, self.composite.maxima, self.copying, self.gradient)
        return frozenset(self.spellings), rules, self.leaf.dtype, self.leaf.device.type

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run ``func`` with its rule; torch calls this in its place."""
        if inside_custom_function():  # the audit asks for the rule of the whole
            return func(*args, **(kwargs or {}))
        name = name_of(func)
        if name in QUESTIONS:
            return func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "__set__":  # of a property of the tensor itself
            self.origins.check_set(func, args)
            return func(*args, **(kwargs or {}))
        read: list[Tensor] = []
        layers: list[str] = []
        args = tuple(self.origins.enter(value, read, layers) for value in args)
        kwargs = {name: self.origins.enter(v, read, layers) for name, v in (kwargs or {}).items()}
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
            if layers:
                self.origins.made_of(result, layers[0], name, args)
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
        plain, in_place = out_of_place(name, kwargs)
        if plain == "__setitem__" and names_places(args[1]):
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
                    (func, handler, form(args), *kwargs, *map(form, kwargs.values()))
                )
                result = self._handled(handler, func, plain, args, kwargs, place, layers)
            elif plain not in ROUTING and is_made_of_steps(func):
                result = self._step_by_step(func, args, kwargs)
                self.routing.check_stopped(name, result)
                return result
            else:
                result = self.routing.run(plain, func, args, kwargs)
        known = trace(result) if handler is not None and in_place else None
        if known is not None:  # the tensor that others may hold takes over value and history
            result = target.copy_(result)  # type: ignore[union-attr]
        elif handler is None:
            known = kept(plain, read, copying=self.copying)
        changed = target if in_place else result
        if handler is None and plain not in ROUTING:
            self.routing.check_known(name, plain, changed)
        held = windows(plain, read, args, kwargs)
        self._note(plain, read, [] if in_place else read, changed, place, known, held)
        return result

    def _note(
        self,
        plain: str,
        read: list[Tensor],
        but: list[Tensor],
        changed: Any,
        place: int,
        known: Trace | None,
        held: Any,
    ) -> None:
        """Remember what a call made.

        Args:
            plain: Name of the function, out of place.
            read: The tensors it read that depend on the embeddings.
            but: Tensors to leave out, which were there before and are handed back.
            changed: What the call returned or changed.
            place: Number of layers before the call.
            known: Facts about all results; by default those that its handler noted about each.
            held: The convolution whose output the results still hold, if there is one.
        """
        gate = plain in self.gates or (keeps_gates(plain) and all(trace(t).gate for t in read))
        for tensor in (changed,) if isinstance(changed, Tensor) else tree_leaves(changed):
            if not on_path(tensor) or any(tensor is t for t in but):
                continue
            found = trace(tensor) if known is None else known
            depth = max(place, found.depth)
            self.layers = max(self.layers, depth)
            self.precisions.add(tensor.dtype)
            if held is not None and tensor.shape == read[0].shape:
                found = found._replace(windows=held)
            remember(tensor, found._replace(run=self.origins, gate=gate or found.gate, depth=depth))
            copies_into(tensor, self.copies)

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
            gradient=self.gradient,
        )
        if self.copying:
            args, kwargs = tree_map(own_copy, (args, kwargs))
        try:
            result = handler(call, *args, **bound(handler, call, args, kwargs))
        except Refusal as refusal:
            raise self.refusals.not_covered(plain, refusal) from None
        return tree_map(own_copy, result) if self.copying else result

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
