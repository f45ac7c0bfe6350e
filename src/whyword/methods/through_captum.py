"""LIME, KernelSHAP and DeepLIFT, computed by captum (``pip install "whyword[captum]"``).

LIME and KernelSHAP treat each word as one feature that is there or has zero vectors, one document
and one target at a time.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from whyword.batch import Attribution, Batch
from whyword.classifier import Classifier, WritesOutLayers, module_of
from whyword.data.extras import require
from whyword.errors import InputError


def lime(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    samples: int = 500,
    seed: int = 0,
) -> Attribution:
    """LIME: a sparse linear model of what taking words away does to the score.

    Its weights are the relevance (Ribeiro et al. 2016).

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Must be False; this method has no components.
        samples: Number of changed texts per document and target.
        seed: Seed of the random changes.

    Raises:
        InputError: If captum is not installed, or components are asked for.
    """
    return _by_words("Lime", classifier, batch, targets, components, samples, seed)


def kernel_shap(
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    *,
    components: bool = False,
    samples: int = 500,
    seed: int = 0,
) -> Attribution:
    """KernelSHAP: Shapley values of the words by weighted regression over sets of words.

    See Lundberg and Lee 2017.

    Args:
        classifier: The model.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Must be False; this method has no components.
        samples: Number of changed texts per document and target.
        seed: Seed of the random changes.

    Raises:
        InputError: If captum is not installed, or components are asked for.
    """
    return _by_words("KernelShap", classifier, batch, targets, components, samples, seed)


def deep_lift(
    classifier: Classifier, batch: Batch, targets: Tensor, *, components: bool = False
) -> Attribution:
    """DeepLIFT: the score's difference from zero vectors, handed back through the layers.

    It is captum's, by the rescale rule (Shrikumar et al. 2017). captum knows activations and
    pooling that are modules, and silently takes the gradient of all others. Classifiers that can
    (`WritesOutLayers`) are written out as modules for it; with others, the remainder shows what the
    gradient loses.

    Args:
        classifier: The model, a `torch.nn.Module` or one that `WritesOutLayers`.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        components: Whether to return relevance per component of the vectors.

    Raises:
        InputError: If captum is not installed, the model is neither, or it is recurrent.
    """
    attr = _captum()
    if not isinstance(classifier, nn.Module | WritesOutLayers):
        raise InputError(
            "DeepLIFT needs a classifier that is a torch module itself, or can write out its "
            f"layers; got {type(classifier).__name__}."
        )
    network = module_of(classifier)
    if network and any(isinstance(module, nn.RNNBase) for module in network.modules()):
        raise InputError("captum has no DeepLIFT for recurrent networks; use lrp.")
    embeddings = classifier.embed(batch).detach()
    with torch.no_grad():
        scores = classifier.score(embeddings, batch)
    parts = embeddings.new_zeros(len(targets), *embeddings.shape)
    for row, target in enumerate(targets):
        for b in range(len(batch)):
            model, length = _for_deep_lift(classifier, batch.rows(torch.tensor([b])), target[b])
            given = embeddings[[b], :length].requires_grad_()
            with torch.enable_grad(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Setting forward, backward hooks")
                found = attr.DeepLift(model).attribute(given, torch.zeros_like(given))
            parts[row, b, :length] = found[0].detach()
    return Attribution(scores, parts.sum(dim=3), components=parts if components else None)


def _for_deep_lift(classifier: Classifier, batch: Batch, target: Tensor) -> tuple[nn.Module, int]:
    """A module of one output for one document, and the number of positions that it reads."""
    if isinstance(classifier, WritesOutLayers):
        network, positions = classifier.written_out(batch)
        return _Explained(network, target), positions
    return _Scored(classifier, batch, target, torch.ones_like(batch.mask[0])), batch.ids.shape[1]


class _Explained(nn.Module):
    """A network with one output: the target's score."""

    def __init__(self, network: nn.Module, target: Tensor) -> None:
        super().__init__()
        self.network, self.target = network, target

    def forward(self, embeddings: Tensor) -> Tensor:
        scores: Tensor = self.network(embeddings)
        return (scores * self.target.to(scores)).sum(dim=1)


def _by_words(
    method: str,
    classifier: Classifier,
    batch: Batch,
    targets: Tensor,
    components: bool,
    samples: int,
    seed: int,
) -> Attribution:
    """Relevance by the method of captum of this name, with words as features."""
    attr = _captum()
    if components:
        raise InputError(f"{method} takes whole words away; it has no components.")
    if samples < 1:
        raise InputError(f"Got {samples} samples; expected at least 1.")
    embeddings = classifier.embed(batch).detach()
    with torch.no_grad():
        scores = classifier.score(embeddings, batch)
    relevance = scores.new_zeros(*targets.shape[:2], batch.ids.shape[1])
    with torch.random.fork_rng(devices=[]):  # captum draws from torch's own generator
        for row, target in enumerate(targets):
            for b in range(len(batch)):
                single = batch.rows(torch.tensor([b]))
                inside = single.words[0] >= 0
                present, features = single.words[0][inside].unique(return_inverse=True)
                given = embeddings[[b]][:, inside].float()  # as captum's weights of samples are
                model = _Scored(classifier, single, target[b], inside)
                if len(present) <= 1:  # of which captum draws no samples
                    alone = model(given) - model(torch.zeros_like(given))
                    relevance[row, b, inside] = (alone / given.shape[1]).to(relevance)
                    continue
                torch.manual_seed(seed)
                found = getattr(attr, method)(model)
                attributed = found.attribute(
                    given,
                    feature_mask=features[None, :, None].expand_as(given),
                    n_samples=samples,
                    perturbations_per_eval=16,
                )
                # Equal parts for the positions of a word.
                parts = attributed[0, :, 0].detach() / features.bincount()[features]
                relevance[row, b, inside] = parts.to(relevance)
    return Attribution(scores, relevance)


class _Scored(nn.Module):
    """The target's score of one document's vectors, or of each changed copy of them."""

    def __init__(
        self, classifier: Classifier, batch: Batch, target: Tensor, inside: Tensor
    ) -> None:
        super().__init__()
        self.classifier, self.batch, self.target, self.inside = classifier, batch, target, inside
        self.whole = classifier.embed(batch).detach()

    def forward(self, given: Tensor) -> Tensor:
        copies = self.batch.rows(torch.zeros(len(given), dtype=torch.long))
        embeddings = self.whole.repeat(len(given), 1, 1)
        embeddings[:, self.inside] = given.to(embeddings)
        scores: Tensor = self.classifier.score(embeddings, copies)
        return (scores * self.target.to(scores)).sum(dim=1).to(given)


def _captum() -> Any:
    return require("captum.attr", extra="captum", what="This method")
