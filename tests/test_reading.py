"""What is found out about a module by running it: batches, and that scores are its own."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from moving import TEXTS, Module, classifier, unmoved
from whyword import ModelError, explain


class Unmasked(Module):
    """Takes the mean over padding too; counts its calls."""

    calls = 0

    def forward(self, ids: Tensor) -> Tensor:
        self.calls += 1
        result: Tensor = self.output(torch.tanh(self.hidden(self.words(ids))).mean(dim=1))
        return result


class Masked(Unmasked):
    def forward(self, ids: Tensor) -> Tensor:
        self.calls += 1
        inside = (ids != 0).unsqueeze(2)
        result: Tensor = self.output((torch.tanh(self.hidden(self.words(ids))) * inside).sum(dim=1))
        return result


class ReadsPadding(Unmasked):
    def __init__(self, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__(move)
        self.recurrent = nn.GRU(4, 5, batch_first=True).double()

    def forward(self, ids: Tensor) -> Tensor:
        self.calls += 1
        result: Tensor = self.output(self.recurrent(self.words(ids))[0][:, -1])
        return result


class Mixing(Unmasked):
    """Without padding, but each text is seen beside the others."""

    def forward(self, ids: Tensor) -> Tensor:
        self.calls += 1
        x = self.words(ids).sum(dim=1)
        result: Tensor = self.output(torch.tanh(self.hidden(x - x.mean(dim=0) * (len(x) > 1))))
        return result


UNEQUAL = ["alpha", "beta gamma delta epsilon zeta", "", "eta theta eta", "iota iota"]


@pytest.mark.parametrize("kind", [Unmasked, ReadsPadding])
@pytest.mark.parametrize(
    "method", ["lrp", "gradient_x_input", "integrated_gradients", "occlusion", "shapley"]
)
def test_what_reads_padding_reads_one_at_a_time(kind: type[Unmasked], method: str) -> None:
    options: dict[str, Any] = {"samples": 2} if method == "shapley" else {}
    texts = UNEQUAL[:2] + UNEQUAL[3:] if method == "shapley" else UNEQUAL
    together = explain(classifier(kind(unmoved)), texts, method=method, **options)
    for text, e in zip(texts, together, strict=True):
        alone = explain(classifier(kind(unmoved)), text, method=method, **options)
        np.testing.assert_allclose(e.scores, alone.scores, atol=1e-9)
        np.testing.assert_allclose(e.relevance, alone.relevance, atol=1e-9)
        np.testing.assert_allclose(e.total_remainder, alone.total_remainder, atol=1e-9)


def test_texts_are_read_together_where_it_makes_no_difference() -> None:
    for kind, calls in ((Masked, 1), (Unmasked, 5)):
        module = kind(unmoved)
        c = classifier(module)
        batch = c.encode(UNEQUAL)
        c(batch)  # finds out
        module.calls = 0
        c(batch)
        assert module.calls == calls
        if kind is Unmasked:  # found out about padding alone
            c.encode(TEXTS)
            c(c.encode(TEXTS))
            module.calls = 0
            c(c.encode(TEXTS))
            assert module.calls == 1


class LongUnmasked(Unmasked):
    """Masks padding in texts of one word alone."""

    def forward(self, ids: Tensor) -> Tensor:
        inside = ids != 0
        several = inside.sum(dim=1, keepdim=True) > 1
        kept = (inside | several).unsqueeze(2)
        result: Tensor = self.output((torch.tanh(self.hidden(self.words(ids))) * kept).sum(dim=1))
        return result


class Summed(Unmasked):
    """Ignores the mask, but padding has a vector of zeros."""

    def __init__(self, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__(move)
        with torch.no_grad():
            self.words.weight[0] = 0

    def forward(self, ids: Tensor) -> Tensor:
        result: Tensor = self.output(torch.tanh(self.words(ids).sum(dim=1) @ self.hidden.weight.T))
        return result


def test_more_than_the_shortest_text_is_compared() -> None:
    c = classifier(LongUnmasked(unmoved))
    alone = torch.cat([c(c.encode([text])) for text in UNEQUAL])
    torch.testing.assert_close(c(c.encode(UNEQUAL)), alone)


def test_a_copy_is_another_module() -> None:
    c = classifier(Summed(unmoved))
    c(c.encode(UNEQUAL))
    other = copy.deepcopy(c)
    with torch.no_grad():
        other.embedding.weight[0] = 1
    alone = torch.cat([other(other.encode([text])) for text in UNEQUAL])
    torch.testing.assert_close(other(other.encode(UNEQUAL)), alone)


def test_texts_that_see_each_other_are_read_alone() -> None:
    c = classifier(Mixing(unmoved))
    together = c(c.encode(TEXTS))
    torch.testing.assert_close(together, torch.cat([c(c.encode([text])) for text in TEXTS]))


def test_a_document_of_a_batch_is_read_without_its_padding() -> None:
    c = classifier(Unmasked(unmoved))
    batch = c.encode(UNEQUAL)
    one = batch.rows(torch.tensor([3]))
    torch.testing.assert_close(c(one), c(c.encode([UNEQUAL[3]])))
    torch.testing.assert_close(c.score(c.embed(one), one), c(one))


# The proof.


class Random(Module):
    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) + torch.rand(len(ids), 3)


def test_other_scores_are_an_error() -> None:
    c = classifier(Random(lambda i: i))
    for method in ("lrp", "occlusion", "random"):
        with pytest.raises(ModelError, match="expected those of the module itself"):
            explain(c, TEXTS, method=method)


def test_the_proof_is_given_once() -> None:
    module = Masked(unmoved)
    c = classifier(module)
    batch = c.encode(TEXTS)
    c.embed(batch)
    module.calls = 0
    c.embed(batch)
    assert module.calls == 0
    module.words.weight.data = module.words.weight.data.float()
    with pytest.raises(RuntimeError):  # another kind of call, which is proven again
        c.embed(batch)
