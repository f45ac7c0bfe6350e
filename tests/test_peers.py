"""Metrics beside quantus and ferret, where they mean the same thing.

Neither is among the dependencies: quantus needs OpenCV and pandas, ferret a dozen packages of which
its formulas use none. ``pip install quantus`` and ``pip install --no-deps ferret-xai`` bring them.
"""

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from models import random_cnn
from reference import Array
from test_faithfulness import relevant
from whyword import Document, explain
from whyword.batch import Batch
from whyword.evaluation import infidelity as infidelity_module
from whyword.evaluation import sanity
from whyword.evaluation.again import Explain
from whyword.evaluation.deletion import deletion_order, plain_scores_along
from whyword.evaluation.faithfulness import (
    comprehensiveness,
    leave_one_out_agreement,
    sufficiency,
)
from whyword.evaluation.infidelity import infidelity, max_sensitivity
from whyword.models.cnn.model import WordCNN

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
SIGNED = ("gradient_x_input", "lrp", "occlusion")
EXACT: dict[str, Any] = {"atol": 1e-10, "rtol": 1e-10}


@pytest.fixture
def quantus() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "quantus", reason="quantus is not installed", exc_type=ImportError
        )


@pytest.fixture
def ferret() -> Iterator[types.ModuleType]:
    """Its formulas, without the package around them, which imports all that it can draw."""
    found = importlib.util.find_spec("ferret")
    if found is None:
        pytest.skip("ferret-xai is not installed")
    package = types.ModuleType("ferret")
    package.__path__ = list(found.submodule_search_locations or ())
    sys.modules["ferret"] = package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield importlib.import_module("ferret.evaluators.faithfulness_measures")
    for name in [name for name in sys.modules if name.split(".")[0] == "ferret"]:
        del sys.modules[name]


class Given:
    """A classifier of one text whose vectors are given."""

    def __init__(self, model: WordCNN, embeddings: Tensor) -> None:
        self.model, self.classes, self.embeddings = model, model.classes, embeddings

    def encode(self, texts: Sequence[str | Document]) -> Batch:
        return self.model.encode(texts)

    def embed(self, batch: Batch) -> Tensor:
        return self.embeddings

    def score(self, embeddings: Tensor, batch: Batch) -> Tensor:
        return self.model.score(embeddings, batch)

    def __call__(self, batch: Batch) -> Tensor:
        return self.score(self.embed(batch), batch)


class Pixels(torch.nn.Module):
    """The word CNN as quantus wants it: from vectors of one dimension, (batch, 1, ..., word)."""

    def __init__(self, model: WordCNN) -> None:
        super().__init__()
        self.model = model

    def batch(self, size: int = 1) -> Batch:
        return self.model.encode([TEXT]).rows(torch.zeros(size, dtype=torch.long))

    def forward(self, pixels: Tensor) -> Tensor:
        embeddings = pixels.double().flatten(1)[:, :, None]
        return self.model.score(embeddings, self.batch(len(pixels)))

    def relevance(self, pixels: ArrayLike, targets: ArrayLike, method: str) -> Array:
        vectors = torch.as_tensor(pixels).double().flatten()[None, :, None]
        target = self.model.classes[int(np.ravel(targets)[0])]
        return explain(Given(self.model, vectors), TEXT, method=method, targets=target).relevance


def case(seed: int, classes: Sequence[str] = ("a", "b", "c")) -> tuple[WordCNN, Pixels, Array, int]:
    """A CNN on vectors of one dimension, its pixels, and what is explained."""
    model = random_cnn(seed, dimension=1, classes=classes).double()
    module = Pixels(model).eval()
    pixels = model.embed(module.batch()).detach().numpy().transpose(0, 2, 1)
    target = seed % len(classes)
    return model, module, pixels, target


def asked(
    metric: Callable[..., Any],
    module: Pixels,
    pixels: Array,
    target: int,
    method: str,
    relevance: Array | None = None,
    **options: Any,
) -> Any:
    """What quantus says about one text."""

    def again(model: Pixels, inputs: Array, targets: Array, **_: Any) -> Array:
        return model.relevance(inputs, targets, method).reshape(np.shape(inputs))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metric(
            model=module,
            x_batch=pixels,
            y_batch=np.array([target]),
            a_batch=None if relevance is None else relevance.reshape(pixels.shape),
            explain_func=again,
            channel_first=True,
            softmax=False,
            **options,
        )


@pytest.mark.parametrize("method", SIGNED)
@pytest.mark.parametrize("seed", range(4))
def test_max_sensitivity_is_quantus(quantus: Any, method: str, seed: int) -> None:
    model, module, pixels, target = case(seed)
    e = explain(model, [TEXT], method=method, targets=model.classes[target])
    found = max_sensitivity(
        model, e, cast("Explain", partial(explain, method=method)), samples=5, seed=seed
    )
    moves = iter(
        infidelity_module._Moved(model, 0.02, 5 * seed + sample).embed(module.batch()).numpy()
        for sample in range(5)
    )
    metric = quantus.MaxSensitivity(
        nr_samples=5,
        perturb_func=lambda arr, indices, **_: next(moves).reshape(arr.shape),
        disable_warnings=True,
    )
    before = module.relevance(pixels, target, method)
    np.testing.assert_allclose(
        asked(metric, module, pixels, target, method, before), found, **EXACT
    )


@pytest.mark.parametrize("method", [*SIGNED, "random"])
@pytest.mark.parametrize("seed", range(4))
def test_infidelity_is_quantus(
    quantus: Any, method: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sets grow word by word; its attributions are multiplied by the change of the input."""
    model, module, pixels, target = case(seed)
    words = pixels.size
    prefixes = np.tril(np.ones((words, words), dtype=bool))
    monkeypatch.setattr(infidelity_module, "_random_sets", lambda *_: prefixes)
    e = explain(model, [TEXT], method=method, targets=model.classes[target])
    found = infidelity(model, e, samples=words)
    metric = quantus.Infidelity(
        perturb_patch_sizes=[1], n_perturb_samples=1, perturb_baseline=0.0, disable_warnings=True
    )
    image = pixels[:, :, None]
    slopes = e[0].relevance.reshape(image.shape) / image
    np.testing.assert_allclose(asked(metric, module, image, target, method, slopes), found, **EXACT)


@pytest.mark.parametrize("method", [*SIGNED, "sa"])
@pytest.mark.parametrize("seed", range(4))
def test_random_logit_is_quantus(quantus: Any, method: str, seed: int) -> None:
    """Of two classes, so that there is only one other."""
    model, module, pixels, target = case(seed, classes=("a", "b"))
    e = explain(model, [TEXT], method=method, targets=model.classes[target])
    found = sanity.random_logit(model, e, cast("Explain", partial(explain, method=method)))
    metric = quantus.RandomLogit(
        similarity_func=quantus.similarity_func.correlation_spearman,
        num_classes=2,
        normalise=False,
        disable_warnings=True,
    )
    np.testing.assert_allclose(
        asked(metric, module, pixels, target, method, e[0].relevance), found, **EXACT
    )


@pytest.mark.parametrize("method", [*SIGNED, "sa"])
@pytest.mark.parametrize("seed", range(4))
def test_model_randomisation_is_quantus(
    quantus: Any, method: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layer by layer from the output down, when its layers are drawn anew as ours are."""
    model, module, pixels, target = case(seed)
    e = explain(model, [TEXT], method=method, targets=model.classes[target])
    ours = sanity.model_randomisation(
        model, e, cast("Explain", partial(explain, method=method)), cascade=True, seed=seed
    )
    generator = torch.Generator().manual_seed(seed)

    def draw(layer: torch.nn.Module) -> None:
        for parameter in layer.parameters(recurse=False):
            sanity._draw_anew(parameter, generator)

    for kind in (torch.nn.Linear, torch.nn.Conv1d):
        monkeypatch.setattr(kind, "reset_parameters", draw)
    metric = quantus.MPRT(
        similarity_func=quantus.similarity_func.correlation_spearman,
        abs=False,
        normalise=False,
        disable_warnings=True,
    )
    found = asked(metric, module, pixels, target, method, e[0].relevance)
    layers = [values for name, values in found.items() if name != "original"]
    np.testing.assert_allclose(layers, ours.correlation, **EXACT)


@pytest.mark.parametrize("seed", range(8))
def test_deletion_is_quantus_pixel_flipping(quantus: Any, seed: int) -> None:
    """Of relevances without equals, whose order quantus leaves to chance."""
    model, module, pixels, target = case(seed)
    relevance = np.random.default_rng(seed).normal(size=(1, pixels.size))
    order = deletion_order(relevance[0], steps=pixels.size)[None, None]
    metric = quantus.PixelFlipping(
        features_in_step=1, perturb_baseline=0.0, normalise=False, disable_warnings=True
    )
    flipped = np.ravel(asked(metric, module, pixels, target, "lrp", relevance))
    for scores in (
        model.scores_along(module.batch(), torch.from_numpy(order), replacement=torch.zeros(1)),
        plain_scores_along(model, module.batch(), torch.from_numpy(order)),
    ):
        np.testing.assert_allclose(scores[0, 0, 1:, target].detach(), flipped, **EXACT)


class Helper:
    """What ferret asks of a tokenizer and a model, for word number i of the text as token i."""

    cls_token = "[CLS]"

    def __init__(self, model: WordCNN) -> None:
        self.model, self.tokenizer = model, self

    def _tokenize(self, text: str) -> dict[str, Tensor]:
        places = torch.arange(len(text.split()))[None]
        return {"input_ids": places, "attention_mask": torch.ones_like(places)}

    def decode(self, places: Sequence[int]) -> str:
        return " ".join(TEXT.split()[i] for i in places)

    def _forward(self, text: str | list[str], **_: Any) -> tuple[None, Tensor]:
        texts = [text] if isinstance(text, str) else text
        with torch.no_grad():
            return None, self.model(self.model.encode(texts))


@pytest.mark.parametrize("seed", range(10))
def test_faithfulness_is_ferrets(ferret: types.ModuleType, seed: int) -> None:
    model = random_cnn(seed).double()
    target = seed % 3
    shares = (0.1, 0.2, 0.5)
    e = explain(model, TEXT, method="gradient_x_input", targets=model.classes[target])
    # All above zero: ferret would leave the others out, and cannot be told not to (NumPy 2).
    e = relevant(e, np.random.default_rng(seed).permutation(10) + 0.5)
    theirs = types.SimpleNamespace(text=TEXT, tokens=TEXT.split(), scores=e.relevance[0])

    def evaluated(kind: str) -> Any:
        evaluator = getattr(ferret, kind)(None, None)
        evaluator.helper = Helper(model)
        return evaluator.compute_evaluation(
            theirs,
            target=target,
            remove_first_last=False,
            removal_args={"thresholds": shares},
        ).score

    options: dict[str, Any] = {"operator": "remove"}
    # Probabilities are of single precision there.
    for kind, ours in {
        "AOPC_Comprehensiveness": comprehensiveness(model, [e], shares=shares, **options),
        "AOPC_Sufficiency": sufficiency(model, [e], shares=shares, **options),
        "TauLOO": leave_one_out_agreement(model, [e], **options),
    }.items():
        np.testing.assert_allclose(ours, [evaluated(f"{kind}_Evaluation")], atol=1e-6, err_msg=kind)
