"""What the engine remembers about the tensors of one forward pass."""

from typing import Any, NamedTuple

from torch import Tensor


class Trace(NamedTuple):
    """What the engine remembers about a tensor on the way from embeddings to scores.

    Attributes:
        run: The forward pass that the tensor belongs to.
        gate: Whether it only scales other tensors, so that products give it no relevance.
        depth: Layers with weights that it has passed through, on its longest way.
        windows: The convolution whose output it holds, element by element, if it does
            (`whyword.lrp.functions.pooling`).
        product: The product with weights that it is, to which a bias may be added
            (`whyword.lrp.functions.products`).
        root: The tensor that it is an elementwise function of, by numbers alone
            (`whyword.lrp.functions.elementwise`); None if that is itself.
        curved: Whether that function is more than a multiple and a number added.
        exponent: The tensor whose exponential it is, up to elements that a mask takes out.
        total: The tensor whose sum over an axis it is, and that axis.
        choice: "softmax" of probabilities, "picked" of the largest of something
            (`whyword.lrp.functions.experts`).
        version: torch's count of the tensor's changes in place when this was noted.
    """

    run: object = None
    gate: bool = False
    depth: int = 0
    windows: Any = None
    product: Any = None
    root: "Tensor | None" = None
    curved: bool = False
    exponent: "Tensor | None" = None
    total: "tuple[Tensor, int] | None" = None
    choice: str = ""
    version: int = 0


def trace(tensor: Tensor) -> Trace:
    """What the engine remembers about a tensor, and still holds if it was changed in place."""
    found: Trace | None = getattr(tensor, "whyword_trace", None)
    if found is None:
        return Trace()
    if found.version == tensor._version:
        return found
    return Trace(found.run, found.gate, found.depth)


def remember(tensor: Tensor, found: Trace) -> None:
    """Note something about a tensor of this forward pass."""
    tensor.whyword_trace = found._replace(version=tensor._version)  # type: ignore[attr-defined]


def note(tensor: Tensor, **facts: Any) -> Tensor:
    """Add facts to what is remembered about a tensor, and hand it back."""
    remember(tensor, trace(tensor)._replace(**facts))
    return tensor


def on_path(value: Any) -> bool:
    """Whether an argument of an intercepted call depends on the embeddings.

    Whatever else brings its own gradient has become a constant before a handler sees it.
    """
    return isinstance(value, Tensor) and value.requires_grad


def is_gate(value: Any) -> bool:
    """Whether a value only scales others."""
    return isinstance(value, Tensor) and trace(value).gate


def moved(tensor: Tensor, source: Tensor) -> Tensor:
    """What a handler made of a tensor by moving its numbers: a gate if that is one."""
    return note(tensor, gate=True) if on_path(tensor) and is_gate(source) else tensor


def is_number(value: Any) -> bool:
    """Whether a value is one number: no axis to share anything along, and no weight."""
    if isinstance(value, Tensor):
        return value.ndim == 0 and not value.requires_grad and not layer_of(value)
    return isinstance(value, int | float)


def layer_of(value: Any) -> str:
    """The module whose weights a constant is made of; "" if it is made of none."""
    return getattr(value, "whyword_layer", "") if isinstance(value, Tensor) else ""


def constant(value: Any) -> Any:
    """A value that takes no relevance."""
    return value.detach() if isinstance(value, Tensor) else value
