"""What is added from outside: a neck joint beside the jaw, and a kind of rig that is no blendshapes.

The solver's own steps solve both.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from little_shot import camera, demo_rig, jaw_performance, with_jaw_bone, write_shot
from scipy.spatial.transform import Rotation

from solver_core.documents.shot import load_shot
from solver_core.energies.energy import FaceProblem
from solver_core.energies.prior import joint_priors
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blocks import RigidMotion, at_rest
from solver_core.face.joints import JAW, Joint
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, SurfacePoints
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.solve import prepare_context
from solver_core.stages.key_names import ALL, bone_of
from solver_core.stages.kinds.fit import Fit

COUNT = 3
WHERE = (0.1, -0.95, 0.02)


@pytest.fixture(scope="module")
def rig():
    """The demo's head with a jaw, and a neck that leaves the face and turns what is below the chin."""
    head = with_jaw_bone(demo_rig())
    rest = np.eye(4)
    rest[:3, :3] = Rotation.from_euler("XYZ", [15, -10, 25], degrees=True).as_matrix()
    rest[:3, 3] = head.neutral.min(0) * [0.0, 0.0, 0.6]
    height = head.neutral[:, 2]
    weight = np.clip((np.quantile(height, 0.3) - height) / np.ptp(height) * 5, 0, 1).astype(np.float32)
    neck = Joint(weight, rest, solved=np.arange(3), turn=0.5)
    return replace(head, joints={**head.joints, "neck": neck})


@pytest.fixture(scope="module")
def truth(rig):
    pose = jaw_performance(rig, COUNT)
    pose.joints["neck"] = RigidMotion(
        Rotation.from_rotvec(np.linspace(0.05, 0.2, COUNT)[:, None] * [0.6, -0.5, 0.8]).as_matrix(),
        np.zeros((COUNT, 3)),
    )
    return pose


def degrees(first, second):
    return np.degrees(Rotation.from_matrix(first @ second.swapaxes(1, 2)).magnitude()).max()


def test_a_neck_is_solved_from_what_a_camera_sees(rig, truth):
    """Beside head, keys and jaw, by the ordinary energies: nothing of the solver knows its name."""
    rng = np.random.default_rng(0)
    points = rig.sample(rng.integers(0, len(rig.triangles), (COUNT, 800)), rng.dirichlet(np.ones(3), (COUNT, 800)))
    view = camera("A", COUNT, WHERE)
    target = view.project(points.world(truth))[0]
    seen = ReprojectionEnergy(view, points, target, isotropic(np.ones(target.shape[:2])))
    free = FreeParameters(np.arange(len(rig.names)), {name: joint.solved for name, joint in rig.joints.items()})
    assert free.size == 6 + len(rig.names) + 6 + 3
    start = Pose(
        truth.rotation.copy(),
        truth.translation + 0.01,
        0 * truth.weights,
        {name: at_rest(COUNT) for name in rig.joints},
    )
    energies = [seen, *joint_priors(rig, 1e-6)]
    found = dogleg(FaceProblem(energies, rig, free), start, COUNT, Options(iterations=100, cost_tolerance=1e-12)).state
    assert degrees(truth.joints["neck"].rotation, np.eye(3)[None]) > 10
    assert degrees(found.joints["neck"].rotation, truth.joints["neck"].rotation) < 0.2
    assert degrees(found.joints[JAW].rotation, truth.joints[JAW].rotation) < 0.5
    np.testing.assert_array_equal(found.joints["neck"].translation, 0)  # not among what it solves


def test_a_neck_comes_with_the_files_and_is_freed_by_a_steps_keys(rig, truth, tmp_path):
    shot = write_shot(tmp_path / "shot", rig, truth, (camera("A", COUNT, WHERE),))
    with np.load(shot.folder / "rig.npz") as file:
        arrays = dict(file)
    np.savez(shot.folder / "rig.npz", **arrays, **{"joints/neck/solved": np.arange(6) < 3})
    document = json.loads((shot.folder / "shot.json").read_text())
    turned = truth.joints["neck"].rotation.reshape(COUNT, 9).tolist()
    document["initial"]["joints"] = {"neck": {"rotation": turned}}
    (shot.folder / "shot.json").write_text(json.dumps(document))
    read = load_shot(shot.folder)
    assert list(read.rig.joints) == [JAW, "neck"]
    np.testing.assert_allclose(read.initial.joints["neck"].rotation, truth.joints["neck"].rotation, atol=1e-15)
    np.testing.assert_array_equal(read.initial.joints[JAW].rotation, at_rest(COUNT).rotation)
    with contextlib.closing(prepare_context(read, lambda _done, _total: True)) as context:
        for keys, joints in (((ALL,), [JAW, "neck"]), (("neck bone",), ["neck"]), ((bone_of(JAW), "jaw"), [JAW])):
            assert list(context.free(keys).joints) == joints
        assert context.free(("neck bone",)).size == 6 + 3
        before = context.pose.copy()
        for _ in Fit(iterations=20, keys=(ALL,)).run(context):
            pass
    assert degrees(context.pose.rotation, truth.rotation) < degrees(before.rotation, truth.rotation)
    assert (context.pose.joints["neck"].rotation != before.joints["neck"].rotation).any()


# a rig that is no blendshapes


@dataclass(frozen=True)
class Hinge(Rig):
    """One key, whose value turns what lies below the ears about them.

    A vertex goes along an arc, as no blendshape does.
    """

    angle: float = field(kw_only=True)  # radians at a value of 1
    weight: np.ndarray = field(kw_only=True)  # [V]

    def local(self, pose):
        every = self.every_vertex(len(pose))
        return every.local(pose)

    def sample(self, triangle, barycentric):
        corners = self.triangles[triangle]
        places = np.einsum("bnc,bncx->bnx", barycentric, (self.weight[:, None] * self.neutral)[corners])
        still = np.einsum("bnc,bncx->bnx", barycentric, ((1 - self.weight[:, None]) * self.neutral)[corners])
        return HingePoints(places, still, self.angle)

    def every_vertex(self, count):
        share = np.broadcast_to(self.weight[:, None], (count, len(self.weight), 1))
        return HingePoints(share * self.neutral, (1 - share) * self.neutral, self.angle)


@dataclass(frozen=True)
class HingePoints(SurfacePoints):
    """Points of it."""

    moving: np.ndarray  # [B,n,3] metres, times what turns of them
    still: np.ndarray  # [B,n,3] the rest
    angle: float

    @property
    def count(self):
        return self.moving.shape[1]

    def __getitem__(self, index):
        return HingePoints(self.moving[index], self.still[index], self.angle)

    def turn(self, pose):
        return Rotation.from_rotvec(self.angle * pose.weights * [1.0, 0, 0]).as_matrix().swapaxes(1, 2)

    def local(self, pose):
        return self.still + self.moving @ self.turn(pose)

    def local_derivative(self, pose, free, maps, out):
        # omega x arm by the value, which turns about the first axis
        across = np.cross(self.angle * np.array([1.0, 0, 0]), self.moving @ self.turn(pose))
        out[...] = (maps @ across[..., None])[..., : len(free.keys)]


@pytest.fixture
def hinge():
    head = demo_rig()
    weight = np.clip(-head.neutral[:, 2] / np.ptp(head.neutral[:, 2]) * 4, 0, 1).astype(float)
    about = {name: getattr(head, name)[:1] for name in ("minimum", "maximum", "groups", "solved")}
    return Hinge(
        head.neutral.astype(float),
        head.triangles,
        ("open",),
        scale=np.ones(3),
        colors=head.colors,
        strength=np.array([10.0]),  # hardly held at 0: the answer is what the points say
        angle=0.5,
        weight=weight,
        **about,
    )


def test_its_derivative_is_that_of_its_points(hinge):
    pose, free = (
        Pose(Rotation.random(2, random_state=0).as_matrix(), np.ones((2, 3)), np.array([[0.3], [0.7]])),
        (FreeParameters(np.array([0]))),
    )
    points = hinge.every_vertex(2)
    exact = points.derivative(pose, points.world(pose), free)
    step = np.zeros((2, free.size))
    for column in range(free.size):
        step[:] = 0
        step[:, column] = 1e-5
        ends = [points.world(free.stepped(pose, sign * step)) for sign in (1, -1)]
        np.testing.assert_allclose(exact[..., column], (ends[0] - ends[1]) / 2e-5, atol=1e-6)
    # what a stage asks of any rig: how far the key moves each vertex
    shape = hinge.key_shapes(np.array([0]))[0]
    np.testing.assert_allclose(
        hinge.neutral + shape, hinge.local(Pose(np.eye(3)[None], np.zeros((1, 3)), np.ones((1, 1))))[0]
    )


def test_the_first_step_of_a_solve_solves_it(hinge, tmp_path):
    """A stage asks a rig for points and derivatives alone.

    Its landmarks are put where the hinge has them, so that the answer is known.
    """
    turns = Rotation.from_euler("ZX", [[4, 2], [0, 0], [-5, 3]], degrees=True).as_matrix()
    truth = Pose(turns, np.array([[0.01, 0, 0], [0, 0.01, 0], [0, 0, 0.01]]), np.array([[0.1], [0.5], [0.8]]))
    head = demo_rig()
    still = Pose(truth.rotation, truth.translation, np.zeros((COUNT, len(head.names))))
    shot = load_shot(write_shot(tmp_path / "shot", head, still, (camera("A", COUNT, WHERE),)).folder)
    initial = Pose(shot.initial.rotation, shot.initial.translation, np.zeros((COUNT, 1)))
    shot = replace(shot, rig=hinge, initial=initial)
    with contextlib.closing(prepare_context(shot, lambda _done, _total: True)) as context:
        (view,), embedding = context.views, context.embedding
        places = hinge.sample(np.tile(embedding.triangle, (COUNT, 1)), np.tile(embedding.barycentric, (COUNT, 1, 1)))
        view.points[:] = view.camera.project(places.world(truth))[0]
        for step in (Fit(iterations=30), Fit(iterations=60, keys=(ALL,))):
            for _ in step.run(context):
                pass
    assert degrees(initial.rotation, truth.rotation) > 5
    assert degrees(context.pose.rotation, truth.rotation) < 0.3
    assert np.abs(context.pose.weights - truth.weights).max() < 0.03
    assert np.nanmax(context.error_px) < 0.3  # pixels
