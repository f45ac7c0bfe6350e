"""Fourier transforms and complex numbers: components share as the real matrix behind them says."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, fft

from laws import PLAIN, check_linear, check_routing, conserves, explained, linear
from whyword import lrp

TURN = torch.randn(5, 2, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))


def random_input(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)


def parts(z: Tensor) -> Tensor:
    return torch.view_as_real(z.resolve_conj()) if z.is_complex() else z


def pairs(x: Tensor) -> Tensor:
    """Neighbouring components as complex numbers, as rotary embeddings have them."""
    return torch.view_as_complex(x.reshape(len(x), 5, 2, 2))


SIZES = [(None, 1, None), (None, -1, "ortho"), (3, 1, "forward"), (7, -1, None), (7, 1, "ortho")]


@pytest.mark.parametrize(("n", "dim", "norm"), SIZES)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_of_one_axis(name: str, n: int | None, dim: int, norm: str | None) -> None:
    function = getattr(fft, name)
    check_linear(lambda x: parts(function(x, n=n, dim=dim, norm=norm)), random_input())


@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft"])
def test_transforms_of_complex_numbers(name: str) -> None:
    function = getattr(fft, name)
    check_linear(lambda x: parts(function(pairs(x), dim=1)), random_input())


SEVERAL = [{"dim": (1, 2)}, {"dim": (2, 1), "s": (3, 5)}, {"s": (3, 6)}, {"dim": -1}]


@pytest.mark.parametrize("options", SEVERAL, ids=str)
@pytest.mark.parametrize("axes", ["2", "n"])
@pytest.mark.parametrize("kind", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_of_several_axes(
    kind: str, axes: str, options: Mapping[str, tuple[int, int] | int]
) -> None:
    function = getattr(fft, kind + axes)

    def f(x: Tensor) -> Tensor:
        return parts(function(x, norm="ortho", **options))

    x = random_input()
    _, found = explained(f, x, "plain")
    np.testing.assert_allclose(found, linear(f, x, shares=False), rtol=1e-9, atol=1e-10)
    assert conserves(f, x)


def test_the_last_two_axes_by_default() -> None:
    x = random_input()
    _, expected = explained(lambda x: fft.fft2(x, dim=(1, 2)).real, x)
    _, found = explained(lambda x: fft.fft2(x).real, x)
    np.testing.assert_array_equal(found, expected)


def test_mixing_by_a_transform() -> None:
    """FNet (Lee-Thorp et al. 2022): the real part of a transform of positions and dimensions."""

    def mixed(x: Tensor) -> Tensor:
        result: Tensor = fft.fftn(x, dim=(1, 2)).real
        return result

    x = random_input()
    angles = [np.outer(np.arange(n), np.arange(n)) * 2 * np.pi / n for n in x.shape[1:]]
    for document in range(2):
        scores, found = explained(mixed, x, "plain")
        for k, j in product(range(5), range(4)):
            weights = np.cos(angles[0][k][:, None] + angles[1][j])
            contributions = x[document].numpy() * weights
            z = contributions.sum()
            assert scores[document, 4 * k + j] == pytest.approx(z)
            expected = contributions / (z + np.copysign(0.01, z)) * z
            np.testing.assert_allclose(found[4 * k + j, document], expected, atol=1e-9)
    assert conserves(mixed, x)


def test_a_filter_between_two_transforms() -> None:
    kernel = torch.randn(3, 4, dtype=torch.complex128)

    def filtered(x: Tensor) -> Tensor:
        result: Tensor = fft.irfft(fft.rfft(x, dim=1) * kernel, n=5, dim=1)
        return result

    small = lrp.Epsilon(1e-9, bias_share=False, stabiliser_share=False)
    x = random_input()
    _, found = explained(filtered, x, lrp.Composite(sums=small))
    expected = linear(filtered, x, shares=False, epsilon=1e-9)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


LINEAR = {
    "rotation": lambda x: parts(pairs(x) * TURN),
    "rotation from the left": lambda x: parts(TURN * pairs(x)).flatten(2),
    "polar": lambda x: parts(pairs(x) * torch.polar(TURN.abs(), TURN.real)),
    "of a real signal": lambda x: parts(x[..., :2] * TURN),
    "broadcast": lambda x: parts(x[:, :, :1] * TURN),
    "one number": lambda x: parts(pairs(x) * (1 + 2j)),
    "over a constant": lambda x: parts(pairs(x) / TURN),
    "in place": lambda x: parts(pairs(x).clone().mul_(TURN)),
    "sum": lambda x: parts(pairs(x).sum(1)),
    "mean of everything": lambda x: torch.stack([parts(t.mean()) for t in pairs(x)]),
}
ROUTING = {
    "conj": lambda x: parts(pairs(x).conj()),
    "H": lambda x: torch.stack([parts(t.H) for t in pairs(x)]),
    "mH": lambda x: parts(pairs(x).mH),
    "adjoint": lambda x: parts(pairs(x).adjoint()),
    "adjoint of reals": lambda x: x.adjoint(),
    "real": lambda x: pairs(x).real,
    "imag": lambda x: torch.imag(pairs(x)),
    "negative": lambda x: parts(-pairs(x)),
    "scaled": lambda x: parts(pairs(x) * TURN.real),
    "complex": lambda x: parts(torch.complex(x, 2 * x)),
    "fftshift": lambda x: parts(fft.fftshift(pairs(x), dim=(1,))),
    "ifftshift": lambda x: fft.ifftshift(x, dim=(1,)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_complex_products_and_sums(name: str) -> None:
    check_linear(LINEAR[name], random_input())


@pytest.mark.parametrize("name", ROUTING)
def test_complex_numbers_that_are_moved(name: str) -> None:
    check_routing(ROUTING[name], random_input())


@pytest.mark.parametrize(
    "f",
    [
        lambda x: parts(pairs(x) + pairs(x * x)),
        lambda x: parts(x[..., :2] + pairs(x)),
        lambda x: parts(pairs(x) - 1),
        lambda x: fft.rfft(x, dim=1).abs(),
        lambda x: parts(pairs(x) * TURN + TURN).tanh(),
    ],
)
def test_conserves(f: Callable[[Tensor], Tensor]) -> None:
    assert conserves(f, random_input())


@pytest.mark.parametrize("alpha", [1, -0.5])
def test_complex_sums_are_those_of_their_components(alpha: float) -> None:
    x = random_input()
    _, expected = explained(lambda x: torch.add(x, x.flip(1), alpha=alpha), x)
    _, found = explained(lambda x: parts(torch.add(pairs(x), pairs(x.flip(1)), alpha=alpha)), x)
    np.testing.assert_allclose(found, expected)


def test_a_magnitude_is_shared_by_squares() -> None:
    x = random_input()
    scores, found = explained(lambda x: pairs(x).abs(), x)
    squares = x.reshape(2, 10, 2).numpy() ** 2
    for j in range(10):
        expected = squares[0, j] / squares[0, j].sum() * scores[0, j]
        np.testing.assert_allclose(found[j, 0].reshape(10, 2)[j], expected)


def test_rotary_embeddings_are_those_of_their_components() -> None:
    """The same rotation, written with complex and with real numbers."""
    x = random_input()
    cos, sin = TURN.real, TURN.imag

    def by_hand(x: Tensor) -> Tensor:
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)

    composite = lrp.Composite(sums=PLAIN)
    _, expected = explained(by_hand, x, composite)
    _, found = explained(lambda x: parts(pairs(x) * TURN), x, composite)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: (pairs(x) * pairs(x)).abs(), "two complex signals"),
        (lambda x: (1 / pairs(x)).abs(), "division by complex signals"),
        (lambda x: pairs(x).exp().abs(), "activation of complex"),
        (lambda x: (pairs(x) ** 2).abs(), "powers of complex"),
        (lambda x: (pairs(x) @ TURN.mT).abs(), "complex matrices"),
        (lambda x: pairs(x).norm(dim=1), "norms of complex"),
        (lambda x: pairs(x).var(dim=1), "deviations of complex"),
        (lambda x: torch.add(pairs(x), pairs(x), alpha=1j).abs(), "weights of their own"),
        (lambda x: torch.linalg.vecdot(pairs(x), TURN).abs(), "complex vectors"),
    ],
)
def test_what_has_no_rule_is_refused(f: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(lrp.UnsupportedFunction, match=message):
        explained(f, random_input())
