"""Sanity checks: randomised models, other classes, conservation."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor

from models import WORDS, Bag, random_cnn, random_vectors
from whyword import Class, Document, Explanation, InputError, ModuleClassifier, PerText, explain
from whyword.classifier import Classifier
from whyword.evaluation.again import Explain
from whyword.evaluation.ranks import rank_correlation
from whyword.evaluation.sanity import conservation_residual, model_randomisation, random_logit
from whyword.models.characters import CharacterCNN
from whyword.models.cnn.model import WordCNN
from whyword.models.linear.model import LinearClassifier
from whyword.models.recurrent import GRUClassifier
from whyword.targets import Targets

CLASSES = ("a", "b", "c")
TEXTS = ["alpha beta gamma delta beta", "kappa zeta iota theta", "eta alpha epsilon zeta iota"]


def pipeline() -> LinearClassifier:
    texts = [f"{a} {b}" for a in WORDS for b in WORDS]
    labels = [CLASSES[(len(text) * 7) % 3] for text in texts]
    return LinearClassifier(
        make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, labels)
    )


class Module(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(len(WORDS) + 2, 4)
        self.hidden = torch.nn.Linear(4, 5)
        self.output = torch.nn.Linear(5, 3)

    def forward(self, ids: Tensor) -> Tensor:
        result: Tensor = self.output(torch.relu(self.hidden(self.words(ids))).amax(dim=1))
        return result


def module() -> ModuleClassifier:
    network = Module().double().eval()
    vocabulary = {word: i + 2 for i, word in enumerate(WORDS)}
    return ModuleClassifier(network, CLASSES, vocabulary, embedding=network.words)


MODELS: dict[str, Callable[[], Classifier]] = {
    "cnn": lambda: random_cnn(1).double(),
    "gru": lambda: GRUClassifier(random_vectors(), CLASSES, hidden=4).double().eval(),
    "characters": lambda: CharacterCNN(CLASSES, dimension=4, filters={2: 5}).double().eval(),
    "module": module,
    "pipeline": pipeline,
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(0)
    return MODELS[request.param]()


def explains(method: str = "lrp", **options: Any) -> Explain:
    return cast("Explain", partial(explain, method=method, **options))


def tensors_of(model: Classifier) -> dict[str, bytes]:
    """Everything that a model knows, as bytes."""
    owner = getattr(model, "module", model)
    if isinstance(owner, torch.nn.Module):
        return {name: t.numpy().tobytes() for name, t in owner.state_dict().items()}
    return {name: model.__dict__[name].numpy().tobytes() for name in ("weights", "bias")}


@pytest.mark.parametrize("cascade", [False, True])
def test_randomising_leaves_the_model_untouched(model: Classifier, cascade: bool) -> None:
    before, attributes = tensors_of(model), set(vars(model))
    explanations = explain(model, TEXTS, targets="predicted")
    model_randomisation(model, explanations, explains(), cascade=cascade)
    assert tensors_of(model) == before
    assert set(vars(model)) == attributes
    after = explain(model, TEXTS, targets="predicted")
    for one, other in zip(explanations, after, strict=True):
        np.testing.assert_array_equal(one.relevance, other.relevance)


def test_what_depends_on_the_model_changes(model: Classifier) -> None:
    explanations = explain(model, TEXTS, targets="predicted")
    found = model_randomisation(model, explanations, explains())
    assert found.correlation.shape == (1, 3)
    assert (found.correlation < 1).any()
    other = model_randomisation(model, explanations, explains(), seed=1)
    assert not np.array_equal(found.correlation, other.correlation, equal_nan=True)
    again = model_randomisation(model, explanations, explains())
    np.testing.assert_array_equal(found.correlation, again.correlation)


def test_what_does_not_depend_on_the_model_stays(model: Classifier) -> None:
    explanations = explain(model, TEXTS, method="random", targets="predicted")
    found = model_randomisation(model, explanations, explains("random"), cascade=True)
    np.testing.assert_allclose(found.correlation, 1)
    np.testing.assert_allclose(random_logit(model, explanations, explains("random")), 1)


def test_the_cascade_goes_from_the_last_layer_to_the_first() -> None:
    model = module()
    explanations = explain(model, TEXTS, targets="predicted")
    seen = []

    def spy(
        classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        assert isinstance(classifier, ModuleClassifier)
        parameters = dict(model.module.named_parameters())
        now = dict(classifier.module.named_parameters())
        changed = [name for name in now if not torch.equal(now[name], parameters[name])]
        seen.append({name.split(".")[0] for name in changed})
        return explains()(classifier, texts, targets=targets)

    found = model_randomisation(model, explanations, spy, cascade=True)
    assert found.layers == ("output", "hidden", "words")
    assert seen == [{"output"}, {"output", "hidden"}, {"output", "hidden", "words"}]
    assert found.correlation.shape == (3, 3)
    whole = model_randomisation(model, explanations, explains())
    assert whole.layers == ("words",)
    np.testing.assert_array_equal(whole.correlation[0], found.correlation[-1])


def test_parameters_keep_their_size_and_frozen_vectors_stay() -> None:
    model = random_cnn(2, filters={2: 400}, dimension=20).double()
    with torch.no_grad():
        model.output.weight.mul_(0.01).add_(7)
    explanations = explain(model, TEXTS, targets="predicted")
    copies: list[WordCNN] = []

    def spy(
        classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        assert isinstance(classifier, WordCNN)
        copies.append(classifier)
        return explains()(classifier, texts, targets=targets)

    model_randomisation(model, explanations, spy)
    weights, new = model.output.weight, copies[0].output.weight
    assert torch.equal(copies[0].embedding, model.embedding)
    assert not (weights == new).any()
    torch.testing.assert_close(new.mean(), weights.mean(), rtol=1e-3, atol=0)
    torch.testing.assert_close(new.std(), weights.std(), rtol=0.1, atol=0)
    (kernel, _), (new, _) = model.layers.kernels[0], copies[0].layers.kernels[0]
    torch.testing.assert_close(new.std(), kernel.std(), rtol=0.1, atol=0)


def test_correlations_of_a_randomised_model_by_hand() -> None:
    """With the copy explained by hand."""
    model = random_cnn(3).double()
    explanations = explain(model, TEXTS, targets=["c"])
    copy = deepcopy(model)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for layer in ((copy.output.weight, copy.output.bias), copy.layers.kernels[0]):
            for p in layer:
                numbers = torch.randn(p.shape, generator=generator, dtype=torch.float64)
                p.copy_(numbers * p.std(correction=0) + p.mean())
    found = model_randomisation(model, explanations, explains(), seed=5)
    for e, correlation in zip(explanations, found.correlation[0], strict=True):
        other = explain(copy, e.text, targets="c")
        expected = spearmanr(e.relevance[0], other.relevance[0]).statistic
        np.testing.assert_allclose(correlation, expected)


def test_tied_parameters_are_drawn_once() -> None:
    model = module()
    network = model.module
    assert isinstance(network, Module)
    network.hidden, network.output = torch.nn.Linear(4, 4), torch.nn.Linear(4, 3)
    network.again = torch.nn.Linear(4, 4)
    network.again.weight = network.hidden.weight
    network.double()
    weights = []

    def spy(
        classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        assert isinstance(classifier, ModuleClassifier)
        assert isinstance(classifier.module, Module)
        weights.append(classifier.module.hidden.weight.clone())
        return explains()(classifier, texts, targets=targets)

    explanations = explain(model, TEXTS, targets="a")
    found = model_randomisation(model, explanations, spy, cascade=True)
    assert found.layers == ("again", "output", "hidden", "words")
    assert not torch.equal(weights[0], network.hidden.weight)
    assert all(torch.equal(weights[0], later) for later in weights)


def test_a_model_without_parameters_is_refused() -> None:
    class Fixed:
        classes = CLASSES

    explanations = explain(random_cnn(), TEXTS, targets="a")
    with pytest.raises(InputError, match="no parameters in Fixed"):
        model_randomisation(Fixed(), explanations, explains())  # type: ignore[arg-type]


def test_the_logit_of_another_class() -> None:
    model = random_cnn(4).double()
    names = ["a", "b", "c"]
    explanations = [explain(model, TEXTS[0], targets=name) for name in names] * 20
    seen: list[str] = []

    def spy(
        classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> Sequence[Explanation]:
        assert isinstance(classifier, WordCNN)
        assert isinstance(targets, PerText)
        seen.extend(target.name for target in targets.names if isinstance(target, Class))
        return explains()(classifier, texts, targets=targets)

    found = random_logit(model, explanations, spy, seed=1)
    pairs = set(zip(names * 20, seen, strict=True))
    assert pairs == {(x, y) for x in names for y in names if x != y}
    everything = explain(model, TEXTS[0])
    for e, name, correlation in zip(explanations, seen, found, strict=True):
        other = everything.relevance[everything.index(name)]
        np.testing.assert_allclose(correlation, spearmanr(e.relevance[0], other).statistic)


def test_opposite_classes_have_opposite_explanations() -> None:
    model = Bag({"alpha": (3.0, -3.0), "beta": (1.0, -1.0)}, (0.0, 0.0))
    e = explain(model, ["alpha beta zeta"], method="gradient_x_input", targets="a")
    np.testing.assert_allclose(random_logit(model, e, explains("gradient_x_input")), [-1])
    e = explain(model, ["alpha beta zeta"], method="sa", targets="a")  # which has no sign
    assert np.isnan(random_logit(model, e, explains("sa")))  # equal for all words


def test_conservation() -> None:
    model = random_cnn(5).double()
    lrp = explain(model, TEXTS, targets="predicted")
    np.testing.assert_allclose(conservation_residual(lrp), 0, atol=1e-9)
    for method in ("gradient_x_input", "sa", "random"):
        e = explain(model, TEXTS, method=method, targets="predicted")
        expected = [abs(one.scores.max() - one.relevance.sum()) for one in e]
        np.testing.assert_allclose(conservation_residual(e), expected)
        assert (conservation_residual(e) > 1e-3).all()


def test_several_targets_are_refused() -> None:
    model = random_cnn()
    several = explain(model, TEXTS)
    for check in (
        lambda: model_randomisation(model, several, explains()),
        lambda: random_logit(model, several, explains()),
        lambda: conservation_residual(several),
    ):
        with pytest.raises(InputError, match="Explanation 0 has 3 targets; expected one"):
            check()


def test_rank_correlation() -> None:
    assert rank_correlation(np.arange(4.0), np.array([1.0, 2, 3, 9])) == pytest.approx(1)
    assert rank_correlation(np.arange(4.0), -np.arange(4.0), "kendall") == pytest.approx(-1)
    # Pairs of (1, 1, 2) and (1, 2, 3): two agree, one is tied on one side: 2 / sqrt(2 * 3).
    tied = rank_correlation(np.array([1.0, 1, 2]), np.array([1.0, 2, 3]), "kendall")
    assert tied == pytest.approx(2 / np.sqrt(6))
    for a, b in [([1.0], [2.0]), ([], []), ([1.0, 1.0], [1.0, 2.0])]:
        assert np.isnan(rank_correlation(np.array(a), np.array(b)))
