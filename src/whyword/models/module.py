"""`ModuleClassifier`: makes a classifier out of any torch module that reads token ids."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from whyword.batch import Batch
from whyword.errors import InputError
from whyword.models.look_ups.reading import Reading
from whyword.models.look_ups.substitution import Substitution, uncompiled
from whyword.text import Document, Tokenizer


class HasLogits(Protocol):
    """What a module may return instead of logits: something that has them."""

    @property
    def logits(self) -> Tensor:
        """``(batch, class)``."""


Module = TypeVar("Module", bound=nn.Module)


class ModuleClassifier:
    """A classifier around a `torch.nn.Module` that reads token ids; the module is not changed.

    The module may move the ids before it looks them up (turn them round, cut, pad, shift), and look
    them up in several places: a word's vector is one input wherever it is read. Modules that score
    a text differently in a batch than alone, because they do not mask padding, get one at a time.

    Example:
        >>> module = MyNetwork(number_of_words=10_000)                       # doctest: +SKIP
        >>> classifier = ModuleClassifier(                                   # doctest: +SKIP
        ...     module.eval(), ["ham", "spam"], vocabulary, embedding=module.words
        ... )
        >>> whyword.explain(classifier, "Buy now!")                          # doctest: +SKIP

    Args:
        module: The model, in evaluation mode. Called with ids ``(batch, position)``, it returns
            logits ``(batch, class)``, or something that has them as ``logits``.
        classes: Names of the classes, in the order of the logits.
        vocabulary: The id of each word; words that it lacks are tried in lower case.
        embedding: The layer of the module that turns ids into vectors, to which relevance is
            handed back: an `nn.Embedding`, or an `nn.EmbeddingBag` of sums or means.
        unknown: The id of words that the vocabulary lacks.
        padding: The id that fills up short documents.
        tokenizer: Turns texts into documents.
        call: A function that calls the module, if it needs more than the ids:
            ``call(module, ids, batch) -> logits``; ``batch.mask`` is False on padding.

    Raises:
        InputError: If the embedding is not a layer of the module, or changes its weights
            (``max_norm``).
    """

    def __init__(
        self,
        module: Module,
        classes: Sequence[str],
        vocabulary: Mapping[str, int],
        *,
        embedding: nn.Embedding | nn.EmbeddingBag,
        unknown: int = 1,
        padding: int = 0,
        tokenizer: Tokenizer | None = None,
        call: Callable[[Module, Tensor, Batch], Tensor | HasLogits] | None = None,
    ) -> None:
        if not any(layer is embedding for layer in module.modules()):
            raise InputError(f"The embedding {embedding} is not a layer of the module.")
        if embedding.max_norm is not None:
            raise InputError(
                f"Got an embedding with max_norm {embedding.max_norm}, which changes its weights "
                "whenever they are looked up; shorten them once, and set max_norm to None."
            )
        self.module: nn.Module = module
        self.classes, self.vocabulary = tuple(classes), vocabulary
        self.embedding, self.unknown, self.padding = embedding, unknown, padding
        self.tokenizer = tokenizer or Tokenizer()
        self.call: Callable[..., Tensor | HasLogits] | None = call
        self.reading = Reading()

    @property
    def training(self) -> bool:
        """Whether the module is in training mode; it is then refused."""
        return self.module.training

    @property
    def table(self) -> Tensor:
        """``(id, dimension)`` the vectors of the embedding."""
        return self.embedding.weight

    @property
    def unknown_id(self) -> int:
        """The id of words that the vocabulary lacks."""
        return self.unknown

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise, look up ids, and pad; word ``i`` stands at position ``i``."""
        documents = self.documents(texts)
        found = [[self._id(word) for word in document.words] for document in documents]
        return Batch.of_words(
            documents,
            [[self.unknown if id_ is None else id_ for id_ in row] for row in found],
            [[id_ is not None for id_ in row] for row in found],
            padding=self.padding,
            device=self.embedding.weight.device,
        )

    def documents(self, texts: Sequence[str | Document]) -> tuple[Document, ...]:
        """The texts as documents; those that are strings are tokenised."""
        return tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` vectors of the ids.

        Raises:
            ModelError: If the module does not look vectors up, or gives other scores with these
                vectors than by itself. This is checked once for each kind of batch.
        """
        vectors = self.embedding.weight.detach()[batch.ids]
        if not self.training:
            self.reading.prove(batch, vectors, self._place, self.score, self)
        return vectors

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the module, with these vectors in place of its own.

        Raises:
            ModelError: If the module looks up ids that are not the text's, or no ids at all.
        """
        return self._scores(batch, embeddings)

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents."""
        return self._scores(batch, None)

    def _scores(self, batch: Batch, embeddings: Tensor | None) -> Tensor:
        """The logits; documents are read one by one if a batch would change their scores."""
        if len(batch) > 1 and (
            self.training
            or not self.reading.one_by_one(
                batch.mask,
                lambda: self._run(batch, None),
                lambda row: self._run(_one(batch, row), None),
            )
        ):
            return self._run(batch, embeddings)
        found = []
        for row in range(len(batch)):
            one = _one(batch, row)
            own = None if embeddings is None else embeddings[row : row + 1, : one.ids.shape[1]]
            found.append(self._run(one, own))
        return torch.cat(found)

    def _run(self, batch: Batch, embeddings: Tensor | None) -> Tensor:
        """One call of the module."""
        if embeddings is None:
            return self._logits(self.module, batch)
        weight, place = self.embedding.weight, self._place
        with Substitution(weight, batch.ids, embeddings, place=place):
            return self._logits(uncompiled(self.module), batch)

    def _logits(self, module: nn.Module, batch: Batch) -> Tensor:
        found = self.call(module, batch.ids, batch) if self.call else module(batch.ids)
        logits: Tensor = found if isinstance(found, Tensor) else found.logits
        if logits.shape != (len(batch), len(self.classes)):
            raise InputError(
                f"The module returned {tuple(logits.shape)}; expected (batch, class) = "
                f"{(len(batch), len(self.classes))}."
            )
        return logits

    @property
    def _place(self) -> str:
        """The name of the embedding, for errors."""
        names = {id(layer): name for name, layer in self.module.named_modules()}
        return f"the embedding {names[id(self.embedding)]!r} of {type(self.module).__name__}"

    def _id(self, word: str) -> int | None:
        return self.vocabulary.get(word, self.vocabulary.get(word.lower()))


def _one(batch: Batch, row: int) -> Batch:
    """One document without the others' padding."""
    one = batch.rows(torch.tensor([row]))
    length = int(one.mask[0].nonzero().max()) + 1 if one.mask.any() else 1
    return replace(
        one, ids=one.ids[:, :length], mask=one.mask[:, :length], words=one.words[:, :length]
    )
