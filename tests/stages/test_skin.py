"""The skin's detail: colours on the mesh, taken from many frames' plates, and what must not come with them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from little_shot import START, camera, performance, write_shot
from scipy.spatial.transform import Rotation

from solver_core.documents.shot import load_shot
from solver_core.face.pose import Pose
from solver_core.solve import prepare_context
from solver_core.stages.key_names import CLOSES_EYE, EYELIDS
from solver_core.stages.kinds.deep import hold_mean
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.skin import bake

COUNT = 6


@pytest.fixture(scope="module")
def posed(tmp_path_factory, demo_rig):
    """The face at its true poses, its colours taken away."""
    truth = performance(demo_rig, COUNT)
    made = write_shot(tmp_path_factory.mktemp("skin"), demo_rig, truth, (camera("A", COUNT, (0.1, -0.95, 0.02)),))
    context = prepare_context(load_shot(made.folder), lambda _done, _total: True)
    context.pose = truth.copy()
    context.look = replace(context.look, albedo=np.full_like(context.look.albedo, 0.4))
    estimate_lights(context)
    return context


def test_brows_and_lips_come_back_from_the_plates(posed):
    """Up to the skin's tint, which the light took: where the true skin is darker, the baked one is."""
    face = posed.embedding.face
    true, baked = posed.rig.colors[face].astype(float), bake(posed).shown[face]
    for channel in range(3):
        assert np.corrcoef(baked[:, channel], true[:, channel])[0, 1] > 0.6


def test_what_no_plate_shows_keeps_the_stiff_albedo(posed):
    behind = (posed.rig.neutral @ posed.embedding.front) < np.percentile(posed.rig.neutral @ posed.embedding.front, 10)
    np.testing.assert_array_equal(bake(posed).shown[behind], posed.look.albedo[behind])


def test_one_frame_that_disagrees_is_outvoted(posed):
    before = bake(posed).shown
    view = posed.views[0]
    shown = view.plate

    class Covered:
        size = shown.size

        def read_display(self, number):
            return shown.read_display(number) * (number != START + 2)

    after = bake(replace(posed, views=[replace(view.at(np.arange(COUNT)), plate=Covered())])).shown
    face = posed.embedding.face
    assert np.abs(after - before)[face].mean() < 0.0095 * before[face].mean()


def test_a_camera_without_a_face_leaves_the_albedo_alone(posed):
    blind = replace(posed.views[0], crops=[None] * COUNT)
    empty = replace(posed, views=[blind])
    assert bake(empty).detail is None


def test_few_frames_would_lock_their_own_errors_in(posed):
    """Colours of one frame make that frame right wherever it stands; given frames are another matter."""
    few = np.isin(np.arange(COUNT), (1, 4))
    view = replace(
        posed.views[0], crops=[crop if use else None for crop, use in zip(posed.views[0].crops, few, strict=True)]
    )
    assert bake(replace(posed, views=[view])).detail is None
    shot = replace(posed.shot, neighbours=tuple(posed.shot.frames[few]))
    assert np.abs(bake(replace(posed, views=[view], shot=shot)).shown - posed.look.albedo).max() > 0.01


def test_frames_left_to_infill_are_not_looked_at(posed):
    """Their poses are not known yet."""
    fill = np.arange(COUNT) == 3
    wrong = replace(posed, pose=posed.pose.copy(), fill=fill)
    wrong.pose.translation[3] += 0.02
    right = replace(posed, fill=fill)
    np.testing.assert_array_equal(bake(wrong).detail, bake(right).detail)


def test_the_rigs_own_colours_are_believed_more_than_one_plain_colour(posed):
    own = replace(posed, shot=replace(posed.shot, rig=replace(posed.rig, colors=np.full_like(posed.rig.colors, 0.4))))
    bare = replace(posed, shot=replace(posed.shot, rig=replace(posed.rig, colors=None)))
    stiff = posed.look.albedo
    assert np.abs(bake(own).shown - stiff).mean() < 0.8 * np.abs(bake(bare).shown - stiff).mean()


def rigid(rng, count):
    return Pose(Rotation.random(count, random_state=1).as_matrix(), rng.normal(size=(count, 3)), np.zeros((count, 0)))


def test_what_all_frames_do_in_common_is_taken_back_and_the_rest_stays():
    rng = np.random.default_rng(0)
    before = rigid(rng, 5)
    own = np.array([0.0, 0.01, -0.01, 0.02, -0.02])  # radians about the head's own axis: the median is 0
    common = Rotation.from_rotvec([0.0, 0.03, 0.0])
    turns = common * Rotation.from_rotvec(own[:, None] * [0.0, 1.0, 0.0])
    after = Pose(
        before.rotation @ turns.as_matrix(),
        before.translation + np.einsum("bij,j->bi", before.rotation, [0.001, -0.002, 0.004]),
        before.weights,
    )
    context = SimpleNamespace(pose=after.copy(), solvable=np.arange(5))
    hold_mean(context, before)
    left = Rotation.from_matrix(before.rotation.swapaxes(1, 2) @ context.pose.rotation).as_rotvec()
    np.testing.assert_allclose(left, own[:, None] * [0.0, 1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(context.pose.translation, before.translation, atol=1e-12)
    hold_mean(context, context.pose.copy())
    np.testing.assert_allclose(context.pose.translation, before.translation, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "closes"),
    [
        ("eyeBlink_L", True),
        ("Blink.R", True),
        ("eyes_closed", True),
        ("EyelidClose", True),
        ("lid_closer_R", True),
        ("AU45", True),
        ("AU45_L", True),
        ("eyeLookDown_L", False),
        ("mouthClose", False),
        ("AU4", False),
        ("eyeWide_L", False),
        ("AU450", False),
    ],
)
def test_keys_that_close_an_eye_are_known_by_their_names(name, closes):
    assert bool(CLOSES_EYE.search(name)) == closes


def test_the_eyelids_step_frees_nothing_but_them(posed):
    free = posed.free((EYELIDS,), rotation=False, translation=False)
    assert {posed.rig.names[k] for k in free.keys} == {"eyeBlink_L", "eyeBlink_R"}
    assert not free.rotation
    assert not free.translation
