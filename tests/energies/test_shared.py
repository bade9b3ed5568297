"""Several frames that share identity weights and a focal length.

Tests derivatives, recovery of what is known, bounds and repeatability.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from solver_core.camera.camera import Camera
from solver_core.camera.distortion import Distortion
from solver_core.energies.energy import FaceProblem
from solver_core.energies.prior import WeightPrior
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.energies.shared import Shared, SharedProblem, Sight, Together
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import IDENTITY
from solver_core.optimise.dogleg import Options, dogleg

FRAMES, POINTS, OWN, COMMON = 5, 60, 3, 4
ALL = np.array([0])


@pytest.fixture
def rig() -> BlendshapeRig:
    """60 vertices the size of a face, three expressions and four identity keys."""
    rng = np.random.default_rng(0)
    keys = OWN + COMMON
    return BlendshapeRig(
        neutral=rng.uniform(-0.1, 0.1, (POINTS, 3)).astype(np.float32),
        triangles=np.arange(POINTS).reshape(-1, 3),
        names=tuple("abcdefg"),
        deltas=(0.01 * rng.normal(size=(keys, POINTS, 3))).astype(np.float32),
        minimum=np.r_[np.zeros(OWN), np.full(COMMON, -2.0)],
        maximum=np.r_[np.ones(OWN), np.full(COMMON, 2.0)],
        groups=("mouth",) * OWN + (IDENTITY,) * COMMON,
        solved=np.arange(keys) < OWN,
        strength=np.ones(keys),
        scale=np.ones(3),
    )


def truth(identity: np.ndarray) -> Pose:
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(0.4 * rng.normal(size=(FRAMES, 3))).as_matrix()
    weights = np.concatenate([rng.uniform(0.1, 0.6, (FRAMES, OWN)), np.tile(identity, (FRAMES, 1))], 1)
    return Pose(turns, 0.03 * rng.normal(size=(FRAMES, 3)), weights)


def cameras(distortion: Distortion | None = None) -> list[Camera]:
    """Two near the head, so that perspective tells the focal length."""
    matrices = np.stack([np.eye(3, 4), np.eye(3, 4)])
    matrices[:, 2, 3] = -0.5, -0.6
    matrices[1, :, :3] = Rotation.from_euler("Y", 0.5).as_matrix()
    intrinsics = np.array([[700.0, 690.0, 360.0, 270.0]])
    return [
        Camera(name, 720, 540, intrinsics, matrix[None], distortion=distortion)
        for name, matrix in zip("AB", matrices, strict=True)
    ]


def problem(
    rig: BlendshapeRig,
    seen: Pose,
    taken: list[Camera],
    given: list[Camera],
    *,
    hold: float = 1e-4,
    zoom_free: bool = True,
) -> SharedProblem:
    """Every vertex measured exactly where the cameras `taken` show it, and sought with the cameras `given`."""
    points = rig.every_vertex(1)
    sights = []
    for frame in range(FRAMES):
        one = seen[np.array([frame])]
        for number, (true, guessed) in enumerate(zip(taken, given, strict=True)):
            target, _ = true.project(points.world(one))
            sights.append(
                Sight(frame, number, ReprojectionEnergy(guessed, points, target, isotropic(np.ones((1, POINTS)))))
            )
    keys, own = rig.fittable, np.flatnonzero(rig.solved)
    strength = np.where(rig.solved, hold, 0.0) * np.ones((FRAMES, 1))
    shared = Shared(
        keys, np.zeros(COMMON), np.sqrt(hold) * np.eye(COMMON), np.zeros(len(given)), np.sqrt(hold), zoom_free
    )
    alone = FaceProblem([WeightPrior(np.zeros_like(strength), strength)], rig, FreeParameters(own))
    return SharedProblem(sights, alone, rig, shared)


def start(count: int = 2) -> Together:
    """Turned and moved a little from every truth of this file, keys at rest."""
    pose = truth(np.zeros(COMMON))
    pose.weights[:] = 0.0
    step = np.concatenate([np.full((FRAMES, 3), 0.05), np.full((FRAMES, 3), 0.01), np.zeros((FRAMES, OWN + COMMON))], 1)
    return Together(pose.stepped(step), np.zeros(count))


IDENTITY_OF = np.array([0.8, -1.2, 0.3, 1.5])


@pytest.mark.parametrize(
    "distortion", [None, Distortion("POLYNOMIAL", (-0.1, 0.02, 0.0), (360.0, 270.0), (700.0, 700.0))]
)
def test_the_gradient_is_the_costs(rig, distortion):
    """By finite differences in every parameter: poses, own weights, shared weights, and both focal lengths."""
    given = cameras(distortion)
    task = problem(rig, truth(IDENTITY_OF), [camera.zoomed(1.1) for camera in given], given, hold=0.7)
    state = start()
    state.pose.weights[:] = 0.3
    state.zoom[:] = 0.05, -0.08
    model = task.quadratic(state, ALL)
    size = model.gradient.shape[1]
    assert size == FRAMES * (RIGID + OWN) + COMMON + 2
    numeric = np.zeros(size)
    for i in range(size):
        step = np.zeros((1, size))
        step[0, i] = 1e-4
        numeric[i] = (
            task.cost(task.stepped(state, step), ALL)[0] - task.cost(task.stepped(state, -step), ALL)[0]
        ) / 4e-4
    np.testing.assert_allclose(model.gradient[0], numeric, atol=1e-3 * np.abs(numeric).max())
    np.testing.assert_allclose(model.hessian[0], model.hessian[0].T, rtol=1e-9)


def test_identity_and_focal_lengths_are_recovered_from_exact_places(rig):
    seen, given = truth(IDENTITY_OF), cameras()
    taken = [given[0].zoomed(1.2), given[1].zoomed(0.85)]
    state = start()
    outcome = dogleg(problem(rig, seen, taken, given), state, 1, Options(iterations=60, cost_tolerance=1e-12))
    np.testing.assert_allclose(outcome.state.pose.weights[:, OWN:], np.tile(IDENTITY_OF, (FRAMES, 1)), atol=1e-6)
    np.testing.assert_allclose(np.exp(outcome.state.zoom), [1.2, 0.85], rtol=1e-8)
    np.testing.assert_allclose(outcome.state.pose.weights[:, :OWN], seen.weights[:, :OWN], atol=1e-6)


def test_a_rig_that_fits_already_stays(rig):
    given = cameras()
    outcome = dogleg(
        problem(rig, truth(np.zeros(COMMON)), given, given), start(), 1, Options(iterations=60, cost_tolerance=1e-12)
    )
    np.testing.assert_allclose(outcome.state.pose.weights[:, OWN:], 0.0, atol=1e-7)
    np.testing.assert_allclose(outcome.state.zoom, 0.0, atol=1e-8)


def test_a_focal_length_that_is_not_asked_for_stays_to_the_bit(rig):
    given = cameras()
    taken = [camera.zoomed(1.1) for camera in given]
    outcome = dogleg(problem(rig, truth(IDENTITY_OF), taken, given, zoom_free=False), start(), 1, Options())
    np.testing.assert_array_equal(outcome.state.zoom, 0.0)


def test_weights_stay_in_their_sliders_and_alike_in_all_frames(rig):
    narrow = replace(rig, minimum=np.where(rig.solved, 0.0, -0.5), maximum=np.where(rig.solved, 0.2, 0.5))
    given = cameras()
    outcome = dogleg(problem(narrow, truth(IDENTITY_OF), given, given), start(), 1, Options())
    weights = outcome.state.pose.weights
    assert (weights >= narrow.minimum).all()
    assert (weights <= narrow.maximum).all()
    assert (np.ptp(weights[:, OWN:], axis=0) == 0).all()
    assert np.isclose(np.abs(weights[0, OWN:]), 0.5).any()


def test_two_fits_are_equal_to_the_bit(rig):
    given = cameras()
    found = [dogleg(problem(rig, truth(IDENTITY_OF), given, given), start(), 1, Options()).state for _ in range(2)]
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(found[0].pose, name), getattr(found[1].pose, name))
    np.testing.assert_array_equal(found[0].zoom, found[1].zoom)
