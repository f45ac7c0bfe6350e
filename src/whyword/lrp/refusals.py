"""`Refusals`: the errors for what cannot be explained, with the place and a way out."""

import sys
from types import FrameType
from typing import Any

from torch import nn

from whyword.errors import InputError
from whyword.lrp.calls import UnsupportedFunction


class Refusals:
    """Makes the errors of one forward pass.

    Args:
        model: The module whose layers' names are used; None if there is none.
    """

    def __init__(self, model: nn.Module | None) -> None:
        self.model = model

    def no_rule(self, name: str) -> UnsupportedFunction:
        """The error for a function without a rule."""
        return UnsupportedFunction(
            f"The function {name}{self.caller()} turns embeddings into scores and has no rule for "
            "relevance. Give it one with whyword.lrp.register, or, if it only moves numbers "
            "around, add its name to whyword.lrp.ROUTING."
        )

    def not_covered(self, name: str, why: object) -> UnsupportedFunction:
        """The error for arguments that a function's rule does not cover."""
        return UnsupportedFunction(
            f"The function {name}{self.caller()} cannot be explained: {why} "
            "Another rule can be given with whyword.lrp.register."
        )

    def leads_out(self, name: str, why: str) -> UnsupportedFunction:
        """The error for a function whose result cannot be followed."""
        return UnsupportedFunction(f"The function {name}{self.caller()} {why}.")

    def kept_by_the_model(self, name: str, layer: str) -> UnsupportedFunction:
        """The error for writing what depends on the embeddings into a buffer of the model."""
        return UnsupportedFunction(
            f"The function {name}{self.caller()} writes what depends on the embeddings into a "
            f"buffer of the model ({layer}), from where relevance cannot be followed. Let the "
            "model compute with a tensor of its own, or switch the cache off."
        )

    def inside_torch_func(self) -> UnsupportedFunction:
        """The error for tensors inside of ``torch.func`` that depend on the embeddings."""
        return UnsupportedFunction(
            f"The model calls torch.func (vmap, grad){self.caller()} under which relevance cannot "
            "be followed; write the batch out instead."
        )

    def property_set(self, name: str) -> UnsupportedFunction:
        """The error for setting a property of a tensor."""
        return UnsupportedFunction(
            f"The model sets .{name} of a tensor{self.caller()} which relevance cannot follow; "
            "assign to its elements, tensor[...] = value, instead."
        )

    def from_another_block(self) -> InputError:
        """The error for what a block reads besides its arguments, under checkpointing."""
        return InputError(
            f"A function{self.caller()} reads what depends on the embeddings from another block of "
            "the model, in a cache or an attribute, and not from its block's arguments. Explain "
            "the model with checkpointing=False."
        )

    def caller(self) -> str:
        """The module that called the function, in words, read off the stack."""
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


def why_out(name: str, func: Any) -> str | None:
    """Why the result of a function cannot be followed; None if it can."""
    if name in ("numpy", "__array__"):
        return (
            "hands what depends on the embeddings to NumPy, outside of torch, where relevance "
            "cannot be followed; compute with tensors"
        )
    if name == "grad_fn":
        return (
            "reads the graph of gradients, which carries relevance here; remove the backward hooks "
            "of modules and tensors, and leave its nodes alone"
        )
    if name in ("set", "resize", "resize_as"):
        return "puts other numbers into a tensor behind autograd's back; assign a new tensor"
    return why_differentiates(name, func)


def why_differentiates(name: str, func: Any) -> str | None:
    """Why a function that computes gradients is refused, whatever it computes them of."""
    if getattr(func, "__module__", None) == "torch.autograd" or name == "backward":
        return (
            "computes gradients inside of the model, which relevance cannot pass through; write "
            "them out as functions of torch"
        )
    return None
