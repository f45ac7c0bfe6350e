"""A transformer's own tables: its tokens' embeddings, and the vectors that it adds to them.

Learned positions and token types take relevance like any summand. To say how much, their values
have to be known beforehand, so the model is run as far as its first layer, and what it looks up
until then is noted.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from whyword.errors import ModelError
from whyword.models.look_ups.substitution import LOOK_UPS, looked_up

_ITEMS = {
    "position": "positions",
    "wpe": "positions",
    "token_type": "token types",
    "segment": "token types",
}
"""The item of the remainder that a table stands for, by a part of its module's name."""

_LAYERS = ("linear", "layer_norm", "addmm", "matmul", "conv1d")


def tables_of(module: nn.Module) -> dict[str, nn.Embedding]:
    """The tables of positions and token types in a model; the first one of each."""
    tables: dict[str, nn.Embedding] = {}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Embedding):
            own = name.rpartition(".")[2]
            for part, item in _ITEMS.items():
                if part in own:
                    tables.setdefault(item, layer)
    return tables


def input_table(module: Any, config: object) -> Tensor:
    """``(token, dimension)`` the embeddings that the ids of tokens are looked up in.

    Args:
        module: The model of transformers.
        config: The configuration of its text model.

    Raises:
        ModelError: If there is no one such table.
    """
    try:
        weight = module.get_input_embeddings().weight
    except (NotImplementedError, AttributeError):  # as in CANINE and Perceiver
        size = getattr(config, "vocab_size", None)
        layers = [m for m in module.modules() if isinstance(m, nn.Embedding)]
        weights = [m.weight for m in layers if m.num_embeddings == size]
        weight = weights[0] if len(weights) == 1 else None
    if not isinstance(weight, Tensor):
        raise ModelError(
            f"{type(module).__name__} has no one table of input embeddings that the ids "
            "of its tokens are looked up in; expected a model that has, such as BERT."
        )
    return weight


def positions_of(model: Any) -> int:
    """The most tokens that the model reads, by its configuration and its learned positions."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    limits = [limit] if isinstance(limit, int) and limit > 0 else []
    return min([*limits, learned_positions(model)])


def learned_positions(model: Any) -> int:
    """The number of positions in the model's table of position vectors; no limit without one."""
    if (table := tables_of(model).get("positions")) is None:
        return sys.maxsize
    # Those that count from behind the padding's id have the fewer left.
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def added_vectors(tables: Mapping[str, nn.Embedding], run: Callable[[], Any]) -> dict[str, Tensor]:
    """The vectors that a model looks up in these tables before its first layer.

    Args:
        tables: The tables, as `tables_of` returns them.
        run: Runs the model; it is stopped at its first layer.
    """
    recorder = _Recorder({id(table.weight): item for item, table in tables.items()})
    try:
        with recorder:
            run()
    except _Done:
        pass
    return recorder.found


class _Done(Exception):  # noqa: N818 - not an error, the end of what was asked for
    """The first layer is reached."""


class _Recorder(TorchFunctionMode):
    """Notes look-ups, and stops the model at its first layer."""

    def __init__(self, items: Mapping[int, str]) -> None:
        super().__init__()
        self.items = items
        self.found: dict[str, Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of ``func``."""
        if getattr(func, "__name__", "") in _LAYERS:
            raise _Done
        result = func(*args, **(kwargs or {}))
        if func in LOOK_UPS:
            item = self.items.get(id(looked_up(func, args, kwargs or {})[0]))
            if item is not None:
                self.found.setdefault(item, result.detach())
        return result
