"""Middlebury's flow colours: hue is direction, saturation is length, and nothing else matters."""

import colorsys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solver_core.flow.colors import key, middlebury

angles = st.floats(0, 2 * np.pi, exclude_max=True)


def color(angle, length, longest=1.0):
    vector = length * np.array([np.cos(angle), np.sin(angle)])
    return middlebury(np.array([[vector]]), longest)[0, 0]


def test_the_known_directions():
    np.testing.assert_allclose(color(0, 1), [1, 0, 0], atol=1e-6)  # right is red
    np.testing.assert_allclose(color(0, 0), [1, 1, 1])
    assert color(np.pi / 2, 1)[2] < 0.01  # down is yellow
    assert color(np.pi / 2, 1)[:2].min() > 0.85
    assert color(np.pi, 1)[0] < 0.01  # left is between cyan and blue
    np.testing.assert_array_equal(middlebury(np.full((1, 1, 2), np.nan), 1.0), np.zeros((1, 1, 3)))


@given(angle=angles, length=st.floats(0, 1))
def test_length_mixes_white_with_the_full_colour(angle, length):
    np.testing.assert_allclose(color(angle, length), 1 - length * (1 - color(angle, 1.0)), atol=1e-9)


@given(angle=angles, length=st.floats(0, 3), longest=st.floats(0.1, 50))
def test_only_the_length_over_the_longest_matters(angle, length, longest):
    np.testing.assert_allclose(color(angle, length * longest, longest), color(angle, length), atol=1e-6)


@given(angle=angles)
def test_what_is_too_long_is_darker(angle):
    np.testing.assert_allclose(color(angle, 1.5), 0.75 * color(angle, 0.999999), atol=1e-3)


def test_the_hue_goes_once_round_and_never_back():
    hues = np.unwrap([2 * np.pi * colorsys.rgb_to_hsv(*color(a, 1.0))[0] for a in np.linspace(0, 6.2, 500)])
    assert (np.diff(hues) >= -1e-9).all()
    assert 5.5 < hues[-1] - hues[0] < 2 * np.pi


@given(angle=angles)
def test_opposite_directions_have_opposite_hues(angle):
    one, other = (360 * colorsys.rgb_to_hsv(*color(a, 1.0))[0] for a in (angle, angle + np.pi))
    apart = abs(one - other)
    assert min(apart, 360 - apart) > 105


def test_the_key_is_the_wheel_in_a_disc():
    disc = key(64)
    assert disc.shape == (64, 64, 4)
    assert abs(disc[..., 3].mean() - np.pi / 4) < 0.02
    np.testing.assert_allclose(disc[32, 32, :3], 1, atol=0.05)
    np.testing.assert_allclose(disc[32, 62, :3], [1, 0, 0], atol=0.1)
