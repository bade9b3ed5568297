"""Curves: the data that is drawn, the gaps where nothing was solved, and the frames that are marked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.documents.solution import Solution
from solver_core.face.pose import Pose
from solver_core.report import curves

FRAMES = np.arange(1001, 1009)
STATUS = ["solved", "failed", "solved", "locked", "infilled", "failed", "solved", "solved"]
KEYED = np.array([s != "failed" for s in STATUS])


def some_solution() -> Solution:
    turns = Rotation.from_euler(
        "xyz", np.stack([10 * np.ones(8), -5 * np.ones(8), np.linspace(150, 220, 8)], 1), degrees=True
    )
    weights = np.stack(
        [np.linspace(0, 0.3, 8), np.zeros(8), np.linspace(1, 0, 8), np.full(8, 0.01), np.full(8, 0.2)], 1
    )
    pose = Pose(turns.as_matrix(), np.arange(24.0).reshape(8, 3) / 1000, weights)
    error = np.where(KEYED, np.linspace(0.5, 2, 8), np.nan)
    return Solution(FRAMES, pose, ("small", "still", "wide", "noise", "held"), STATUS, error, [""] * 8)


def test_error_curve_shows_the_error_and_marks_every_frame_that_is_not_simply_solved() -> None:
    solution = some_solution()
    axis = curves.error_curve(solution).axes[0]
    line = axis.lines[0]
    assert np.array_equal(line.get_xdata(), FRAMES)
    assert np.array_equal(line.get_ydata(), solution.error_px, equal_nan=True)
    marked = {
        round(patch.get_x() + patch.get_width() / 2): tuple(np.round(patch.get_facecolor()[:3], 3))
        for patch in axis.patches
    }
    assert sorted(marked) == [1002, 1004, 1005, 1006]
    assert marked[1002] == marked[1006] != marked[1004] != marked[1005]
    assert {text.get_text() for text in axis.get_legend().texts} == {"median 1.25", "failed", "locked", "infilled"}


def test_a_solution_without_any_error_still_has_a_curve(tmp_path: Path) -> None:
    solution = some_solution()
    solution.error_px[:] = np.nan
    solution.status[:] = ["failed"] * 8
    curves.save(curves.error_curve(solution), tmp_path / "error.png")
    assert cv2.imread(str(tmp_path / "error.png")).std() > 1
    keyed = np.zeros(8, bool)
    curves.save(curves.motion_curves(FRAMES, solution.pose, keyed), tmp_path / "motion.png")
    curves.save(curves.weight_curves(FRAMES, solution.pose.weights, solution.names, keyed), tmp_path / "weights.png")


def test_angles_do_not_jump_and_failed_frames_are_gaps() -> None:
    pose = some_solution().pose
    truth = Pose(pose.rotation, pose.translation + 0.001, pose.weights)
    axes = curves.motion_curves(FRAMES, pose, KEYED, truth).axes
    x, y, z = (axis.lines[0].get_ydata() for axis in axes[:3])
    assert np.allclose(x[KEYED], 10)
    assert np.allclose(y[KEYED], -5)
    assert np.allclose(np.diff(z)[[2, 3, 6]], 10)
    assert np.isnan(z[~KEYED]).all()
    assert np.allclose(axes[2].lines[1].get_ydata()[KEYED], z[KEYED])
    assert np.allclose(axes[3].lines[0].get_ydata()[KEYED], 1e3 * pose.translation[KEYED, 0])
    assert np.allclose(axes[3].lines[1].get_ydata() - 1e3 * pose.translation[:, 0], 1)


def test_the_shape_keys_that_move_are_shown_widest_first() -> None:
    solution = some_solution()
    axes = curves.weight_curves(FRAMES, solution.pose.weights, solution.names, KEYED).axes
    shown = [axis.get_title() for axis in axes if axis.lines]
    assert shown == ["wide", "small", "held"]
    assert np.allclose(axes[0].lines[0].get_ydata()[KEYED], solution.pose.weights[KEYED, 2])
    low, high = axes[0].get_ylim()
    assert low < 0
    assert high > 1


def test_a_key_that_only_the_answer_moves_is_shown() -> None:
    solution = some_solution()
    truth = np.zeros((8, 5))
    truth[3, 1] = 0.5
    axes = curves.weight_curves(FRAMES, solution.pose.weights, solution.names, KEYED, truth).axes
    assert "still" in [axis.get_title() for axis in axes if axis.lines]


def test_comparison_shades_hidden_frames() -> None:
    measured = {"rotation_deg": np.linspace(0, 1, 8), "weight_mae": np.linspace(1, 2, 8)}
    axes = curves.comparison_curves(FRAMES, measured, np.array([1003, 1004, 2000])).axes
    assert [round(p.get_x() + 0.5) for p in axes[0].patches] == [1003, 1004]
    assert np.array_equal(axes[1].lines[0].get_ydata(), measured["weight_mae"])
