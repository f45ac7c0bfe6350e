"""Every architecture: the laws of a classifier, training, saving, loading."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import whyword
from models import WORDS, random_vectors
from whyword import InputError, explain
from whyword.classifier import Classifier, predict
from whyword.data.corpora import Corpus
from whyword.evaluation.documents import choose_documents
from whyword.models import store
from whyword.models.base import NetworkClassifier
from whyword.models.characters import CharacterCNN
from whyword.models.recurrent import GRUClassifier, LSTMClassifier
from whyword.text import Tokenizer, characters
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

CLASSES = ("a", "b", "c")
TEXTS = ["alpha beta gamma", "", "beta", "alpha " * 30, "zzz 12 -- kappa, iota!"]
SMALL: dict[str, Callable[[], NetworkClassifier]] = {
    "lstm": lambda: LSTMClassifier(random_vectors(), CLASSES, hidden=6, layers=2),
    "lstm one way": lambda: LSTMClassifier(
        random_vectors(), CLASSES, hidden=6, bidirectional=False
    ),
    "gru": lambda: GRUClassifier(random_vectors(), CLASSES, hidden=6),
    "characters": lambda: CharacterCNN(CLASSES, dimension=4, filters={3: 5, 5: 4}),
}


@pytest.fixture(params=SMALL)
def model(request: pytest.FixtureRequest) -> NetworkClassifier:
    torch.manual_seed(0)
    return SMALL[request.param]().double().eval()


def test_it_is_a_classifier(model: NetworkClassifier) -> None:
    assert isinstance(model, Classifier)


def test_padding_and_batch_change_nothing(model: NetworkClassifier) -> None:
    together = predict(model, TEXTS)
    for text, scores in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(predict(model, [text])[0], scores, atol=1e-12)


def test_padding_is_zero(model: NetworkClassifier) -> None:
    batch = model.encode(TEXTS)
    assert not model.embed(batch)[~batch.mask].any()
    assert (batch.words[~batch.mask] == -1).all()


def test_saved_and_loaded_it_scores_the_same(model: NetworkClassifier, tmp_path: Path) -> None:
    store.save(model.float(), tmp_path)
    np.testing.assert_array_equal(predict(whyword.load(tmp_path), TEXTS), predict(model, TEXTS))


def test_sensitivity_works_for_all(model: NetworkClassifier) -> None:
    for e in explain(model, TEXTS, method="sa"):
        assert e.relevance.shape == (3, len(e.words))
        assert (e.relevance >= 0).all()
        assert e.known is not None
        assert e.relevance.any() or not any(e.known)


def test_reading_backwards_starts_at_the_last_word() -> None:
    model = SMALL["lstm"]().double().eval()
    assert isinstance(model, LSTMClassifier)
    first, second = model.directions
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        half = model.output.weight.shape[1] // 2
        model.output.weight[:, half:] = model.output.weight[:, :half]
    texts = ["alpha beta gamma delta", "delta gamma beta alpha"]
    forwards, backwards = predict(model, [*texts, "kappa " * 9])[:2]
    np.testing.assert_allclose(forwards, backwards)


def test_characters_belong_to_their_words_or_to_none() -> None:
    model = SMALL["characters"]()
    text = "Alpha, béta!"
    batch = model.encode([text])
    assert batch.words[0].tolist() == [0, 0, 0, 0, 0, -1, -1, 1, 1, 1, 1, -1]
    single = model.encode([characters(text)])
    assert (single.words[0] >= 0).sum() == len(text) - 1
    assert characters(text).words == list("Alpha,béta!")


def test_gradients_of_characters_through_the_winners_are_those_of_all_windows() -> None:
    model = CharacterCNN(CLASSES, dimension=4, filters={2: 5, 3: 4}, dropout=0.0).double().train()
    batch = model.encode(["a word", "", "b", "Some more words.", "xyz " * 9])
    weights = torch.randn(len(batch), len(CLASSES), dtype=torch.float64)
    every = torch.autograd.grad(
        (model.score(model.embed(batch), batch) * weights).sum(), list(model.parameters())
    )
    logits = model(batch)
    winners = torch.autograd.grad((logits * weights).sum(), list(model.parameters()))
    torch.testing.assert_close(logits, model.score(model.embed(batch), batch))
    torch.testing.assert_close(winners, every)


def test_characters_beyond_the_limit_are_not_read() -> None:
    model = CharacterCNN(CLASSES, dimension=4, filters={2: 3}, max_characters=8).eval()
    text = "alpha beta gamma"
    batch = model.encode([text])
    assert batch.ids.shape[1] == 8
    assert batch.known == ((True, True),)
    np.testing.assert_array_equal(*predict(model, ["alpha beta", text]).reshape(2, 3))
    # The word that is cut in half stays whole, what follows is left out, and the document says so.
    explanation = explain(model, text)
    assert explanation.words == ["alpha", "beta"]
    assert explanation.truncated
    for read_whole in ("alpha be", "alpha be \n", "", "beta"):
        assert not explain(model, read_whole).truncated
    cut = model.encode([Tokenizer()("alpha beta")]).documents[0]
    assert cut.truncated
    assert cut.words == ["alpha", "beta"]


def test_characters_that_are_padding_belong_to_no_word() -> None:
    model = CharacterCNN(CLASSES, dimension=4, filters={6: 3}, max_characters=4).eval()
    batch = model.encode(["alpha beta"])
    assert batch.words.tolist() == [[0, 0, 0, 0, -1, -1]]


def test_the_documents_of_an_experiment_have_the_words_that_are_read() -> None:
    model = CharacterCNN(CLASSES, dimension=4, filters={2: 3}, max_characters=12).eval()
    corpus = Corpus(("alpha beta gamma " * 3,) * 2, np.array([0, 1]), CLASSES[:2], ("1", "2"))
    found = choose_documents(model, corpus, minimum_words=1)
    assert [document.words for document in found.documents] == [["alpha", "beta", "gamma"]] * 2


@pytest.mark.parametrize("kind", ["lstm", "gru", "characters", "cnn"])
def test_every_kind_trains_through_a_recipe(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    texts = [" ".join(rng.choice(WORDS[:5] if y else WORDS[5:], 6)) for y in labels]
    corpus = Corpus(tuple(texts), labels, ("x", "y"), tuple(map(str, range(80))))
    settings: dict[str, object] = {"dimension": 8} if kind == "characters" else {"dropout": 0.1}
    if kind in ("lstm", "gru"):
        settings["hidden"] = 8
    chosen = Recipe(
        kind=kind,
        settings=settings,
        skip_gram={"dimension": 8, "epochs": 2},
        training=TrainingConfig(epochs=6, batch_size=8, learning_rate=0.02),
    )
    report = train_model(chosen, corpus, tmp_path, test=corpus)
    assert report["test"]["accuracy"] > 0.9
    model = whyword.load(tmp_path)
    assert isinstance(model, NetworkClassifier)
    assert model.kind == kind
    assert (report["vectors"] is None) == (kind == "characters")


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="no architecture"):
        Recipe(kind="oracle")


def test_classes_that_are_alike_are_refused() -> None:
    with pytest.raises(InputError, match="no two alike"):
        CharacterCNN(("a", "a"))


def test_the_tokenizer_can_be_chosen() -> None:
    model = LSTMClassifier(random_vectors(), CLASSES, tokenizer=Tokenizer(max_tokens=2))
    assert len(model.encode(["alpha beta gamma"]).documents[0]) == 2
