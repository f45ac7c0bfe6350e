"""lxt: AttnLRP of transformers (``lxt.efficient``), one class after the other.

lxt 2.1 was written for transformers 4. Three things are put between it and transformers 5, and
nothing of its rules is changed:

- Its copy of BERT imports names that are gone, so BERT gets what lxt calls a ``patch_map``, of
  lxt's own functions: the same rules at the same places.
- It puts a plain dictionary where transformers 5 asks for ``get_interface``.
- It patches classes for good; here the patches are taken off again after each call, so that others
  can be timed in the same process.

With transformers 4.52.4, where lxt runs as it is, BERT, GPT-2, Llama, Qwen 2 and Qwen 3 with the
same weights gave the same relevance to 2e-7 of the largest.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from suite.peers.stand_ins import stand_ins, torchvision

FAMILIES = ("bert", "gpt2", "llama", "qwen2", "qwen3", "gemma3")
"""The families of text models that lxt patches."""
MODULES = {name: import_module(f"transformers.models.{name}.modeling_{name}") for name in FAMILIES}
"""Their modules, imported before a stand-in takes torchvision's place."""

with (
    warnings.catch_warnings(),
    stand_ins(
        {
            **torchvision(),
            "lxt.efficient.models.bert": {"modeling_bert": None, "attnLRP": None},
        }
    ),
):
    warnings.simplefilter("ignore")
    from lxt.efficient import monkey_patch
    from lxt.efficient.patches import (
        dropout_forward,
        layer_norm_forward,
        patch_attention,
        patch_method,
    )
    from lxt.efficient.rules import identity_rule_implicit


class Functions(dict[str, Any]):
    """Attention functions by name, as transformers 5 asks for them."""

    def get_interface(self, name: str, default: Any) -> Any:
        return self.get(name, default)


def lrp(model: Any, family: str, ids: Tensor, mask: Tensor, classes: Iterable[int]) -> Tensor:
    """``(class, batch, position)`` relevance of the tokens' own vectors, as lxt's examples do it.

    One forward and one backward pass for each class; parameters take no gradients.
    """
    vectors = model.get_input_embeddings()(ids).detach()
    rows = []
    with patched(family):
        for c in classes:
            leaf = vectors.clone().requires_grad_()
            logits = model(inputs_embeds=leaf, attention_mask=mask, **_options(family)).logits
            (gradient,) = torch.autograd.grad(logits[:, c].sum(), leaf)
            rows.append((leaf * gradient).sum(dim=-1).detach())
    return torch.stack(rows)


def _options(family: str) -> dict[str, bool]:
    return {} if family == "bert" else {"use_cache": False}


@contextmanager
def patched(family: str) -> Iterator[None]:
    """While it lasts, the classes of the family are lxt's."""
    changes = _changes(family)
    for owner, name, _, after in changes:
        setattr(owner, name, after)
    try:
        yield
    finally:
        for owner, name, before, _ in changes:
            setattr(owner, name, before)


@cache
def _changes(family: str) -> list[tuple[Any, str, Any, Any]]:
    """What lxt changes: owner, attribute, the original, and lxt's."""
    module = MODULES[family]
    if family == "bert":
        rules = _bert(module)
    else:
        rules = import_module(f"lxt.efficient.models.{family}").attnLRP
    names = ("forward", "_norm", "eager_attention_forward", "ALL_ATTENTION_FUNCTIONS")
    places = [(owner, name) for owner in rules for name in names if name in vars(owner)]
    originals = {place: vars(place[0])[place[1]] for place in places}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkey_patch(module, rules)
    changes = []
    for (owner, name), before in originals.items():
        after = vars(owner)[name]
        setattr(owner, name, before)
        if after is not before:
            after = Functions(after) if name == "ALL_ATTENTION_FUNCTIONS" else after
            changes.append((owner, name, before, after))
    return changes


def _bert(module: Any) -> dict[Any, Any]:
    """The rules of lxt's BERT (``lxt.efficient.models.bert``), at the same places."""

    def intermediate(self: Any, hidden_states: Tensor) -> Tensor:
        found: Tensor = identity_rule_implicit(self.intermediate_act_fn, self.dense(hidden_states))
        return found

    def pooler(self: Any, hidden_states: Tensor) -> Tensor:
        found: Tensor = identity_rule_implicit(self.activation, self.dense(hidden_states[:, 0]))
        return found

    return {
        nn.LayerNorm: partial(patch_method, layer_norm_forward),
        nn.Dropout: partial(patch_method, dropout_forward),
        module.BertIntermediate: partial(patch_method, intermediate),
        module.BertPooler: partial(patch_method, pooler),
        module: patch_attention,
    }
