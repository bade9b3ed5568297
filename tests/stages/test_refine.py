"""Temporal refinement on a little shot whose answer is known, with noise added to it.

There is less jitter, nothing else is worse, and nothing that is kept is touched.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from solver_core.stages.context import Filled
from solver_core.stages.kinds.refine import Refine

COUNT = 9  # frames of the shot in conftest.py
STEP = Refine(sweeps=100, keys=("*",))


def noisy(context, *, kept=(), **changes):
    """The truth with independent errors of every frame, as solves have them: most of it in depth."""
    rng = np.random.default_rng(0)
    pose = context.pose.copy()
    free = ~np.isin(np.arange(COUNT), kept)
    pose.head.translation += rng.normal(size=(COUNT, 3)) * [4e-4, 2.5e-3, 4e-4] * free[:, None]
    turns = Rotation.from_rotvec(np.radians(0.25) * rng.normal(size=(COUNT, 3)) * free[:, None]).as_matrix()
    pose.head.rotation = turns @ pose.rotation
    pose.shape.values = np.clip(pose.weights + 0.03 * rng.normal(size=pose.weights.shape) * free[:, None], 0, 1)
    known = np.ones(COUNT, bool)
    return replace(context, pose=pose, fill=~known, known=known, filled={}, **changes)


def amount(context, value, kept=()):
    shot = context.shot
    kept = tuple(int(shot.frames[i]) for i in kept)
    return replace(shot, settings=replace(shot.settings, refinement=value), neighbours=kept)


def run(context, value=1.0, step=STEP, kept=(), **changes):
    """Before and after."""
    before = noisy(context, kept=kept, shot=amount(context, value, kept), **changes)
    after = replace(before, pose=before.pose.copy())
    list(step.run(after))
    return before.pose, after.pose


def jitter(rig, pose, truth):
    """Second differences of all vertices over the true ones, as the score of a solved shot has it."""
    bend = [np.linalg.norm(np.diff(rig.world(p), 2, axis=0), axis=2).mean() for p in (pose, truth)]
    return bend[0] / bend[1]


def vertex_mm(rig, pose, truth):
    return 1e3 * np.linalg.norm(rig.world(pose) - rig.world(truth), axis=2).mean(1)


def degrees(pose, truth):
    return np.degrees(Rotation.from_matrix(pose.rotation @ truth.rotation.swapaxes(1, 2)).magnitude())


@pytest.fixture(scope="module")
def strong(context):
    return run(context)


def test_the_motion_is_calmer_and_nearer_to_the_truth(shot, strong):
    before, after = strong
    assert jitter(shot.rig, after, shot.truth) < 0.28 * jitter(shot.rig, before, shot.truth)
    assert vertex_mm(shot.rig, after, shot.truth).mean() < 0.66 * vertex_mm(shot.rig, before, shot.truth).mean()
    assert degrees(after, shot.truth).mean() < degrees(before, shot.truth).mean()


def test_the_amount_leads_from_nothing_to_strong(shot, context, strong):
    """Nothing is nothing to the bit."""
    before, same = run(context, 0.0)
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(same, name), getattr(before, name))
    _, half = run(context, 0.4)
    moved = [jitter(shot.rig, pose, shot.truth) for pose in (before, half, strong[1])]
    assert moved[0] > moved[1] > moved[2]


def test_a_quicker_shot_is_calmed_over_as_much_time(shot, context):
    """Told that the same frames follow each other at 60 a second, the same amount reaches over more of them.

    These stand nearly in a line.
    """
    quick = replace(context, shot=replace(context.shot, fps=60.0))
    alone = replace(STEP, flow=False)
    bends = [jitter(shot.rig, run(one, 0.5, alone)[1], shot.truth) for one in (context, quick)]
    assert bends[1] < 0.5 * bends[0]


def test_a_blink_survives(shot, strong):
    """Both lids close for two frames; the strongest refinement leaves them closed, and the frames beside them open."""
    lids = [shot.rig.names.index(f"eyeBlink_{side}") for side in "LR"]
    assert strong[1].weights[[6, 7]][:, lids].min() > 0.83
    assert strong[1].weights[[4, 5, 8]][:, lids].max() < 0.105


def test_given_frames_are_untouched_to_the_bit_and_hold_the_others(shot, context):
    kept = (0, 4, 8)
    before, after = run(context, kept=kept)
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(after, name)[list(kept)], getattr(context.pose, name)[list(kept)])
    assert vertex_mm(shot.rig, after, shot.truth).mean() < 0.47 * vertex_mm(shot.rig, before, shot.truth).mean()


def test_a_cut_separates(context):
    """What lies beyond it does not matter, but for when the sweeps end."""
    cuts = np.zeros(COUNT - 1, bool)
    cuts[4] = True
    views = [replace(context.views[0], cuts=cuts)]
    _, after = run(context, views=views)
    elsewhere = replace(context, views=views, pose=context.pose.copy())
    elsewhere.pose.translation[5:] += 0.05
    _, other = run(elsewhere)
    np.testing.assert_allclose(after.translation[:5], other.translation[:5], atol=1e-6)
    np.testing.assert_allclose(after.weights[:5], other.weights[:5], atol=1e-4)


def test_in_parallel_or_in_place(context):
    """Jacobi and Gauss-Seidel come to the same poses."""
    _, placed = run(context, step=replace(STEP, sweeps=300))
    _, parallel = run(context, step=replace(STEP, sweeps=2000, parallel=True))
    np.testing.assert_allclose(parallel.translation, placed.translation, atol=2e-5)


def test_without_the_plates_flow_it_smooths_alone(shot, context):
    before, after = run(context, step=replace(STEP, flow=False))
    assert jitter(shot.rig, after, shot.truth) < jitter(shot.rig, before, shot.truth)


def test_interpolated_frames_follow_their_neighbours(context):
    def filled(context):
        context.filled = {4: Filled("interpolated", "dark")}
        context.fill = np.arange(COUNT) == 4
        context.known = ~context.fill
        return context

    before = filled(noisy(context, shot=amount(context, 1.0)))
    list(STEP.run(before))
    pose = before.pose
    middle = pose[[3]].toward(pose[[5]], np.array([0.5]))
    np.testing.assert_array_equal(pose.translation[4], middle.translation[0])
    np.testing.assert_array_equal(pose.rotation[4], middle.rotation[0])


def test_one_frame_alone_stays(context):
    alone = replace(noisy(context, shot=amount(context, 1.0)), known=np.arange(COUNT) == 3)
    alone.shot = replace(alone.shot, neighbours=tuple(int(f) for i, f in enumerate(alone.shot.frames) if i != 3))
    before = alone.pose.copy()
    list(STEP.run(alone))
    np.testing.assert_allclose(alone.pose.translation[3], before.translation[3], atol=1e-7)
