"""`Origins`: finds out whether a tensor comes from the embeddings, from weights, or neither."""

from itertools import chain
from typing import Any

from torch import Tensor, nn
from torch._C import _functorch
from torch.utils._pytree import tree_leaves

from whyword.lrp.audit import reaches
from whyword.lrp.functions import STOPS
from whyword.lrp.refusals import Refusals
from whyword.lrp.traces import Trace, layer_of, remember, trace

NAMELESS = "."
"""The name of the layer of a weight that no module of the model holds."""

_TEMPLATES = STOPS - {"detach", "data"}
_PATTERNS = {"to", "type_as", "view_as", "reshape_as", "expand_as"}
"""Functions that read only the type or shape of their second argument (`_TEMPLATES`: of all)."""


class Origins:
    """Tells for each argument of a call whether it depends on the embeddings.

    Args:
        model: The module whose layers' names are used; None if there is none.
        leaf: The embeddings.
        refusals: Makes the errors.

    Attributes:
        names: The layers of the model's parameters and buffers, by the ``id`` of these.
        strangers: Nodes of autograd's graph that no intercepted call made, each with its first use.
        outer: Of a block that runs again, the forward pass of the model that it is in.
    """

    outer: "Origins | None" = None

    def __init__(self, model: nn.Module | None, leaf: Tensor, refusals: Refusals) -> None:
        self.leaf, self.refusals = leaf, refusals
        self.names: dict[int, str] = {}
        for name, module in () if model is None else model.named_modules():
            for weight in chain(module._parameters.values(), module._buffers.values()):
                if weight is not None:
                    self.names.setdefault(id(weight), name or NAMELESS)
        self.strangers: dict[Any, str] = {}

    def enter(self, value: Any, read: list[Tensor], layers: list[str]) -> Any:
        """The argument that the call gets in place of this one.

        Parameters, and whatever else brings its own gradient, enter as constants.

        Args:
            value: The argument, or a structure of them.
            read: The list to which tensors that depend on the embeddings are added.
            layers: The list to which the layers of weights are added.
        """
        if isinstance(value, Tensor):
            return self._enter_tensor(value, read, layers)
        if isinstance(value, tuple | list):
            parts = [self.enter(v, read, layers) for v in value]
            if all(a is b for a, b in zip(parts, value, strict=True)):
                return value
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, dict):
            return {k: self.enter(v, read, layers) for k, v in value.items()}
        return value

    def _enter_tensor(self, value: Tensor, read: list[Tensor], layers: list[str]) -> Tensor:
        if _functorch.is_functorch_wrapped_tensor(value):
            self._check_wrapped(value)
            return value
        if not value.requires_grad and not isinstance(value, nn.Parameter):
            layer = self.weighs(value)
        elif (weights := self._layer(value)) is None:
            read.append(value)
            return value
        else:
            layer, value = weights, value.detach()
            value.whyword_layer = layer  # type: ignore[attr-defined]
        if layer:
            layers.append(layer)
        return value

    def _layer(self, value: Tensor) -> str | None:
        """None if a tensor with a gradient depends on the embeddings, otherwise its layer."""
        run = trace(value).run
        if value is self.leaf or run is self:
            return None
        if run is not None and run is self.outer:
            raise self.refusals.from_another_block()
        if value.is_leaf:  # frozen parameters are weights, too
            return self.names.get(id(value), NAMELESS)
        found, variables = reaches(value.grad_fn, self.leaf)
        if not found:  # a weight that was made of parameters outside of this forward pass
            return next((self.names[id(v)] for v in variables if id(v) in self.names), NAMELESS)
        self.strangers.setdefault(value.grad_fn, self.refusals.caller())
        remember(value, Trace(run=self))
        return None

    def weighs(self, constant: Tensor) -> str:
        """The layer whose weights a constant is, or is made of; "" if it is no weight."""
        return layer_of(constant) or self.names.get(id(constant), "")

    def made_of(self, result: Any, layer: str, name: str, args: tuple[Any, ...]) -> None:
        """Note that constants were computed from a layer's weights.

        A tensor that only has the type or shape of weights is no weight: ``mask.to(weight)`` is a
        mask, and the very tensor ``mask`` if it has that type already.

        Args:
            result: The constants.
            layer: Name of the layer.
            name: Name of the function that was called with its weights.
            args: The arguments of the call.
        """
        if name in _TEMPLATES or (name in _PATTERNS and not any(self.weighs(t) for t in args[:1])):
            return
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor) not in self.names:
                tensor.whyword_layer = layer  # type: ignore[attr-defined]

    def check_set(self, func: Any, args: tuple[Any, ...]) -> None:
        """Refuse to set a tensor's numbers where autograd does not see it, if it is on the way."""
        name = getattr(func.__self__, "__name__", "")
        if name in ("data", "real", "imag") and any(
            isinstance(t, Tensor) and t.requires_grad and self._layer(t) is None for t in args
        ):
            raise self.refusals.property_set(name)

    def _check_wrapped(self, value: Tensor) -> None:
        """Refuse tensors in torch.func that depend on the embeddings; masks may be built there."""
        while _functorch.is_functorch_wrapped_tensor(value):
            value = _functorch.get_unwrapped(value)
        if value.requires_grad and self._layer(value) is None:
            raise self.refusals.inside_torch_func()
