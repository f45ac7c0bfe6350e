"""Scores of a text without many sets of its words: the CNN's faster way and the plain one."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import Bag, random_cnn
from whyword import Document, InputError
from whyword.classifier import ReplacesWords
from whyword.evaluation.subsets import scores_of_subsets
from whyword.models.cnn.model import WordCNN
from whyword.removal import scores_without

TEXT = "alpha beta nosuchword gamma alpha delta"


def plain(model: WordCNN, document: Document, removed: NDArray[np.bool_], operator: str) -> Tensor:
    batch = model.encode([document]).rows(torch.zeros(len(removed), dtype=torch.long))
    return scores_without(model, batch, torch.from_numpy(removed), operator=operator)


@pytest.mark.parametrize("operator", ["zero", "unknown", "mean", "remove"])
@pytest.mark.parametrize("seed", range(5))
def test_of_the_word_cnn_they_are_those_of_forward_passes(operator: str, seed: int) -> None:
    model = random_cnn(seed, filters={1: 3, 2: 9, 4: 5}).double()
    assert isinstance(model, ReplacesWords)
    (document,) = model.documents([TEXT])
    removed = np.random.default_rng(seed).random((70, len(document))) < 0.4  # in two parts
    whole, found = scores_of_subsets(model, document, removed, operator=operator)
    np.testing.assert_allclose(found, plain(model, document, removed, operator), atol=1e-12)
    nothing = np.zeros((1, len(document)), dtype=bool)
    np.testing.assert_allclose(whole[None], plain(model, document, nothing, operator), atol=1e-12)


@pytest.mark.parametrize("text", ["", "alpha"])
def test_of_short_texts(text: str) -> None:
    model = random_cnn(1, filters={2: 4}).double()
    (document,) = model.documents([text])
    removed = np.ones((2, len(document)), dtype=bool)
    _, found = scores_of_subsets(model, document, removed, operator="mean")
    np.testing.assert_allclose(found, plain(model, document, removed, "mean"), atol=1e-12)


@pytest.mark.parametrize("sets", [3, 63, 64, 65, 130])
def test_what_changes_nothing_is_so_to_the_last_bit(sets: int) -> None:
    model = random_cnn(2, filters={2: 400}, dimension=100)
    (document,) = model.documents([TEXT])
    nothing = np.zeros((sets, len(document)), dtype=bool)
    whole, found = scores_of_subsets(model, document, nothing, operator="zero")
    assert found.shape == (sets, len(model.classes))
    assert (found == whole).all()


def test_a_model_without_a_faster_way_and_one_without_a_mask_token() -> None:
    model = Bag({"alpha": (1.0, 0.0), "beta": (0.0, 2.0)}, (0.5, 0.0))
    assert not isinstance(model, ReplacesWords)
    (document,) = model.documents(["alpha beta"])
    whole, found = scores_of_subsets(model, document, np.eye(2, dtype=bool), operator="zero")
    np.testing.assert_allclose(whole, [1.5, 2])
    np.testing.assert_allclose(found, [[0.5, 2], [1.5, 0]])
    cnn = random_cnn()
    with pytest.raises(InputError, match="no mask token"):
        scores_of_subsets(cnn, cnn.documents([TEXT])[0], np.eye(6, dtype=bool), operator="mask")
