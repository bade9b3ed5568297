"""A camera's view of some of its frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import camera

from solver_core.footage.views import View


@pytest.mark.parametrize(
    ("index", "cuts"),
    [([0, 2, 4], [True, True]), ([0, 1, 4], [False, True]), ([1, 2], [True]), ([2, 3], [False]), ([3], [])],
)
def test_a_cut_between_two_frames_stays_one_where_those_between_are_left_out(index, cuts):
    filmed = replace(camera("A", 5, (0, -1, 0)), plate={"frames": [None, None, None, 4, 5]})
    crops = [None] * 5
    points, reasons = np.arange(5.0).reshape(5, 1, 1), [f"frame {i}" for i in range(5)]
    whole = View(filmed, None, crops, points, reasons, np.array([False, True, False, True]), np.arange(5) > 2)
    part = whole.at(np.array(index))
    assert part.cuts.tolist() == cuts
    assert part.points[:, 0, 0].tolist() == index
    assert part.reasons == [reasons[i] for i in index]
    assert part.filmed.tolist() == [i > 2 for i in index]
    np.testing.assert_array_equal(part.camera.world_to_camera, whole.camera.world_to_camera[index])
