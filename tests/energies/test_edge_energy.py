"""The edge-preserving energy: its Jacobian by finite differences, what it does not see, and what it does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from solver_core.camera.camera import Camera
from solver_core.energies.edge import EdgeEnergy, Edges
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blendshapes import BlendshapePoints
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose

B, N, K, E = 3, 12, 4, 9
KEYS = np.array([3, 0])
FREE = FreeParameters(KEYS)
EVERYWHERE = np.arange(B)


@pytest.fixture
def pose():
    rng = np.random.default_rng(1)
    turn = Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix()
    return Pose(turn, 0.05 * rng.normal(size=(B, 3)), rng.uniform(0.2, 0.8, (B, K)))


@pytest.fixture
def energy(pose):
    rng = np.random.default_rng(2)
    points = BlendshapePoints(
        (0.1 * rng.normal(size=(B, N, 3))).astype(np.float32),
        (0.02 * rng.normal(size=(B, N, 3, K))).astype(np.float32),
        np.ones(3),
        {},
        np.zeros((B, N, 0), np.float32),
    )
    matrix = np.tile(np.concatenate([np.eye(3), [[0], [0], [-1.5]]], 1), (B, 1, 1))
    camera = Camera("A", 720, 540, np.tile([1200.0, 1180, 350, 260], (B, 1)), matrix)
    target = camera.project(points.world(pose))[0] + 3 * rng.normal(size=(B, N, 2))
    first = rng.integers(0, N, E)
    second = (first + rng.integers(1, N, E)) % N
    return EdgeEnergy(
        ReprojectionEnergy(camera, points, target, isotropic(np.ones((B, N)))),
        Edges(first, second, rng.random((B, E))),
    )


def slowly(energy, pose):
    """The sum as Section 9.1 writes it, edge by edge."""
    base = energy.landmarks
    pixels, _ = base.camera.project(base.points.world(pose))
    rows = [
        [
            energy.edges.root[b, e] * ((pixels[b, i] - pixels[b, j]) - (base.target[b, i] - base.target[b, j]))
            for e, (i, j) in enumerate(zip(energy.edges.first, energy.edges.second, strict=True))
        ]
        for b in range(B)
    ]
    return np.array(rows).reshape(B, -1)


def test_it_is_the_paper_s_sum(energy, pose):
    np.testing.assert_allclose(energy.residual(pose, EVERYWHERE), slowly(energy, pose), atol=1e-9)


@pytest.mark.parametrize("index", [EVERYWHERE, np.array([2, 0])])
def test_its_jacobian_is_the_finite_difference(energy, pose, index):
    here = pose[index]
    residual, jacobian = energy.linear(here, index, FREE)
    np.testing.assert_allclose(residual, energy.residual(here, index), atol=1e-9)
    columns = []
    for column in [*range(RIGID), *(RIGID + KEYS)]:
        step = np.zeros((len(index), RIGID + K))
        step[:, column] = 1e-3
        there, back = (energy.residual(here.stepped(sign * step), index) for sign in (1, -1))
        columns.append((there - back) / 2e-3)
    expected = np.stack(columns, -1)
    # points are float32, as in the reprojection energy
    np.testing.assert_allclose(jacobian, expected, atol=2e-3 * np.abs(expected).max())


def test_a_shift_of_all_landmarks_costs_nothing_and_a_growth_does(energy, pose):
    base = energy.landmarks

    def cost(target):
        moved = ReprojectionEnergy(base.camera, base.points, target, base.root)
        return (EdgeEnergy(moved, energy.edges).residual(pose, EVERYWHERE) ** 2).sum()

    at_home = base.camera.project(base.points.world(pose))[0]
    assert cost(at_home) == 0
    assert cost(at_home + np.array([7.0, -4.0])) < 1e-18
    growth = [
        cost(at_home.mean(1, keepdims=True) + size * (at_home - at_home.mean(1, keepdims=True))) for size in (1.1, 1.2)
    ]
    assert growth[0] > 1
    np.testing.assert_allclose(growth[1], 4 * growth[0])


def test_an_edge_of_weight_zero_takes_no_part(energy, pose):
    """Nor do its landmarks, whatever stands in their targets, unless another edge asks for them."""
    edges = energy.edges
    root, target = edges.root.copy(), energy.landmarks.target.copy()
    lost = edges.first[0]
    touching = (edges.first == lost) | (edges.second == lost)
    root[:, touching] = 0
    target[:, lost] = np.nan
    base = energy.landmarks
    without = EdgeEnergy(
        ReprojectionEnergy(base.camera, base.points, target, base.root), Edges(edges.first, edges.second, root)
    )
    residual, jacobian = without.linear(pose, EVERYWHERE, FREE)
    full, full_jacobian = energy.linear(pose, EVERYWHERE, FREE)
    assert touching.any()
    assert not touching.all()
    np.testing.assert_array_equal(residual.reshape(B, E, 2)[:, touching], 0)
    np.testing.assert_array_equal(jacobian.reshape(B, E, 2, -1)[:, touching], 0)
    np.testing.assert_array_equal(residual.reshape(B, E, 2)[:, ~touching], full.reshape(B, E, 2)[:, ~touching])
    np.testing.assert_array_equal(
        jacobian.reshape(B, E, 2, -1)[:, ~touching], full_jacobian.reshape(B, E, 2, -1)[:, ~touching]
    )
