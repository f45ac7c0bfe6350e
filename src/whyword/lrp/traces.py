"""`Trace`: facts that the engine notes about the tensors of one forward pass."""

from typing import Any, NamedTuple

from torch import Tensor


class Trace(NamedTuple):
    """Facts about a tensor on the way from embeddings to scores.

    Attributes:
        run: The forward pass that the tensor belongs to.
        gate: Whether it only scales other tensors, so that products give it no relevance.
        depth: Number of layers with weights on the longest way from the embeddings to it.
        windows: The convolution whose output it holds, element by element, if it does
            (`whyword.lrp.functions.pooling`).
        product: The product with weights that it is, to which a bias may be added
            (`whyword.lrp.functions.products`).
        root: The tensor of which it is an elementwise function, with numbers alone
            (`whyword.lrp.functions.elementwise`); None if it is none.
        curved: Whether that function is more than a multiple plus a number.
        exponent: The tensor whose exponential it is, up to elements that a mask takes out.
        total: The tensor whose sum over an axis it is, and that axis.
        choice: "softmax" if it holds probabilities, "picked" if it holds the largest elements of
            a tensor (`whyword.lrp.functions.experts`).
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
    """The facts about a tensor; after a change in place, those that still hold."""
    found: Trace | None = getattr(tensor, "whyword_trace", None)
    if found is None:
        return Trace()
    if found.version == tensor._version:
        return found
    return Trace(found.run, found.gate, found.depth)


def remember(tensor: Tensor, found: Trace) -> None:
    """Note facts about a tensor, in place of those known."""
    tensor.whyword_trace = found._replace(version=tensor._version)  # type: ignore[attr-defined]


def note(tensor: Tensor, **facts: Any) -> Tensor:
    """Add facts to those known about a tensor, and return the tensor."""
    remember(tensor, trace(tensor)._replace(**facts))
    return tensor


def on_path(value: Any) -> bool:
    """Whether an argument of an intercepted call depends on the embeddings.

    Other tensors with a gradient, such as weights, are made constants before a handler sees them.
    """
    return isinstance(value, Tensor) and value.requires_grad


def is_gate(value: Any) -> bool:
    """Whether a value is a gate: it only scales other tensors."""
    return isinstance(value, Tensor) and trace(value).gate


def moved(tensor: Tensor, source: Tensor) -> Tensor:
    """Return a tensor made by moving the numbers of another; a gate if that is one."""
    return note(tensor, gate=True) if on_path(tensor) and is_gate(source) else tensor


def is_number(value: Any) -> bool:
    """Whether a value is a single constant number that is no weight."""
    if isinstance(value, Tensor):
        return value.ndim == 0 and not value.requires_grad and not layer_of(value)
    return isinstance(value, int | float)


def layer_of(value: Any) -> str:
    """Name of the module whose weights a constant is made of; "" if it is made of none."""
    return getattr(value, "whyword_layer", "") if isinstance(value, Tensor) else ""


def constant(value: Any) -> Any:
    """The value, detached if it is a tensor, so that it takes no relevance."""
    return value.detach() if isinstance(value, Tensor) else value
