"""Other vectors in place of a table's, while a model runs that nothing is changed in."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding
from torch.overrides import TorchFunctionMode

Answer = Callable[[Tensor], Tensor | None]
"""From the ids that are looked up to their vectors; None leaves it to the table."""


class Substitution(TorchFunctionMode):
    """Answers look-ups in tables of embeddings; leaves no trace.

    Args:
        answers: What to give instead, by the ``id`` of the table.
    """

    def __init__(self, answers: Mapping[int, Answer]) -> None:
        super().__init__()
        self.answers = answers

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        kwargs = kwargs or {}
        if (found := looked_up(func, args, kwargs)) is not None:
            table, ids = found
            answer = self.answers.get(id(table))
            if answer is not None and (vectors := answer(ids)) is not None:
                return vectors
        return func(*args, **kwargs)


def looked_up(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor] | None:
    """Table and ids, if the call is a look-up."""
    # The one takes ids and table in this order, the other the other way round.
    if func is embedding:
        ids, table = "input", "weight"
        names = (ids, table)
    elif func is torch.embedding:
        table, ids = "weight", "indices"
        names = (table, ids)
    else:
        return None
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return given[table], given[ids]
