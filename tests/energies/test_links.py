"""Flow and self-smoothing between frames: derivatives against finite differences, and what each asks for at rest."""

from __future__ import annotations

import numpy as np
import pytest
from little_shot import camera, performance

from solver_core.energies.flow import FlowLink
from solver_core.energies.link import LinkedFrames, Single
from solver_core.energies.prior import PosePrior
from solver_core.energies.smoothing import PictureSmoothLink, SmoothLink
from solver_core.face.parameters import FreeParameters

COUNT = 4


@pytest.fixture(scope="module")
def poses(demo_rig):
    return performance(demo_rig, COUNT)


@pytest.fixture(scope="module")
def points(demo_rig):
    rng = np.random.default_rng(0)
    return demo_rig.sample(rng.integers(0, len(demo_rig.triangles), (1, 40)), rng.dirichlet(np.ones(3), (1, 40)))


def flow_link(poses, points, first=0, second=1, offset=0.0):
    """The flow that the head's own motion makes, plus an offset in pixels."""
    filming = camera("A", COUNT, (0.1, -0.95, 0.02))
    cameras = filming[first : first + 1], filming[second : second + 1]
    start, end = (
        c.project(points.world(poses[i : i + 1]))[0][0] for c, i in zip(cameras, (first, second), strict=True)
    )
    root = np.random.default_rng(1).normal(size=(len(start), 2, 2))
    return FlowLink((first, second), cameras, points, start, end + offset, np.array([[1.1, 0.1], [-0.1, 0.9]]), root)


def check_derivatives(link, poses, keys, step=1e-4):
    here = [poses[f : f + 1] for f in link.frames]
    residual, jacobians = link.linear(here, FreeParameters(keys))
    np.testing.assert_allclose(residual, link.residual(here), atol=1e-5)
    for at, jacobian in enumerate(jacobians):
        for parameter in range(jacobian.shape[1]):
            full = np.zeros((1, 6 + here[at].weights.shape[1]))
            column = parameter if parameter < 6 else 6 + keys[parameter - 6]
            sides = []
            for sign in (1, -1):
                full[0, column] = sign * step
                sides.append(link.residual([*here[:at], here[at].stepped(full), *here[at + 1 :]]))
            numeric = (sides[0] - sides[1]) / (2 * step)
            scale = np.abs(jacobian).max()
            np.testing.assert_allclose(jacobian[:, parameter], numeric, atol=2e-3 * scale, rtol=1e-2)


def test_flow_derivatives_are_finite_differences(poses, points):
    check_derivatives(flow_link(poses, points), poses, np.array([0, 2]))


def test_smoothing_derivatives_are_finite_differences(poses, points):
    check_derivatives(SmoothLink((0, 1, 2), points, 0.01), poses, np.array([0, 2]), step=1e-3)


def test_smoothing_derivatives_in_the_picture_are_finite_differences(poses, points):
    filming = camera("A", COUNT, (0.1, -0.95, 0.02))
    cameras = filming[:1], filming[1:2], filming[2:3]
    check_derivatives(PictureSmoothLink((0, 1, 2), cameras, points, 0.5), poses, np.array([0, 2]), step=1e-3)


def test_smoothing_in_the_picture_hardly_sees_depth(poses, points):
    """A head that comes nearer all at once is rough in the world and nearly smooth in the picture (Section 8)."""
    still = camera("A", COUNT, (0.1, -0.95, 0.02), drift=0.0)
    here = poses[np.array([0])]
    nearer = here[:]
    sight = points.world(here)[0].mean(0) - still.position[0]
    nearer.head.translation -= 0.01 * sight / np.linalg.norm(sight)
    pixel = np.linalg.norm(sight) / still.intrinsics[0, 0]  # metres
    picture = PictureSmoothLink((0, 1, 2), (still[:1],) * 3, points, 1.0).residual([here, here, nearer])
    world = SmoothLink((0, 1, 2), points, pixel).residual([here, here, nearer])
    assert (world**2).sum() > 20
    assert (picture**2).sum() < 0.05 * (world**2).sum()


def test_flow_that_is_the_heads_own_motion_asks_for_nothing(poses, points):
    link = flow_link(poses, points)
    here = [poses[f : f + 1] for f in link.frames]
    np.testing.assert_allclose(link.residual(here), 0, atol=1e-3)


def test_a_point_behind_the_camera_takes_no_part(poses, points):
    """Its root is 0 and its image no number; the others still count."""
    link = flow_link(poses, points, offset=1.0)
    link.end[0] = np.nan
    link.root[0] = 0
    residual, jacobians = link.linear([poses[f : f + 1] for f in link.frames], FreeParameters(np.array([0])))
    assert np.isfinite(residual).all()
    assert all(np.isfinite(jacobian).all() for jacobian in jacobians)
    assert (residual[:2] == 0).all()
    assert (residual[2:] != 0).all()


def test_steady_motion_is_smooth(demo_rig, poses, points):
    """A head that slides on evenly has no second difference; one that stops has."""
    sliding = poses[np.array([0, 0, 0])]
    sliding.head.translation += np.arange(3)[:, None] * [0.01, -0.02, 0.005]
    link = SmoothLink((0, 1, 2), points, 0.01)
    np.testing.assert_allclose(link.residual([sliding[i : i + 1] for i in range(3)]), 0, atol=1e-5)
    sliding.translation[2] = sliding.translation[1]
    residual = link.residual([sliding[i : i + 1] for i in range(3)])
    # the root of the mean over points of the second difference's square, in sigmas
    np.testing.assert_allclose((residual**2).sum(), (0.01**2 + 0.02**2 + 0.005**2) / 3 / 0.01**2, rtol=1e-4)


def test_a_joint_step_moves_only_the_frames_that_may(demo_rig, poses, points):
    """The second frame is displaced; flow from the first brings it back, and the first stays where it is to the bit."""
    link = flow_link(poses, points)
    pose = poses.copy()
    pose.translation[1] += [0.004, -0.002, 0.01]
    before = pose.copy()
    for _ in range(3):
        linked = LinkedFrames(demo_rig, pose, np.array([1]), FreeParameters(np.array([], int)))
        linked.add(link)
        linked.add(Single(1, PosePrior(pose[1:2], 1.0, 1.0)))
        linked.move(10)
    assert cost(link, pose) < 1e-3 * cost(link, before)
    np.testing.assert_allclose(pose.translation[1], poses.translation[1], atol=1e-9)
    for i in (0, 2, 3):
        np.testing.assert_array_equal(pose.rotation[i], before.rotation[i])
        np.testing.assert_array_equal(pose.translation[i], before.translation[i])


def cost(link, pose):
    return (link.residual([pose[f : f + 1] for f in link.frames]) ** 2).sum()


def test_all_frames_in_parallel_or_in_place_come_to_the_same_pose(demo_rig, poses, points):
    """Three frames between two fixed ones, each displaced: Jacobi's and Gauss-Seidel's sweeps."""
    found = []
    for parallel in (False, True):
        pose = poses.copy()
        pose.translation[[1, 2]] += [[0.004, -0.002, 0.01], [-0.003, 0.001, 0.004]]
        linked = LinkedFrames(demo_rig, pose, np.array([1, 2]), FreeParameters(np.array([0])))
        for i in range(3):
            linked.add(flow_link(poses, points, i, i + 1, offset=0.3))
        for i in (1, 2):
            linked.add(SmoothLink((i - 1, i, i + 1), points, 0.001))
        linked.move(4000, parallel=parallel)
        found.append(pose)
    np.testing.assert_allclose(found[0].translation, found[1].translation, atol=1e-5)
    np.testing.assert_allclose(found[0].rotation, found[1].rotation, atol=1e-4)
