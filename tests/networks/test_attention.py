"""FaceMesh with attention: windows against a slow twin, derivative, symmetry, and where it puts the irises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from painted_face import painted_face

from solver_core.networks import weights, windows
from solver_core.networks.attention import AttentionMesh
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.landmarks import Found, locate
from solver_core.networks.regions import ATTENTION, FACEMESH
from solver_core.networks.short_range import ShortRangeDetector
from solver_core.observe.landmarks import carried


@pytest.fixture(scope="module")
def network():
    return AttentionMesh()


@pytest.fixture(scope="module")
def crop():
    """[1,3,192,192] a painted face as the network sees it, with the crop and the picture."""
    picture = painted_face()
    found = locate(picture, FaceMesh(), ShortRangeDetector())
    assert isinstance(found, Found)
    return torch.from_numpy(found.crop.sample(picture)).permute(2, 0, 1)[None], found.crop, picture


def slow_matrix(landmarks, points, level, scale, size, angle):
    """The window's map by its definition: the corners of the landmarks' box in the turned frame, turned back."""
    (x0, y0), (x1, y1) = (landmarks[i][:2] for i in level)
    turn = angle - math.atan2(y1 - y0, x1 - x0)
    cos, sin = math.cos(turn), math.sin(turn)
    turned = [
        (cos * landmarks[i][0] - sin * landmarks[i][1], sin * landmarks[i][0] + cos * landmarks[i][1]) for i in points
    ]
    low, high = np.min(turned, 0), np.max(turned, 0)
    middle, extent = (low + high) / 2, (high - low) * scale

    def there(u, v):
        x, y = middle + (np.array([u, v]) / size - 0.5) * extent
        return np.array([cos * x + sin * y, -sin * x + cos * y])

    origin = there(0, 0)
    return np.column_stack([there(1, 0) - origin, there(0, 1) - origin, origin])


def slow_sample(features, affine, size):
    """Every pixel of the window by itself, pixel centres at halves."""
    channels, height, width = features.shape
    out = np.zeros((channels, size[1], size[0]))
    for row in range(size[1]):
        for column in range(size[0]):
            x, y = affine @ (column + 0.5, row + 0.5, 1) - 0.5
            if 0 <= x <= width - 1 and 0 <= y <= height - 1:
                left, top = int(x), int(y)
                for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                    share = (x - left if dx else 1 - x + left) * (y - top if dy else 1 - y + top)
                    if share > 0:
                        out[:, row, column] += share * features[:, top + dy, left + dx]
    return out


def test_windows_equal_their_slow_twin():
    generator = np.random.default_rng(3)
    landmarks = generator.uniform(6, 20, (12, 2))
    points, level, scale, size, angle = list(range(2, 12)), (0, 1), (1.5, 1.2), (7, 5), 0.2
    settings = (points, level, scale, size, angle)
    matrix = windows.window_matrix(torch.from_numpy(landmarks)[None], *settings)
    affine = slow_matrix(landmarks, points, level, np.array(scale), np.array(size), angle)
    np.testing.assert_allclose(matrix[0, :2][:, [0, 1, 3]].numpy(), affine, atol=1e-12)
    features = generator.random((3, 20, 24))
    window = windows.sample_window(torch.from_numpy(features)[None], matrix, size)
    expected = slow_sample(features, affine, size)
    assert (expected == 0).any()  # the window looks past the map
    assert (expected > 0).any()
    np.testing.assert_allclose(window[0].numpy(), expected, atol=1e-12)
    corner = windows.transform_points(torch.tensor([[[0.0, 0.0]]], dtype=torch.float64), matrix)
    np.testing.assert_allclose(corner[0, 0].numpy(), affine[:, 2], atol=1e-12)


@pytest.mark.parametrize("count", [1, 2])
def test_windows_have_the_derivative_of_finite_differences(count):
    generator = torch.Generator().manual_seed(7)
    landmarks = torch.rand(count, 8, 2, generator=generator, dtype=torch.float64) * 14 + 3
    features = torch.rand(count, 2, 22, 22, generator=generator, dtype=torch.float64)

    def whole(points, image):
        matrix = windows.window_matrix(points, [2, 3, 4, 5, 6, 7], (0, 1), (1.1, 1.1), (6, 6), 0.0)
        return windows.transform_points(windows.sample_window(image, matrix, (6, 6)).flatten(2)[:, :, :2], matrix)

    assert torch.autograd.gradcheck(
        whole, (landmarks.requires_grad_(), features.requires_grad_()), eps=1e-7, atol=1e-5, rtol=1e-4
    )


def test_its_derivative_is_that_of_finite_differences(network, crop):
    """In float64, where a step can be so small that no PReLU or pooling changes sides.

    Noise keeps painted areas from lying on one.
    """
    images = crop[0].double() + 0.02 * torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(2))
    smooth = torch.nn.functional.avg_pool2d(
        torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.5, 9, 1, 4
    )[None]
    precise = AttentionMesh()
    precise._graph = weights.load("attention").double()
    points, tangents = precise.jvp(images, smooth)
    step = 1e-9
    for k in range(smooth.shape[1]):
        ahead, behind = (precise(images + sign * step * smooth[:, k])[0] for sign in (1, -1))
        numeric = (ahead - behind) / (2 * step)
        assert (numeric - tangents[:, k]).norm() < 2e-3 * numeric.norm()
    torch.testing.assert_close(points, precise(images)[0])


def test_a_mirrored_picture_has_mirrored_landmarks(network, crop):
    points, _ = network(crop[0])
    mirrored, _ = network(crop[0].flip(-1))
    back = mirrored[0, list(ATTENTION.mirror)] * torch.tensor([-1.0, 1.0]) + torch.tensor([192.0, 0.0])
    distance = (back - points[0]).norm(dim=-1)
    assert distance.median() < 1.0
    assert distance[468:].max() < 2.0  # each iris's four points, too, mirror as the layout says


def test_the_irises_lie_on_the_painted_ones(network, crop):
    images, window, _ = crop
    points = window.to_plate(network(images)[0][0].double().numpy())
    for iris, side in ((ATTENTION.regions["irises_right"], -1), (ATTENTION.regions["irises_left"], 1)):
        centre = np.array([320.0 + side * 0.15 * 240, 240.0 - 0.04 * 240])
        assert np.linalg.norm(points[iris[0]] - centre) < 3.0  # the painted iris has a radius of 7 pixels
        assert np.linalg.norm(points[list(iris[1:])].mean(0) - points[iris[0]]) < 1.5


def test_it_agrees_with_facemesh_where_it_looks_no_closer(network, crop):
    points, presence = network(crop[0])
    plain, _ = FaceMesh()(crop[0])
    assert presence > 0.9
    moved = (points[0, :468] - plain[0]).norm(dim=-1)
    assert moved.median() < 3.0
    assert network.points3d(crop[0])[0].shape == (1, 478, 3)


def test_irises_say_nothing_of_the_head_s_pose():
    """They turn in the head by themselves; every other landmark is carried along."""
    assert set(np.flatnonzero(~carried(ATTENTION))) == set(ATTENTION.regions["irises"])
    assert len(ATTENTION.regions["irises"]) == 10
    assert carried(FACEMESH).all()
