"""Every function that torch lets be intercepted, called with the embeddings in many ways.

Whatever its arguments: the scores are the plain model's, or the function is refused by name. And
what is explained stands in the conformance table, where its relevance is derived a second time.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.overrides import get_overridable_functions
from torch.utils._pytree import tree_leaves

from conformance import TO_DO, compiled, embeddings, equal, weights
from fuzz import Recorded
from operations import OPERATIONS
from whyword import lrp
from whyword.errors import InputError
from whyword.lrp.names import name_of

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, about what is deprecated
LEFT_OUT = {
    "__repr__", "__format__", "__reduce_ex__", "__deepcopy__", "__setstate__", "share_memory_",
    "to_mkldnn", "backward", "retain_grad", "register_hook", "register_post_accumulate_grad_hook",
    "apply_", "map_", "map2_", "set_", "resize_", "resize_as_", "resize", "resize_as", "rename_",
    "rename", "refine_names", "align_to", "align_as", "pin_memory", "__dlpack__",
    "__dlpack_device__", "requires_grad_", "detach_", "copy_", "module_load", "stft", "istft",
    "lobpcg", "pca_lowrank", "svd_lowrank", "_has_compatible_shallow_copy_type", "geometric_",
    "half", "spmm", "dsmm", "cfloat", "gumbel_softmax",
}  # fmt: skip
"""What is no function of numbers, or changes what it is given beyond what a model may do."""


def functions() -> dict[str, Callable[..., Tensor | torch.autocast]]:
    found = {}
    for namespace, several in get_overridable_functions().items():
        place = getattr(namespace, "__name__", str(namespace))
        for function in several:
            name = name_of(function)
            known = getattr(function, "__name__", "")
            left_out = name in LEFT_OUT or (known.startswith("_") and known != "__get__")
            if not left_out and (place, name) not in found:
                found[place, name] = function
    # A method of the same name as a function is the same function.
    names = {name for place, name in found if place != "Tensor"}
    return {
        f"{place}.{name}": function
        for (place, name), function in found.items()
        if place != "Tensor" or name not in names
    }


FUNCTIONS = functions()
STATE = torch.get_rng_state()


def calls(x: Tensor) -> Iterator[tuple[Any, ...]]:
    """Arguments to try, the embeddings among them."""
    c = torch.linspace(0.5, 1.5, 48, dtype=torch.float64).view(2, 4, 6)
    W = torch.linspace(-1, 1, 36, dtype=torch.float64).view(6, 6)
    index = torch.tensor([2, 0, 1])
    positive = x.square() + 0.5
    yield from (
        (x,),
        (x, 1),
        (x, 2),
        (x, x.flip(1)),
        (x, c),
        (c, x),
        (positive,),
        (0.5 * x.tanh(),),
    )
    yield from ((x, W), (W, x.mT), (x, 2, 1), (x, 1, index), (x, c > 1), (x, c > 1, 0.5), (x, 0.5))
    yield from ((x, x.mT), (x, c, x.flip(1)), (x, [6]), (x, (2, 4, 6)), (x, 1, 0, 2), (x, -1, 1))
    yield from (
        ([x, x.flip(1)],),
        (x[:, None], 2),
        (x, torch.randn(5, 6, 1).double().mT[:, :, :4].mT),
    )
    yield from (
        (x[:, 0], x[:, 1]),
        (x[0, 0],),
        (x[0],),
        (x[0, 0], x[0, 1]),
        (x[0], x[1].T),
        (x, 1.5, 2.0),
    )


def outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Tensor | None:
    """The real numbers of a function's result in two rows, or None."""
    result = [t for t in tree_leaves(function(*arguments)) if isinstance(t, Tensor)]
    result = [torch.view_as_real(t.resolve_conj()) if t.is_complex() else t for t in result]
    result = [t for t in result if t.is_floating_point() and t.layout == torch.strided]
    flat = [t.reshape(2, -1) for t in result if t.numel() and t.numel() % 2 == 0]
    return torch.cat(flat, 1).double() if flat else None


@functools.cache
def of_the_table() -> set[str]:
    """The functions that the conformance table calls with the embeddings."""
    found = set()
    for operation in OPERATIONS:
        for spelling in operation.spellings:
            x = embeddings()
            with torch.no_grad(), contextlib.suppress(RuntimeError), Recorded(x) as recorded:
                compiled(spelling)(x, weights())
            found |= recorded.names
    return found


def attempts(
    most: int,
) -> Iterator[tuple[str, int, Callable[[Tensor], Tensor | None], Tensor]]:
    """Models of one call each, and their scores: of every function so many ways that work."""
    number_of_calls = len(list(calls(embeddings())))
    for name, function in FUNCTIONS.items():
        found = 0
        for number in range(number_of_calls):

            def model(
                x: Tensor, function: Callable[..., Any] = function, number: int = number
            ) -> Tensor | None:
                torch.set_rng_state(STATE)
                return outcome(function, next(islice(calls(x), number, None)))

            try:
                with torch.no_grad():
                    plain, other = model(embeddings()), model(embeddings() + 0.25)
            except Exception:  # that is not how it is called
                continue
            if (
                plain is None
                or other is None
                or not plain.isfinite().all()
                or torch.equal(plain, other)
            ):
                continue
            yield name, number, model, plain
            found += 1
            if found == most:
                break


def complaint(name: str, model: Callable[[Tensor], Tensor | None], plain: Tensor) -> str | None:
    """What is wrong about the explanation of a call, if anything is."""
    try:
        found = lrp.relevance(
            cast("Callable[[Tensor], Tensor]", model), embeddings(), torch.ones(1, *plain.shape)
        )
    except (lrp.UnsupportedFunction, InputError) as refusal:
        return None if TO_DO.search(str(refusal)) else f"it does not say what to do: {refusal}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    try:
        equal(found.scores, plain, "scores")
    except AssertionError as error:
        return str(error)
    if not found.relevance.isfinite().all():
        return "relevance is no number"
    in_the_table = name.rpartition(".")[2].removesuffix("_") in of_the_table()
    return None if in_the_table else "explained, but not in the conformance table"


def check_all(most: int) -> None:
    wrong, names = [], set()
    for name, number, model, plain in attempts(most):
        names.add(name)
        if (why := complaint(name, model, plain)) is not None:
            wrong.append(f"{name}, way {number}: {why}")
    assert len(names) > 400
    assert not wrong, "\n".join(wrong)


def test_every_function() -> None:
    """Two ways of each; all ways by ``python tests/test_every_function.py``."""
    check_all(most=2)


if __name__ == "__main__":
    check_all(most=100)
