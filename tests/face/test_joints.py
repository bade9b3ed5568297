"""Joints, any number of them: slow twins of their skinning, finite differences, documents, motions found again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from slow_rig import slow_derivative, slow_points, slow_quadratic, slow_world

from solver_core.camera.camera import Camera
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import Journal, frame_fields, journal_path, recover
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import empty_solution, load_solution
from solver_core.energies.energy import FaceProblem
from solver_core.energies.prior import JointPrior, PosePrior, WeightPrior, joint_priors
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.blocks import RIGID, RigidMotion, at_rest
from solver_core.face.joints import JAW, SHIFT, TURN, Joint
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig_file import JAW_KEYS, load_rig
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
def rig() -> BlendshapeRig:
    rng = np.random.default_rng(0)
    weight = rng.random(V).astype(np.float32)
    weight[::4], weight[1::4] = 0, 1
    return BlendshapeRig(
        neutral=(0.1 * rng.normal(size=(V, 3))).astype(np.float32),
        triangles=rng.integers(0, V, (30, 3)),
        names=tuple("abcde"),
        deltas=(0.02 * rng.normal(size=(K, V, 3))).astype(np.float32),
        minimum=np.zeros(K),
        maximum=np.ones(K),
        groups=("mouth",) * K,
        solved=np.ones(K, bool),
        strength=np.ones(K),
        scale=SCALE,
        joints={JAW: Joint(weight, bone_frame())},
    )


@pytest.fixture
def pose() -> Pose:
    rng = np.random.default_rng(1)
    turn = Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix()
    jaw = RigidMotion(Rotation.from_rotvec(0.3 * rng.normal(size=(B, 3))).as_matrix(), 0.02 * rng.normal(size=(B, 3)))
    return Pose(turn, 0.05 * rng.normal(size=(B, 3)), rng.uniform(0.2, 0.8, (B, K)), {JAW: jaw})


def test_world_is_the_slow_twin(rig, pose):
    world = rig.world(pose)
    expected = [[slow_world(rig, pose, b, vertex) for vertex in range(V)] for b in range(B)]
    np.testing.assert_allclose(world, expected, atol=1e-6)
    np.testing.assert_allclose(rig.every_vertex(B).world(pose), expected, atol=1e-6)


def test_surface_points_lie_between_their_skinned_corners(rig, pose):
    rng = np.random.default_rng(6)
    triangle, share = rng.integers(0, 30, (B, 5)), rng.dirichlet(np.ones(3), (B, 5))
    points, expected = rig.sample(triangle, share), slow_points(rig, pose, triangle, share)
    np.testing.assert_allclose(points.world(pose), expected, atol=1e-6)
    some = np.array([2, 0])
    np.testing.assert_allclose(points[some].world(pose[some]), expected[some], atol=1e-6)


def test_a_jaw_at_rest_moves_nothing(rig, pose):
    still = replace(rig, joints={})
    for joints in ({JAW: at_rest(B)}, None):
        resting = Pose(pose.rotation, pose.translation, pose.weights, joints)
        without = Pose(pose.rotation, pose.translation, pose.weights)
        np.testing.assert_allclose(rig.world(resting), still.world(without), atol=1e-7)
        np.testing.assert_allclose(rig.every_vertex(B).world(resting), still.world(without), atol=1e-7)


def test_a_turn_is_about_the_bones_head(rig, pose):
    """A vertex that the bone carries whole and that lies in its head stays where it is."""
    neutral = rig.neutral.copy()
    neutral[1] = rig.joints[JAW].rest[:3, 3]
    rig = replace(rig, neutral=neutral, deltas=0 * rig.deltas)
    turned = RigidMotion(pose.joints[JAW].rotation, np.zeros((B, 3)))
    local = rig.local(Pose(pose.rotation, pose.translation, pose.weights, {JAW: turned}))
    np.testing.assert_allclose(local[:, 1], np.tile(rig.scale * neutral[1], (B, 1)), atol=1e-7)
    assert np.abs(local[:, 5] - rig.scale * neutral[5]).max() > 0.01


FREE = FreeParameters(np.array([4, 0, 2]), {JAW: np.array([0, 1, 2, 3, 5])})  # neither all keys nor all of the joint


def numeric(function, pose: Pose, free: FreeParameters, h: float) -> np.ndarray:
    columns = []
    for column in range(free.size):
        step = np.zeros((len(pose), free.size))
        step[:, column] = h
        columns.append((function(free.stepped(pose, step)) - function(free.stepped(pose, -step))) / (2 * h))
    return np.stack(columns, -1)


@pytest.mark.parametrize(
    "free",
    [
        FREE,
        FreeParameters(np.array([3])),
        FreeParameters(np.arange(K), {JAW: np.arange(RIGID)}),
        FreeParameters(np.zeros(0, int), {JAW: np.array([1])}),
    ],
)
def test_the_derivative_is_the_slow_twins(rig, pose, free):
    """Of the points themselves and of what a camera makes of them.

    For the latter no derivative of all three coordinates is made first.
    """
    rng = np.random.default_rng(6)
    places = rng.integers(0, 30, (B, 5)), rng.dirichlet(np.ones(3), (B, 5))
    points = rig.sample(*places)
    expected = slow_derivative(rig, pose, free, places, 1e-5)
    world = points.world(pose)
    np.testing.assert_allclose(points.derivative(pose, world, free), expected, atol=1e-6)
    maps = rng.normal(size=(B, 5, 2, 3))
    np.testing.assert_allclose(points.derivative(pose, world, free, maps), maps @ expected, atol=2e-6)
    some = np.array([2, 0])
    np.testing.assert_allclose(
        points[some].derivative(pose[some], world[some], free, maps[some]), (maps @ expected)[some], atol=2e-6
    )


def test_the_model_is_the_slow_twins(rig, pose, camera):
    energies = [seen(rig, pose, camera), *joint_priors(rig, 3.0), WeightPrior(np.zeros((B, K)), np.ones((B, K)))]
    here = pose.copy()
    here.joints[JAW] = at_rest(B)
    model = FaceProblem(energies, rig, FREE).quadratic(here, INDEX)
    gradient, hessian = slow_quadratic(energies, here, FREE)
    np.testing.assert_allclose(model.gradient, gradient, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())
    np.testing.assert_allclose(model.hessian, hessian, rtol=1e-5, atol=1e-5 * np.abs(hessian).max())


def test_a_step_that_does_not_free_the_joint_leaves_it(pose):
    free = FreeParameters(np.arange(K))
    moved = free.stepped(pose, np.full((B, free.size), 0.1))
    np.testing.assert_array_equal(moved.joints[JAW].rotation, pose.joints[JAW].rotation)
    jaw = FreeParameters(np.zeros(0, int), {JAW: np.array([1])})
    turn = np.zeros((B, jaw.size))
    turn[:, jaw.joint(JAW)] = 0.3
    back = jaw.stepped(jaw.stepped(pose, turn), -turn)
    np.testing.assert_allclose(back.joints[JAW].rotation, pose.joints[JAW].rotation, atol=1e-12)
    with pytest.raises(ValueError, match="a step of"):
        pose.stepped(np.zeros((B, RIGID + K)))  # no whole step: the joint's part is missing


def test_frames_are_taken_and_written_with_their_jaw(pose):
    some = pose[np.array([2, 0])]
    np.testing.assert_array_equal(some.joints[JAW].rotation, pose.joints[JAW].rotation[[2, 0]])
    copied = pose.copy()
    some.joints[JAW].translation[:] = 7
    copied.assign(np.array([2, 0]), some)
    np.testing.assert_array_equal(copied.joints[JAW].translation, [[7] * 3, pose.joints[JAW].translation[1], [7] * 3])
    assert not (pose.joints[JAW].translation == 7).any()


def test_between_two_motions(pose):
    there, back = pose.joints[JAW], pose.joints[JAW][::-1]
    np.testing.assert_allclose(there.toward(back, np.ones(B)).rotation, back.rotation, atol=1e-12)
    half = there.toward(back, np.full(B, 0.5))
    np.testing.assert_allclose(half.translation, (there.translation + back.translation) / 2)
    np.testing.assert_allclose(2 * half.step_from(there), back.step_from(there), atol=1e-12)
    np.testing.assert_allclose(there.stepped(back.step_from(there)).rotation, back.rotation, atol=1e-12)


def test_jaw_prior_measures_angle_and_distance(rig, pose):
    prior = JointPrior(JAW, rig.joints[JAW].axes(rig.scale), turn=0.5, shift=0.01, strength=4.0)
    squares = prior.residual(pose, INDEX) ** 2
    angle = Rotation.from_matrix(pose.joints[JAW].rotation).magnitude()
    np.testing.assert_allclose(squares[:, :9].sum(1), 4 * 4 * np.sin(angle / 2) ** 2 / 0.5**2, rtol=1e-9)
    metres = np.linalg.norm(pose.joints[JAW].translation @ (np.diag(SCALE) @ rig.joints[JAW].rest[:3, :3]).T, axis=1)
    np.testing.assert_allclose(squares[:, 9:].sum(1), 4 * (metres / 0.01) ** 2, rtol=1e-5)
    _, jacobian = prior.linear(pose, INDEX, FREE)
    expected = numeric(lambda p: prior.residual(p, INDEX), pose, FREE, 1e-6)
    np.testing.assert_allclose(jacobian, expected, atol=1e-4)
    assert not prior.residual(Pose(pose.rotation, pose.translation, pose.weights), INDEX).any()


def test_other_priors_do_not_ask_for_the_jaw(pose):
    for prior in (WeightPrior(np.zeros((B, K)), np.ones((B, K))), PosePrior(pose.copy(), 0.1, 0.01)):
        _, jacobian = prior.linear(pose, INDEX, FREE)
        assert jacobian.shape[-1] == FREE.size
        assert not jacobian[..., FREE.joint(JAW)].any()


@pytest.fixture
def camera() -> Camera:
    matrix = np.tile(np.concatenate([np.eye(3), [[0], [0], [-1.5]]], 1), (B, 1, 1))
    return Camera("A", 720, 540, np.tile([1200.0, 1180, 350, 260], (B, 1)), matrix)


def seen(rig: BlendshapeRig, pose: Pose, camera: Camera, weight: float = 1.0) -> ReprojectionEnergy:
    """Points of the rig, measured exactly where the camera sees them."""
    rng = np.random.default_rng(2)
    points = rig.sample(rng.integers(0, 30, (B, 4 * N)), rng.dirichlet(np.ones(3), (B, 4 * N)))
    target = camera.project(points.world(pose))[0]
    return ReprojectionEnergy(camera, points, target, isotropic(np.full((B, 4 * N), weight)))


def test_a_known_jaw_is_found_again(rig, pose, camera):
    """Perfect measurements, everything free: head, keys and jaw come back from a closed mouth.

    What is left is rounding.
    """
    start = pose.copy()
    start.head.rotation = Rotation.from_rotvec([0.1, -0.1, 0.05]).as_matrix() @ start.rotation
    start.weights[:] = 0.5
    start.joints[JAW] = at_rest(B)
    free = FreeParameters(np.arange(K), {JAW: rig.joints[JAW].solved})
    found = dogleg(
        FaceProblem([seen(rig, pose, camera)], rig, free), start, B, Options(iterations=80, cost_tolerance=0)
    ).state
    np.testing.assert_allclose(found.joints[JAW].rotation, pose.joints[JAW].rotation, atol=1e-6)
    np.testing.assert_allclose(found.joints[JAW].translation, pose.joints[JAW].translation, atol=1e-6)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-6)
    np.testing.assert_allclose(found.weights, pose.weights, atol=1e-6)


def test_a_jaw_that_is_not_free_does_not_move(rig, pose, camera):
    energy = seen(rig, pose, camera)
    for joints in ({}, {JAW: np.arange(3)}):
        here = pose.copy()
        here.joints[JAW] = at_rest(B)
        dogleg(FaceProblem([energy], rig, FreeParameters(np.arange(K), joints)), here, B, Options(iterations=5))
        np.testing.assert_array_equal(here.joints[JAW].translation, 0)
        assert (here.joints[JAW].rotation == np.eye(3)).all() == (not joints)


def test_the_prior_leaves_the_jaw_at_rest_where_nothing_is_seen(rig, pose):
    here = pose.copy()
    problem = FaceProblem(list(joint_priors(rig, 10.0)), rig, FreeParameters(np.zeros(0, int), {JAW: np.arange(RIGID)}))
    dogleg(problem, here, B, Options(iterations=30, cost_tolerance=0))
    np.testing.assert_allclose(here.joints[JAW].rotation, at_rest(B).rotation, atol=1e-6)
    np.testing.assert_allclose(here.joints[JAW].translation, 0, atol=1e-9)
    assert joint_priors(replace(rig, joints={}), 10.0) == []


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
        "joints/jaw/weight": rig.joints[JAW].weight,
        "joints/jaw/rest": rig.joints[JAW].rest,
    }


OLD = {"joints/jaw/weight": "jaw_weight", "joints/jaw/rest": "jaw_rest"}  # their names in schema 1


def load(folder, arrays) -> BlendshapeRig:
    np.savez(folder / "rig.npz", **arrays)
    return load_rig(folder / "rig.npz")


def test_a_rig_file_brings_its_jaw(tmp_path, arrays, rig):
    read = load(tmp_path, arrays)
    np.testing.assert_array_equal(read.joints[JAW].weight, rig.joints[JAW].weight)
    np.testing.assert_array_equal(read.joints[JAW].rest, rig.joints[JAW].rest)
    assert read.joints[JAW].solved.tolist() == [*range(RIGID)]
    assert (read.joints[JAW].turn, read.joints[JAW].shift) == (TURN, SHIFT)
    own = {"solved": np.arange(RIGID) == 2, "turn": np.array(0.5), "shift": np.array(0.1)}
    other = load(tmp_path, {**arrays, **{f"joints/jaw/{name}": value for name, value in own.items()}}).joints[JAW]
    assert (other.solved.tolist(), other.turn, other.shift) == ([2], 0.5, 0.1)
    # keys of the group jaw correct the bone
    np.testing.assert_array_equal(read.strength, [JAW_KEYS, 1, JAW_KEYS, 1, 1])
    without = load(tmp_path, {name: values for name, values in arrays.items() if not name.startswith("joints/")})
    assert not without.joints
    np.testing.assert_array_equal(without.strength, 1)


def test_a_rig_file_of_schema_1_brings_its_jaw(tmp_path, arrays, rig):
    older = {OLD.get(name, name): values for name, values in arrays.items()}
    for more, solved in (({}, 6), ({"jaw_slides": np.array(True)}, 6), ({"jaw_slides": np.array(False)}, 3)):
        read = load(tmp_path, {**older, **more}).joints
        assert list(read) == [JAW]
        np.testing.assert_array_equal(read[JAW].weight, rig.joints[JAW].weight)
        np.testing.assert_array_equal(read[JAW].rest, rig.joints[JAW].rest)
        assert read[JAW].solved.tolist() == [*range(solved)]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("joints/jaw/weight", np.zeros(V, np.float32), "moves no vertex"),
        ("joints/jaw/weight", np.full(V, 1.5, np.float32), "between 0 and 1"),
        ("joints/jaw/weight", np.full(V, np.nan, np.float32), "between 0 and 1"),
        ("joints/jaw/weight", np.ones(V + 1, np.float32), "joints/jaw/weight"),
        ("joints/jaw/rest", np.diag([1.0, 0, 1, 1]), "scale of zero"),
        ("joints/jaw/rest", np.eye(3), "joints/jaw/rest"),
        ("joints/jaw/turn", np.array(0.0), "typical turn"),
    ],
)
def test_a_wrong_jaw_is_refused(tmp_path, arrays, name, value, words):
    with pytest.raises(FaceSolveError, match=words) as caught:
        load(tmp_path, {**arrays, name: value})
    assert caught.value.remedy


@pytest.mark.parametrize("schema", [1, 2])
def test_the_shot_says_where_the_jaw_stands(tmp_path, arrays, pose, schema):
    np.savez(tmp_path / "rig.npz", **arrays)
    jaw = {"rotation": pose.joints[JAW].rotation.reshape(B, 9), "translation": pose.joints[JAW].translation}
    head = {
        "rotation": pose.rotation.tolist(),
        "translation": pose.translation.tolist(),
        "weights": pose.weights.tolist(),
    }

    def at(frames) -> dict[str, object]:
        joints = {name: values[frames].tolist() for name, values in jaw.items()}
        return {"joints": {JAW: joints}} if schema == 2 else {f"jaw_{name}": v for name, v in joints.items()}

    document = {
        "schema": schema,
        "frames": [1, 2, 3],
        "initial": {**head, **at(slice(None))},
        "locked": [{"frame": 2, **{name: values[0] for name, values in head.items()}, **at(0)}],
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
    start = load_shot(tmp_path).start().joints[JAW]
    np.testing.assert_array_equal(start.rotation, pose.joints[JAW].rotation[[0, 0, 2]])
    np.testing.assert_array_equal(start.translation, pose.joints[JAW].translation[[0, 0, 2]])
    document["initial"], document["locked"] = head, []
    (tmp_path / "shot.json").write_text(json.dumps(document))
    np.testing.assert_array_equal(load_shot(tmp_path).start().joints[JAW].rotation, at_rest(B).rotation)


def test_solution_and_journal_keep_the_joints(tmp_path, pose):
    pose.joints["neck"] = pose.joints[JAW][::-1]
    solution = empty_solution(np.arange(B), pose, tuple("abcde"))
    solution.save(tmp_path / "SOLUTION.npz")
    journal = Journal(tmp_path / "killed.npz", tuple("abcde"), Silent())
    for i in range(B):
        one = pose[np.array([i])]
        head = one.rotation[0], one.translation[0], one.weights[0]
        journal.frame(FrameResult(i, "solved", 0.5, *head, "rigid", joints=one.joints))
    journal.close(remove=False)
    for read in (load_solution(tmp_path / "SOLUTION.npz"), recover(tmp_path / "killed.npz")):
        assert list(read.pose.joints) == [JAW, "neck"]
        for name, joint in pose.joints.items():
            np.testing.assert_array_equal(read.pose.joints[name].rotation, joint.rotation)
            np.testing.assert_array_equal(read.pose.joints[name].translation, joint.translation)


def test_a_solution_and_a_journal_of_schema_1_bring_the_jaw(tmp_path, pose):
    jaw, out = pose.joints.pop(JAW), tmp_path / "SOLUTION.npz"
    empty_solution(np.arange(B), pose, tuple("abcde")).save(out)
    with np.load(out) as file:
        arrays = {name: file[name] for name in file}
    np.savez(out, **arrays, jaw_rotation=jaw.rotation, jaw_translation=jaw.translation)
    lines = [{"names": [*"abcde"]}]
    for i in range(B):
        one = FrameResult(i, "solved", 0.5, pose.rotation[i], pose.translation[i], pose.weights[i], "rigid")
        fields = {name: value for name, value in frame_fields(one).items() if name != "joints"}
        jaw_fields = {"jaw_rotation": jaw.rotation[i].ravel().tolist(), "jaw_translation": jaw.translation[i].tolist()}
        lines.append({**fields, **jaw_fields})
    journal_path(tmp_path / "killed.npz").write_text("\n".join(map(json.dumps, lines)))
    for read in (load_solution(out), recover(tmp_path / "killed.npz")):
        assert list(read.pose.joints) == [JAW]
        np.testing.assert_array_equal(read.pose.joints[JAW].rotation, jaw.rotation)
        np.testing.assert_array_equal(read.pose.joints[JAW].translation, jaw.translation)


def test_a_solution_without_joints_has_none(tmp_path, pose):
    solution = empty_solution(np.arange(B), Pose(pose.rotation, pose.translation, pose.weights), tuple("abcde"))
    solution.save(tmp_path / "SOLUTION.npz")
    with np.load(tmp_path / "SOLUTION.npz") as file:
        assert not [name for name in file if name.startswith(("jaw", "joints"))]
    assert load_solution(tmp_path / "SOLUTION.npz").pose.joints == {}
