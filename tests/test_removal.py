"""Removal operators: what a document becomes without some of its words."""

from collections.abc import Iterable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from torch import Tensor

from documents import ADVERSARIAL, words_of
from models import random_cnn, random_vectors
from whyword import InputError, ModuleClassifier
from whyword.models.base import NetworkClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.recurrent import GRUClassifier
from whyword.removal import (
    OPERATORS,
    replacement,
    scores_without,
    vocabulary_mean,
    without,
)
from whyword.text import Document, Span

TEXTS = ["alpha beta gamma", "", "delta nosuchword", "alpha"]
REMOVED = torch.tensor([[False, True, False], [True] * 3, [True, False, True], [True, True, True]])


def check(
    model: NetworkClassifier, operator: str, replace: float | Tensor, **options: Tensor
) -> None:
    """``scores_without`` gives what a forward pass over vectors changed by ``replace`` gives."""
    batch = model.encode(TEXTS)
    embeddings = model.embed(batch).clone()
    for row, word in ((0, 1), (2, 0), (3, 0)):
        embeddings[row, batch.words[row] == word] = replace
    expected = model.score(embeddings, batch)
    torch.testing.assert_close(
        scores_without(model, batch, REMOVED, operator=operator, **options), expected
    )


def models() -> Iterator[NetworkClassifier]:
    torch.manual_seed(0)
    yield random_cnn(1).double()
    yield GRUClassifier(random_vectors(), ("a", "b", "c"), hidden=4).double().eval()
    yield CharacterCNN(("a", "b"), dimension=4, filters={2: 5, 3: 4}).double().eval()


@pytest.mark.parametrize("model", list(models()))
def test_vectors_take_the_place_of_all_of_a_words_positions(model: NetworkClassifier) -> None:
    with torch.no_grad():
        check(model, "zero", 0.0)
        check(model, "mean", vocabulary_mean(model))
        dimension = model.embed(model.encode(["x"])).shape[2]
        other = torch.randn(dimension).double()
        check(model, "mean", other, reference=other)
    if isinstance(model, CharacterCNN):
        check(model, "unknown", model.embedding.weight[model.unknown_id].detach())
    else:
        check(model, "unknown", 0.0)


@pytest.mark.parametrize("model", list(models()))
def test_a_word_truly_removed_was_never_there(model: NetworkClassifier) -> None:
    texts = ["alpha gamma", "", " nosuchword", ""]
    expected = model(model.encode(texts))
    found = scores_without(model, model.encode(TEXTS), REMOVED, operator="remove")
    torch.testing.assert_close(found[[0, 1, 3]], expected[[0, 1, 3]])


def test_the_mean_leaves_padding_out() -> None:
    model = random_cnn(1)
    torch.testing.assert_close(vocabulary_mean(model), model.embedding[1:].mean(dim=0))


def test_a_module_has_its_own_unknown_word() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(4, 2)
            self.output = torch.nn.Linear(2, 2)

        def forward(self, ids: Tensor) -> Tensor:
            result: Tensor = self.output(self.words(ids).sum(dim=1))
            return result

    network = Network().eval()
    model = ModuleClassifier(
        network, ["a", "b"], {"alpha": 2, "beta": 3}, embedding=network.words, unknown=1
    )
    found = scores_without(
        model, model.encode(["alpha beta"]), torch.tensor([[True, False]]), operator="unknown"
    )
    torch.testing.assert_close(found, network(torch.tensor([[1, 3]])))


@given(st.data())
def test_what_is_left_keeps_its_order_and_its_surfaces(data: DataObject) -> None:
    document = Document(ADVERSARIAL, words_of(ADVERSARIAL))
    gone = data.draw(st.sets(st.integers(0, len(document) - 1)))
    rest = without(document, sorted(gone))
    assert rest.words == [word for i, word in enumerate(document.words) if i not in gone]


@pytest.mark.parametrize("truncated", [True, False])
def test_a_text_that_goes_on_still_does(truncated: bool) -> None:
    document = Document("alpha beta", words_of("alpha beta"), truncated)
    assert without(document, [0]) == Document("beta", words_of("beta"), truncated)


def test_spaces_go_with_the_word_and_words_do_not_run_together() -> None:
    def rest(text: str, spans: Iterable[tuple[int, int]], gone: list[int]) -> Document:
        return without(Document(text, tuple(Span(*span) for span in spans)), gone)

    assert rest("a bc d", words_of("a bc d"), [1]).text == "a d"
    assert rest("a bc d", words_of("a bc d"), [0]).text == "bc d"
    assert rest("a bc d", words_of("a bc d"), [1, 2]).text == "a "
    assert rest("(a)", [(1, 2)], [0]).text == "()"
    joined = rest("can1not", [(0, 3), (3, 4), (4, 7)], [1])
    assert joined.text == "can not"
    assert joined.words == ["can", "not"]


def test_wrong_input_is_refused() -> None:
    model = random_cnn()
    batch = model.encode(["alpha beta"])
    with pytest.raises(InputError, match="expected one of: zero, unknown"):
        scores_without(model, batch, torch.zeros(1, 2, dtype=torch.bool), operator="cut")
    with pytest.raises(InputError, match="expected 2"):
        scores_without(model, batch, torch.zeros(1, 1, dtype=torch.bool))
    with pytest.raises(InputError, match="bool"):
        scores_without(model, batch, torch.zeros(1, 2))
    with pytest.raises(InputError, match="no mask token"):
        scores_without(model, batch, torch.zeros(1, 2, dtype=torch.bool), operator="mask")


def test_a_mask_takes_the_place_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_cnn()
    monkeypatch.setattr(model, "mask_id", 3, raising=False)
    torch.testing.assert_close(replacement(model, "mask"), model.embedding[3])
    assert replacement(model, "remove") is None
    assert set(OPERATORS) == {"zero", "unknown", "mean", "remove", "mask"}


@pytest.mark.parametrize(("operator", "token"), [("mask", "[MASK]"), ("unknown", "[UNK]")])
def test_a_transformers_words_become_tokens_that_take_their_place(
    operator: str, token: str
) -> None:
    pytest.importorskip("transformers")
    from transformers_small import model, tokenizer
    from whyword.models.transformer.model import TransformerClassifier

    network, subwords = model("bert"), tokenizer("wordpiece")
    if subwords.mask_token is None:
        subwords.add_special_tokens({"mask_token": "[MASK]"})
    classifier = TransformerClassifier(network, subwords)
    batch = classifier.encode(["the shuttle reached its orbit", "good"])
    removed = torch.tensor([[False, True, False, False, True], [False] * 5])
    found = scores_without(classifier, batch, removed, operator=operator)
    ids, substitute = batch.ids.clone(), subwords.convert_tokens_to_ids(token)
    assert isinstance(substitute, int)
    for position, word in enumerate(batch.words[0].tolist()):
        if word in (1, 4):
            ids[0, position] = substitute
    assert (ids != batch.ids).any()
    attention = (ids != subwords.pad_token_id).long()
    expected = network(input_ids=ids, attention_mask=attention).logits
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("operator", ["zero", "mean", "remove"])
def test_a_transformers_words_can_be_removed_in_every_way(operator: str) -> None:
    pytest.importorskip("transformers")
    from transformers_small import model, tokenizer
    from whyword.models.transformer.model import TransformerClassifier

    classifier = TransformerClassifier(model("bert"), tokenizer("wordpiece"))
    batch = classifier.encode(["the shuttle reached its orbit"])
    nothing = torch.zeros(1, 5, dtype=torch.bool)
    unchanged = scores_without(classifier, batch, nothing, operator=operator)
    torch.testing.assert_close(unchanged, classifier(batch), atol=1e-5, rtol=1e-4)
    one = nothing.clone()
    one[0, 1] = True
    changed = scores_without(classifier, batch, one, operator=operator)
    assert not torch.allclose(changed, unchanged, atol=1e-6)
