"""Models of one class, as transformers with ``num_labels=1``: what works, and what says why not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models import WORDS
from whyword import Class, Contrast, InputError, ModuleClassifier, account, explain
from whyword.data.corpora import Corpus
from whyword.evaluation import experiment
from whyword.evaluation.metrics import METRICS, measure
from whyword.evaluation.oracle import oracle_orders
from whyword.survey.explanatory_power import epi
from whyword.survey.words import corpus_words

TEXTS = ["alpha beta gamma delta", "kappa zeta iota", "eta alpha epsilon"]
CORPUS = Corpus(tuple(TEXTS), np.zeros(3, dtype=np.int64), ("only",), ("x", "y", "z"))
OF_PROBABILITIES = (
    "srg", "comprehensiveness", "sufficiency", "log_odds", "loo_kendall", "loo_spearman",
)  # fmt: skip


class Module(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(len(WORDS) + 2, 4)
        self.output = torch.nn.Linear(4, 1)

    def forward(self, ids: Tensor) -> Tensor:
        scores: Tensor = self.output(torch.tanh(self.words(ids)).sum(dim=1))
        return scores


@pytest.fixture(scope="module")
def model() -> ModuleClassifier:
    torch.manual_seed(0)
    network = Module().double().eval()
    vocabulary = {word: i + 2 for i, word in enumerate(WORDS)}
    return ModuleClassifier(network, ("only",), vocabulary, embedding=network.words)


def test_it_is_explained(model: ModuleClassifier) -> None:
    e = explain(model, TEXTS[0], targets="all")
    assert e.targets == explain(model, TEXTS[0], targets="predicted").targets == ("only",)
    assert account(model, TEXTS[0], target="all").started == pytest.approx(float(e.scores[0]))
    assert corpus_words(model, CORPUS, subject="true").lists[0].documents == 3
    with pytest.raises(InputError, match="no class"):
        explain(model, TEXTS[0], targets=Contrast("only", "other"))


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_of_scores_are_measured_and_others_say_why_not(
    model: ModuleClassifier, metric: str
) -> None:
    if metric in OF_PROBABILITIES:
        with pytest.raises(InputError, match="1 class, whose probability is always 1"):
            measure(model, TEXTS, ["lrp"], [metric], targets=Class("only"))
    elif metric == "random_logit":
        with pytest.raises(InputError, match=r"1 class; .* needs two classes or more"):
            measure(model, TEXTS, ["lrp"], [metric], targets=Class("only"))
    else:
        (row,) = measure(model, TEXTS, ["lrp"], [metric], targets=Class("only"))
        assert np.isfinite(row.mean)


def test_deletions_cannot_change_the_only_prediction(model: ModuleClassifier) -> None:
    with pytest.raises(InputError, match="1 class, which it predicts whatever is deleted"):
        experiment.word_deletion(model, CORPUS, minimum_words=1)


@pytest.mark.parametrize("objective", ["margin", "probability", "score"])
def test_the_oracle_needs_others_to_be_ahead_of(model: ModuleClassifier, objective: str) -> None:
    def orders() -> list[list[int]]:
        found = oracle_orders(
            model,
            model.encode(TEXTS).documents,
            np.zeros(3, dtype=np.int64),
            np.ones(3, dtype=bool),
            steps=2,
            objective=objective,  # type: ignore[arg-type]
        )
        return [row.tolist() for row in found]

    if objective == "score":
        assert all(len(set(order)) == 2 for order in orders())
    else:
        with pytest.raises(InputError, match=f"no others that a {objective} could be to"):
            orders()


@pytest.mark.parametrize("labels", [[0] * 8, [-1, 0] * 4])
def test_vectors_of_one_class_cannot_be_told_apart(labels: list[int]) -> None:
    vectors = np.random.default_rng(0).normal(size=(8, 3))
    with pytest.raises(InputError, match="two classes or more"):
        epi(vectors, np.array(labels), neighbours=2)
    vectors[0, 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        epi(vectors, np.array([0, 1] * 4), neighbours=2)
