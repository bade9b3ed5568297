"""Light and filled pictures: known answers come back, and what must not matter does not."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.look.light import fit_light
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
