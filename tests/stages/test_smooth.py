"""Splines through a solved motion and through the plate's landmarks.

There is less noise, no motion is lost, and nothing that is kept is touched.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from little_shot import changed, with_jaw_bone
from scipy.spatial.transform import Rotation

from solver_core.face.blocks import RigidMotion
from solver_core.face.pose import Pose
from solver_core.service.listener import Silent
from solver_core.solve import solve_folder
from solver_core.stages.context import Filled
from solver_core.stages.kinds.fit import Fit
from solver_core.stages.kinds.smooth import Smooth
from solver_core.stages.stage_file import write_stages

COUNT = 9  # frames of the shot in conftest.py
EVERY = np.arange(COUNT)
STEP = Smooth(keys=("*",))
PARTS = ("rotation", "translation", "weights")


def steady(context, *, degrees=3.0, turn=(0.2, 1.0, 0.1)):
    """Everything moves evenly: a turn, a way, weights that open."""
    axis = np.array(turn) / np.linalg.norm(turn)
    return Pose(
        Rotation.from_rotvec(np.radians(degrees) * EVERY[:, None] * axis).as_matrix(),
        EVERY[:, None] * [0.002, -0.001, 0.003] + [0.1, 0.2, 0.3],
        np.full((COUNT, len(context.rig.names)), 0.2) + 0.05 * EVERY[:, None],
    )


def noisy(pose, size=1.0, seed=0):
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(np.radians(0.5) * size * rng.normal(size=(COUNT, 3))).as_matrix()
    shifts, weights = rng.normal(size=pose.translation.shape), rng.normal(size=pose.weights.shape)
    return Pose(turns @ pose.rotation, pose.translation + 1e-3 * size * shifts, pose.weights + 0.03 * size * weights)


def prepared(context, pose, *, amount=1.0, rate=24.0, kept=(), **changes):
    shot = replace(
        context.shot,
        fps=rate,
        neighbours=tuple(int(context.shot.frames[i]) for i in kept),
        settings=replace(context.shot.settings, refinement=amount),
    )
    known = np.ones(COUNT, bool)
    return replace(
        context, **{"shot": shot, "pose": pose.copy(), "fill": ~known, "known": known, "filled": {}, **changes}
    )


def run(context, pose, step=STEP, **changes):
    made = prepared(context, pose, **changes)
    list(step.run(made))
    return made.pose


def degrees(pose, truth):
    return np.degrees(Rotation.from_matrix(pose.rotation @ truth.rotation.swapaxes(1, 2)).magnitude())


def same(first, second, frames=slice(None)):
    for name in PARTS:
        np.testing.assert_array_equal(getattr(first, name)[frames], getattr(second, name)[frames])


def test_an_even_motion_stays(context):
    truth = steady(context)
    after = run(context, truth)
    for name in PARTS:
        np.testing.assert_allclose(getattr(after, name), getattr(truth, name), atol=1e-9)


def test_a_turn_through_half_a_circle_and_more_has_no_seam(context):
    """50 degrees a frame: 400 in all; what is taken off the noise does not depend on where the turn began."""
    truth = steady(context, degrees=50.0)
    np.testing.assert_allclose(run(context, truth).rotation, truth.rotation, atol=1e-9)
    before = noisy(truth)
    after = run(context, before)
    assert degrees(after, truth).mean() < 0.8 * degrees(before, truth).mean()
    start = Rotation.from_euler("XYZ", [170, 20, -95], degrees=True).as_matrix()
    turned = run(context, Pose(before.rotation @ start, before.translation, before.weights))
    np.testing.assert_allclose(turned.rotation, after.rotation @ start, atol=1e-9)


def test_noise_shrinks_with_the_amount(context):
    truth = steady(context)
    before = noisy(truth)
    errors = []
    for amount in (0.0, 0.3, 1.0):
        after = run(context, before, amount=amount)
        errors.append(
            [
                degrees(after, truth).mean(),
                *(np.abs(getattr(after, name) - getattr(truth, name)).mean() for name in PARTS[1:]),
            ]
        )
    assert np.all(np.diff(errors, axis=0) < 0)
    assert np.all(np.divide(errors[2], errors[0]) < 0.75)
    same(run(context, before, amount=0.0), before)


def test_a_swing_is_as_long_in_seconds_at_any_rate(context):
    """At 48 frames a second half the amount reaches over as many frames as the full amount at 24."""
    before = noisy(steady(context))
    whole = run(context, before)
    same(run(context, before, amount=0.5, rate=48.0), whole)
    with pytest.raises(AssertionError):
        same(run(context, before, rate=48.0), whole)


def test_twice_is_the_same_to_the_bit(context):
    before = noisy(steady(context))
    same(run(context, before), run(context, before))


def test_held_frames_stay_to_the_bit_and_lead_the_others(context):
    """A frame that the artist moved takes its neighbours along."""
    before = noisy(steady(context))
    after = run(context, before, kept=(0, 4))
    same(after, before, [0, 4])
    assert np.all(after.translation[[1, 2, 3, 5, 8]] != before.translation[[1, 2, 3, 5, 8]])
    moved = before.copy()
    moved.translation[4, 0] += 0.01
    led = run(context, moved, kept=(0, 4)).translation[:, 0] - after.translation[:, 0]
    assert led[4] == pytest.approx(0.01)
    assert np.all(led[[3, 5]] > 0.002)


def test_a_cut_separates_and_few_frames_are_left_alone(context):
    cuts = EVERY[:-1] == 4
    views = [replace(context.views[0], cuts=cuts)]
    before = noisy(steady(context))
    after = run(context, before, views=views)
    same(after, before, slice(5, None))  # four frames
    assert np.all(after.translation[:5] != before.translation[:5])
    elsewhere = before.copy()
    elsewhere.translation[5:] += 0.05
    same(run(context, elsewhere, views=views), after, slice(5))


def test_failed_frames_are_neither_moved_nor_believed(context):
    """A frame without a face stands anywhere."""
    before = noisy(steady(context))
    before.translation[6] = np.nan
    crops = [None if i == 6 else crop for i, crop in enumerate(context.views[0].crops)]
    after = run(context, before, views=[replace(context.views[0], crops=crops)], known=EVERY != 6)
    same(after, before, [6, 7, 8])  # two are left behind it
    assert np.isfinite(after.translation[:6]).all()
    assert np.all(after.translation[:6] != before.translation[:6])


def test_interpolated_frames_follow_their_neighbours(context):
    filled = {6: Filled("interpolated", "dark")}
    after = run(context, noisy(steady(context)), filled=filled, fill=EVERY == 6, known=EVERY != 6)
    middle = after[[5]].toward(after[[7]], np.array([0.5]))
    np.testing.assert_array_equal(after.translation[6], middle.translation[0])


def test_weights_stay_within_their_sliders_and_others_are_left(context):
    truth = steady(context)
    truth.weights[:] = np.where(np.abs(EVERY - 4) < 2, 1.0, 0.0)[:, None]  # a spline through it dips below zero
    names = context.rig.names
    kept = names.index("jawOpen")
    after = run(context, truth, Smooth(keys=("mouth",), head=False))
    free = [i for i, group in enumerate(context.rig.groups) if group == "mouth"]
    assert after.weights.min() == 0.0
    assert np.all(after.weights[4, free] < 1)
    np.testing.assert_array_equal(after.weights[:, kept], truth.weights[:, kept])
    same(Pose(after.rotation, after.translation, truth.weights), truth)


def test_a_step_that_frees_nothing_changes_nothing(context):
    before = noisy(steady(context))
    same(run(context, before, Smooth(head=False)), before)


def test_a_stage_file_smooths_a_solve(shot, tmp_path):
    """Landmarks smoothed, then the motion; with the amount at 0 the second step says that it does nothing."""
    (tmp_path / "own.toml").write_text(write_stages({"head": (Fit(8, smooth=3.0),), "calm": (Smooth(),)}))

    class Warnings(Silent):
        said = ()

        def warning(self, message):
            self.said = (*self.said, message)

    document, rig = json.loads((shot.folder / "shot.json").read_text()), str(shot.folder.parent / "rig.npz")
    solved = []
    for amount in (0.0, 1.0):
        settings, listener = {**document["settings"], "refinement": amount}, Warnings()
        folder = changed(
            shot, tmp_path / str(amount), rig=rig, settings=settings, stages=None, stage_file=str(tmp_path / "own.toml")
        )
        solved.append(solve_folder(folder, tmp_path / "out.npz", listener))
        assert any("changes nothing" in sentence for sentence in listener.said) == (amount == 0)
    assert all(list(solution.status) == ["solved"] * COUNT for solution in solved)
    assert jitter(solved[1].pose) < 0.8 * jitter(solved[0].pose)


def test_the_jaw_bone_is_smoothed(context):
    rng = np.random.default_rng(1)
    truth = Rotation.from_rotvec(np.radians(2) * EVERY[:, None] * [1.0, 0, 0])
    pose = steady(context)
    pose.joints["jaw"] = RigidMotion(
        (Rotation.from_rotvec(0.01 * rng.normal(size=(COUNT, 3))) * truth).as_matrix(), np.zeros((COUNT, 3))
    )
    shot = replace(context.shot, rig=with_jaw_bone(context.rig))
    after = run(replace(context, shot=shot), pose)
    error = [
        (Rotation.from_matrix(one.joints["jaw"].rotation) * truth.inv()).magnitude().mean() for one in (pose, after)
    ]
    assert error[1] < 0.8 * error[0]
    np.testing.assert_array_equal(
        run(replace(context, shot=shot), pose, Smooth(keys=("mouth",))).joints["jaw"].rotation,
        pose.joints["jaw"].rotation,
    )


def jitter(pose):
    """Across the picture: the camera looks along the second axis."""
    return np.abs(np.diff(pose.translation[:, [0, 2]], 2, axis=0)).mean()


def test_smoothed_detections_calm_a_fit_and_do_not_cross_a_cut(context):
    rng = np.random.default_rng(2)
    view = context.views[0]
    shaken = replace(view, points=view.points + rng.normal(size=(COUNT, 1, 2)))  # the face jumps about in the plate
    raw, calm = (prepared(context, context.pose, views=[shaken]) for _ in range(2))
    head = Fit(iterations=10, regions={"jaw": 0.0})
    list(head.run(raw))
    list(replace(head, smooth=12.0).run(calm))
    assert jitter(calm.pose) < 0.5 * jitter(raw.pose)
    np.testing.assert_array_equal(calm.views[0].points, shaken.points)
    quick = prepared(context, context.pose, views=[shaken], rate=48.0)
    list(replace(head, smooth=6.0).run(quick))  # frames of film: half as long at twice the rate
    same(quick.pose, calm.pose)
    cut = replace(shaken, cuts=EVERY[:-1] == 4)
    few = prepared(context, context.pose, views=[cut])
    list(replace(head, smooth=12.0).run(few))
    np.testing.assert_allclose(few.pose.translation[5:], raw.pose.translation[5:], atol=1e-9)  # four frames, left alone
    assert np.abs(few.pose.translation[:5] - raw.pose.translation[:5]).max() > 1e-5
