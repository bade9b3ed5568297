"""Eyeballs on a mesh: found where they are, what turns them is known, and both look at one point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.energies.gaze import OneGaze
from solver_core.face.blocks import RigidMotion
from solver_core.face.eyes import find_eyes, sphere
from solver_core.face.joints import Joint
from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose


@pytest.fixture(scope="module")
def embedding(demo_rig, facemesh, face_detector):
    return embed_landmarks(demo_rig, facemesh, face_detector)


@pytest.fixture(scope="module")
def jointed(demo_rig, embedding, facemesh):
    """The demo's head with a joint in the middle of each eyeball, and its eyes."""
    joints = {}
    for ball in find_eyes(demo_rig, embedding, facemesh.layout).balls:
        weight, rest = np.zeros(len(demo_rig.neutral)), np.eye(4)
        weight[ball.vertices] = 1.0
        rest[:3, 3] = ball.centre / demo_rig.scale
        joints[f"eye {ball.side}"] = Joint(weight, rest, np.arange(3))
    rig = replace(demo_rig, joints=joints)
    return rig, find_eyes(rig, embedding, facemesh.layout)


def turned(rig, right, left):
    """One frame with each eye turned by a rotation vector."""
    from scipy.spatial.transform import Rotation

    motions = {
        f"eye {side}": RigidMotion(Rotation.from_rotvec(turn).as_matrix()[None], np.zeros((1, 3)))
        for side, turn in (("right", right), ("left", left))
    }
    return Pose(np.eye(3)[None], np.zeros((1, 3)), np.zeros((1, len(rig.names))), motions)


def test_a_sphere_is_found_from_its_front_alone():
    ways = np.random.default_rng(0).normal(size=(200, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    points = np.array([0.03, -0.08, 0.02]) + 0.012 * ways[ways[:, 1] < -0.3]
    centre, radius, apart = sphere(points)
    np.testing.assert_allclose(centre, [0.03, -0.08, 0.02], atol=1e-9)
    assert radius == pytest.approx(0.012)
    assert apart < 1e-6


def test_both_eyeballs_are_found_on_their_own_sides_and_look_out_in_front(jointed):
    rig, eyes = jointed
    assert [ball.side for ball in eyes.balls] == ["right", "left"]
    right, left = eyes.balls
    across = np.cross(eyes.up, eyes.front)
    assert right.centre @ across < 0 < left.centre @ across
    for ball in eyes.balls:
        corners = (rig.neutral * rig.scale)[rig.triangles[ball.triangle]]
        way = ball.barycentric @ corners - ball.centre
        assert way @ eyes.front > 0.95 * np.linalg.norm(way)
        assert 0 < len(ball.iris) < len(ball.vertices)


def test_a_joint_that_carries_an_eyeball_turns_the_gaze_and_one_that_carries_skin_does_not(
    jointed, embedding, facemesh
):
    rig, eyes = jointed
    assert set(eyes.joints) == {"eye right", "eye left"}
    assert eyes.turn
    balls = np.concatenate([ball.vertices for ball in eyes.balls])
    skin = Joint((~np.isin(np.arange(len(rig.neutral)), balls)).astype(float), np.eye(4))
    assert find_eyes(replace(rig, joints={"skin": skin}), embedding, facemesh.layout).joints == ()


def test_a_head_whose_eyes_are_no_pieces_of_their_own_has_no_eyeballs(demo_rig, embedding, facemesh):
    everywhere = find_eyes(demo_rig, embedding, facemesh.layout)
    vertices = np.concatenate([ball.vertices for ball in everywhere.balls])
    flat = demo_rig.neutral.copy()
    flat[vertices] = flat[vertices].mean(0)  # nothing round is left behind the lids
    eyes = find_eyes(replace(demo_rig, neutral=flat), embedding, facemesh.layout)
    assert not eyes.balls
    assert not eyes.turn
    assert OneGaze.of(eyes, demo_rig) == []


def test_eyes_that_turn_alike_cost_nothing_and_one_that_turns_up_alone_does(jointed):
    rig, eyes = jointed
    (energy,) = OneGaze.of(eyes, rig)
    across = np.cross(eyes.up, eyes.front)
    frame = np.array([0])
    alike = energy.residual(turned(rig, 0.2 * across, 0.2 * across), frame)
    alone = energy.residual(turned(rig, 0.2 * across, 0.0 * across), frame)
    assert np.abs(alike).max() < 0.1 * np.abs(alone).max()
    assert np.abs(alone).max() > 10


def test_its_derivative_by_keys_and_joints_is_that_of_finite_differences(jointed):
    rig, eyes = jointed
    (energy,) = OneGaze.of(eyes, rig)
    free = FreeParameters(np.flatnonzero(rig.solved), {name: joint.solved for name, joint in rig.joints.items()})
    pose, frame, step = turned(rig, [0.1, 0.05, 0.0], [0.05, -0.1, 0.02]), np.array([0]), 1e-3
    _, jacobian = energy.linear(pose, frame, free)
    for column in range(free.size):
        change = np.zeros((1, free.size))
        change[0, column] = step
        ends = [energy.residual(free.stepped(pose, sign * change), frame)[0] for sign in (1, -1)]
        np.testing.assert_allclose(jacobian[0, :, column], (ends[0] - ends[1]) / (2 * step), atol=0.05, rtol=0.02)
