"""The built zip in a clean Blender and the real solver, on the demo's shot: see inside/real_solver.py."""

import numpy as np
import pytest

from blender_tests.conftest import ROOT, VERSIONS, python_with
from demo import run as demo
from demo.head import build
from solver_core.documents.shot import load_shot
from solver_core.networks import weights

# Largest error of a frame, 1.5 times what was measured. The whole shot is solved better (docs/benchmarks.md): four
# frames say less of light and skin.
BOUNDS = {
    "rotation_deg": 1.06,
    "lateral_mm": 1.03,
    "depth_mm": 0.98,
    "vertex_mm": 1.08,
    "shape_mm": 0.175,
    "weight_mae": 0.03,
}
BETTER = 0.3  # than the head where the artist left it, at most this much of its error is left


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real_solver")


@pytest.fixture(scope="module")
def report(inside, folder):
    python = python_with(folder / "python", ROOT)
    known = {"FACE_SOLVE_PYTHON": str(python), "FACE_SOLVE_CACHE": str(weights.folder().parent)}
    return inside(VERSIONS[-1], "real_solver", 600, folder, **known)


CHECKS = (
    "check_a_solve_is_on_the_timeline",
    "check_a_locked_frame_is_kept_to_the_bit",
    "check_a_solve_cancelled_while_it_looks_for_faces_changes_no_key_and_no_status",
    "check_a_head_without_shape_keys_is_placed_and_set_up_again_keeps_it",
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_addon_with_the_real_solver(report, check):
    assert report.get(check, report) == ""


def test_the_timeline_plays_the_known_answer(report, folder):
    assert report["check_a_solve_is_on_the_timeline"] == ""
    _take, solved, start, _error_px = demo.measure(folder / "trace.npz", load_shot(folder / "shot"), build())
    for name, bound in BOUNDS.items():
        assert np.max(solved[name]) < bound, (name, solved[name])
    for name in ("vertex_mm", "shape_mm"):
        assert np.all(solved[name] < BETTER * start[name]), (name, solved[name], start[name])
