"""Convolutions: every rule over the real inputs of an output, whatever the windows."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from laws import explained
from reference import Rule, layer, rule_alpha_beta, rule_epsilon, rule_flat, rule_gamma
from whyword import lrp

RULES: dict[str, tuple[lrp.Rule, Rule]] = {
    "paper": (lrp.Epsilon(), rule_epsilon),
    "gamma": (lrp.Gamma(), rule_gamma),
    "alpha beta": (lrp.AlphaBeta(), rule_alpha_beta),
    "flat": (lrp.Flat(), rule_flat),
    "w square": (lrp.WSquare(), "w_square"),
}
WINDOWS = [
    {},
    {"padding": 1},
    {"padding": 2, "stride": 2},
    {"dilation": 2, "padding": 3},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 3},
]
TRANSPOSED = [
    {"padding": 1},
    {"padding": 1, "stride": 2},
    {"dilation": 2, "padding": 1},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 4},
    {"stride": 3, "output_padding": 2},
]
SAME = [{"padding": "same"}, {"padding": "same", "dilation": 2, "groups": 2}, {"padding": "valid"}]


def each(value: int | Sequence[int], axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


def connections(
    shape: torch.Size, weight: Tensor, options: Mapping[str, Any], *, up: bool
) -> tuple[list[tuple[tuple[int, ...], tuple[int, ...], float]], tuple[int, ...]]:
    """Inputs and outputs that a weight connects: (input, output, weight), by plain loops."""
    axes = len(shape) - 1
    kernel, groups = weight.shape[2:], options.get("groups", 1)
    stride, dilation = (each(options.get(name, 1), axes) for name in ("stride", "dilation"))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    padding = options.get("padding", 0)
    if padding in ("same", "valid"):
        before = [r // 2 if padding == "same" else 0 for r in reach]
        after = [r - r // 2 if padding == "same" else 0 for r in reach]
    else:
        before = after = each(padding, axes)
    beyond = each(options.get("output_padding", 0), axes)
    sizes = zip(shape[1:], stride, reach, before, after, beyond, strict=True)
    if up:
        extent = [(n - 1) * s - b - a + r + 1 + o for n, s, r, b, a, o in sizes]
    else:
        extent = [(n + b + a - r - 1) // s + 1 for n, s, r, b, a, _ in sizes]
    # In a transposed convolution an input's window lies over outputs; otherwise the other way.
    starts = shape[1:] if up else extent
    ends = extent if up else shape[1:]
    found = []
    for first, second in product(range(weight.shape[0]), range(weight.shape[1])):
        group = first // (weight.shape[0] // groups)
        other = group * weight.shape[1] + second
        for start in product(*map(range, starts)):
            for k in product(*map(range, kernel)):
                end = [
                    p * s + j * d - b
                    for p, s, j, d, b in zip(start, stride, k, dilation, before, strict=True)
                ]
                if all(0 <= e < n for e, n in zip(end, ends, strict=True)):
                    near, far = (first, *start), (other, *end)
                    pair = (near, far) if up else (far, near)
                    found.append((*pair, float(weight[(first, second, *k)])))
    channels = weight.shape[1] * groups if up else weight.shape[0]
    return found, (channels, *extent)


def derived(
    rule: Rule,
    document: Tensor,
    weight: Tensor,
    bias: Tensor,
    options: Mapping[str, Any],
    *,
    up: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and relevance ``(output, *input)`` of a convolution, as one matrix."""
    found, shape = connections(document.shape, weight, options, up=up)
    n, m = document.numel(), int(np.prod(shape))
    matrix, connected = np.zeros((n, m)), np.zeros((n, m), dtype=bool)
    for source, target, value in found:
        at = np.ravel_multi_index(source, document.shape), np.ravel_multi_index(target, shape)
        matrix[at] += value
        connected[at] = True
    biases = np.repeat(bias.numpy(), m // shape[0])
    values = document.numpy().ravel() @ matrix + biases
    inputs = document.numpy().ravel()
    rows = [
        layer(rule, inputs, matrix[:, [j]], biases[[j]], values[[j]], connected[:, [j]])
        for j in range(m)
    ]
    return values, np.array(rows).reshape(m, *document.shape)


def random_case(
    axes: int, options: Mapping[str, Any], *, up: bool, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    groups = options.get("groups", 1)
    size = {1: (7,), 2: (4, 5), 3: (3, 2, 4)}[axes]
    kernel = {1: (3,), 2: (2, 3), 3: (2, 1, 3)}[axes]
    filters = 4 if axes == 1 else groups
    shape = (4, filters // groups) if up else (filters, 4 // groups)
    x = torch.randn(2, 4, *size, dtype=torch.float64, generator=generator)
    weight = torch.randn(*shape, *kernel, dtype=torch.float64, generator=generator)
    bias = torch.randn(filters, dtype=torch.float64, generator=generator)
    return x, weight, bias


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("options", WINDOWS + SAME, ids=str)
@pytest.mark.parametrize(("axes", "rule"), [*product([1, 2], RULES), (3, "paper"), (3, "flat")])
def test_convolutions(axes: int, options: Mapping[str, Any], rule: str) -> None:
    x, weight, bias = random_case(axes, options, up=False)
    check(getattr(functional, f"conv{axes}d"), x, weight, bias, options, rule, up=False)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
@pytest.mark.parametrize("axes", [1, 2])
def test_transposed_convolutions(axes: int, options: Mapping[str, int], rule: str) -> None:
    x, weight, bias = random_case(axes, options, up=True)
    check(getattr(functional, f"conv_transpose{axes}d"), x, weight, bias, options, rule, up=True)


def check(
    function: Callable[..., Tensor],
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    options: Mapping[str, Any],
    rule: str,
    *,
    up: bool,
) -> None:
    ours, theirs = RULES[rule]
    scores, relevance = explained(
        lambda x: function(x, weight, bias, **options), x, composite=lrp.Composite(ours)
    )
    values, expected = derived(theirs, x[1], weight, bias, options, up=up)
    np.testing.assert_allclose(scores[1], values, rtol=1e-10, atol=1e-12)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(relevance[:, 1] / scale, expected / scale, atol=1e-8)
    if rule in ("paper", "flat", "w square"):
        reached = np.abs(expected).sum(axis=tuple(range(1, expected.ndim))) > 0
        total = relevance[:, 1].reshape(len(values), -1).sum(axis=1)
        np.testing.assert_allclose(total[reached], values[reached], rtol=1e-5)


def test_outputs_over_padding_alone_have_nobody_to_share_with() -> None:
    x, weight, bias = random_case(1, {}, up=False)
    scores, relevance = explained(lambda x: functional.conv1d(x, weight, bias, padding=4), x)
    assert not relevance.reshape(4, 13, -1)[:, [0, 1, -1, -2]].any()
    np.testing.assert_allclose(scores.reshape(2, 4, 13)[:, :, 0], bias.expand(2, 4))


def test_a_document_alone_is_a_batch_of_one() -> None:
    x, weight, bias = random_case(1, {}, up=False)
    _, expected = explained(lambda x: functional.conv1d(x, weight, bias), x)
    _, found = explained(lambda x: torch.stack([functional.conv1d(t, weight, bias) for t in x]), x)
    np.testing.assert_allclose(found, expected)
    _, expected = explained(lambda x: functional.conv_transpose1d(x, weight), x)
    _, found = explained(
        lambda x: torch.stack([functional.conv_transpose1d(t, weight) for t in x]), x
    )
    np.testing.assert_allclose(found, expected)


def test_weights_that_depend_on_the_embeddings_are_refused() -> None:
    x, weight, _ = random_case(1, {}, up=False)
    with pytest.raises(lrp.UnsupportedFunction, match="weight depends on the embeddings"):
        explained(lambda x: functional.conv1d(x, weight * x.sum()), x)
    with pytest.raises(lrp.UnsupportedFunction, match="complex"):
        explained(lambda x: functional.conv1d(torch.complex(x, x), weight + 0j).abs(), x)
