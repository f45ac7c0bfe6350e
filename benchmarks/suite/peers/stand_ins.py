"""Empty modules in place of those that a library imports and does not need here.

zennit and lxt import torchvision for its image models. With torchvision come tens of megabytes that
no text classifier uses, and its own choice of torch.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """While it lasts, these modules with these names in them can be imported."""
    before = {name: sys.modules.get(name) for name in modules}
    for name, contents in modules.items():
        module = ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name, original in before.items():
            if original is None:
                del sys.modules[name]
            else:
                sys.modules[name] = original


class Nothing:
    """A class that nothing is an instance of."""


def torchvision() -> dict[str, dict[str, Any]]:
    """The names of torchvision that zennit and lxt import."""
    resnet = {"Bottleneck": Nothing, "BasicBlock": Nothing}
    transformer = {"nn": type("nn", (), dict.fromkeys(("GELU", "LayerNorm", "MultiheadAttention")))}
    return {
        "torchvision": {},
        "torchvision.models": {"vision_transformer": type("V", (), transformer)},
        "torchvision.models.resnet": resnet,
    }
