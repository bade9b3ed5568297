"""Poses between poses."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from solver_core.face.blocks import RigidMotion
from solver_core.face.pose import Pose


def pose(seed, count=3, spread=1.0):
    rng = np.random.default_rng(seed)
    return Pose(
        Rotation.from_rotvec(spread * rng.normal(size=(count, 3))).as_matrix(),
        rng.normal(size=(count, 3)),
        rng.uniform(size=(count, 4)),
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_between_is_linear_and_spherical(seed, share):
    first, second = pose(seed), pose(seed + 1)
    found = first.toward(second, np.full(3, share))
    np.testing.assert_array_equal(found.translation, (1 - share) * first.translation + share * second.translation)
    np.testing.assert_array_equal(found.weights, (1 - share) * first.weights + share * second.weights)
    for i in range(3):
        ends = Rotation.from_matrix([first.rotation[i], second.rotation[i]])
        np.testing.assert_allclose(found.rotation[i], Slerp([0, 1], ends)(share).as_matrix(), atol=1e-9)


def test_the_ends_are_the_poses():
    first, second = pose(1), pose(2)
    for share, end in ((0.0, first), (1.0, second)):
        found = first.toward(second, np.full(3, share))
        np.testing.assert_allclose(found.rotation, end.rotation, atol=1e-12)
        np.testing.assert_array_equal(found.translation, end.translation)
        np.testing.assert_array_equal(found.weights, end.weights)


def test_the_jaw_comes_along():
    first, second = pose(1), pose(2)
    first.joints["jaw"], second.joints["jaw"] = (RigidMotion(pose(i).rotation, pose(i).translation) for i in (3, 4))
    found = first.toward(second, np.array([0.0, 0.3, 1.0])).joints["jaw"]
    np.testing.assert_array_equal(found.translation[2], second.joints["jaw"].translation[2])
    np.testing.assert_allclose(found.rotation[0], first.joints["jaw"].rotation[0], atol=1e-12)
    ends = Rotation.from_matrix([first.joints["jaw"].rotation[1], second.joints["jaw"].rotation[1]])
    np.testing.assert_allclose(found.rotation[1], Slerp([0, 1], ends)(0.3).as_matrix(), atol=1e-9)
