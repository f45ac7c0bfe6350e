"""Tables of torch's functions that move ids, and of the arguments that hold the ids."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

_FIRST = ((0, "input"),)
COPIES: dict[str, tuple[tuple[int, str], ...]] = {
    **dict.fromkeys(
        """
        clone contiguous reshape reshape_as flatten ravel unfold flip fliplr flipud roll rot90
        repeat tile repeat_interleave getitem index_select gather take take_along_dim masked_select
        _pack_padded_sequence
        """.split(),
        _FIRST,
    ),
    **dict.fromkeys(
        "cat concat concatenate stack hstack vstack dstack column_stack".split(), ((0, "tensors"),)
    ),
    **dict.fromkeys(["copy", "fill"], ((0, "input"), (1, "src"), (1, "value"))),
    **dict.fromkeys(
        ["masked_fill", "masked_scatter", "setitem"], ((0, "input"), (2, "value"), (2, "source"))
    ),
    **dict.fromkeys(
        ["pad", "index_fill", "index_copy", "scatter"],
        ((0, "input"), (3, "value"), (3, "source"), (3, "src")),
    ),
    "index_put": ((0, "input"), (2, "values")),
    "pad_sequence": ((0, "sequences"), (2, "padding_value")),
    "where": ((1, "input"), (2, "other")),
}
"""Functions that move ids into a tensor of their own, and their arguments that hold ids."""

ELEMENTWISE = set(
    """
    to type type_as int long short float double half bfloat16 cpu cuda tensor as_tensor asarray
    add sub rsub mul multiply remainder fmod mod abs clamp clip clamp_min clamp_max maximum
    minimum nan_to_num bitwise_and and iadd isub imul imod iand tril triu
    """.split()
)
"""Functions that work element by element: ids that they leave unchanged are the text's."""

SHAPES = set(
    """
    new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like rand_like
    randn_like randint_like
    """.split()
)
"""Functions that read the shape of a tensor alone."""

OTHERS = set(
    """
    __get__ size dim numel stride __len__ view view_as transpose permute unsqueeze squeeze expand
    linear layer_norm rms_norm softmax gelu silu relu tanh dropout scaled_dot_product_attention
    """.split()
)
"""Functions that need not be followed: they return views, or numbers that are no ids."""

READ_OUT = set("tolist item numpy __array__ __int__ __index__ __float__".split())
"""Functions that hand ids to Python or NumPy, where nothing follows them."""

_IN_PLACE = set("__setitem__ __iadd__ __isub__ __imul__ __imod__ __iand__".split())
"""Functions that work in place, besides those whose names end in an underscore."""


def name_of(func: Callable[..., Any]) -> str:
    """A function's name."""
    return str(getattr(func, "__name__", type(func).__name__))


def plain_name(func: Callable[..., Any]) -> str:
    """A function's name without underscores, which mark operators and functions in place."""
    name = name_of(func)
    return name if name.startswith("_pack") else name.strip("_")


def works_in_place(func: Callable[..., Any]) -> bool:
    """Whether a function changes what it reads."""
    name = name_of(func)
    return name in _IN_PLACE or (name.endswith("_") and not name.startswith("_"))


def places_of_ids(func: Callable[..., Any]) -> tuple[set[int], set[str]]:
    """The positions and names of the arguments in which a function that moves ids takes them."""
    held = COPIES.get(plain_name(func), ())
    if plain_name(func) == "where" and func is not torch.where:  # a method, of the first input
        held = ((0, "input"), (2, "other"))
    return {place for place, _ in held}, {name for _, name in held}


def moved_by(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Any]:
    """The arguments of a call that hold what the function moves."""
    places, names = places_of_ids(func)
    return [v for i, v in enumerate(args) if i in places] + [
        kwargs[k] for k in kwargs if k in names
    ]


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors in nested arguments."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from tensors_in(value)
    elif isinstance(values, Mapping):
        yield from tensors_in(list(values.values()))
