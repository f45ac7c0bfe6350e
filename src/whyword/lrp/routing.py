"""`Routing`: runs the functions without a rule as they are, and checks their results.

Functions that only move numbers around pass. ``detach`` makes a constant of what depends on the
embeddings, as its user wants it, and so do functions that return numbers of Python; that is noted.
Any other function whose result depends on the embeddings is refused.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from whyword.lrp.functions import STOPS
from whyword.lrp.in_place import one_by_one
from whyword.lrp.refusals import Refusals, why_out
from whyword.lrp.traces import on_path

_NUMBERS = {"item", "tolist", "__float__"}
"""Functions that return numbers of Python."""


class Routing:
    """Runs the functions without a rule in one forward pass.

    Args:
        refusals: Makes the errors.
        copying: Whether the model changes tensors in place.

    Attributes:
        cuts: The first place where the model made a constant of what depends on the embeddings.
    """

    def __init__(self, refusals: Refusals, *, copying: bool) -> None:
        self.refusals, self.copying = refusals, copying
        self.cuts: list[str] = []

    def run(
        self, plain: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The result of a function.

        Args:
            plain: Name of the function, out of place.
            func: The function.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Raises:
            UnsupportedFunction: If its result cannot be followed.
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
        return one_by_one(plain, result, (*args, *kwargs.values())) if self.copying else result

    def check_known(self, name: str, plain: str, changed: Any) -> None:
        """Check that a function that does not move numbers returned nothing but constants.

        Args:
            name: Name of the function.
            plain: Name of the function, out of place.
            changed: What the call returned or changed.

        Raises:
            UnsupportedFunction: If a result depends on the embeddings.
        """
        if any(on_path(t) for t in tree_leaves(changed)):
            raise self.refusals.no_rule(name)
        if plain not in STOPS:
            self.check_stopped(name, changed)
        elif plain in ("detach", "data"):
            self._cut(plain)

    def check_stopped(self, name: str, result: Any) -> None:
        """Check that an operator without a gradient makes no constant of a signal.

        Raises:
            UnsupportedFunction: If it does.
        """
        for t in tree_leaves(result):
            if not isinstance(t, Tensor) or on_path(t):
                continue
            if t.is_floating_point() or t.is_complex() or t.is_quantized:
                raise self.refusals.no_rule(name)
            self._cut(name)

    def _cut(self, name: str) -> None:
        if not self.cuts:
            self.cuts.append(f"{name}{self.refusals.caller().rstrip(',')}")
