"""The jaw bone: slow twins of its skinning, finite differences, documents, and motions that are found again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from solver_core.face.jaw import FREEDOM, JawBone, JawMotion, at_rest

from solver_core.camera.camera import Camera
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import Journal, recover
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import empty_solution, load_solution
from solver_core.energies.energy import FaceProblem, Free
from solver_core.energies.prior import JawPrior, PosePrior, WeightPrior, jaw_prior
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.pose import RIGID, Pose
from solver_core.face.rig import JAW_KEYS, Rig, load_rig
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.service.listener import FrameResult, Silent

B, N, V, K = 3, 14, 20, 5
INDEX = np.arange(B)
SCALE = np.array([1.0, 2.0, 0.5])


def bone_frame(seed: int = 8) -> np.ndarray:
    """[4,4] a bone somewhere in the head, in an armature with its own scale."""
    rng = np.random.default_rng(seed)
    rest = np.eye(4)
    rest[:3, :3] = Rotation.random(random_state=seed).as_matrix() * 1.7
    rest[:3, 3] = 0.05 * rng.normal(size=3)
    return rest


@pytest.fixture
def rig() -> Rig:
    rng = np.random.default_rng(0)
    weight = rng.random(V).astype(np.float32)
    weight[::4], weight[1::4] = 0, 1
    return Rig(
        (0.1 * rng.normal(size=(V, 3))).astype(np.float32),
        rng.integers(0, V, (30, 3)),
        tuple("abcde"),
        (0.02 * rng.normal(size=(K, V, 3))).astype(np.float32),
        np.zeros(K),
        np.ones(K),
        ("mouth",) * K,
        np.ones(K, bool),
        np.ones(K),
        SCALE,
        jaw=JawBone(weight, bone_frame()),
    )


@pytest.fixture
def pose() -> Pose:
    rng = np.random.default_rng(1)
    turn = Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix()
    jaw = JawMotion(Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix(), 0.02 * rng.normal(size=(B, 3)))
    return Pose(turn, 0.05 * rng.normal(size=(B, 3)), rng.uniform(0.2, 0.8, (B, K)), jaw)


def slow_world(rig: Rig, pose: Pose, b: int, vertex: int) -> np.ndarray:
    """One vertex as Blender does it: shape keys, then the weighted bone, then the object."""
    local = rig.neutral[vertex].astype(float)
    for k in range(K):
        local = local + pose.weights[b, k] * rig.deltas[k, vertex].astype(float)
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = pose.jaw.rotation[b], pose.jaw.translation[b]
    carried = (rig.jaw.rest @ motion @ np.linalg.inv(rig.jaw.rest) @ [*local, 1])[:3]
    local = local + rig.jaw.weight[vertex] * (carried - local)
    return pose.rotation[b] @ (rig.scale * local) + pose.translation[b]


def test_world_is_the_slow_twin(rig, pose):
    world = rig.world(pose)
    expected = [[slow_world(rig, pose, b, vertex) for vertex in range(V)] for b in range(B)]
    np.testing.assert_allclose(world, expected, atol=1e-6)
    np.testing.assert_allclose(rig.every_vertex(B).world(pose), expected, atol=1e-6)


def test_surface_points_lie_between_their_skinned_corners(rig, pose):
    rng = np.random.default_rng(6)
    triangle, share = rng.integers(0, 30, (B, 5)), rng.dirichlet(np.ones(3), (B, 5))
    points = rig.sample(triangle, share)
    corners = rig.world(pose)[np.arange(B)[:, None, None], rig.triangles[triangle]]
    expected = np.einsum("bnc,bncx->bnx", share, corners)
    np.testing.assert_allclose(points.world(pose), expected, atol=1e-6)
    some = np.array([2, 0])
    np.testing.assert_allclose(points[some].world(pose[some]), expected[some], atol=1e-6)


def test_a_jaw_at_rest_moves_nothing(rig, pose):
    still = replace(rig, jaw=None)
    for jaw in (at_rest(B), None):
        resting = Pose(pose.rotation, pose.translation, pose.weights, jaw)
        np.testing.assert_allclose(rig.world(resting), still.world(resting), atol=1e-7)


def test_a_turn_is_about_the_bones_head(rig, pose):
    """A vertex that the bone carries whole and that lies in its head stays where it is."""
    neutral = rig.neutral.copy()
    neutral[1] = rig.jaw.rest[:3, 3]
    rig = replace(rig, neutral=neutral, deltas=0 * rig.deltas)
    turned = JawMotion(pose.jaw.rotation, np.zeros((B, 3)))
    local = rig.local(pose.weights, turned)
    np.testing.assert_allclose(local[:, 1], np.tile(rig.scale * neutral[1], (B, 1)), atol=1e-7)
    assert np.abs(local[:, 5] - rig.scale * neutral[5]).max() > 0.01


def stepped(pose: Pose, column: int, h: float) -> Pose:
    step = np.zeros((len(pose), RIGID + K + FREEDOM))
    step[:, column] = h
    return pose.stepped(step)


def numeric(function, pose: Pose, columns, h: float) -> np.ndarray:
    return np.stack([(function(stepped(pose, c, h)) - function(stepped(pose, c, -h))) / (2 * h) for c in columns], -1)


KEYS = np.array([4, 0, K + 3, 2, K, K + 1, K + 5, K + 2, K + 4])  # in any order


def test_derivative_is_that_of_a_step(rig, pose):
    points = rig.every_vertex(B)
    exact = points.world_derivative(pose, KEYS)
    expected = numeric(points.world, pose, [*range(RIGID), *(RIGID + KEYS)], 1e-3)
    np.testing.assert_allclose(exact, expected, atol=1e-3)
    np.testing.assert_array_equal(points.world_derivative(pose, np.array([4])), exact[..., : RIGID + 1])


def test_a_step_without_the_jaws_columns_leaves_it(pose):
    moved = pose.stepped(np.full((B, RIGID + K), 0.1))
    np.testing.assert_array_equal(moved.jaw.rotation, pose.jaw.rotation)
    back = stepped(stepped(pose, RIGID + K + 1, 0.3), RIGID + K + 1, -0.3)
    np.testing.assert_allclose(back.jaw.rotation, pose.jaw.rotation, atol=1e-12)


def test_frames_are_taken_and_written_with_their_jaw(pose):
    some = pose[np.array([2, 0])]
    np.testing.assert_array_equal(some.jaw.rotation, pose.jaw.rotation[[2, 0]])
    copied = pose.copy()
    some.jaw.translation[:] = 7
    copied.assign(np.array([2, 0]), some)
    np.testing.assert_array_equal(copied.jaw.translation, [[7] * 3, pose.jaw.translation[1], [7] * 3])
    assert not (pose.jaw.translation == 7).any()


def test_between_two_motions(pose):
    there, back = pose.jaw, pose.jaw[::-1]
    np.testing.assert_allclose(there.toward(back, np.ones(B)).rotation, back.rotation, atol=1e-12)
    half = there.toward(back, np.full(B, 0.5))
    np.testing.assert_allclose(half.translation, (there.translation + back.translation) / 2)
    np.testing.assert_allclose(2 * half.step_from(there), back.step_from(there), atol=1e-12)
    np.testing.assert_allclose(there.stepped(back.step_from(there)).rotation, back.rotation, atol=1e-12)


def test_jaw_prior_measures_angle_and_distance(rig, pose):
    prior = JawPrior(rig.jaw.axes(rig.scale), turn=0.5, shift=0.01, strength=4.0)
    squares = prior.residual(pose, INDEX) ** 2
    angle = Rotation.from_matrix(pose.jaw.rotation).magnitude()
    np.testing.assert_allclose(squares[:, :9].sum(1), 4 * 4 * np.sin(angle / 2) ** 2 / 0.5**2, rtol=1e-9)
    metres = np.linalg.norm(pose.jaw.translation @ (np.diag(SCALE) @ rig.jaw.rest[:3, :3]).T, axis=1)
    np.testing.assert_allclose(squares[:, 9:].sum(1), 4 * (metres / 0.01) ** 2, rtol=1e-5)
    _, jacobian = prior.linear(pose, INDEX, KEYS)
    expected = numeric(lambda p: prior.residual(p, INDEX), pose, [*range(RIGID), *(RIGID + KEYS)], 1e-6)
    np.testing.assert_allclose(jacobian, expected, atol=1e-4)
    assert not prior.residual(Pose(pose.rotation, pose.translation, pose.weights), INDEX).any()


def test_other_priors_do_not_ask_for_the_jaw(pose):
    for prior in (WeightPrior(np.zeros((B, K)), np.ones((B, K))), PosePrior(pose.copy(), 0.1, 0.01)):
        _, jacobian = prior.linear(pose, INDEX, KEYS)
        assert jacobian.shape[-1] == RIGID + len(KEYS)
        assert not jacobian[..., RIGID + np.flatnonzero(KEYS >= K)].any()


@pytest.fixture
def camera() -> Camera:
    matrix = np.tile(np.concatenate([np.eye(3), [[0], [0], [-1.5]]], 1), (B, 1, 1))
    return Camera("A", 720, 540, np.tile([1200.0, 1180, 350, 260], (B, 1)), matrix)


def seen(rig: Rig, pose: Pose, camera: Camera, weight: float = 1.0) -> ReprojectionEnergy:
    """Points of the rig, measured exactly where the camera sees them."""
    rng = np.random.default_rng(2)
    points = rig.sample(rng.integers(0, 30, (B, 4 * N)), rng.dirichlet(np.ones(3), (B, 4 * N)))
    target = camera.project(points.world(pose))[0]
    return ReprojectionEnergy(camera, points, target, isotropic(np.full((B, 4 * N), weight)))


def test_a_known_jaw_is_found_again(rig, pose, camera):
    """Perfect measurements, everything free: head, keys and jaw come back from a closed mouth."""
    start = pose.copy()
    start.rotation = Rotation.from_rotvec([0.1, -0.1, 0.05]).as_matrix() @ start.rotation
    start.weights[:] = 0.5
    start.jaw = at_rest(B)
    free = Free(np.concatenate([np.arange(K), rig.jaw_columns]))
    found = dogleg(
        FaceProblem([seen(rig, pose, camera)], rig, free), start, B, Options(iterations=80, cost_tolerance=0)
    ).state
    np.testing.assert_allclose(found.jaw.rotation, pose.jaw.rotation, atol=2e-3)
    np.testing.assert_allclose(found.jaw.translation, pose.jaw.translation, atol=5e-4)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-3)
    np.testing.assert_allclose(found.weights, pose.weights, atol=5e-3)


def test_a_jaw_that_is_not_free_does_not_move(rig, pose, camera):
    energy = seen(rig, pose, camera)
    for slides, keys in ((True, np.arange(K)), (False, np.concatenate([np.arange(K), [K, K + 1, K + 2]]))):
        here = pose.copy()
        here.jaw = at_rest(B)
        held = replace(rig, jaw=replace(rig.jaw, slides=slides))
        dogleg(FaceProblem([energy], held, Free(keys)), here, B, Options(iterations=5))
        np.testing.assert_array_equal(here.jaw.translation, 0)
        assert (here.jaw.rotation == np.eye(3)).all() == slides
    assert replace(rig, jaw=replace(rig.jaw, slides=False)).jaw_columns.tolist() == [K, K + 1, K + 2]


def test_the_prior_leaves_the_jaw_at_rest_where_nothing_is_seen(rig, pose):
    here = pose.copy()
    problem = FaceProblem(list(jaw_prior(rig, 10.0)), rig, Free(rig.jaw_columns))
    dogleg(problem, here, B, Options(iterations=30, cost_tolerance=0))
    np.testing.assert_allclose(here.jaw.rotation, at_rest(B).rotation, atol=1e-6)
    np.testing.assert_allclose(here.jaw.translation, 0, atol=1e-9)
    assert jaw_prior(replace(rig, jaw=None), 10.0) == []


# the documents


@pytest.fixture
def arrays(rig) -> dict[str, np.ndarray]:
    return {
        "neutral": rig.neutral,
        "triangles": rig.triangles.astype(np.int32),
        "names": np.array([*rig.names]),
        "deltas": rig.deltas,
        "groups": np.array(["jaw", "mouth", "jaw", "eyes", "eyes"]),
        "scale": rig.scale.astype(np.float32),
        "jaw_weight": rig.jaw.weight,
        "jaw_rest": rig.jaw.rest,
    }


def load(folder, arrays) -> Rig:
    np.savez(folder / "rig.npz", **arrays)
    return load_rig(folder / "rig.npz")


def test_a_rig_file_brings_its_jaw(tmp_path, arrays, rig):
    read = load(tmp_path, arrays)
    np.testing.assert_array_equal(read.jaw.weight, rig.jaw.weight)
    np.testing.assert_array_equal(read.jaw.rest, rig.jaw.rest)
    assert read.jaw.slides
    assert not load(tmp_path, {**arrays, "jaw_slides": np.array(False)}).jaw.slides
    # keys of the group jaw correct the bone
    np.testing.assert_array_equal(read.strength, [JAW_KEYS, 1, JAW_KEYS, 1, 1])
    without = load(tmp_path, {name: values for name, values in arrays.items() if not name.startswith("jaw_")})
    assert without.jaw is None
    assert len(without.jaw_columns) == 0
    np.testing.assert_array_equal(without.strength, 1)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("jaw_weight", np.zeros(V, np.float32), "moves no vertex"),
        ("jaw_weight", np.full(V, 1.5, np.float32), "between 0 and 1"),
        ("jaw_weight", np.full(V, np.nan, np.float32), "between 0 and 1"),
        ("jaw_weight", np.ones(V + 1, np.float32), "jaw_weight"),
        ("jaw_rest", np.diag([1.0, 0, 1, 1]), "scale of zero"),
        ("jaw_rest", np.eye(3), "jaw_rest"),
    ],
)
def test_a_wrong_jaw_is_refused(tmp_path, arrays, name, value, words):
    with pytest.raises(FaceSolveError, match=words) as caught:
        load(tmp_path, {**arrays, name: value})
    assert caught.value.remedy


def test_the_shot_says_where_the_jaw_stands(tmp_path, arrays, pose):
    np.savez(tmp_path / "rig.npz", **arrays)
    jaw = {"jaw_rotation": pose.jaw.rotation.reshape(B, 9).tolist(), "jaw_translation": pose.jaw.translation.tolist()}
    initial = {
        "rotation": pose.rotation.tolist(),
        "translation": pose.translation.tolist(),
        "weights": pose.weights.tolist(),
    }
    first = {name: values[0] for name, values in {**initial, **jaw}.items()}
    document = {
        "schema": 1,
        "frames": [1, 2, 3],
        "initial": {**initial, **jaw},
        "locked": [{"frame": 2, **first}],
        "cameras": [
            {
                "name": "A",
                "width": 720,
                "height": 540,
                "intrinsics": [[1, 1, 1, 1]] * B,
                "world_to_camera": [np.eye(4)[:3].tolist()] * B,
                "plate": {"kind": "image", "path": "p.png", "frames": [1, 1, 1], "colorspace": "sRGB"},
            }
        ],
    }
    (tmp_path / "shot.json").write_text(json.dumps(document))
    start = load_shot(tmp_path).start()
    np.testing.assert_array_equal(start.jaw.rotation, pose.jaw.rotation[[0, 0, 2]])
    np.testing.assert_array_equal(start.jaw.translation, pose.jaw.translation[[0, 0, 2]])
    document["initial"], document["locked"] = initial, []
    (tmp_path / "shot.json").write_text(json.dumps(document))
    np.testing.assert_array_equal(load_shot(tmp_path).start().jaw.rotation, at_rest(B).rotation)


def test_solution_and_journal_keep_the_jaw(tmp_path, pose):
    solution = empty_solution(np.arange(B), pose, tuple("abcde"))
    solution.save(tmp_path / "SOLUTION.npz")
    read = load_solution(tmp_path / "SOLUTION.npz")
    np.testing.assert_array_equal(read.pose.jaw.rotation, pose.jaw.rotation)
    np.testing.assert_array_equal(read.pose.jaw.translation, pose.jaw.translation)
    journal = Journal(tmp_path / "killed.npz", tuple("abcde"), Silent())
    for i in range(B):
        one = pose[np.array([i])]
        journal.frame(
            FrameResult(i, "solved", 0.5, one.rotation[0], one.translation[0], one.weights[0], "rigid", jaw=one.jaw)
        )
    journal.close(remove=False)
    found = recover(tmp_path / "killed.npz")
    np.testing.assert_array_equal(found.pose.jaw.rotation, pose.jaw.rotation)
    np.testing.assert_array_equal(found.pose.jaw.translation, pose.jaw.translation)


def test_a_solution_without_a_jaw_has_none(tmp_path, pose):
    solution = empty_solution(np.arange(B), Pose(pose.rotation, pose.translation, pose.weights), tuple("abcde"))
    solution.save(tmp_path / "SOLUTION.npz")
    with np.load(tmp_path / "SOLUTION.npz") as file:
        assert not [name for name in file if name.startswith("jaw")]
    assert load_solution(tmp_path / "SOLUTION.npz").pose.jaw is None
