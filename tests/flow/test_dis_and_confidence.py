"""DIS finds known motions whatever the light, and a vector knows how far it can be trusted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from solver_core.flow.confidence import sample_vectors, structure_of
from solver_core.flow.dis import DisFlow, between_plates


def texture(size, shift=(0.0, 0.0)):
    """[1,S,S,3] smooth noise, moved by `shift` pixels."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).random((size + 64, size + 64)).astype(np.float32), (0, 0), 2.5)
    noise = (noise - noise.min()) / np.ptp(noise)
    matrix = np.float32([[1, 0, shift[0] - 32], [0, 1, shift[1] - 32]])
    moved = cv2.warpAffine(noise, matrix, (size, size), flags=cv2.INTER_CUBIC)
    return np.repeat(np.clip(moved, 0, 1)[None, :, :, None], 3, 3)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0), (0.5, 0.25), (-7.3, 4.6)])
def test_flow_finds_a_known_shift(shift):
    flow = DisFlow()(texture(160), texture(160, shift))
    assert flow.shape == (1, 160, 160, 2)
    inside = flow[0, 24:-24, 24:-24]
    np.testing.assert_allclose(np.median(inside, (0, 1)), shift, atol=0.075)
    assert np.percentile(np.linalg.norm(inside - shift, axis=-1), 95) < 0.105


def test_flow_of_a_batch_is_that_of_its_pictures():
    pictures = np.concatenate([texture(96, (i, 0.0)) for i in range(3)])
    still = np.concatenate([texture(96)] * 3)
    together = DisFlow()(still, pictures)
    for i in range(3):
        np.testing.assert_array_equal(together[i], DisFlow()(still[i : i + 1], pictures[i : i + 1])[0])


def test_another_light_is_no_motion():
    """A shading that changes slowly, as another light's does, hardly moves the flow.

    Brightness constancy would read it as pixels.
    """
    picture = texture(160) * 0.25 + 0.4
    y, x = np.mgrid[:160, :160] / 160
    shaded = picture + (0.15 * np.sin(3 * x + 2 * y) - 0.05)[None, :, :, None].astype(np.float32)
    flow = DisFlow()(picture, shaded)[0, 16:-16, 16:-16]
    assert np.abs(flow).mean() < 0.008
    assert np.abs(np.median(flow, (0, 1))).max() < 0.0014


def test_between_plates_shading_is_followed_too():
    """Smooth spots that have no detail: in the same light their shading moves with them."""
    y, x = np.mgrid[:160, :160].astype(np.float32)

    def spots(shift):
        return np.repeat((0.5 + 0.25 * np.sin((x - shift) / 14) * np.sin(y / 14))[None, :, :, None], 3, 3).astype(
            np.float32
        )

    flow = between_plates(DisFlow())(spots(0), spots(2))[0, 40:-40, 40:-40]
    assert np.abs(flow[..., 0].mean() - 2) < 1e-4
    other = object()
    assert between_plates(other) is other


def vectors_on(image, forward=None, backward=None):
    """One vector in the middle of a picture."""
    size = image.shape[0]
    zero = np.zeros((size, size, 2), np.float32)
    at = np.array([size // 2])
    return sample_vectors(
        zero if forward is None else forward, zero if backward is None else backward, structure_of(image), at, at
    )


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, 2.2])
def test_along_an_edge_nothing_is_known(angle):
    """The aperture problem: a straight edge tells only what moves across it."""
    across = np.array([np.cos(angle), np.sin(angle)])
    x, y = np.meshgrid(np.arange(65) - 32, np.arange(65) - 32)
    ramp = np.clip(0.5 + 0.03 * (x * across[0] + y * across[1]), 0, 1)
    vectors = vectors_on(np.repeat(ramp[..., None], 3, 2).astype(np.float32))
    information = vectors.root[0] @ vectors.root[0]
    along = np.array([-across[1], across[0]])
    assert across @ information @ across > 0.1
    assert along @ information @ along < 0.02 * (across @ information @ across)


def test_on_a_flat_picture_nothing_is_known():
    assert np.abs(vectors_on(np.full((64, 64, 3), 0.5, np.float32)).root).max() < 1e-6


def test_vectors_that_do_not_come_back_count_less():
    image = texture(64)[0]
    there = np.full((64, 64, 2), 2.0, np.float32)
    true, false = vectors_on(image, there, -there), vectors_on(image, there, there)
    np.testing.assert_array_equal(true.start, [[32.5, 32.5]])
    np.testing.assert_allclose(true.end, [[34.5, 34.5]])
    assert np.trace(false.root[0] @ false.root[0]) < 0.1 * np.trace(true.root[0] @ true.root[0])
