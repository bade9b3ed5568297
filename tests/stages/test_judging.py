"""A frame's error rises where the face is wrong, means the same at any size, and faces that cannot be are doubted."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from solver_core.documents.shot import load_shot
from solver_core.face.rig import unmoved
from solver_core.protocol import REGIONS
from solver_core.solve import prepare_context
from solver_core.stages.context import Context
from solver_core.stages.judging import Judge, judge_of
from solver_core.stages.shared.anatomy import Anatomy, opposites
from solver_core.stages.shared.light import estimate_lights

FRAMES = np.array([0, 8])


@pytest.fixture(scope="module")
def judged(context):
    """A judge of the shot at its truth."""
    own = replace(context, pose=context.pose.copy(), known=context.seen)
    estimate_lights(own)
    return own, judge_of(own)


def verdict_of(judged: tuple[Context, Judge], frame: int, **weights: float):
    """What is said of a frame with these keys changed by so much."""
    context, judge = judged
    pose, names = context.pose.copy(), context.rig.names
    for name, change in weights.items():
        k = names.index(name)
        pose.weights[frame, k] = np.clip(pose.weights[frame, k] + change, 0, 1)
    (verdict,) = judge.verdicts(replace(context, pose=pose), np.array([frame]))
    return verdict


@pytest.mark.parametrize(
    ("region", "wrong"),
    [
        ("mouth", {"jawOpen": -0.5}),
        ("mouth", {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8}),
        ("eyes", {"eyeBlink_L": 0.9, "eyeBlink_R": 0.9}),
        ("brows", {"browInnerUp_L": 0.5, "browInnerUp_R": 0.5, "browOuterUp_L": 0.9, "browOuterUp_R": 0.9}),
    ],
)
def test_a_wrong_region_s_own_error_rises_most(judged, region, wrong):
    right, there = verdict_of(judged, 5), verdict_of(judged, 5, **wrong)
    risen = {name: there.regions[name] - right.regions[name] for name in REGIONS}
    assert set(there.regions) == set(REGIONS)
    assert risen[region] == max(risen.values())
    assert risen[region] > 0.25 * right.regions[region]
    assert there.error > right.error
    assert there.error_px > right.error_px


def test_the_error_grows_with_the_mistake(judged):
    errors = [verdict_of(judged, 5, jawOpen=-step).regions["mouth"] for step in (0.0, 0.2, 0.4, 0.6)]
    assert np.all(np.diff(errors) > 0)


def twice_as_large(shot, folder):
    """The same shot with plates of twice the resolution."""
    document = json.loads((shot.folder / "shot.json").read_text())
    folder.mkdir()
    (view,) = document["cameras"]
    for frame in view["plate"]["frames"]:
        plate = cv2.imread(view["plate"]["path"].format(frame=frame))
        large = cv2.resize(plate, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{frame:04d}.png"), large)
    view["plate"]["path"] = str(folder / "{frame:04d}.png")
    view["width"], view["height"] = 2 * view["width"], 2 * view["height"]
    view["intrinsics"] = (2 * np.array(view["intrinsics"])).tolist()
    document["rig"] = str(shot.folder.parent / "rig.npz")
    (folder / "shot.json").write_text(json.dumps(document))
    return folder


def test_the_same_shot_at_twice_the_size_has_the_same_verdict(judged, shot, tmp_path):
    large = load_shot(twice_as_large(shot, tmp_path / "large")).at(FRAMES)
    context = prepare_context(large, lambda _done, _total: True)
    context.known = context.seen
    estimate_lights(context)
    other = context, judge_of(context)
    for i, frame in enumerate(FRAMES):
        for wrong in ({}, {"jawOpen": -0.5}):
            here, there = verdict_of(judged, frame, **wrong), verdict_of(other, i, **wrong)
            assert there.error == pytest.approx(here.error, rel=0.1)
            assert there.error_px == pytest.approx(2 * here.error_px, rel=0.1)
            assert there.doubt == here.doubt


def test_the_true_face_is_not_doubted(judged):
    context, judge = judged
    seen = np.flatnonzero(context.seen)
    assert [one.doubt for one in judge.verdicts(context, seen)] == [""] * len(seen)


def test_lips_that_cross_are_doubted(judged):
    """The jaw's key is turned round: it lifts the lower lip through the upper one."""
    context, judge = judged
    rig = context.rig
    jaw = rig.names.index("jawOpen")
    deltas = rig.deltas.copy()
    deltas[jaw] *= -1
    crossing = Anatomy(replace(rig, deltas=deltas), judge.embedding, np.zeros(len(rig.names)))
    for weight, crosses in ((0.0, False), (0.05, False), (0.4, True), (0.8, True)):
        pose = unmoved(np.where(np.arange(len(rig.names)) == jaw, weight, 0.0)[None])
        assert any(said.startswith("the lips cross") for said in crossing.contradictions(pose)) == crosses
        assert not judge.anatomy.contradictions(pose)


def test_a_movement_and_its_opposite_are_doubted(judged):
    assert not verdict_of(judged, 0, eyeBlink_L=0.15, eyeWide_L=0.15).doubt
    assert "eyeBlink_L and eyeWide_L are both on" in verdict_of(judged, 0, eyeBlink_L=0.5, eyeWide_L=0.5).doubt


def test_an_eye_that_is_shut_and_seen_open_is_doubted(judged):
    assert verdict_of(judged, 0, eyeBlink_L=1.0).doubt == "the left eye is shut, and open in the plate"
    assert verdict_of(judged, 0, eyeBlink_R=1.0).doubt == "the right eye is shut, and open in the plate"


def test_a_blink_that_is_seen_is_not_doubted(judged):
    """Frames 6 and 7 of the plate blink."""
    context, judge = judged
    assert [one.doubt for one in judge.verdicts(context, np.array([6, 7]))] == ["", ""]


def test_opposites_are_found_by_movement_and_by_name(demo_rig):
    """Of one side of the face each, and a brow that frowns in grief is none."""
    named = {frozenset(demo_rig.names[k] for k in pair) for pair in opposites(demo_rig)}
    across = [("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")]
    pairs = [("browDown", "browOuterUp"), ("eyeBlink", "eyeWide"), ("mouthFrown", "mouthSmile")]
    sided = [[f"{key}_{side}" for key in pair] for pair in pairs for side in "LR"]
    assert named == set(map(frozenset, [*across, *sided]))
