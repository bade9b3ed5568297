"""Shots that are unusual and still solved.

A blind camera, plates of different lengths, one frame, odd units, reference frames.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from little_shot import START, camera, changed, performance, with_jaw_bone, write_shot
from scipy.spatial.transform import Rotation

from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import load_solution
from solver_core.face.blocks import at_rest
from solver_core.face.pose import Pose
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, prepare_context, solve_folder
from solver_core.stages.shared.light import estimate_lights

LANDMARKS = Overrides(stages=("rigid", "expression"))


class Ear(Silent):
    """Writes down what is said."""

    def __init__(self):
        self.said = []

    def warning(self, message):
        self.said.append(message)


def same_pose(one, other, **tolerance):
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_allclose(getattr(one.pose, name), getattr(other.pose, name), **tolerance)


@pytest.fixture(scope="module")
def two_cameras(demo_rig, tmp_path_factory):
    """Two frames of a shot that A sees from the front and B from the side."""
    views = camera("A", 2, (0.1, -0.95, 0.02)), camera("B", 2, (0.7, -0.75, 0.05))
    return write_shot(tmp_path_factory.mktemp("two"), demo_rig, performance(demo_rig, 5)[np.array([0, 4])], views)


@pytest.fixture(scope="module")
def first_frame(little_shot, tmp_path_factory):
    """The first frame of the little shot as it is, solved by all stages."""
    out = tmp_path_factory.mktemp("first") / "out.npz"
    return solve_folder(little_shot.folder, out, Silent(), Overrides(frames=(START, START)))


def cameras_of(shot):
    return json.loads((shot.folder / "shot.json").read_text())["cameras"]


def test_a_camera_that_never_sees_the_face_is_named_and_the_others_go_on(two_cameras, tmp_path):
    first, second = cameras_of(two_cameras)
    blind = {**second, "plate": {**second["plate"], "kind": "image", "path": str(tmp_path / "wall.png")}}
    import cv2

    cv2.imwrite(str(tmp_path / "wall.png"), np.full((360, 480, 3), 90, np.uint8))
    ear = Ear()
    with_blind = changed(two_cameras, tmp_path / "blind", cameras=[first, blind])
    found = solve_folder(with_blind, tmp_path / "blind.npz", ear, LANDMARKS)
    (sentence,) = [one for one in ear.said if "Camera B" in one]
    assert "in no frame" in sentence
    alone = changed(two_cameras, tmp_path / "alone", cameras=[first])
    same_pose(found, solve_folder(alone, tmp_path / "alone.npz", Silent(), LANDMARKS), atol=1e-9)
    assert found.status == ["solved", "solved"]


def test_plates_of_different_lengths(two_cameras, tmp_path):
    """Where B's plate has ended A decides alone, and frame by frame nothing leaks from the one into the other."""
    first, second = cameras_of(two_cameras)
    short = {**second, "plate": {**second["plate"], "frames": [second["plate"]["frames"][0], None]}}
    ear = Ear()
    folder = changed(two_cameras, tmp_path / "short", cameras=[first, short])
    found = solve_folder(folder, tmp_path / "short.npz", ear, LANDMARKS)
    assert ear.said == []
    both = solve_folder(two_cameras.folder, tmp_path / "both.npz", Silent(), LANDMARKS)
    alone = changed(two_cameras, tmp_path / "alone", cameras=[first])
    one = solve_folder(alone, tmp_path / "alone.npz", Silent(), LANDMARKS)
    for i, expected in ((0, both), (1, one)):
        np.testing.assert_allclose(found.pose.translation[i], expected.pose.translation[i], atol=1e-6)
        np.testing.assert_allclose(found.pose.weights[i], expected.pose.weights[i], atol=1e-5)


def test_a_shot_of_one_frame_runs_every_stage(little_shot, first_frame, tmp_path):
    document = json.loads((little_shot.folder / "shot.json").read_text())
    view = document["cameras"][0]
    for name in ("intrinsics", "world_to_camera"):
        view[name] = view[name][:1]
    view["plate"]["frames"] = view["plate"]["frames"][:1]
    initial = {name: values[:1] for name, values in document["initial"].items()}
    folder = changed(little_shot, tmp_path / "one", frames=[START], cameras=[view], initial=initial)
    found = solve_folder(folder, tmp_path / "one.npz", Silent())
    assert found.status == ["solved"]
    same_pose(found, first_frame, atol=0)


def test_a_head_behind_the_camera_is_said_and_not_called_solved(little_shot, tmp_path):
    """In one frame, then in all of them: there the picture says nothing of where it should go."""
    initial = json.loads((little_shot.folder / "shot.json").read_text())["initial"]
    initial["translation"][1] = [0, -50.0, 0]
    folder = changed(little_shot, tmp_path / "one", initial=initial)
    found = solve_folder(folder, tmp_path / "one.npz", Silent(), LANDMARKS)
    assert found.status == ["solved", "failed", "solved", "failed", "solved"]
    assert found.reason[1] == "the head is not in front of camera A"
    initial["translation"] = [[0, -50.0, 0]] * 5
    folder = changed(little_shot, tmp_path / "all", initial=initial)
    with pytest.raises(FaceSolveError, match=r"not in front of camera A.*stands where the camera looks"):
        solve_folder(folder, tmp_path / "all.npz", Silent(), LANDMARKS)


def test_what_a_solve_cannot_give_is_refused_before_it_begins(little_shot, tmp_path):
    with pytest.raises(FaceSolveError, match=r"is a folder\. Name a file"):
        solve_folder(little_shot.folder, tmp_path, Silent(), LANDMARKS)
    with pytest.raises(FaceSolveError, match="No stage is asked for"):
        solve_folder(changed(little_shot, tmp_path / "none", stages=[]), tmp_path / "out.npz", Silent())
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_shot_that_leaves_no_frame_to_solve_is_refused(little_shot, tmp_path):
    """It was said to be solved, all of it, as it was."""
    frames = [START + i for i in range(5)]
    folder = changed(little_shot, tmp_path / "shot", neighbours=frames[1:])
    out = tmp_path / "out.npz"
    with pytest.raises(FaceSolveError, match=r"no frame to solve.*Unlock"):
        solve_folder(folder, out, Silent(), replace(LANDMARKS, frames=(frames[1], frames[-1])))
    assert not out.exists()
    assert solve_folder(folder, out, Silent(), LANDMARKS).status[0] == "solved"


def bare(rig):
    """The same head as a scan without shape keys."""
    none = np.zeros(0)
    return replace(
        rig,
        names=(),
        groups=(),
        deltas=rig.deltas[:0],
        minimum=none,
        maximum=none,
        solved=none.astype(bool),
        strength=none,
    )


@pytest.mark.parametrize("bone", [False, True])
def test_a_head_without_shape_keys_is_placed_by_every_stage(demo_rig, tmp_path, bone):
    """A rigid scan that an actor's head is tracked with.

    Its head, and the jaw bone if it has one, is all there is to solve.
    """
    rig = bare(with_jaw_bone(demo_rig) if bone else demo_rig)
    truth = performance(demo_rig, 9)[np.array([0, 3, 6])]
    truth = Pose(truth.rotation, truth.translation, np.zeros((3, 0)), {"jaw": at_rest(3)} if bone else None)
    shot = write_shot(tmp_path / "bare", rig, truth, (camera("A", 3, (0.1, -0.95, 0.02)),))
    document = json.loads((shot.folder / "shot.json").read_text())
    changed(
        shot,
        shot.folder,
        infill_ranges=[{"frame_start": START + 1, "frame_end": START + 1}],
        settings={**document["settings"], "refinement": 0.3},
    )
    ear = Ear()
    solve_folder(shot.folder, tmp_path / "out.npz", ear)
    found = load_solution(tmp_path / "out.npz")
    assert [one for one in ear.said if "no shape keys" in one and ("jaw bone" in one) == bone]
    assert found.status == ["solved", "infilled", "solved"]
    assert found.pose.weights.shape == (3, 0)
    turn = Rotation.from_matrix(found.pose.rotation @ truth.rotation.swapaxes(1, 2)).magnitude()
    assert np.degrees(turn).max() < 0.67
    assert np.linalg.norm(found.pose.translation - truth.translation, axis=1).max() < 0.00135


@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_the_answer_does_not_depend_on_the_scene_s_unit(little_shot, first_frame, tmp_path, unit):
    """The whole scene in centimetres or in hectometres, half of it by the object's scale: the same head, all stages."""
    arrays = dict(np.load(little_shot.folder / "rig.npz"))
    arrays["neutral"], arrays["deltas"] = arrays["neutral"] * unit**2, arrays["deltas"] * unit**2
    arrays["scale"] = arrays["scale"] / unit
    np.savez(tmp_path / "rig.npz", **arrays)
    document = json.loads((little_shot.folder / "shot.json").read_text())
    for view in document["cameras"]:
        matrices = np.array(view["world_to_camera"])
        matrices[:, :, 3] *= unit
        view["world_to_camera"] = matrices.tolist()
    initial = document["initial"]
    initial["translation"] = (unit * np.array(initial["translation"])).tolist()
    folder = changed(
        little_shot, tmp_path / "unit", rig=str(tmp_path / "rig.npz"), cameras=document["cameras"], initial=initial
    )
    found = solve_folder(folder, tmp_path / "unit.npz", Silent(), Overrides(frames=(START, START)))
    expected = first_frame
    np.testing.assert_allclose(found.pose.translation / unit, expected.pose.translation, atol=2e-4)
    np.testing.assert_allclose(found.pose.rotation, expected.pose.rotation, atol=2e-3)
    np.testing.assert_allclose(found.pose.weights, expected.pose.weights, atol=0.02)
    assert found.status == expected.status


def lights(context):
    estimate_lights(context)
    return context.look.lights[0]


def test_the_light_is_taken_from_the_artist_s_frames(little_shot):
    """From frame 2 alone, as from a shot of that frame; from a frame without a face not at all."""
    shot = load_shot(little_shot.folder)
    whole, only = (prepare_context(one, lambda _done, _total: True) for one in (shot, shot.at(np.array([2]))))

    def named(*frames):
        return lights(replace(whole, shot=replace(shot, settings=replace(shot.settings, reference_frames=frames))))

    by_itself = lights(whole)
    np.testing.assert_allclose(named(START + 2, 7), lights(only), atol=1e-9)
    np.testing.assert_array_equal(named(START + 3), by_itself)
    assert np.abs(named(START + 2) - by_itself).max() > 1e-3


def test_a_reference_frame_without_a_face_is_said(little_shot, tmp_path):
    settings = {"landmarks": "facemesh", "reference_frames": [START + 2, START + 3]}
    ear = Ear()
    folder = changed(little_shot, tmp_path / "shot", settings=settings)
    found = solve_folder(folder, tmp_path / "out.npz", ear, Overrides(stages=("rigid",), frames=(START + 2, START + 3)))
    (sentence,) = ear.said
    assert f"reference frame {START + 3}:" in sentence
    assert found.settings["reference_frames"] == (START + 2, START + 3)
