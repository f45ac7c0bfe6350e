"""The thresholds of labels: the best by F1, and folded into biases."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from labels import TOPICS, labelled
from models import WORDS, random_vectors
from whyword.classifier import predict
from whyword.data.arrays import Bools, Floats
from whyword.models.cnn.model import WordCNN
from whyword.text import Tokenizer
from whyword.training.thresholds import ENOUGH, best_threshold, fold, thresholds_of

SCORES = st.sampled_from([-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0])
DECISIONS = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=12)


def f1(scores: Floats, given: Bools, threshold: float) -> float:
    return float(f1_score(given, scores > threshold, zero_division=0))


@given(DECISIONS)
def test_no_threshold_is_better(drawn: list[tuple[float, bool]]) -> None:
    scores, truth = (np.array(column) for column in zip(*drawn, strict=True))
    threshold, found = best_threshold(scores, truth)
    assert abs(f1(scores, truth, threshold) - found) < 1e-12
    candidates = [*(scores - 1e-6), *(scores + 1e-6), 0.0]
    best = max(f1(scores, truth, t) for t in candidates)
    assert found >= best - 1e-12
    if f1(scores, truth, 0.0) >= best - 1e-12:
        assert threshold == 0


def test_few_documents_share_a_threshold() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((60, 3), dtype=bool)
    truth[:20, 0], truth[:ENOUGH, 1], truth[: ENOUGH - 1, 2] = True, True, True
    scores = rng.normal(size=(60, 3)) + 2 * truth - 3
    found = thresholds_of(scores, truth)
    assert found[0] == best_threshold(scores[:, 0], truth[:, 0])[0]
    assert found[1] == best_threshold(scores[:, 1], truth[:, 1])[0]
    assert found[2] == best_threshold(scores.ravel(), truth.ravel())[0]
    assert thresholds_of(scores, np.zeros_like(truth)).tolist() == [0, 0, 0]


def test_a_score_is_above_zero_if_its_sigmoid_was_above_the_threshold() -> None:
    torch.manual_seed(0)
    model = WordCNN(random_vectors(), tuple(TOPICS), filters={1: 6}).eval()
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 4)) for _ in range(80)]
    documents, truth = [Tokenizer()(text) for text in texts], labelled(80).labels.astype(bool)
    before = predict(model, documents)
    thresholds = thresholds_of(before, truth)
    assert (abs(thresholds) > 1e-2).sum() == 2
    fold(model, thresholds)
    after = predict(model, documents)
    sure = abs(before - thresholds) > 1e-6
    sigmoid, at = 1 / (1 + np.exp(-before)), 1 / (1 + np.exp(-thresholds))
    np.testing.assert_array_equal((after > 0)[sure], (sigmoid > at)[sure])
    np.testing.assert_allclose(after, before - thresholds, atol=1e-6)


def test_a_layer_without_biases_stays_as_it_is() -> None:
    model = WordCNN(random_vectors(), tuple(TOPICS), filters={1: 6}).eval()
    model.output.register_parameter("bias", None)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fold(model, np.ones(3))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
