"""A torch module of one's own, as a classifier."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from whyword.classifier import Batch
from whyword.errors import InputError
from whyword.models.substitution import Substitution
from whyword.text import Document, Tokenizer


class ModuleClassifier:
    """Adapts a `torch.nn.Module` that reads token ids, unchanged, to `whyword.explain`.

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
        vocabulary: Ids by word; words that it lacks are tried in lower case.
        embedding: The layer that turns ids into vectors: their relevance is what is explained.
        unknown: The id of words that the vocabulary lacks.
        padding: The id that fills up short documents.
        tokenizer: Turns texts into documents.
        call: How to call the module, if not with ids alone:
            ``call(module, ids, batch) -> logits``; ``batch.mask`` is False on padding.

    Raises:
        InputError: If the embedding is not a layer of the module.
    """

    def __init__(
        self,
        module: nn.Module,
        classes: Sequence[str],
        vocabulary: Mapping[str, int],
        *,
        embedding: nn.Embedding,
        unknown: int = 1,
        padding: int = 0,
        tokenizer: Tokenizer | None = None,
        call: Callable[[Any, Tensor, Batch], Any] | None = None,
    ) -> None:
        if not any(layer is embedding for layer in module.modules()):
            raise InputError(f"The embedding {embedding} is not a layer of the module.")
        self.module, self.classes, self.vocabulary = module, tuple(classes), vocabulary
        self.embedding, self.unknown, self.padding = embedding, unknown, padding
        self.tokenizer = tokenizer or Tokenizer()
        self.call = call

    @property
    def training(self) -> bool:
        """Whether the module is in training mode, in which it is not explained."""
        return self.module.training

    @property
    def unknown_id(self) -> int:
        """The id of words that the vocabulary lacks."""
        return self.unknown

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        """Tokenise, look up ids, pad; word ``i`` stands at position ``i``."""
        documents = tuple(t if isinstance(t, Document) else self.tokenizer(t) for t in texts)
        found = [[self._id(word) for word in document.words] for document in documents]
        return Batch.of_words(
            documents,
            [[self.unknown if id_ is None else id_ for id_ in row] for row in found],
            [[id_ is not None for id_ in row] for row in found],
            padding=self.padding,
            device=self.embedding.weight.device,
        )

    def embed(self, batch: Batch) -> Tensor:
        """``(batch, position, dimension)`` vectors of the ids."""
        vectors: Tensor = self.embedding(batch.ids).detach()
        return vectors

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """``(batch, class)`` logits, the module's, with these vectors in place of its own."""
        with Substitution({id(self.embedding.weight): lambda ids: embeddings}):
            return self(batch)

    def __call__(self, batch: Batch) -> Tensor:
        """``(batch, class)`` logits of the documents as they are."""
        found = self.call(self.module, batch.ids, batch) if self.call else self.module(batch.ids)
        logits: Tensor = found if isinstance(found, Tensor) else found.logits
        if logits.shape != (len(batch), len(self.classes)):
            raise InputError(
                f"The module returned {tuple(logits.shape)}; expected (batch, class) = "
                f"{(len(batch), len(self.classes))}."
            )
        return logits

    def _id(self, word: str) -> int | None:
        return self.vocabulary.get(word, self.vocabulary.get(word.lower()))
