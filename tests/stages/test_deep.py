"""The deep rounds' correspondences: none of them can shout."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.camera.camera import Camera
from solver_core.documents.shot import load_shot
from solver_core.face.blendshapes import BlendshapePoints
from solver_core.face.pose import Pose
from solver_core.observe.correspondences import Correspondences
from solver_core.solve import prepare_context
from solver_core.stages.key_names import ALL
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.shared.priors import FIRM


def correspondences(trust, offset):
    """Points before a camera that looks along -Z, wanted `offset` pixels beside where they are."""
    count = len(trust)
    local = np.random.default_rng(0).uniform(-0.1, 0.1, (1, count, 3)).astype(np.float32)
    camera = Camera("A", 100, 100, np.array([[100.0, 100, 50, 50]]), np.array([np.eye(3, 4)]))
    points = BlendshapePoints(
        local, np.zeros((1, count, 3, 0), np.float32), np.ones(3), {}, np.zeros((1, count, 0), np.float32)
    )
    pose = Pose(np.eye(3)[None], np.array([[0.0, 0, -1]]), np.zeros((1, 0)))
    pixels, _ = camera.project(points.world(pose))
    root = np.broadcast_to(np.eye(2), (count, 2, 2))
    return Correspondences(camera, points, pixels[0] + offset, root, np.ones(count), trust, tail=1.0, total=50.0), pose


def cost(item, pose):
    return float((item.energy(pose).residual(pose, np.array([0])) ** 2).sum())


def test_correspondences_weigh_the_same_however_many_points_carry_it():
    few, pose = correspondences(np.ones(40), (0.5, 0.0))
    many, _ = correspondences(np.ones(4000), (0.5, 0.0))
    np.testing.assert_allclose(cost(few, pose), 50.0 * 0.25, rtol=1e-4)
    np.testing.assert_allclose(cost(many, pose), cost(few, pose), rtol=1e-4)


def test_where_nearly_all_are_distrusted_the_rest_loses_weight():
    trusted, pose = correspondences(np.ones(1000), (0.5, 0.0))
    covered, _ = correspondences(np.full(1000, 1e-4), (0.5, 0.0))
    assert cost(covered, pose) < 0.01 * cost(trusted, pose)


def test_an_outlier_does_not_pull():
    offsets = np.zeros((100, 2))
    clean, pose = correspondences(np.ones(100), offsets)
    offsets[0] = 40.0
    spoiled, _ = correspondences(np.ones(100), offsets)
    residual = spoiled.energy(pose).residual(pose, np.array([0])).reshape(-1, 2)
    assert cost(clean, pose) < 1e-6
    # its share of the weight is that of a point 40 tails away
    assert np.linalg.norm(residual[0]) < 1.0


@pytest.mark.parametrize(("frames", "alike"), [((1, 4, 7), True), ((1, 3, 5, 7), False)])
def test_few_frames_hold_their_keys_firmly(shot, frames, alike):
    """Of fewer than four nothing tells which keys the shot needs."""
    few = load_shot(shot.folder).at(np.array(frames))
    weights = []
    for stiffness in (FIRM / 4, FIRM):
        context = prepare_context(few, lambda _done, _total: True)
        context.known = context.seen
        list(Deep(rounds=1, keys=(ALL,), stiffness=stiffness).run(context))
        weights.append(context.pose.weights)
    assert np.array_equal(*weights) == alike
