"""LRP and gradients of the word CNN in closed form, for all classes at once.

With one maximum over time, a filter passes relevance on to its winning window alone, and how that
window's words share it does not depend on the class. With z_j the value of filter j at its window,
K its width, x·w(j,k) the product of the window's k-th word with the k-th part of the filter, b_j
the bias and s_j = ε·sign(z_j) the stabiliser, the word's share is

    ρ(j,k) = (x·w(j,k) + (b_j + s_j) / K) / (z_j + s_j)

(Arras et al. 2016, section 2.1, summed over the vector's components: a window has K·D inputs, each
gets 1/(K·D) of bias and stabiliser, a word has D of them). The products are known from the forward
pass; what is left costs K·filters·classes multiply-adds per document.

The linear layer hands filter j the relevance R_j = h_j Σ_c w_cj q_c + r, with q_c = R_c/(z_c + s_c)
and r = Σ_c (b_c + s_c) q_c / n the equal part of biases and stabilisers. A word's relevance is
linear in q and r, so that their factors are summed up first, and targets applied to the sums alone:

    R_t = Σ_c q_c Σ_(j,k) h_j w_cj ρ(j,k) + r Σ_(j,k) ρ(j,k)

over the filters j whose winning window has the word at place k.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, linear, pad, relu

from whyword.batch import Attribution, Batch
from whyword.lrp.rules import stabiliser
from whyword.models.cnn.layers import Layers, Winners, lengths_of, word_value


class Windows(NamedTuple):
    """The windows that share the maxima of the filters of one width, in the order of their places.

    Attributes:
        place: ``(window,)`` the document times the number of positions, plus the first position.
        pooled: ``(window,)`` the document times the number of filters, plus the filter.
        filter: ``(window,)`` the filter.
        value: ``(window,)`` the filter's value there, before the ReLU.
        word_value: ``(width, window)`` what each word of the window adds to the value; the bias
            makes up the rest.
        share: ``(window,)`` the window's part of the maximum; None if it gets all of it.
    """

    place: Tensor
    pooled: Tensor
    filter: Tensor
    value: Tensor
    word_value: Tensor
    share: Tensor | None

    @classmethod
    def of(
        cls,
        rows: Tensor,
        slots: Tensor,
        bias: Tensor,
        *,
        document: Tensor,
        column: Tensor,
        start: Tensor,
        value: Tensor,
        width: int,
        share: Tensor | None = None,
    ) -> "Windows":
        """The windows of these filters that begin at these positions.

        Args:
            rows: ``(row, filter)`` products of words and filters.
            slots: ``(batch, position)`` the words' slots.
            bias: ``(filter,)`` biases of the filters.
            document: ``(window,)`` the documents of the windows.
            column: ``(window,)`` their filters.
            start: ``(window,)`` the first positions.
            value: ``(window,)`` as above.
            width: Words in a window.
            share: ``(window,)`` as above.
        """
        place = document * slots.shape[1] + start
        order = in_order(place, slots.numel())
        place, column, document, value = (
            part.index_select(0, order) for part in (place, column, document, value)
        )
        words = value.new_empty(width, len(value))
        # What is left is the last word's; reading it, far away in memory, would take longer.
        words[-1] = value - bias.index_select(0, column)
        for k in range(width - 1):
            words[k] = word_value(rows, slots, place, column, k, width)
            words[-1] -= words[k]
        return cls(
            place,
            document * len(bias) + column,
            column,
            value,
            words,
            None if share is None else share.index_select(0, order),
        )


def in_order(numbers: Tensor, most: int) -> Tensor:
    """The order that sorts numbers from 0 to ``most``, ``(n,)``; equals stay as they are."""
    if numbers.device.type != "cpu":
        return numbers.argsort(stable=True)
    # Of 16 bits or fewer numpy sorts digit by digit, ten times as fast.
    few = numbers.numpy().astype(np.min_scalar_type(most))
    return torch.from_numpy(few.argsort(kind="stable"))


@torch.no_grad()
def lrp(
    layers: Layers, batch: Batch, targets: Tensor, *, epsilon: float, components: bool
) -> Attribution:
    """LRP by the paper's ε-rule, which conserves the score exactly.

    Args:
        layers: The weights of the CNN.
        batch: The encoded documents.
        targets: ``(target, batch, class)``.
        epsilon: The stabiliser, > 0.
        components: Whether to return relevance per component of the vectors.
    """
    winners, windows = _won(layers, batch)
    features = relu(torch.cat([won.value for won in winners], dim=1))
    scores = linear(features, layers.weight, layers.bias)
    relevance, parts = handed_back(
        layers, batch, targets, features, scores, windows, epsilon=epsilon, components=components
    )
    return Attribution(scores, relevance, remainder={}, components=parts)


def _won(layers: Layers, batch: Batch) -> tuple[list[Winners], list[Windows]]:
    """The winners of each width, and the same as windows that get all of their maxima."""
    found = layers.find(batch.ids)
    winners = layers.winners(found, lengths_of(batch))
    windows = []
    for rows, (weight, bias), won in zip(found.rows, layers.kernels, winners, strict=True):
        start = won.start
        document = torch.arange(len(start), device=start.device)[:, None].expand_as(start)
        column = torch.arange(len(bias), device=start.device).expand_as(start)
        windows.append(
            Windows.of(
                rows,
                found.slots,
                bias,
                document=document.flatten(),
                column=column.flatten(),
                start=start.flatten(),
                value=won.value.flatten(),
                width=weight.shape[2],
            )
        )
    return winners, windows


def handed_back(
    layers: Layers,
    batch: Batch,
    directions: Tensor,
    features: Tensor,
    scores: Tensor,
    windows: list[Windows],
    *,
    epsilon: float,
    components: bool,
) -> tuple[Tensor, Tensor | None]:
    """The relevance that windows hand to their words, by the ε-rule.

    Args:
        layers: The weights of the CNN.
        batch: The encoded documents.
        directions: ``(target, batch, class)`` what is explained.
        features: ``(batch, filter)`` the filters' maxima after the ReLU.
        scores: ``(batch, class)``.
        windows: The windows that share the maxima, one entry per width.
        epsilon: The stabiliser, > 0.
        components: Whether to return relevance per component of the vectors.

    Returns:
        ``(target, batch, position)``, and ``(target, batch, position, dimension)`` if asked for.
    """
    size, positions = batch.ids.shape
    classes, filters = layers.weight.shape
    s = stabiliser(scores, epsilon)
    q = directions.to(scores) * (scores / (scores + s))
    equal = (q * (layers.bias + s)).sum(dim=2) / filters  # what each filter gets of them
    # What q is multiplied by at each place, and in the last column the equal part.
    factors = scores.new_zeros(size * positions, classes + 1)
    parts = None
    if components:
        parts = scores.new_zeros(*directions.shape[:2], positions, layers.table.shape[1])
        incoming = features * (q @ layers.weight) + equal[..., None]
    weights = layers.weight.split([len(bias) for _, bias in layers.kernels], dim=1)
    passed = features.split([len(bias) for _, bias in layers.kernels], dim=1)
    offset = 0
    for (weight, bias), own, output, feature in zip(
        layers.kernels, windows, weights, passed, strict=True
    ):
        count, _, width = weight.shape
        s = stabiliser(own.value, epsilon)
        quotient = own.value + s
        quotient = quotient.reciprocal() if own.share is None else own.share / quotient
        each = (bias.index_select(0, own.filter) + s) / width
        rho = (own.word_value + each) * quotient
        weighted = rho * feature.flatten().index_select(0, own.pooled)
        bags = _Bags.of(own, size * positions)
        rows = pad(output.T, (0, 1))
        for k in range(width):
            # No window reaches into the next document, so that places may be moved as one.
            factors[k:] += bags.sums(rows, weighted[k])[: len(factors) - k]
            factors[:, classes].index_add_(0, own.place + k, rho[k])
        if parts is not None:
            mine = incoming[:, :, offset : offset + count].flatten(1)[:, own.pooled] * quotient
            parts += layers.table[batch.ids] * _spread(mine, bags, weight, parts.shape[:3])
            for k in range(width):
                for part, coefficient in zip(parts, mine * (each / parts.shape[3]), strict=True):
                    part.view(-1, parts.shape[3]).index_add_(
                        0, own.place + k, coefficient[:, None].expand(-1, parts.shape[3])
                    )
        offset += count
    both = torch.cat([q, equal[..., None]], dim=2)
    relevance = both.transpose(0, 1) @ factors.view(size, positions, classes + 1).mT
    return relevance.transpose(0, 1), parts


class _Bags(NamedTuple):
    """For each place the windows that begin there, to sum up what they hand to it.

    Attributes:
        windows: The windows.
        ends: ``(place + 1,)`` how many windows begin at earlier places.
    """

    windows: Windows
    ends: Tensor

    @classmethod
    def of(cls, windows: Windows, places: int) -> "_Bags":
        """The bags of ``places`` places."""
        count = torch.bincount(windows.place, minlength=places)
        return cls(windows, torch.cat([count.new_zeros(1), count.cumsum(0)]))

    def sums(self, rows: Tensor, coefficient: Tensor) -> Tensor:
        """Σ_j c_j · row_j, ``(place, n)``, from rows ``(filter, n)`` and factors ``(window,)``."""
        return embedding_bag(
            self.windows.filter,
            rows,
            self.ends,
            mode="sum",
            per_sample_weights=coefficient,
            include_last_offset=True,
        )


@torch.no_grad()
def gradient(layers: Layers, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores, and the gradient of each target's score by the word vectors.

    Returns:
        ``(batch, class)`` and ``(target, batch, position, dimension)``.
    """
    winners, windows = _won(layers, batch)
    values = torch.cat([w.value for w in winners], dim=1)
    scores = linear(relu(values), layers.weight, layers.bias)
    feature_gradient = (targets.to(scores) @ layers.weight) * (values > 0)
    size, positions = batch.ids.shape
    shape = (len(targets), size, positions)
    result = scores.new_zeros(*shape, layers.table.shape[1])
    offset = 0
    for (weight, _), own in zip(layers.kernels, windows, strict=True):
        part = feature_gradient[:, :, offset : offset + len(weight)].flatten(1)
        offset += len(weight)
        result += _spread(part[:, own.pooled], _Bags.of(own, size * positions), weight, shape)
    return scores, result


def _spread(coefficient: Tensor, bags: _Bags, weight: Tensor, shape: Sequence[int]) -> Tensor:
    """Σ_j c_j · w(j,k) at the words of the windows: ``(target, batch, position, dimension)``.

    Args:
        coefficient: ``(target, window)`` the factors c_j.
        bags: The windows.
        weight: ``(filter, dimension, width)`` weights of the convolution.
        shape: Numbers of targets, documents and positions.
    """
    result = weight.new_zeros(*shape, weight.shape[1])
    for k in range(weight.shape[2]):
        rows = weight[:, :, k].contiguous()
        for spread, own in zip(result.flatten(1, 2), coefficient, strict=True):
            spread[k:] += bags.sums(rows, own)[: len(spread) - k]
    return result
