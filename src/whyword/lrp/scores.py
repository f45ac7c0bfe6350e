"""`check_scores`: compares the scores of the engine's forward pass with the plain model's.

The comparison costs a forward pass, so it is made once for a model and kind of call: the set of
functions that the embeddings reached, each with the form of its arguments (axes, options, numbers
of dimensions; not sizes). A model that takes another way for another text calls other functions,
and is compared again.

Scores may differ by rounding (`whyword.lrp.rounding`); the precision is the least that the model
computes in on the way, such as a softmax in float32. They may also differ by a thousand times what
a change of the embeddings in their last digit changes them, or, where everything cancels, by four
units in the last digit of the embeddings.
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from whyword.errors import ModelError
from whyword.lrp.rounding import apart, largest, tolerance

_LOCK = threading.Lock()
_COMPARED: "WeakKeyDictionary[nn.Module, set[Hashable]]" = WeakKeyDictionary()


_RANDOM = (
    "The model gives other scores each time (they differ by {:.2g} between two runs, the largest "
    "being {:.2g}): it draws at random. Fix its seed inside of it, or switch the randomness off."
)
_MODES = (
    "The model gives other scores where gradients are recorded, as they are to explain it (they "
    "differ by {:.2g}, the largest being {:.2g}). Under torch.no_grad, nn.TransformerEncoder puts "
    "zeros at padded positions: build it with enable_nested_tensor=False, or leave these positions "
    "out of what follows. Otherwise let the model compute alike in both."
)
_OTHER = (
    "The scores that were to be explained differ from the model's by {:.2g}, the largest being "
    "{:.2g}; expected no more than rounding. What would be explained is another model: please "
    "report which function computes otherwise, or give it a rule with whyword.lrp.register."
)


def check_scores(
    score: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    found: Tensor,
    model: nn.Module | None,
    kind: Hashable,
    *,
    precisions: Iterable[torch.dtype],
    seed: Tensor,
) -> None:
    """Compare scores with those of the plain model, unless that was done for this kind of call.

    Args:
        score: The plain model, a function from embeddings to scores.
        embeddings: Its input.
        found: ``(batch, class)`` the scores to check.
        model: The module that ``score`` runs; without one scores are always compared.
        kind: The kind of call, see above.
        precisions: The types of numbers that the scores were computed in.
        seed: torch's random state before the forward pass, for models that draw random numbers.

    Raises:
        ModelError: If they differ by more than rounding.
    """
    if model is not None:
        with _LOCK:
            if kind in _COMPARED.setdefault(model, set()):
                return
    plain = _plain(score, embeddings, seed)
    bound = tolerance(found.dtype, *precisions)
    difference, size = apart(found, plain), largest(plain)
    rounding = 4 * bound**2 * largest(embeddings)  # where all cancels, scores are nothing else
    if not difference <= max(bound * size, rounding):
        again = apart(_plain(score, embeddings, seed), plain)
        if again > difference / 10:
            raise ModelError(_RANDOM.format(again, size))
        nudged = _plain(score, embeddings * (1 + torch.finfo(embeddings.dtype).eps), seed)
        if not difference <= 1000 * apart(nudged, plain):
            if apart(found, _recorded(score, embeddings, seed)) <= bound * size:
                raise ModelError(_MODES.format(difference, size))
            raise ModelError(_OTHER.format(difference, size))
    if model is not None:
        with _LOCK:
            _COMPARED[model].add(kind)


def _plain(score: Callable[[Tensor], Tensor], embeddings: Tensor, seed: Tensor) -> Tensor:
    """Scores of the plain model, which draws the same random numbers as before."""
    try:
        with torch.no_grad(), _drawing(seed):
            return score(embeddings.clone())
    except Exception:  # it needs gradients itself
        return _recorded(score, embeddings, seed)


def _recorded(score: Callable[[Tensor], Tensor], embeddings: Tensor, seed: Tensor) -> Tensor:
    """Scores of the plain model while gradients are recorded."""
    with _drawing(seed):
        return score(embeddings.clone().requires_grad_()).detach()


@contextmanager
def _drawing(seed: Tensor) -> Iterator[None]:
    """A block in which torch draws from this random state; the state before is restored after."""
    state = torch.get_rng_state()
    torch.set_rng_state(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)
