"""The camera: the formula of docs/shot_format.md, its derivative, and points that have no image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from solver_core.camera.camera import Camera


@pytest.fixture
def camera() -> Camera:
    """Three frames of a camera that moves and zooms, off centre, with pixels that are not square."""
    rng = np.random.default_rng(1)
    turn = Rotation.from_euler("xyz", rng.normal(size=(3, 3)) * 0.2).as_matrix()
    extrinsics = np.concatenate([turn, np.array([[0, 0, -4.0], [0.1, 0.2, -5.0], [0, 0, -3.0]])[..., None]], 2)
    intrinsics = np.array([[900.0, 950.0, 330.0, 260.0], [1000, 1000, 360, 270], [1100, 1050, 350, 280]])
    return Camera("A", 720, 540, intrinsics, extrinsics, {"frames": [11, None, 13]})


def test_the_axis_goes_through_the_principal_point():
    front = Camera("A", 720, 540, np.array([[1000.0, 1000, 360, 270]]), np.eye(3, 4)[None])
    pixels, depth = front.project(np.array([[[0, 0, -2.0], [0.1, 0, -2], [0, 0.1, -2]]]))
    np.testing.assert_allclose(pixels[0], [[360, 270], [410, 270], [360, 220]])  # X to the right, Y up, v down
    np.testing.assert_allclose(depth, 2.0)


@given(
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
    depth=st.floats(0.01, 100),
    fx=st.floats(10, 5000),
    fy=st.floats(10, 5000),
    cx=st.floats(-500, 2000),
    cy=st.floats(-500, 2000),
)
def test_projection_is_the_documented_formula(x, y, depth, fx, fy, cx, cy):
    camera = Camera("A", 720, 540, np.array([[fx, fy, cx, cy]]), np.eye(3, 4)[None])
    pixels, found = camera.project(np.array([[[x, y, -depth]]]))
    np.testing.assert_allclose(pixels[0, 0], [cx + fx * x / depth, cy - fy * y / depth], rtol=1e-12, atol=1e-9)
    assert found[0, 0] == pytest.approx(depth)


def test_every_frame_has_its_own_place_and_lens(camera):
    points = np.random.default_rng(2).normal(size=(3, 6, 3)) * 0.3
    pixels, depth = camera.project(points)
    for i in range(3):
        space = points[i] @ camera.world_to_camera[i, :, :3].T + camera.world_to_camera[i, :, 3]
        fx, fy, cx, cy = camera.intrinsics[i]
        np.testing.assert_allclose(pixels[i, :, 0], cx - fx * space[:, 0] / space[:, 2], rtol=1e-12)
        np.testing.assert_allclose(pixels[i, :, 1], cy + fy * space[:, 1] / space[:, 2], rtol=1e-12)
        np.testing.assert_allclose(depth[i], -space[:, 2])


def test_derivative_is_that_of_the_projection(camera):
    points = np.random.default_rng(3).normal(size=(3, 8, 3)) * 0.3
    exact, h = camera.derivative(points), 1e-6
    for axis in range(3):
        step = h * np.eye(3)[axis]
        numeric = (camera.project(points + step)[0] - camera.project(points - step)[0]) / (2 * h)
        np.testing.assert_allclose(exact[..., axis], numeric, rtol=1e-6, atol=1e-5)


def test_its_position_projects_to_depth_zero(camera):
    np.testing.assert_allclose(camera.to_camera_space(camera.position[:, None]), 0, atol=1e-12)


@pytest.mark.parametrize("z", [0.0, 1e-6, 3.0])
def test_a_point_behind_has_no_image(z):
    camera = Camera("A", 720, 540, np.array([[1000.0, 1000, 360, 270]]), np.eye(3, 4)[None])
    points = np.array([[[0.1, 0.2, z], [0.1, 0.2, -1.0]]])
    pixels, depth = camera.project(points)
    assert np.isnan(pixels[0, 0]).all()
    assert np.isfinite(pixels[0, 1]).all()
    assert depth[0, 0] == -z
    assert np.isnan(camera.derivative(points)[0, 0]).any()
    assert np.isfinite(camera.derivative(points)[0, 1]).all()


def test_cutting_keeps_frames_and_plate_together(camera):
    cut = camera.at(np.array([2, 0]))
    assert cut.plate["frames"] == [13, 11]
    np.testing.assert_array_equal(cut.intrinsics, camera.intrinsics[[2, 0]])
    np.testing.assert_array_equal(cut.world_to_camera, camera.world_to_camera[[2, 0]])
    assert camera.plate["frames"] == [11, None, 13]
