"""Where the tensors of a forward pass come from: embeddings, the model's weights, or neither."""

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
"""The layer of a weight that no module of the model holds."""

_TEMPLATES = STOPS - {"detach", "data"}
_PATTERNS = {"to", "type_as", "view_as", "reshape_as", "expand_as"}
"""Functions that take only a type or shape: the one of all they read, the others of the second."""


class Origins:
    """Tells for each argument of a call whether it depends on the embeddings.

    Args:
        model: Where the names of layers come from.
        leaf: The embeddings.
        refusals: Makes the errors.

    Attributes:
        names: The layers of the model's parameters and buffers, by their ``id``.
        strangers: Nodes of autograd's graph that no intercepted call made, and who used them.
    """

    def __init__(self, model: nn.Module | None, leaf: Tensor, refusals: Refusals) -> None:
        self.leaf, self.refusals = leaf, refusals
        weights = () if model is None else chain(model.named_parameters(), model.named_buffers())
        self.names = {id(weight): name.rpartition(".")[0] or NAMELESS for name, weight in weights}
        self.strangers: dict[Any, str] = {}

    def enter(self, value: Any, read: list[Tensor], layers: list[str]) -> Any:
        """An argument as the call gets it.

        Parameters, and whatever else brings its own gradient, enter as constants.

        Args:
            value: The argument, or a structure of them.
            read: Takes what depends on the embeddings.
            layers: Takes the layers whose weights the others are made of.
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
        if value is self.leaf or trace(value).run is self:
            return None
        if value.is_leaf:  # frozen parameters are weights, too
            return self.names.get(id(value), NAMELESS)
        found, variables = reaches(value.grad_fn, self.leaf)
        if not found:  # a weight that was made of parameters outside of this forward pass
            return next((self.names[id(v)] for v in variables if id(v) in self.names), NAMELESS)
        self.strangers.setdefault(value.grad_fn, self.refusals.caller())
        remember(value, Trace(run=self))
        return None

    def weighs(self, constant: Tensor) -> str:
        """The layer whose weights a constant is, or is made of; "" if it is none."""
        return layer_of(constant) or self.names.get(id(constant), "")

    def made_of(self, result: Any, layer: str, name: str, args: tuple[Any, ...]) -> None:
        """Remember of constants that they were computed from a layer's weights.

        What has only the type or shape of weights is none: ``mask.to(weight)`` is a mask, and its
        user's own tensor if it has that type already.

        Args:
            result: The constants.
            layer: The layer.
            name: The function that was called with its weights.
            args: The arguments of the call.
        """
        if name in _TEMPLATES or (name in _PATTERNS and not any(self.weighs(t) for t in args[:1])):
            return
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor) not in self.names:
                tensor.whyword_layer = layer  # type: ignore[attr-defined]

    def check_set(self, func: Any, args: tuple[Any, ...]) -> None:
        """Refuse to change what a tensor on the way holds behind the back of autograd."""
        name = getattr(func.__self__, "__name__", "")
        if name in ("data", "real", "imag") and any(
            isinstance(t, Tensor) and t.requires_grad and self._layer(t) is None for t in args
        ):
            raise self.refusals.property_set(name)

    def _check_wrapped(self, value: Tensor) -> None:
        """Refuse what depends on the embeddings inside of torch.func; masks may be built there."""
        while _functorch.is_functorch_wrapped_tensor(value):
            value = _functorch.get_unwrapped(value)
        if value.requires_grad and self._layer(value) is None:
            raise self.refusals.inside_torch_func()
