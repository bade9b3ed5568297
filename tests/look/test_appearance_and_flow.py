"""Light, filled pictures and flow: known answers come back, and what must not matter does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from solver_core.flow.dis import DisFlow, between_plates, sample_vectors, structure_of
from solver_core.look.appearance import fit_light
from solver_core.look.synthesis import fill
from solver_core.render.shading import sh_basis


@pytest.fixture
def lit():
    """Pixels all around a ball under a known light: basis [n,9], albedo [n,3], radiance [n,3], light [9,3]."""
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(4000, 3))
    basis = sh_basis(normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(float)
    light = np.concatenate([[[2.5, 2.3, 2.0]], 0.25 * rng.normal(size=(8, 3))])
    albedo = rng.uniform(0.2, 0.7, (4000, 3))
    return basis, albedo, albedo * (basis @ light), light


def relative(found, basis, light):
    """Worst difference of what a white ball looks like."""
    return (np.abs(basis @ found - basis @ light) / (basis @ light)).max()


def test_a_known_light_is_found(lit):
    basis, albedo, radiance, light = lit
    assert (basis @ light).min() > 0
    found, difference = fit_light(basis, albedo, radiance)
    assert relative(found, basis, light) < 0.0035
    assert np.median(difference) < 0.0017


@pytest.mark.parametrize("value", [0.1, 0.6, 1.5])
def test_a_fifth_of_foreign_pixels_does_not_matter(lit, value):
    """Glasses, hair, highlights: the light stays, and those pixels are told apart."""
    basis, albedo, radiance, light = lit
    foreign = np.random.default_rng(1).random(len(radiance)) < 0.2
    spoiled = np.where(foreign[:, None], value, radiance)
    found, difference = fit_light(basis, albedo, spoiled)
    assert relative(found, basis, light) < 0.0034
    assert np.median(difference[foreign]) > 5 * np.median(difference[~foreign])


def test_exposure_scales_the_light(lit):
    basis, albedo, radiance, _ = lit
    one, two = (fit_light(basis, albedo, stops * radiance)[0] for stops in (1.0, 2.0))
    np.testing.assert_allclose(two, 2 * one, rtol=0.02, atol=0.02)


def a_hole(size):
    y, x = np.mgrid[:size, :size]
    return (x - 0.45 * size) ** 2 + (y - 0.55 * size) ** 2 < (0.25 * size) ** 2


@pytest.mark.parametrize("size", [1, 2, 37, 192])
def test_filling_keeps_a_constant(size):
    image = np.broadcast_to(np.float32([0.2, 0.5, 0.9]), (size, size, 3)).copy()
    mask = a_hole(size)
    mask.flat[0] = False
    np.testing.assert_allclose(fill(image, mask), image, atol=1e-5)


def test_filling_continues_a_slope():
    y, x = np.mgrid[:128, :128] / np.float32(128)
    image = np.stack([x, y, 0.5 * x + 0.5 * y], -1).astype(np.float32)
    mask = (np.mgrid[:128, :128] // 48 == 1).all(0)  # in the middle
    filled = fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert np.abs(filled - image)[mask].max() < 0.034
    assert np.abs(filled - image)[mask].mean() < 0.0195


def test_filling_ignores_what_it_replaces():
    rng = np.random.default_rng(2)
    image, mask = rng.random((64, 64, 3), np.float32), a_hole(64)
    other = np.where(mask[..., None], np.float32(1e3), image)
    np.testing.assert_allclose(fill(other, mask), fill(image, mask), atol=1e-5)


def test_nothing_to_fill_from_is_still_a_picture():
    assert np.isfinite(fill(np.ones((16, 16, 3), np.float32), np.ones((16, 16), bool))).all()


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
    """A shading that changes slowly, as another light's does, hardly moves the flow; brightness constancy would read it as pixels."""
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
