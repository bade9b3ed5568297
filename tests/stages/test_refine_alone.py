"""Temporal refinement on its own: it goes on from what the last solve made of each frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
from little_shot import START, changed

from solver_core.documents.shot import load_shot
from solver_core.service.listener import Silent
from solver_core.solve import solve_folder

NOBODY = 3  # the frame of the little shot where no face is seen


class Told(Silent):
    """Writes down the last that is said of each frame."""

    def __init__(self):
        self.frames = {}

    def frame(self, result):
        self.frames[result.frame - START] = (result.status, result.reason)


@pytest.fixture(scope="module")
def refined(little_shot, tmp_path_factory):
    """Refines the true poses, with one thrown off where nobody is seen, after an earlier solve.

    The answer is (poses before, poses after, what was told).
    """

    def run(earlier):
        truth, folder = little_shot.truth, tmp_path_factory.mktemp("alone")
        moved = truth.translation + np.where(np.arange(5)[:, None] == NOBODY, [0.0, 0.004, 0.0], 0.0)
        initial = {
            "rotation": truth.rotation.reshape(5, 9).tolist(),
            "translation": moved.tolist(),
            "weights": truth.weights.tolist(),
        }
        settings = {**json.loads((little_shot.folder / "shot.json").read_text())["settings"], "refinement": 1.0}
        said = [{"frame": START + i, **one} for i, one in earlier.items()]
        shot = changed(little_shot, folder, initial=initial, settings=settings, stages=["refinement"], earlier=said)
        told = Told()
        solution = solve_folder(shot, folder / "out.npz", told)
        return load_shot(shot).initial, solution, told.frames

    return run


def test_an_infilled_frame_moves_and_holds_its_neighbours(refined):
    before, after, told = refined({NOBODY: {"status": "infilled"}})
    assert told[NOBODY] == ("infilled", "")
    assert after.status == ["solved"] * 3 + ["infilled", "solved"]
    off = after.pose.translation[NOBODY, 1] - before.translation[NOBODY, 1]
    assert -0.004 < off < -0.0005  # back towards the others
    _, alone, told = refined({})
    assert NOBODY not in told
    np.testing.assert_array_equal(alone.pose.translation[NOBODY], before.translation[NOBODY])
    assert np.abs(after.pose.translation[4] - alone.pose.translation[4]).max() > 1e-5


def test_an_interpolated_frame_is_interpolated_again_and_keeps_its_reason(refined):
    _, after, told = refined({NOBODY: {"status": "interpolated", "reason": "dark"}})
    assert told[NOBODY] == ("interpolated", "dark")
    np.testing.assert_allclose(after.pose.translation[NOBODY], after.pose.translation[[2, 4]].mean(0), atol=1e-12)


def test_a_frame_that_failed_is_left_and_believed_by_nobody(refined):
    before, after, told = refined({1: {"status": "failed", "reason": "blurred"}})
    assert sorted(told) == [0, 2, 4]
    np.testing.assert_array_equal(after.pose.translation[1], before.translation[1])
    assert after.status[1] == "failed"
