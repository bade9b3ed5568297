"""Crops: exact round trips, samples where they should be, no aliasing, and windows that follow the face."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver_core.camera.crop import Crop, crop_from_landmarks
from solver_core.common.errors import FaceSolveError

crops = st.builds(
    Crop,
    centre=st.tuples(st.floats(-500, 2500), st.floats(-500, 2500)),
    side=st.floats(5, 3000),
    angle=st.floats(-math.pi, math.pi),
    size=st.sampled_from([64, 128, 192, 256]),
)
points = st.lists(st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)), min_size=1, max_size=8).map(np.array)


@given(crops, points)
def test_there_and_back(crop, where):
    tolerance = 1e-9 * max(1.0, crop.size / crop.side) * 1e4
    np.testing.assert_allclose(crop.to_plate(crop.to_crop(where)), where, atol=tolerance)
    np.testing.assert_allclose(crop.to_crop(crop.to_plate(where)), where, atol=tolerance)


@given(crops)
def test_a_crop_covers_zero_to_size_around_its_centre(crop):
    corners = crop.to_plate(np.array([[0, 0], [crop.size, 0], [crop.size, crop.size], [0, crop.size]]))
    np.testing.assert_allclose(corners.mean(axis=0), crop.centre, atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1), crop.side, rtol=1e-9)
    along = corners[1] - corners[0]
    turned = math.remainder(math.atan2(along[1], along[0]) - crop.angle, 2 * math.pi)  # half a turn has two signs
    assert turned == pytest.approx(0.0, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    st.floats(90, 110), st.floats(80, 100), st.floats(10, 110), st.floats(-math.pi, math.pi), st.sampled_from([32, 48])
)
def test_samples_of_a_ramp_are_their_own_positions(x, y, side, angle, size):
    """A picture whose channels are its own x and y must give each sample's position, shrunk or enlarged."""
    columns, rows = np.meshgrid(np.arange(200) + 0.5, np.arange(180) + 0.5)
    ramp = np.stack([columns, rows], axis=-1).astype(np.float32)
    crop = Crop((x, y), side, angle, size)
    centres = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1)
    np.testing.assert_allclose(crop.sample(ramp), crop.to_plate(centres), atol=2e-3)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_shrinking_does_not_alias(angle):
    """A pattern finer than the output's pixels becomes its mean, not a coarse pattern of its own."""
    stripes = np.tile((np.arange(800) % 2).astype(np.float32)[None, :, None], (800, 1, 1))
    small = Crop((400, 400), 400, angle, 50).sample(stripes)
    assert np.abs(small - 0.5).max() < 0.05
    assert np.ptp(stripes[::8, 1::7]) == 1.0  # what picking every 7th pixel gives


def test_beyond_the_border_the_nearest_pixel_is_repeated():
    picture = np.zeros((20, 30, 1), np.float32)
    picture[:, 0], picture[:, -1] = 1.0, 2.0
    sampled = Crop((15, 10), 300, 0.0, 30).sample(picture)
    assert np.all(sampled[:, :13] == 1.0)
    assert np.all(sampled[:, 17:] == 2.0)


@given(
    st.floats(-3, 3),
    st.floats(0.2, 5),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_a_window_turns_grows_and_moves_with_its_landmarks(angle, scale, shift):
    cloud = np.random.default_rng(3).random((50, 2)) * (120, 160) + 40
    cloud[0], cloud[1] = (70, 90), (130, 90)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before = crop_from_landmarks(cloud, 0, 1, 192)
    after = crop_from_landmarks(cloud @ turn.T + shift, 0, 1, 192)
    np.testing.assert_allclose(after.to_crop(cloud @ turn.T + shift), before.to_crop(cloud), atol=1e-6)
    inside = before.to_crop(cloud)
    assert np.ptp(inside, axis=0).max() == pytest.approx(192 / 1.5)


def test_what_is_no_window_or_no_picture_is_refused():
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="not a window"):
            Crop((0, 0), bad, 0.0, 10)
    crop, picture = Crop((5, 5), 5, 0.0, 10), np.zeros((10, 10, 3), np.float32)
    picture[4, 4, 1] = np.nan
    with pytest.raises(FaceSolveError, match="not numbers"):
        crop.sample(picture)
    with pytest.raises(ValueError, match=r"\[H, W, C\]"):
        crop.sample(np.zeros((10, 10), np.float32))
