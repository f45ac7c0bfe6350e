import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from whyword.errors import InputError
from whyword.render.palette import (
    PALETTES,
    Palette,
    Shades,
    blend,
    contrast,
    intensities,
    palette_named,
)

RELEVANCE = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)
SHADES = [
    pytest.param(shades, id=f"{name}-{theme}")
    for name, palette in PALETTES.items()
    for theme, shades in (("light", palette.light), ("dark", palette.dark))
]


@given(RELEVANCE)
def test_intensities_are_shares_of_each_targets_largest(relevance: NDArray[np.float64]) -> None:
    shares = intensities(relevance)
    assert shares.shape == relevance.shape
    for row, share in zip(relevance, shares, strict=True):
        largest = max(map(abs, row), default=0.0)
        np.testing.assert_array_equal(share, [x / largest if largest else 0.0 for x in row])


def test_a_target_without_relevance_is_not_coloured() -> None:
    assert intensities(np.array([[0.0, 0.0], [1.0, -2.0]])).tolist() == [[0, 0], [0.5, -1]]


@pytest.mark.parametrize("shades", SHADES)
@pytest.mark.parametrize("strength", [0, 0.25, 0.5, 0.75, 1])
def test_text_is_readable_over_every_intensity(shades: Shades, strength: float) -> None:
    for colour in (shades.positive, shades.negative):
        assert contrast(shades.ink, blend(colour, shades.paper, strength)) >= 4.5


# Linear RGB to what people without one cone type see (Viénot et al. 1999; tritanopia after
# Brettel et al. 1997, one half-plane).
BLINDNESS = {
    "protanopia": [[0.1124, 0.8876, 0], [0.1124, 0.8876, 0], [0.0040, -0.0040, 1]],
    "deuteranopia": [[0.2927, 0.7073, 0], [0.2927, 0.7073, 0], [-0.0223, 0.0223, 1]],
    "tritanopia": [[1, 0.1278, -0.1278], [0, 0.8738, 0.1262], [0, 0.8738, 0.1262]],
}


def seen(colour: str, blindness: str) -> NDArray[np.float64]:
    channels = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    return (np.array(BLINDNESS[blindness]) @ channels**2.2).clip(0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_default_colours_stay_apart_for_the_colour_blind(theme: str, blindness: str) -> None:
    shades = getattr(PALETTES["orange-blue"], theme)
    one, other = seen(shades.positive, blindness), seen(shades.negative, blindness)
    assert np.linalg.norm(one - other) > 0.35
    # red and green of the same strengths do not
    assert np.linalg.norm(seen("#d0603a", "deuteranopia") - seen("#7d8c3a", "deuteranopia")) < 0.2


def test_blend_goes_from_paper_to_colour() -> None:
    assert blend("#102030", "#ffffff", 0) == "#ffffff"
    assert blend("#102030", "#ffffff", -1) == "#102030"
    assert blend("#000000", "#ffffff", 0.2) == "#cccccc"


def test_contrast_agrees_with_the_published_examples() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_palettes_by_name() -> None:
    assert palette_named("paper") is PALETTES["paper"]
    own = Palette(PALETTES["paper"].light, PALETTES["paper"].dark)
    assert palette_named(own) is own
    with pytest.raises(InputError, match=r'no palette "papr"\. Did you mean "paper"'):
        palette_named("papr")
