"""Comparison with a known answer: analytic errors, what is left out, what is said of a file that is no answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from solver_core.common.errors import FaceSolveError
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.pose import Pose
from solver_core.report import compare


def some_face(rng: np.random.Generator) -> compare.Face:
    return compare.Face(
        BlendshapeRig(
            rng.normal(size=(7, 3)),
            np.zeros((1, 3), int),
            tuple("abcd"),
            np.zeros(4),
            np.ones(4),
            ("mouth",) * 4,
            np.ones(4, bool),
            np.ones(4),
            np.ones(3),
            deltas=rng.normal(size=(4, 7, 3)),
        ),
        np.ones(7, bool),
    )


def some_pose(rng: np.random.Generator, count: int) -> Pose:
    return Pose(
        Rotation.random(count, random_state=3).as_matrix(), rng.normal(size=(count, 3)), rng.uniform(size=(count, 4))
    )


@given(st.floats(1e-6, 3.1), st.integers(0, 2**32 - 1), st.floats(-0.1, 0.1), st.floats(0, 0.05))
@settings(max_examples=40, deadline=None)
def test_measures_have_their_analytic_values(angle: float, seed: int, along: float, across: float) -> None:
    rng = np.random.default_rng(seed)
    face, truth = some_face(rng), some_pose(rng, 3)
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    eye = truth.translation + np.array([0.0, -2.0, 0.0])
    moved = truth.translation + np.array([across, along, 0.0])
    take = Pose(turn @ truth.rotation, moved, truth.weights + np.array([0.5, 0, 0, 0]))
    errors = compare.measure(take, truth, face, eye)
    assert set(errors) == set(compare.MEASURES)
    assert np.allclose(errors["rotation_deg"], np.degrees(angle), rtol=1e-6)
    assert np.allclose(errors["depth_mm"], 1e3 * abs(along), atol=1e-6)
    assert np.allclose(errors["lateral_mm"], 1e3 * across, atol=1e-6)
    assert np.allclose(errors["weight_mae"], 0.125)
    assert np.allclose(errors["shape_mm"], 500 * np.linalg.norm(face.rig.deltas[0], axis=1).mean())
    shifted = compare.measure(Pose(truth.rotation, moved, truth.weights), truth, face, eye)
    assert np.allclose(shifted["vertex_mm"], 1e3 * np.hypot(along, across))
    assert np.allclose(shifted["shape_mm"], 0)


def test_without_a_rig_and_a_camera_what_can_be_told_is_told() -> None:
    pose = some_pose(np.random.default_rng(0), 2)
    assert set(compare.measure(pose, pose)) == {"rotation_deg", "weight_mae"}


def test_jitter_is_one_for_the_truth_and_for_a_constant_offset_and_grows_with_noise() -> None:
    rng = np.random.default_rng(1)
    face, count = some_face(rng), 12
    time = np.linspace(0, 2, count)
    rotation = Rotation.from_rotvec(np.stack([0.3 * np.sin(time), 0 * time, 0.2 * time], 1)).as_matrix()
    truth = Pose(rotation, np.stack([np.sin(time), time, 0 * time], 1), 0.5 + 0.3 * np.sin(time)[:, None] * np.ones(4))
    assert compare.jitter(truth, truth, face) == pytest.approx(1)
    assert compare.jitter(Pose(rotation, truth.translation + 0.1, truth.weights), truth, face) == pytest.approx(1)
    noisy = Pose(rotation, truth.translation + rng.normal(scale=0.05, size=(count, 3)), truth.weights)
    assert compare.jitter(noisy, truth, face) > 2
    still = Pose(np.repeat(np.eye(3)[None], 5, 0), np.zeros((5, 3)), np.zeros((5, 4)))
    assert np.isnan(compare.jitter(still, still, face))


def test_hidden_frames_are_measured_beside_a_straight_line() -> None:
    face, frames = some_face(np.random.default_rng(2)), np.arange(10, 17)
    bump = np.array([0, 0, 1, 2, 1, 0, 0]) * 0.01
    truth = Pose(np.repeat(np.eye(3)[None], 7, 0), bump[:, None] * [1.0, 0, 0], np.zeros((7, 4)))
    errors = compare.hidden_errors(frames, truth, truth, np.array([12, 13, 14]), face)
    assert errors == pytest.approx((0.0, 40 / 3))  # 10, 20 and 10 mm away from the line
    line = Pose(truth.rotation, 0 * truth.translation, truth.weights)
    assert compare.hidden_errors(frames, line, truth, np.array([12, 13, 14]), face) == pytest.approx((40 / 3, 40 / 3))
    assert compare.hidden_errors(frames, truth, truth, np.zeros(0, int), face) is None
    assert compare.hidden_errors(frames, truth, truth, np.array([16]), face) is None


def test_the_answer_is_found_by_frame_and_by_name(tmp_path: Path) -> None:
    path, turns = tmp_path / "truth.npz", Rotation.random(3, random_state=1).as_matrix()
    np.savez(
        path,
        frames=[12, 10, 11],
        rotation=turns,
        translation=np.arange(9.0).reshape(3, 3),
        weights=[[1, 2], [3, 4], [5, 6]],
        names=["a", "b"],
    )
    truth = compare.load_truth(path)
    assert truth.hidden.size == 0
    pose = truth.at(np.array([11, 12]), ("b", "unknown", "a"))
    assert pose.weights.tolist() == [[6, 0, 5], [2, 0, 1]]
    assert pose.translation.tolist() == [[6, 7, 8], [0, 1, 2]]
    assert np.array_equal(pose.rotation, turns[[2, 0]])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _path: None, "There is no known answer"),
        (lambda path: path.write_bytes(b"no zip"), "is not a known answer"),
        (
            lambda path: np.savez(path, frames=[1], rotation=np.eye(3)[None], translation=np.zeros((1, 3))),
            "has no weights",
        ),
    ],
)
def test_what_is_no_answer_is_said(tmp_path: Path, make, said: str) -> None:
    path = tmp_path / "truth.npz"
    make(path)
    with pytest.raises(FaceSolveError, match=said):
        compare.load_truth(path)


def test_table_has_median_and_percentile() -> None:
    values = np.arange(101.0)
    table = compare.markdown({"solved": {"depth_mm": values}, "start": {"depth_mm": 2 * values}})
    assert table.splitlines()[-1] == "| depth_mm | 50.000 | 95.000 | 100.000 | 190.000 |"
