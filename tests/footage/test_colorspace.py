"""Colour spaces: primaries and curves by their published numbers, names of every Blender, honest refusals."""

from __future__ import annotations

import numpy as np
import PyOpenColorIO as ocio
import pytest

from solver_core.color.spaces import to_linear
from solver_core.color.srgb import srgb_decode
from solver_core.common.errors import FaceSolveError

PRIMARIES = {  # CIE xy of red, green, blue, white
    "Linear Rec.709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290)),
    "Linear Rec.2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    "Linear DCI-P3 D65": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
}
COLOURS = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)


def rgb_to_xyz(red, green, blue, white):
    """The matrix that SMPTE RP 177 derives from chromaticities."""

    def lift(xy):
        return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])

    columns = np.stack([lift(red), lift(green), lift(blue)], 1)
    return columns * np.linalg.solve(columns, lift(white))


@pytest.mark.parametrize("name", PRIMARIES)
def test_linear_spaces_follow_their_primaries(name):
    matrix = np.linalg.solve(rgb_to_xyz(*PRIMARIES["Linear Rec.709"]), rgb_to_xyz(*PRIMARIES[name]))
    np.testing.assert_allclose(to_linear(name)(COLOURS), COLOURS @ matrix.T, atol=2e-4)


@pytest.mark.parametrize(
    "name",
    ["ACEScg", "ACES2065-1", "Linear Rec.2020", "Linear DCI-P3 D65", "Display P3", "Rec.1886", "Rec.2020", "sRGB"],
)
def test_white_stays_white_and_black_black(name):
    grey = np.array([[[0.0] * 3, [1.0] * 3]], np.float32)
    np.testing.assert_allclose(to_linear(name)(grey), grey, atol=3e-4)


def test_curves():
    value = np.full((1, 1, 3), 0.5, np.float32)
    np.testing.assert_allclose(to_linear("Rec.1886")(value), 0.5**2.4, rtol=1e-4)
    np.testing.assert_allclose(to_linear("Rec.2020")(value), 0.5**2.4, rtol=1e-4)
    np.testing.assert_allclose(to_linear("Display P3")(value), srgb_decode(0.5), rtol=1e-4)
    np.testing.assert_allclose(to_linear("sRGB")(value), ((0.5 + 0.055) / 1.055) ** 2.4, rtol=1e-6)
    middle = 12.473931188 / (12.473931188 + 4.026068812)  # Filmic Log: log2 of the linear value between its two ends
    np.testing.assert_allclose(to_linear("Filmic Log")(np.full((1, 1, 3), middle, np.float32)), 1.0, rtol=1e-4)


@pytest.mark.parametrize("name", ["Non-Color", "Raw", "Linear", "Linear Rec.709"])
def test_data_and_linear_are_untouched(name):
    np.testing.assert_array_equal(to_linear(name)(COLOURS * 9 - 3), COLOURS * 9 - 3)


@pytest.mark.parametrize("name", ["ACEScg", "sRGB", "Linear", "Rec.2020", "ARRI LogC4"])
def test_the_given_array_is_not_changed(name):
    given = COLOURS.copy()
    converted = to_linear(name)(given)
    converted[:] = -1
    np.testing.assert_array_equal(given, COLOURS)


@pytest.mark.parametrize("name", ["Filmic sRGB", "AgX Base sRGB", "AgX Log", "False Color"])
def test_looks_are_refused(name):
    with pytest.raises(FaceSolveError, match=f"'{name}'.*look"):
        to_linear(name)


def test_an_unknown_space_is_named():
    with pytest.raises(FaceSolveError, match="'Uncle Bob Log'") as caught:
        to_linear("Uncle Bob Log")
    assert "OCIO" in caught.value.remedy


def test_the_studio_s_own_configuration_is_obeyed(tmp_path, monkeypatch):
    config = ocio.Config.CreateFromFile("ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3")
    own = ocio.ColorSpace(name="Show Log")
    own.setTransform(
        ocio.GroupTransform(
            [
                ocio.ExponentTransform([3.0, 3.0, 3.0, 1.0]),
                ocio.ColorSpaceTransform("Linear Rec.709 (sRGB)", "ACES2065-1"),
            ]
        ),
        ocio.COLORSPACE_DIR_TO_REFERENCE,
    )
    config.addColorSpace(own)
    (tmp_path / "config.ocio").write_text(config.serialize())
    monkeypatch.setenv("OCIO", str(tmp_path / "config.ocio"))
    np.testing.assert_allclose(to_linear("Show Log")(COLOURS), COLOURS**3, atol=2e-4)
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    with pytest.raises(FaceSolveError, match=r"gone\.ocio"):
        to_linear("Other Log")
