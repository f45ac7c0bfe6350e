"""`Substitution`: gives an unchanged model other vectors in place of those that it looks up.

A look-up is answered by the position in the text that each id was taken from, and not by the id: a
word that stands twice in the text has two vectors, and one that the model reads in two places has
one.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag, one_hot
from torch.overrides import TorchFunctionMode

from whyword.errors import ModelError
from whyword.models.look_ups.moving import name_of, tensors_in
from whyword.models.look_ups.positions import CONSTANT, DERIVED, Positions

_AS_IS = torch._C.DisableTorchFunction
"""Hides calls that only look at tensors from other modes, such as the engine's."""

LOOK_UPS = (embedding, torch.embedding)
"""The functions that look up: the first takes ids and table, the second table and ids."""

_BAG = (
    "input weight offsets max_norm norm_type scale_grad_by_freq mode sparse per_sample_weights "
    "include_last_offset padding_idx"
).split()


class Substitution(TorchFunctionMode):
    """A mode of torch in which look-ups in tables of embeddings return other vectors.

    In the table of words, every id of the text gets the vector of its position, however the model
    moved it before the look-up; ids of the model's own, such as padding, get the table's.

    Args:
        table: ``(id, dimension)`` the weights of the words' embedding.
        ids: ``(batch, position)`` the text's ids; the model must get this very tensor.
        vectors: ``(batch, position, dimension)`` to return in place of the table's.
        added: Other tables, each with what the first look-up in it returns.
        place: Name of the embedding, for errors.

    Raises:
        ModelError: If the model looks up ids that it computes, or reads the table in an unknown
            way; on leaving the mode, if no id of the text was looked up.
    """

    def __init__(
        self,
        table: Tensor,
        ids: Tensor,
        vectors: Tensor,
        *,
        added: Sequence[tuple[Tensor, Tensor]] = (),
        place: str = "its embedding",
    ) -> None:
        super().__init__()
        self.table, self.vectors, self.place = table, vectors, place
        self.added = {id(other): given for other, given in added}
        self.answered = False
        with _AS_IS():
            self.positions = Positions(ids)
            self.own_order = torch.arange(ids.numel(), device=ids.device).view(ids.shape)

    def __exit__(self, *raised: Any) -> None:
        """Called when the model has run, or has failed."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        if raised[0] is None and not self.answered:
            read_out = self.positions.read_out
            raise ModelError(
                f"The model looks up none of the text's ids in {self.place}, so that there is "
                "nothing to explain"
                + (f" (it takes them out of their tensor by {read_out})" if read_out else "")
                + ". Expected nn.Embedding, nn.EmbeddingBag, weight[ids] or index_select, in the "
                "table itself, and not in compiled or scripted code."
            )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        kwargs, before = kwargs or {}, None
        if func in LOOK_UPS:
            table, ids, max_norm = looked_up(func, args, kwargs)
            # Copies, since the model may change what it has looked up.
            if (vectors := self.added.pop(id(table), None)) is not None:
                return vectors.clone()
            if self._is_table(table):
                vectors = self._vectors(table, ids, max_norm)
            return func(*args, **kwargs) if vectors is None else vectors
        if not self.positions.may_follow(getattr(func, "__name__", "")):
            return func(*args, **kwargs)
        with _AS_IS():
            if followed := self.positions.among(args) or self.positions.among(kwargs.values()):
                before = self.positions.before(func, args)
        if followed and (vectors := self._otherwise(func, args, kwargs)) is not None:
            return vectors
        result = func(*args, **kwargs)
        if followed:
            with _AS_IS():
                self.positions.follow(func, args, kwargs, result, before)
        return result

    def _vectors(self, table: Tensor, ids: Tensor, max_norm: Any = None) -> Tensor | None:
        """The vectors ``(..., dimension)`` of ids ``(...)``; None if they are not the text's."""
        with _AS_IS():
            positions = self._positions(ids)
            if positions is None:
                return None
            if table.shape[1:] != self.table.shape[1:] or table.stride() != self.table.stride():
                raise ModelError(f"The model reads a part of {self.place}; expected all of it.")
            if max_norm is not None:
                raise ModelError(
                    f"Got max_norm {max_norm} in {self.place}: it changes the weights whenever "
                    "they are looked up. Shorten them once, and set max_norm to None."
                )
            constant = positions == CONSTANT
            self.answered |= not bool(constant.all())
            as_given = positions.shape == self.own_order.shape and positions.equal(self.own_order)
            extra = self.table.detach()[ids[constant]]
            behind = self.own_order.numel() + torch.arange(len(extra), device=ids.device)
            positions = positions.masked_scatter(constant, behind)
        if as_given:
            return self.vectors.clone()  # as a look-up does: models change what they get
        rows = self.vectors.reshape(-1, self.vectors.shape[-1])
        return (torch.cat([rows, extra]) if len(extra) else rows)[positions]

    def _positions(self, ids: Tensor) -> Tensor | None:
        """The positions of ids in the text; None if they are not the text's."""
        positions, by = self.positions.of(ids), self.positions.computed_by(ids)
        if positions is not None and (positions == DERIVED).any():
            pass
        elif self.positions.read_out and (positions is None or (positions == CONSTANT).any()):
            by = self.positions.read_out
        else:
            return positions
        raise ModelError(
            f"The model looks up ids in {self.place} that are not the text's own: they come from "
            f"the function {by}. Expected ids that are as they were given, or moved (flip, index, "
            "cat, pad, shift and the like). Compute them before, where the text is encoded, or "
            "give an embedding that is looked up by the text's ids."
        )

    def _otherwise(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor | None:
        """The vectors of a look-up that is written in another way; None if it is none."""
        if func is embedding_bag:
            given = {**dict(zip(_BAG, args, strict=False)), **kwargs}
            return self._bag(**given) if self._is_table(given["weight"]) else None
        if not any(map(self._is_table, tensors_in((args, kwargs)))):
            return None
        name, given = name_of(func), dict(zip(("input", "dim", "index"), args, strict=False))
        given.update(kwargs)
        if name == "__getitem__" and isinstance(args[1], Tensor):
            return self._vectors(args[0], args[1])
        if name == "index_select" and given.get("dim") == 0:
            return self._vectors(given["input"], given["index"])
        if name in ("to", "type", "type_as", "expand_as", "view_as", "reshape_as"):
            return None  # which read no numbers of the one of the two
        raise ModelError(
            f"The model reads {self.place} by the function {name} together with the text's ids. "
            "Expected nn.Embedding, nn.EmbeddingBag, weight[ids] or index_select."
        )

    def _bag(
        self,
        input: Tensor,
        weight: Tensor,
        offsets: Tensor | None = None,
        mode: str = "mean",
        per_sample_weights: Tensor | None = None,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        **others: Any,
    ) -> Tensor | None:
        """What `torch.nn.functional.embedding_bag` returns, by a product that has a rule."""
        if mode not in ("sum", "mean"):
            raise ModelError(f'Got the mode "{mode}" in {self.place}; expected "sum" or "mean".')
        if (vectors := self._vectors(weight, input, max_norm)) is None:
            return None
        with _AS_IS():
            if offsets is None:  # each row a bag
                inside = torch.ones_like(input)[:, None]
            else:
                places = torch.arange(len(input), device=input.device)
                bag = torch.searchsorted(offsets, places, right=True) - 1
                bags = len(offsets) - bool(others.get("include_last_offset"))
                inside = one_hot(bag, bags).T
            if padding_idx is not None:
                inside = inside * (input != padding_idx)[..., None, :]
            parts = inside.to(vectors.dtype)
            if mode == "mean":
                parts = parts / parts.sum(dim=-1, keepdim=True).clamp(min=1)
        if per_sample_weights is not None:
            parts = parts * per_sample_weights[..., None, :]
        return (parts @ vectors).squeeze(1) if offsets is None else parts @ vectors

    def _is_table(self, tensor: Tensor) -> bool:
        """Whether a tensor is the table of words, or a view of it."""
        with _AS_IS():
            try:
                return tensor.data_ptr() == self.table.data_ptr() or tensor._base is self.table
            except (RuntimeError, NotImplementedError):  # without numbers, inside of vmap
                return False


def uncompiled(module: nn.Module) -> nn.Module:
    """The module that was given to `torch.compile`, whose calls can be seen; any other as it is.

    Raises:
        ModelError: If a part of it is compiled, of which no original is at hand.
    """
    module = module._modules.get("_orig_mod") or module
    for name, part in module.named_modules() if "torch._dynamo" in sys.modules else ():
        if "_orig_mod" in part._modules or part._compiled_call_impl is not None:
            raise ModelError(
                f"The layer {name!r} of {type(module).__name__} is compiled, so that what it "
                "calls cannot be seen; compile nothing, or all of it: torch.compile(module)."
            )
    return module


def looked_up(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor, float | None]:
    """Table, ids and ``max_norm`` of a call of one of `LOOK_UPS`."""
    if func is torch.embedding:
        given = {**dict(zip(("weight", "indices"), args, strict=False)), **kwargs}
        return given["weight"], given["indices"], None
    names = ("input", "weight", "padding_idx", "max_norm")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return given["weight"], given["input"], given.get("max_norm")
