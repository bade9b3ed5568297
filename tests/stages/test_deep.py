"""The deep rounds' parts: what is held how hard, and evidence that cannot shout."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from solver_core.camera import Camera
from solver_core.pose import Pose
from solver_core.rig import SurfacePoints
from solver_core.stages import deep
from solver_core.stages.evidence import Evidence


def context(weights, seen=None):
    frames, keys = weights.shape
    pose = Pose(np.tile(np.eye(3), (frames, 1, 1)), np.zeros((frames, 3)), weights)
    seen = np.ones(frames, bool) if seen is None else seen
    return SimpleNamespace(pose=pose, seen=seen, rig=SimpleNamespace(strength=np.ones(keys)))


def test_without_sparsity_every_key_is_held_alike():
    np.testing.assert_array_equal(deep.key_strength(context(np.eye(3)), sparse=False), deep.STIFFNESS)


def test_a_key_is_held_harder_the_less_it_moves_over_the_shot():
    moved = np.array([[0.0, 0.02, 0.5, 1.0], [0.0, 0.0, 0.5, 1.0]])
    strength = deep.key_strength(context(moved), sparse=True)[0]
    assert (np.diff(strength) <= 0).all()
    assert strength[0] == deep.STIFFNESS * deep.HARDEST
    assert strength[-1] == deep.STIFFNESS * deep.SOFTEST


def test_frames_where_no_face_is_seen_say_nothing_about_activity():
    weights = np.array([[0.1, 0.3], [1.0, 1.0]])
    with_unseen = deep.key_strength(context(weights, np.array([True, False])), sparse=True)
    np.testing.assert_array_equal(with_unseen, deep.key_strength(context(weights[:1]), sparse=True))


def evidence(trust, offset):
    """Points before a camera that looks along -Z, wanted `offset` pixels beside where they are."""
    count = len(trust)
    local = np.random.default_rng(0).uniform(-0.1, 0.1, (1, count, 3)).astype(np.float32)
    camera = Camera("A", 100, 100, np.array([[100.0, 100, 50, 50]]), np.array([np.eye(3, 4)]))
    points = SurfacePoints(local, np.zeros((0, 1, count, 3), np.float32))
    pose = Pose(np.eye(3)[None], np.array([[0.0, 0, -1]]), np.zeros((1, 0)))
    pixels, _ = camera.project(points.world(pose))
    root = np.broadcast_to(np.eye(2), (count, 2, 2))
    return Evidence(camera, points, pixels[0] + offset, root, np.ones(count), trust, tail=1.0, total=50.0), pose


def cost(item, pose):
    return float((item.energy(pose).residual(pose, np.array([0])) ** 2).sum())


def test_evidence_weighs_the_same_however_many_points_carry_it():
    few, pose = evidence(np.ones(40), (0.5, 0.0))
    many, _ = evidence(np.ones(4000), (0.5, 0.0))
    np.testing.assert_allclose(cost(few, pose), 50.0 * 0.25, rtol=1e-4)
    np.testing.assert_allclose(cost(many, pose), cost(few, pose), rtol=1e-4)


def test_evidence_that_is_nearly_all_distrusted_loses_weight():
    trusted, pose = evidence(np.ones(1000), (0.5, 0.0))
    covered, _ = evidence(np.full(1000, 1e-4), (0.5, 0.0))
    assert cost(covered, pose) < 0.01 * cost(trusted, pose)


def test_an_outlier_does_not_pull():
    offsets = np.zeros((100, 2))
    clean, pose = evidence(np.ones(100), offsets)
    offsets[0] = 40.0
    spoiled, _ = evidence(np.ones(100), offsets)
    residual = spoiled.energy(pose).residual(pose, np.array([0])).reshape(-1, 2)
    assert cost(clean, pose) < 1e-6
    # its share of the weight is that of a point 40 tails away
    assert np.linalg.norm(residual[0]) < 1.0


def test_in_a_frame_a_key_is_held_harder_the_less_it_moved_there():
    factor = deep.rarity(np.array([0.0, 0.05, -0.05, deep.CLEAR, 1.0]))[0]
    assert factor[0] == deep.RARITY[1]
    assert factor[1] == factor[2] > 1
    assert factor[3] == 1
    assert factor[4] == deep.RARITY[0]
