"""NLTK's two tokenisers, without the rest of NLTK."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec, module_from_spec
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

_importing = Lock()


def tokenizers() -> "tuple[PunktSentenceTokenizer, NLTKWordTokenizer]":
    """The untrained sentence tokeniser and the word tokeniser, the same at each call."""
    with _importing:  # no other thread is to meet the stand-ins for packages
        return _imported()


@cache
def _imported() -> "tuple[PunktSentenceTokenizer, NLTKWordTokenizer]":
    # Neither needs NLTK's data downloads. The untrained sentence tokeniser knows no abbreviations;
    # that changes only where a final dot is split off: on 20 Newsgroups 4,972 test documents have
    # 100 tokens or more, the paper counts 4,963.
    with _without_packages("nltk", "nltk.tokenize"):
        from nltk.tokenize.destructive import NLTKWordTokenizer
        from nltk.tokenize.punkt import PunktSentenceTokenizer
    return PunktSentenceTokenizer(), NLTKWordTokenizer()


@contextmanager
def _without_packages(*packages: str) -> Iterator[None]:
    """A block that imports modules of packages without running the packages' own files.

    `import nltk` imports all of it, and with it scipy and scikit-learn where they are installed:
    almost a second, of which the two tokenisers are a fiftieth. Empty packages stand in for it, and
    are gone after the block with all that was imported, so that NLTK is imported whole by whoever
    does so later.
    """
    if packages[0] in sys.modules:
        yield
        return
    try:
        for name in packages:
            spec = find_spec(name)  # of a package inside of one: imports that one, a stand-in
            if spec is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.modules[name] = module_from_spec(spec)
        yield
    finally:
        for name in list(sys.modules):
            if name.partition(".")[0] == packages[0]:
                del sys.modules[name]
