"""A Fit step's optional energies: `near` holds the head where the stage began, `edges` keeps the face's size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.documents.shot import load_shot
from solver_core.solve import prepare_context
from solver_core.stages.kinds.fit import Fit

STEP = Fit(iterations=20)


@pytest.fixture(scope="module")
def seen(little_shot):
    return prepare_context(load_shot(little_shot.folder).at(np.array([0])), lambda _done, _total: True)


@pytest.fixture
def context(seen):
    """At the start again, and nothing remembered."""
    return replace(seen, pose=seen.shot.start(), begun=None)


def moved(context, step):
    """How far the step moves the head: metres, degrees."""
    before = context.pose.copy()
    list(step.run(context))
    turn = before.rotation[0].T @ context.pose.rotation[0]
    return (
        float(np.linalg.norm(context.pose.translation - before.translation)),
        float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))),
    )


def test_the_harder_the_head_is_held_the_less_it_moves(seen):
    distances = [moved(replace(seen, pose=seen.shot.start()), replace(STEP, near=near)) for near in (0, 1, 30, 1e6)]
    metres, degrees = np.array(distances).T
    assert (np.diff(metres) < 0).all()
    assert metres[0] > 0.03
    assert metres[-1] < 1e-4
    assert degrees[-1] < 0.05 < degrees[0]


def test_it_is_held_where_the_stage_began_not_where_the_step_does(context):
    context.begun = context.pose.copy()
    list(STEP.run(context))
    assert moved(context, replace(STEP, near=1e6))[0] > 0.03
    np.testing.assert_allclose(context.pose.translation, context.begun.translation, atol=1e-4)


def test_edges_alone_do_not_pull_the_head_along(context):
    """All landmarks moved alike: the edges see nothing of it.

    A large weight on them leaves the pose of the landmarks alone.
    """
    list(STEP.run(context))
    home = context.pose.copy()
    (view,) = context.views
    context.views = [replace(view, points=view.points + np.array([30.0, 0.0]))]
    follows = moved(replace(context, pose=home.copy()), STEP)[0]
    assert follows > 0.02
    np.testing.assert_allclose(
        moved(replace(context, pose=home.copy()), replace(STEP, edges=1.0))[0], follows, rtol=0.15
    )


def test_edges_resist_a_landmark_that_jumps_less_than_a_face_that_grows(context):
    """A face seen a tenth larger comes nearer.

    The more so, the more the edges count beside landmarks that say otherwise.
    """
    list(STEP.run(context))
    home = context.pose.copy()
    (view,) = context.views
    centre = view.points.mean(1, keepdims=True)
    context.views = [replace(view, points=centre + 1.1 * (view.points - centre))]
    towards = view.camera.position[0] - home.translation[0]
    for edges in (0.0, 3.0):
        near = replace(context, pose=home.copy())
        list(replace(STEP, edges=edges).run(near))
        came = (near.pose.translation[0] - home.translation[0]) @ towards / (towards @ towards)
        assert came == pytest.approx(1 - 1 / 1.1, abs=0.03)


def test_a_region_without_edges_is_no_division_by_zero(context):
    """Forehead landmarks alone lie on no drawn line."""
    list(Fit(iterations=3, regions={"forehead": 1.0}, elsewhere=0.0, edges=1.0).run(context))
    assert np.isfinite(context.error_px).all()
