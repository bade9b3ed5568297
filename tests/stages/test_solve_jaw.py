"""A filmed head whose mouth is opened by a bone: the bone is found again, and the keys of the jaw stay out of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from little_shot import START, camera, changed, jaw_performance, with_jaw_bone, write_shot
from scipy.spatial.transform import Rotation

from solver_core.report.compare import Face, measure
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder


@pytest.fixture(scope="module")
def shot(demo_rig, tmp_path_factory):
    rig = with_jaw_bone(demo_rig)
    truth = jaw_performance(rig, 3)[np.array([1, 2])]
    return write_shot(tmp_path_factory.mktemp("jaw"), rig, truth, (camera("A", 2, (0.1, -0.95, 0.02)),))


def degrees(first, second):
    return np.degrees(Rotation.from_matrix(first @ second.swapaxes(1, 2)).magnitude())


def test_the_bone_opens_the_mouth_and_the_keys_do_not(shot, tmp_path):
    pose = solve_folder(shot.folder, tmp_path / "out.npz", Silent(), Overrides(frames=(START + 1, START + 1))).pose
    truth = shot.truth[np.array([1])]
    assert degrees(truth.joints["jaw"].rotation, np.eye(3)[None]) > 12  # it has something to find
    assert degrees(pose.joints["jaw"].rotation, truth.joints["jaw"].rotation) < 0.65
    assert np.abs(pose.joints["jaw"].translation).max() < 6e-5
    keys = [i for i, group in enumerate(shot.rig.groups) if group == "jaw"]
    assert np.abs(pose.weights[:, keys]).max() < 3e-5
    face = Face(shot.rig, shot.rig.joints["jaw"].weight > 0.5)
    (error,) = measure(pose, truth, face, None)["shape_mm"]
    assert error < 0.37
    pose.joints.clear()  # it is the bone that did it
    assert measure(pose, truth, face, None)["shape_mm"][0] > 5 * error


def test_a_locked_jaw_is_kept_and_alignment_leaves_the_jaw_alone(shot, tmp_path):
    document = json.loads((shot.folder / "shot.json").read_text())
    turn = Rotation.from_rotvec([0.1, 0.2, 0.05]).as_matrix().ravel().tolist()
    kept = {"rotation": turn, "translation": [0.001, 0.0, -0.002]}
    initial = document["initial"]
    locked = [{"frame": START + 1, **{name: values[1] for name, values in initial.items()}, "joints": {"jaw": kept}}]
    initial["joints"] = {"jaw": {"rotation": [turn, turn], "translation": [[0.0, 0.001, 0.0]] * 2}}
    folder = changed(shot, tmp_path / "locked", locked=locked, initial=initial)
    solution = solve_folder(folder, tmp_path / "out.npz", Silent(), Overrides(stages=("rigid",)))
    assert solution.status == ["solved", "locked"]
    np.testing.assert_array_equal(solution.pose.joints["jaw"].rotation.reshape(2, 9), [turn, turn])
    np.testing.assert_array_equal(solution.pose.joints["jaw"].translation, [[0.0, 0.001, 0.0], kept["translation"]])
