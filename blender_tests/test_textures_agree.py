"""The albedo that the solver reads is the base colour that Cycles bakes.

Files, packed and painted images, tiles, UV maps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from solver_core.documents.shot import load_shot

SIDE = 48  # quads, as in inside/show_textures.py
TOLERANCE = 0.006  # of colours from 0.1 to 0.8
KINK = {"extended": 0.02}  # the colour bends at the picture's edge: the mean around a vertex is not the colour at it
JUMP = {"tiles", "two_materials"}  # the colour jumps in the middle column
ROWS, COLUMNS = np.mgrid[: SIDE + 1, : SIDE + 1].reshape(2, -1)


@pytest.fixture(scope="module", params=["3.4", "5.3"])
def shown(inside, request):
    return inside(request.param, "show_textures")


def pattern(shift):
    u, v = COLUMNS / SIDE + shift, ROWS / SIDE + shift
    return 0.45 + 0.35 * np.sin(2 * np.pi * np.stack([u, v, u + v - shift], 1))


def test_the_solver_s_albedo_is_blender_s_base_colour(shown):
    inner = (np.minimum(ROWS, COLUMNS) > 0) & (np.maximum(ROWS, COLUMNS) < SIDE)
    errors = {}
    for name, case in shown.items():
        shot = load_shot(Path(case["folder"]))
        assert shot.notes == (), name
        expected = np.array(case["baked"])
        if name == "painted_over":  # Cycles bakes the file; the artist sees what was painted since
            expected = pattern(0.3)
        if name == "not_followed":  # one colour all over, which is none
            assert shot.rig.colors is None
            continue
        compared = inner & (abs(COLUMNS - SIDE // 2) > 1) if name in JUMP else inner
        errors[name] = float(np.abs(shot.rig.colors - expected)[compared].max())
        assert np.ptp(expected, axis=0).min() > 0.3, name
    print({name: f"{error:.4f}" for name, error in errors.items()})
    assert {name: error for name, error in errors.items() if error > KINK.get(name, TOLERANCE)} == {}


def test_nodes_that_are_not_followed_are_said(shown):
    said = {name: " ".join(case["warnings"]) for name, case in shown.items()}
    assert "material Made comes from nodes" in said.pop("not_followed")
    assert "Nodes move the texture" in said.pop("moved_by_nodes")
    assert {name for name, text in said.items() if text} == set()
