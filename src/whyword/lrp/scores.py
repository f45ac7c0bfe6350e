"""The scores of the engine's forward pass are those of the plain model, or there is an error.

The comparison costs a forward pass, so it is made once for a model and kind of call: the set of
functions that the embeddings reached, each with the form of its arguments. A model that takes
another way for another text calls other functions, and is compared again.

Two forward passes of one model differ by rounding, since functions are computed in other kernels.
Accepted is a difference of the square root of the precision (3e-4 in float32, 1.5e-8 in float64) of
the largest score, or of a thousand times what a change of the embeddings in their last digit makes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sys import modules
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from whyword.errors import ModelError

_LOCK = threading.Lock()
_COMPARED: "WeakKeyDictionary[nn.Module, set[Any]]" = WeakKeyDictionary()


def check_scores(
    score: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    found: Tensor,
    model: nn.Module | None,
    spellings: set[tuple[Any, ...]],
    *,
    seed: Tensor,
) -> None:
    """Compare scores with those of the plain model, unless that was done for such a call.

    Args:
        score: The plain model, from embeddings to scores.
        embeddings: Its input.
        found: ``(batch, class)`` the scores to be checked.
        model: The module that ``score`` runs; without one scores are always compared.
        spellings: The kind of call.
        seed: torch's random state before the scores were found, for models that draw.

    Raises:
        ModelError: If they differ by more than rounding.
    """
    kind = (frozenset(spellings), embeddings.dtype, embeddings.device.type)
    if model is not None:
        with _LOCK:
            if kind in _COMPARED.setdefault(model, set()):
                return
    plain = _plain(score, embeddings, seed)
    bound = torch.finfo(found.dtype).eps ** 0.5
    difference = _largest(found - plain)
    if not difference <= bound * _largest(plain):
        nudged = _plain(score, embeddings * (1 + torch.finfo(embeddings.dtype).eps), seed)
        if not difference <= 1000 * _largest(nudged - plain):
            again = _largest(_plain(score, embeddings, None) - plain)
            raise ModelError(_message(difference, _largest(plain), again))
    if model is not None:
        with _LOCK:
            _COMPARED[model].add(kind)


@contextmanager
def eagerly() -> Iterator[None]:
    """Models compiled by ``torch.compile`` run as they were written, so that functions are seen."""
    if "torch._dynamo" not in modules:  # nothing is compiled
        yield
        return
    with _Eager():
        yield


class _Eager:
    """torch's stance for the whole process, kept while any thread needs it."""

    users = 0
    stance: Any = None

    def __enter__(self) -> None:
        with _LOCK:
            if _Eager.users == 0:
                _Eager.stance = torch.compiler.set_stance("force_eager")
                _Eager.stance.__enter__()
            _Eager.users += 1

    def __exit__(self, *_: object) -> None:
        with _LOCK:
            _Eager.users -= 1
            if _Eager.users == 0:
                _Eager.stance.__exit__(None, None, None)


def _plain(score: Callable[[Tensor], Tensor], embeddings: Tensor, seed: Tensor | None) -> Tensor:
    """Scores of the plain model, which draws what it drew before; random numbers go on after it."""
    state = torch.get_rng_state()
    if seed is not None:
        torch.set_rng_state(seed)
    try:
        with torch.no_grad():
            return score(embeddings.clone())
    except RuntimeError:  # it needs gradients itself
        return score(embeddings.clone().requires_grad_()).detach()
    finally:
        torch.set_rng_state(state)


def _largest(t: Tensor) -> float:
    return float(t.abs().max()) if t.numel() else 0.0


def _message(difference: float, size: float, again: float) -> str:
    if again > difference / 10:
        return (
            f"The model gives other scores each time (they differ by {again:.2g} between two runs, "
            f"the largest being {size:.2g}): it draws at random. Fix its seed inside of it, or "
            "switch the randomness off."
        )
    return (
        f"The scores that were to be explained differ from the model's by {difference:.2g}, the "
        f"largest being {size:.2g}; expected no more than rounding. What would be explained is "
        "another model: please report which function computes otherwise, or give it a rule with "
        "whyword.lrp.register."
    )
