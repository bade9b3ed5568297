"""Reprojection and priors: Jacobians by finite differences, and measurements that take no part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from solver_core.camera.camera import Camera
from solver_core.energies.energy import FaceProblem
from solver_core.energies.prior import PosePrior, WeightPrior
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.optimise.dogleg import Options, dogleg

B, N, K = 3, 14, 5
KEYS = np.array([4, 0, 2])
FREE = FreeParameters(KEYS)


@pytest.fixture
def rig() -> BlendshapeRig:
    rng = np.random.default_rng(0)
    v = 20
    return BlendshapeRig(
        neutral=(0.1 * rng.normal(size=(v, 3))).astype(np.float32),
        triangles=rng.integers(0, v, (30, 3)),
        names=tuple("abcde"),
        deltas=(0.02 * rng.normal(size=(K, v, 3))).astype(np.float32),
        minimum=np.zeros(K),
        maximum=np.ones(K),
        groups=("mouth",) * K,
        solved=np.ones(K, bool),
        strength=np.ones(K),
        scale=np.ones(3),
    )


@pytest.fixture
def pose() -> Pose:
    rng = np.random.default_rng(1)
    turn = Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix()
    return Pose(turn, 0.05 * rng.normal(size=(B, 3)), rng.uniform(0.2, 0.8, (B, K)))


@pytest.fixture
def camera() -> Camera:
    matrix = np.tile(np.concatenate([np.eye(3), [[0], [0], [-1.5]]], 1), (B, 1, 1))
    return Camera("A", 720, 540, np.tile([1200.0, 1180, 350, 260], (B, 1)), matrix)


@pytest.fixture
def energy(rig, pose, camera) -> ReprojectionEnergy:
    """Random surface points, measured a few pixels from where they are, with unequal information."""
    rng = np.random.default_rng(2)
    points = rig.sample(rng.integers(0, 30, (B, N)), rng.dirichlet(np.ones(3), (B, N)))
    target = camera.project(points.world(pose))[0] + 3 * rng.normal(size=(B, N, 2))
    return ReprojectionEnergy(camera, points, target, rng.normal(size=(B, N, 2, 2)))


def numeric_jacobian(energy, pose, index, h):
    columns = []
    for column in [*range(RIGID), *(RIGID + KEYS)]:
        step = np.zeros((len(index), RIGID + K))
        step[:, column] = h
        columns.append(
            (energy.residual(pose.stepped(step), index) - energy.residual(pose.stepped(-step), index)) / (2 * h)
        )
    return np.stack(columns, -1)


@pytest.mark.parametrize("index", [np.arange(B), np.array([2, 0])])
def test_reprojection_jacobian(energy, pose, index):
    here = pose[index]
    residual, jacobian = energy.linear(here, index, FREE)
    np.testing.assert_allclose(residual, energy.residual(here, index), atol=1e-9)
    expected = numeric_jacobian(energy, here, index, 1e-3)
    # points are float32: 1e-8 m times 1e3 px/m over 1e-3
    np.testing.assert_allclose(jacobian, expected, atol=2e-3 * np.abs(expected).max())


def test_reprojection_is_zero_where_everything_was_seen_in_its_place(energy, pose, camera):
    target = camera.project(energy.points.world(pose))[0]
    at_home = ReprojectionEnergy(camera, energy.points, target, energy.root)
    np.testing.assert_array_equal(at_home.residual(pose, np.arange(B)), 0)


def test_information_along_an_edge_is_not_asked_for(energy, pose):
    """A root of rank one: moving a target along the edge changes nothing.

    Across the edge it changes the residual by the distance.
    """
    across = np.array([0.6, 0.8])
    root = np.broadcast_to(np.outer(across, across), (B, N, 2, 2))
    index = np.arange(B)

    def length(offset):
        moved = ReprojectionEnergy(energy.camera, energy.points, energy.target + offset, root)
        return moved.residual(pose, index).reshape(B, N, 2) @ across

    base = length(np.zeros(2))
    np.testing.assert_allclose(length(5 * np.array([-0.8, 0.6])), base, atol=1e-9)
    np.testing.assert_allclose(length(5 * across), base - 5, atol=1e-9)


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e30])
def test_a_point_of_weight_zero_takes_no_part(energy, pose, rubbish):
    """Whatever stands in its target: same cost and same model as without it."""
    index = np.arange(B)
    root, target = energy.root.copy(), energy.target.copy()
    root[:, 3], root[1, 7] = 0, 0
    target[:, 3], target[1, 7] = rubbish, rubbish
    residual, jacobian = ReprojectionEnergy(energy.camera, energy.points, target, root).linear(pose, index, FREE)
    full, full_jacobian = energy.linear(pose, index, FREE)
    used = np.ones((B, N), bool)
    used[:, 3], used[1, 7] = False, False
    np.testing.assert_array_equal(residual.reshape(B, N, 2)[~used], 0)
    np.testing.assert_array_equal(jacobian.reshape(B, N, 2, -1)[~used], 0)
    np.testing.assert_array_equal(residual.reshape(B, N, 2)[used], full.reshape(B, N, 2)[used])
    np.testing.assert_array_equal(jacobian.reshape(B, N, 2, -1)[used], full_jacobian.reshape(B, N, 2, -1)[used])


def test_isotropic_roots_give_weighted_squares(energy, pose):
    weight = np.random.default_rng(5).random((B, N))
    plain = ReprojectionEnergy(energy.camera, energy.points, energy.target, isotropic(np.ones((B, N))))
    weighed = ReprojectionEnergy(energy.camera, energy.points, energy.target, isotropic(weight))
    index = np.arange(B)
    squares = (plain.residual(pose, index).reshape(B, N, 2) ** 2).sum(2)
    np.testing.assert_allclose((weighed.residual(pose, index) ** 2).sum(1), (weight * squares).sum(1), rtol=1e-9)


def test_a_head_behind_the_camera_costs_infinitely_much(energy, rig, pose):
    problem = FaceProblem([energy], rig, FreeParameters(KEYS))
    far = pose.copy()
    far.translation[0] = [0, 0, 5]
    cost = problem.cost(far, np.arange(B))
    assert np.isinf(cost[0])
    assert np.isfinite(cost[1:]).all()


def test_weight_prior_is_the_weighted_distance_and_its_jacobian(pose):
    rng = np.random.default_rng(6)
    prior = WeightPrior(rng.random((B, K)), rng.random((B, K)))
    index = np.array([1, 2])
    here = pose[index]
    expected = (prior.strength[index] * (here.weights - prior.target[index]) ** 2).sum(1)
    np.testing.assert_allclose((prior.residual(here, index) ** 2).sum(1), expected)
    _, jacobian = prior.linear(here, index, FREE)
    np.testing.assert_allclose(jacobian, numeric_jacobian(prior, here, index, 1e-4), atol=1e-9)


def test_pose_prior_measures_angle_and_distance(pose):
    index = np.arange(B)
    prior = PosePrior(pose.copy(), rotation_sigma=0.1, translation_sigma=0.02)
    np.testing.assert_allclose(prior.residual(pose, index), 0, atol=1e-12)
    step = np.zeros((B, RIGID + K))
    step[:, 2], step[:, 4] = 0.05, -0.01
    moved = prior.residual(pose.stepped(step), index)
    np.testing.assert_allclose(moved[:, [2, 4]], [[0.5, -0.5]] * B)
    _, jacobian = prior.linear(pose, index, FREE)
    np.testing.assert_allclose(jacobian, numeric_jacobian(prior, pose, index, 1e-5), atol=1e-6)


def test_what_is_not_free_does_not_move(energy, rig, pose):
    for free, held in (
        (FreeParameters(KEYS, rotation=False), "rotation"),
        (FreeParameters(KEYS, translation=False), "translation"),
        (FreeParameters(np.zeros(0, int)), "weights"),
    ):
        here = pose.copy()
        dogleg(FaceProblem([energy], rig, free), here, B, Options(iterations=5))
        for name in ("rotation", "translation", "weights"):
            same = np.array_equal(getattr(here, name), getattr(pose, name))
            assert same == (name == held), (held, name)
        np.testing.assert_array_equal(np.delete(here.weights, KEYS, 1), np.delete(pose.weights, KEYS, 1))


def test_weights_stay_on_their_sliders_whatever_is_asked(energy, rig, pose):
    asked = energy.target + 100 * np.random.default_rng(7).normal(size=energy.target.shape)
    energy = ReprojectionEnergy(energy.camera, energy.points, asked, energy.root)
    here = pose.copy()
    dogleg(FaceProblem([energy], rig, FreeParameters(np.arange(K))), here, B, Options(iterations=20))
    assert ((here.weights >= 0) & (here.weights <= 1)).all()
    assert (here.weights == 0).any() or (here.weights == 1).any()


def test_a_known_pose_is_found_again(energy, rig, pose, camera):
    """Perfect measurements: rotation, translation and weights come back; what is left is rounding."""
    target = camera.project(energy.points.world(pose))[0]
    exact = ReprojectionEnergy(camera, energy.points, target, isotropic(np.ones((B, N))))
    start = pose.copy()
    start.head.rotation = Rotation.from_rotvec([0.2, -0.1, 0.15]).as_matrix() @ start.rotation
    start.head.translation = start.translation + 0.03
    start.weights[:] = 0.5
    options = Options(iterations=60, cost_tolerance=0)
    found = dogleg(FaceProblem([exact], rig, FreeParameters(np.arange(K))), start, B, options).state
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-7)
    np.testing.assert_allclose(found.translation, pose.translation, atol=1e-7)
    np.testing.assert_allclose(found.weights, pose.weights, atol=1e-6)
