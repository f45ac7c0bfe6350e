"""`Positions`: finds out which position of the text each id of a tensor was taken from.

A model looks up the ids of its text as they are, or turned round, cut, padded, or shifted into a
decoder. For every tensor that the text's ids reach, a tensor of their positions is kept, which goes
through the same functions: it is flipped where ids are flipped, and filled with `CONSTANT` where
ids are filled up. Ids that a function computes are `DERIVED`. Positions belong to storages and not
to tensors, so that views, and what is written through them, are followed without further ado.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from whyword.models.look_ups.moving import (
    COPIES,
    ELEMENTWISE,
    OTHERS,
    READ_OUT,
    SHAPES,
    moved_by,
    name_of,
    places_of_ids,
    plain_name,
    tensors_in,
    works_in_place,
)

CONSTANT, DERIVED = -1, -2
"""Stand for a position: of an id of the model's own, and of one computed from the text's ids."""


class _Beside(NamedTuple):
    """A storage of ids, which is kept alive, and what is known about it.

    Attributes:
        storage: The storage of ids.
        size: Number of bytes of an id.
        positions: ``(id,)`` the position of each id; None if all are `DERIVED`.
        by: Name of the function that computed those that are `DERIVED`.
    """

    storage: torch.UntypedStorage
    size: int
    positions: Tensor | None
    by: str


class Positions:
    """Positions of a text's ids, followed through the functions that a model calls.

    Args:
        ids: The tensor of ids that the model gets, any shape.

    Attributes:
        read_out: Name of the function by which the model took ids out of torch; "" if none did.
    """

    def __init__(self, ids: Tensor) -> None:
        self._ids = ids.detach().flatten().clone()
        self._known: dict[int, _Beside] = {}
        self._floats: dict[int, Tensor] = {}
        self.read_out = ""
        self._remember(ids, torch.arange(ids.numel(), device=ids.device).view(ids.shape))

    def among(self, values: Iterable[Any]) -> bool:
        """Whether these arguments hold ids of the text, or ids computed from them."""
        for value in values:
            if isinstance(value, Tensor):
                if self._beside(value) is not None:
                    return True
            elif isinstance(value, list | tuple) and self.among(value):
                return True
        return False

    def may_follow(self, name: str) -> bool:
        """Whether calls of this function may have to be followed."""
        return name not in OTHERS or bool(self._floats)

    def of(self, ids: Tensor) -> Tensor | None:
        """The positions of ids, shaped like them; None if they are the model's own."""
        if self._beside(ids) is None:
            return None
        positions = self._as_positions(ids)
        # Whatever was changed in a way that was not seen is not the text's any more.
        other = (positions >= 0) & (self._ids[positions.clamp(min=0)] != ids)
        found: Tensor = positions.masked_fill(other, DERIVED)
        return found

    def computed_by(self, ids: Tensor) -> str:
        """Name of the function that computed these ids; "" if they are not computed."""
        beside = self._beside(ids)
        return "" if beside is None else beside.by

    def before(self, func: Callable[..., Any], args: tuple[Any, ...]) -> Tensor | None:
        """A copy of the first argument, if the function is going to change it; else None."""
        if not works_in_place(func) or not args or not isinstance(args[0], Tensor):
            return None
        if args[0].is_floating_point() and self._beside(args[0]) is None:
            return None
        return args[0].clone()

    def follow(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
        before: Tensor | None,
    ) -> None:
        """Note the positions of the ids that a call returned or changed.

        Args:
            func: The function called.
            args: Its arguments.
            kwargs: Its keyword arguments.
            result: What it returned.
            before: What the method `before` returned ahead of the call.
        """
        name = name_of(func)
        if name in READ_OUT:
            self.read_out = name if self._has_own(args[0]) else self.read_out
        elif before is not None:
            self._changed(func, args, kwargs, before)
        elif name not in SHAPES:
            read, known = list(tensors_in((args, kwargs))), {0, *self._known}
            new = [t for t in tensors_in((result, kwargs.get("out"))) if _key(t) not in known]
            for place, tensor in enumerate(new):
                if tensor.is_floating_point():
                    if any(self._beside(t) is None for t in read):
                        continue  # not ids any more
                    self._floats[id(tensor)] = tensor
                own = place == 0 and any(map(self._has_own, read))
                positions = self._of_copy(func, args, kwargs, tensor) if own else None
                self._remember(tensor, positions, name)

    def _changed(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        before: Tensor,
    ) -> None:
        """Note that a tensor was changed in place, with all others that share its storage."""
        target, plain = args[0], plain_name(func)
        if self._beside(target) is None:
            moves = target.dtype != torch.bool and self.among(moved_by(func, args, kwargs))
            constant = torch.full(target.shape, CONSTANT, device=target.device)
            self._remember(target, constant if moves else None)
        if self._has_own(target):
            positions = self._as_positions(target)
            if plain == "zero":
                positions.fill_(CONSTANT)
            elif plain in COPIES:
                if not self._replayed(func, args, kwargs):
                    positions.fill_(DERIVED)
            elif target.shape == before.shape:
                positions.masked_fill_(target != before, DERIVED)
        if (beside := self._beside(target)) is not None and not beside.by:
            self._known[_key(target)] = beside._replace(by=name_of(func))

    def _of_copy(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Tensor,
    ) -> Tensor | None:
        """The positions of a new tensor's ids; None if they are computed."""
        plain = plain_name(func)
        if result.dtype == torch.bool:
            return None
        if plain in COPIES:
            found = tensors_in(self._replayed(func, args, kwargs))
            return next((t for t in found if t.shape == result.shape), None)
        if plain in ELEMENTWISE:
            for tensor in tensors_in((args, kwargs)):
                if tensor.shape == result.shape and self._has_own(tensor):
                    positions: Tensor = self._as_positions(tensor)
                    return positions.masked_fill(tensor != result, DERIVED)
        return None

    def _replayed(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """The result of the same call for positions, in a tuple; empty if it moves no ids."""
        plain = plain_name(func)
        if not self.among(moved_by(func, args, kwargs)):
            return ()
        if plain == "index_put" and kwargs.get("accumulate", len(args) > 3 and args[3]):
            return ()
        mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
        if plain == "pad" and mode == "constant":
            args, kwargs = args[:3], {**kwargs, "value": CONSTANT}
        places, names = places_of_ids(func)
        given = [self._as_positions(v) if i in places else v for i, v in enumerate(args)]
        named = {k: self._as_positions(v) if k in names else v for k, v in kwargs.items()}
        try:
            return (func(*given, **named),)
        except (RuntimeError, TypeError, ValueError, IndexError):
            return ()  # a spelling that positions, which have a type of their own, do not fit

    def _as_positions(self, value: Any) -> Any:
        """The positions of ids, as a view: what is written into it is kept."""
        if isinstance(value, list | tuple):
            return type(value)(self._as_positions(v) for v in value)
        if not isinstance(value, Tensor):
            return CONSTANT if isinstance(value, int | float) else value
        beside = self._beside(value)
        if beside is None:
            return torch.full(value.shape, CONSTANT, device=value.device)
        if beside.positions is None or beside.size != value.element_size():
            return torch.full(value.shape, DERIVED, device=value.device)
        return _view(beside.positions, value)

    def _has_own(self, value: Any) -> bool:
        beside = self._beside(value) if isinstance(value, Tensor) else None
        return beside is not None and beside.positions is not None

    def _beside(self, tensor: Tensor) -> _Beside | None:
        if tensor.is_floating_point() and id(tensor) not in self._floats:
            return None
        return self._known.get(_key(tensor))

    def _remember(self, tensor: Tensor, positions: Tensor | None, by: str = "") -> None:
        """Note the positions of a tensor; whatever else its storage holds is the model's own."""
        if not _key(tensor):
            return
        storage, size = tensor.untyped_storage(), tensor.element_size()
        if positions is not None:
            beside = torch.full((storage.nbytes() // size,), CONSTANT, device=tensor.device)
            _view(beside, tensor).copy_(positions)
            positions = beside
        self._known[_key(tensor)] = _Beside(storage, size, positions, by)


def _view(positions: Tensor, ids: Tensor) -> Tensor:
    """The positions of the ids in a tensor, from those of its whole storage."""
    return positions.as_strided(ids.shape, ids.stride(), ids.storage_offset())


def _key(tensor: Tensor) -> int:
    """A number that identifies a tensor's storage; 0 without one, such as inside of vmap."""
    try:
        key: int = tensor.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):
        key = 0
    return key
