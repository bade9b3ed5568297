"""Lens distortion: its derivative is its slope, a folded picture is no picture, and no distortion changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver_core.camera.camera import Camera
from solver_core.camera.distortion import COEFFICIENTS, Distortion
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import read_distortion

PRINCIPAL, UNIT = (311.0, 255.5), (700.0, 910.0)
LENSES = {
    "POLYNOMIAL": (-0.2, 0.05, 0.01),
    "DIVISION": (0.2, -0.03),
    "NUKE": (0.15, 0.02),
    "BROWN": (-0.15, 0.04, 0.01, -0.01, 0.02, -0.03),
}


def lens(model, coefficients=None):
    return Distortion(model, coefficients or LENSES[model], PRINCIPAL, UNIT)


@pytest.mark.parametrize("model", COEFFICIENTS)
@settings(max_examples=30, deadline=None)
@given(u=st.floats(0, 640), v=st.floats(0, 480))
def test_derivative_is_the_slope(model, u, v):
    pixel = np.array([u, v])
    bend = lens(model)
    step = 1e-3
    numeric = np.stack([(bend(pixel + d) - bend(pixel - d)) / (2 * step) for d in step * np.eye(2)], -1)
    np.testing.assert_allclose(bend.derivative(pixel), numeric, atol=1e-7)


@pytest.mark.parametrize("model", COEFFICIENTS)
def test_the_cameras_derivative_goes_through_the_lens(model):
    generator = np.random.default_rng(0)
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    camera = Camera(
        "A",
        640,
        480,
        np.array([[900.0, 880.0, 300.0, 250.0]]),
        np.concatenate([turn, [[0.02], [-0.01], [-0.8]]], 1)[None],
        distortion=lens(model),
    )
    points = generator.uniform(-0.1, 0.1, (1, 50, 3))
    step = 1e-6
    numeric = np.stack(
        [(camera.project(points + d)[0] - camera.project(points - d)[0]) / (2 * step) for d in step * np.eye(3)], -1
    )
    assert np.isfinite(numeric).all()
    np.testing.assert_allclose(camera.derivative(points), numeric, rtol=1e-6, atol=1e-4)
    # and it survives being cut to some frames
    assert camera[np.array([0, 0])].distortion == camera.distortion


@pytest.mark.parametrize("model", COEFFICIENTS)
def test_no_distortion_changes_nothing(model):
    pixels = np.random.default_rng(1).uniform(-1000, 2000, (100, 2))
    straight = lens(model, (0.0,) * len(COEFFICIENTS[model]))
    np.testing.assert_allclose(straight(pixels), pixels, atol=1e-9)
    np.testing.assert_allclose(straight.derivative(pixels), np.broadcast_to(np.eye(2), (100, 2, 2)), atol=1e-9)


def test_nuke_is_the_inverse_of_its_own_formula():
    seen = np.random.default_rng(2).uniform(0, 640, (200, 2))
    for k1, k2 in [(0.15, 0.02), (-0.2, 0.0), (-0.2, 0.05), (0.1, -0.03)]:
        point = (seen - PRINCIPAL) / UNIT
        squared = (point**2).sum(-1, keepdims=True)
        true = PRINCIPAL + point / (1 + k1 * squared + k2 * squared**2) * UNIT
        np.testing.assert_allclose(lens("NUKE", (k1, k2))(true), seen, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "coefficients", "radius"),
    [
        ("POLYNOMIAL", (-0.3, 0.0, 0.0), np.sqrt(1 / 0.9)),  # r - 0.3 r^3 turns there
        ("DIVISION", (0.25, 0.0), 2.0),  # r / (1 + r^2 / 4)
        ("DIVISION", (-0.25, 0.0), 2.0),  # the pole
        ("NUKE", (0.25, 0.0), 1.0),  # r / (1 + r^2 / 4) is never more than 1
    ],
)
def test_a_point_beyond_the_fold_has_no_image(model, coefficients, radius):
    bend = Distortion(model, coefficients, (0.0, 0.0), (100.0, 100.0))
    radii = 100 * radius * np.array([0.0, 0.5, 0.99, 1.01, 1.5, 20.0])
    pixels = radii[:, None] * np.array([0.6, -0.8])
    out = bend(pixels)
    assert np.isfinite(out[:3]).all()
    assert np.isnan(out[3:]).all()
    assert np.isnan(bend.derivative(pixels)[3:]).all()
    lengths = np.linalg.norm(out[:3], axis=1)
    assert (np.diff(lengths) > 0).all()


def test_an_unknown_lens_is_named():
    with pytest.raises(FaceSolveError, match="FISHEYE"):
        read_distortion({"model": "FISHEYE", "principal": [0, 0], "unit": [1, 1]}, "A")


def test_a_point_that_has_no_image_stays_without_one():
    assert np.isnan(lens("BROWN")(np.array([np.nan, 3.0]))).all()
